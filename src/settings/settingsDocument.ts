import { GatewayError } from '../errors.ts';
import { hasPassword } from '../withoutPassword.ts';
import { faultText, YamlDocument, type Fault, type Path } from '../yamlDocument.ts';
import { convertText, isSection, secretPaths } from './schemaPaths.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Invalid settings, with every fault. */
export class SettingsInvalid extends GatewayError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super('settings_invalid', faults.map(faultText).join('\n'), {
      hint: 'Correct the settings named above; nothing was applied.',
      place: faults.find(({ place }) => place !== null)?.place,
    });
    this.faults = faults;
  }
}

/** A reference to an environment variable: `${NAME}`; `$${` is a plain `${`. */
const reference = /\$?\$\{([^}]*)\}/g;

/** The text of a settings file: its values with references resolved, and their places. */
export class SettingsDocument extends YamlDocument {
  /** Only the values that the file sets. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly warnings: readonly Fault[];
  /** Names of the environment variables that the file refers to, set or not. */
  readonly references = new Set<string>();
  readonly #unset = new Map<string, string>();
  readonly #faults: Fault[] = [];

  /** Without an environment a reference is a fault. Throws `SettingsInvalid` for text that isn't a YAML mapping. */
  constructor(file: string, text: string, environment: Environment | null) {
    super(file, text);
    if (this.faults.length > 0) throw new SettingsInvalid(this.faults);
    const contents = this.contents ?? {};
    if (typeof contents !== 'object' || Array.isArray(contents)) {
      throw new SettingsInvalid([
        this.fault([], 'the file must be a mapping such as "budget: { daily_limit_usd: 50 }"'),
      ]);
    }
    this.values = this.#resolve(contents, [], environment) as Record<string, unknown>;
    if (this.#faults.length > 0) throw new SettingsInvalid(this.#faults);
    this.warnings = this.#warnings();
  }

  has(path: Path): boolean {
    // Reads the values: aliases are resolved, and a name may be written as a number.
    let node: unknown = this.values;
    return path.every((key) => {
      if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return false;
      node = (node as Record<PropertyKey, unknown>)[key];
      return true;
    });
  }

  override fault(path: Path, message: string, severity: Fault['severity'] = 'error'): Fault {
    const unset = this.#unset.get(path.join('.'));
    const because = unset === undefined ? '' : `: it refers to ${unset}, which is not set`;
    return super.fault(path, `${message}${because}`, severity);
  }

  /** Replaces references; a section without keys becomes an empty one. */
  #resolve(value: unknown, path: Path, environment: Environment | null): unknown {
    if (typeof value === 'string') return this.#resolveText(value, path, environment);
    if (value === null && isSection(path)) return {};
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value))
      return value.map((item, index) => this.#resolve(item, [...path, index], environment));
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, this.#resolve(item, [...path, key], environment)]),
    );
  }

  #resolveText(text: string, path: Path, environment: Environment | null): unknown {
    const references: string[] = [];
    const resolved = text.replace(reference, (match, name: string) => {
      if (match.startsWith('$$')) return match.slice(1);
      references.push(name);
      this.references.add(name);
      if (environment === null) {
        const message = `${path.join('.')} refers to the environment, which a workspace can't read`;
        this.#faults.push(this.fault(path, message));
      } else if (!/^[A-Za-z_]\w*$/.test(name)) {
        this.#faults.push(
          this.fault(path, `${path.join('.')}: "${match}" is not a reference such as "\${PGPASSWORD}"`),
        );
      }
      return environment?.[name] ?? '';
    });
    const unset = references.find((name) => !environment?.[name]);
    if (unset !== undefined) {
      this.#unset.set(path.join('.'), unset);
      // An empty value would remove a cap.
      if (path[0] === 'budget') this.#faults.push(this.fault(path, `${path.join('.')} has no value`));
      return null;
    }
    return references.length > 0 ? convertText(resolved, path) : resolved;
  }

  /** Secrets in plain text: the value of a secret key, or a password in any address. */
  plainSecrets(): Fault[] {
    const isSecret = (path: readonly string[]): boolean =>
      secretPaths.some((secret) => secret.every((key, index) => path[index] === key));
    return textsIn(this.contents, [])
      .filter(({ path, text }) => {
        const references = [...text.matchAll(reference)].filter(([match]) => !match.startsWith('$$'));
        if (isSecret(path) && references.length === 0) return true;
        return hasPassword(references.reduce((rest, [match]) => rest.replace(match, ''), text));
      })
      .map(({ path }) =>
        this.fault(
          path,
          `${path.join('.')} ${isSecret(path) ? 'is' : 'has a password'} in plain text; keep it in an environment variable and write "\${NAME}"`,
          'warning',
        ),
      );
  }

  #warnings(): Fault[] {
    const unset = [...this.#unset].map(([name]) =>
      this.fault(name.split('.'), `${name} has no value`, 'warning'),
    );
    return [...unset, ...this.plainSecrets()];
  }
}

/** Every text value of a file, with its place. */
function textsIn(value: unknown, path: readonly string[]): { path: readonly string[]; text: string }[] {
  if (typeof value === 'string') return [{ path, text: value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => textsIn(item, [...path, key]));
}
