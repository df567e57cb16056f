import { isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node } from 'yaml';
import { GatewayError, messageOf } from '../errors.ts';
import { convertText, isSection, secretPaths } from './schemaPaths.ts';

export type Path = readonly PropertyKey[];
export type Environment = Readonly<Record<string, string | undefined>>;

/** Something to mend in a settings file, with the characters it is about; lines and columns from 1. */
export interface SettingsFault {
  severity: 'error' | 'warning';
  message: string;
  /** Null for what comes from an environment variable. */
  place: { file: string; line: number; column: number; endLine: number; endColumn: number } | null;
}

/** Settings that can't be used: every fault that was found. */
export class SettingsInvalid extends GatewayError {
  readonly faults: readonly SettingsFault[];

  constructor(faults: readonly SettingsFault[], cause?: unknown) {
    super('settings_invalid', faults.map(faultText).join('\n'), {
      hint: 'Correct the settings named above; nothing was applied.',
      cause,
    });
    this.faults = faults;
  }
}

/** `FILE:LINE:COLUMN: what is wrong`. */
export function faultText({ place, message }: SettingsFault): string {
  return place ? `${place.file}:${place.line}:${place.column}: ${message}` : message;
}

/** A reference to an environment variable: `${NAME}`; `$${` is a plain `${`. */
const reference = /\$?\$\{([^}]*)\}/g;

/** The text of a settings file: its values with references resolved, and where each stands. */
export class SettingsDocument {
  readonly file: string;
  /** As far as the file sets them. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly warnings: readonly SettingsFault[];
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  readonly #unset = new Map<string, string>();
  readonly #faults: SettingsFault[] = [];

  /** Without an environment a reference is a fault. Throws `SettingsInvalid` for text that isn't a YAML mapping. */
  constructor(file: string, text: string, environment: Environment | null) {
    this.file = file;
    this.#lines = new LineCounter();
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
    });
    const problems = [...this.#document.errors, ...this.#document.warnings];
    if (problems.length > 0) {
      throw new SettingsInvalid(
        problems.map(({ message, pos: [start, end] }) =>
          this.#fault(message.split('\n')[0] ?? '', start, end),
        ),
      );
    }
    const { contents } = this.#document;
    const empty = contents === null || (isScalar(contents) && contents.value === null);
    if (!empty && !isMap(contents)) {
      throw new SettingsInvalid([
        this.#fault('the file must be a mapping such as "budget: { daily_limit_usd: 50 }"', 0, 0),
      ]);
    }
    this.values = this.#resolve(empty ? {} : this.#plainValues(), [], environment) as Record<string, unknown>;
    if (this.#faults.length > 0) throw new SettingsInvalid(this.#faults);
    this.warnings = this.#warnings();
  }

  has(path: Path): boolean {
    // Asked of the values: what an alias stands for counts, and a name may be written as a number.
    let node: unknown = this.values;
    return path.every((key) => {
      if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return false;
      node = (node as Record<PropertyKey, unknown>)[key];
      return true;
    });
  }

  /** A fault at a key, or at the nearest parent that stands in the file. */
  fault(path: Path, message: string, severity: SettingsFault['severity'] = 'error'): SettingsFault {
    let node: Node | null = this.#document.contents;
    let range: readonly [number, number] = [0, 0];
    for (const key of path) {
      if (isSeq(node)) {
        node = (node.items[Number(key)] as Node | undefined) ?? null;
        range = node?.range ? [node.range[0], node.range[1]] : range;
        continue;
      }
      if (!isMap(node)) break;
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (!pair || !isScalar(pair.key)) break;
      range = pair.key.range ? [pair.key.range[0], pair.key.range[1]] : range;
      node = pair.value as Node | null;
    }
    const unset = this.#unset.get(path.join('.'));
    const because = unset === undefined ? '' : `: it refers to ${unset}, which is not set`;
    return this.#fault(`${message}${because}`, ...range, severity);
  }

  #fault(
    message: string,
    start: number,
    end: number,
    severity: SettingsFault['severity'] = 'error',
  ): SettingsFault {
    const { line, col: column } = this.#lines.linePos(start);
    const { line: endLine, col: endColumn } = this.#lines.linePos(Math.max(start, end));
    return { severity, message, place: { file: this.file, line, column, endLine, endColumn } };
  }

  #plainValues(): unknown {
    visit(this.#document, {
      Alias: (_key, alias) => {
        const [start, end] = alias.range ?? [0, 0];
        const [from, to] = alias.resolve(this.#document)?.range ?? [0, 0];
        if (from < start && end <= to)
          this.#faults.push(this.#fault(`*${alias.source} leads to itself`, start, end));
      },
    });
    if (this.#faults.length > 0) throw new SettingsInvalid(this.#faults);
    try {
      return this.#document.toJS();
    } catch (error) {
      // Aliases without an anchor, or too many of them, are found only now.
      throw new SettingsInvalid([this.#fault(messageOf(error), 0, 0)], error);
    }
  }

  /** Replaces references, and takes a section without keys for an empty one. */
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
      if (environment === null) {
        const message = `${path.join('.')} refers to the environment, which is not a workspace's to read`;
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
      return null;
    }
    return references.length > 0 ? convertText(resolved, path) : resolved;
  }

  #warnings(): SettingsFault[] {
    const unset = [...this.#unset].map(([name]) =>
      this.fault(name.split('.'), `${name} has no value`, 'warning'),
    );
    const plain = secretPaths
      .filter((path) => {
        const value = this.#document.getIn(path);
        return typeof value === 'string' && !value.includes('${');
      })
      .map((path) =>
        this.fault(
          path,
          `${path.join('.')} is in plain text; keep it in an environment variable and write "\${NAME}"`,
          'warning',
        ),
      );
    return [...unset, ...plain];
  }
}
