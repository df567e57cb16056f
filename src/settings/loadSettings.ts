import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import envPaths from 'env-paths';
import { closest } from 'fastest-levenshtein';
import { isMap, isPair, isScalar, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type * as z from 'zod';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { laterKeys, settingsSchema, type Settings } from './schema.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Path = readonly PropertyKey[];

/** What the command line or VS Code's own settings say; they stand above every other source. */
export interface SettingsOverrides {
  settingsFile?: string | undefined;
  profile?: string | undefined;
  region?: string | undefined;
}

export interface LoadedSettings {
  settings: Settings;
  /** The file that was read, or null when defaults and environment were enough. */
  file: string | null;
  /** Where the user's file is looked for when none is named. */
  userFile: string;
  /** Where a setting's value comes from: `budget.timezone in FILE`, an environment variable, or the default. */
  originOf: (path: readonly string[]) => string;
  /** What the file sets for services that are not installed: accepted, and without effect. */
  unused: string[];
}

/** Directories of this user: state (ledger) and configuration (settings.yaml). `TIDYLLM_HOME` relocates both. */
export function userDirectories(environment: Environment): { state: string; config: string } {
  const home = environment['TIDYLLM_HOME'];
  if (home) {
    if (!isAbsolute(home)) {
      throw new GatewayError('settings_invalid', `TIDYLLM_HOME must be an absolute path, not "${home}".`, {
        hint: 'A relative one would be another ledger, and another budget, in each folder.',
      });
    }
    return { state: home, config: home };
  }
  const paths = envPaths('tidyllm', { suffix: '' });
  // env-paths keeps XDG_STATE_HOME for `log`; elsewhere data is the platform's place for state.
  return { state: process.platform === 'linux' ? paths.log : paths.data, config: paths.config };
}

/** The file that settings are read from: the one that is named, otherwise the user's own. */
export function settingsPath(environment: Environment, { settingsFile }: SettingsOverrides = {}): string {
  return (
    settingsFile ??
    environment['TIDYLLM_SETTINGS'] ??
    join(userDirectories(environment).config, 'settings.yaml')
  );
}

/**
 * Reads settings in the order environment > settings.yaml > defaults.
 * Throws `settings_invalid` with every fault at file:line:column.
 */
export async function loadSettings(
  environment: Environment,
  overrides: SettingsOverrides = {},
): Promise<LoadedSettings> {
  const userFile = settingsPath({ ...environment, TIDYLLM_SETTINGS: undefined });
  const path = settingsPath(environment, overrides);
  const text = await readText(path, path !== userFile);
  const source = parseYaml(path, text ?? '');
  const values = plainValues(source);
  const merged = withOverrides(withEnvironment(values ?? {}, environment), overrides);
  const result = settingsSchema.safeParse(merged.values);
  if (!result.success) {
    const faults = result.error.issues.flatMap((issue) => describeIssue(issue, source, merged.origins));
    throw invalid(faults);
  }
  return {
    settings: result.data,
    file: text === null ? null : path,
    userFile,
    originOf: (keys) => {
      const name = keys.join('.');
      const variable = merged.origins.get(name);
      if (variable !== undefined) return `environment variable ${variable}`;
      return source.document.hasIn(keys) ? `${name} in ${path}` : `the default of ${name}`;
    },
    unused: unusedKeys(result.data),
  };
}

async function readText(path: string, required: boolean): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (!required && ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error) ?? '')) return null;
    throw new GatewayError(
      'settings_invalid',
      `The settings file ${path} can't be read: ${messageOf(error)}`,
      {
        hint: 'Check the path and its permissions, or leave the setting out to use the defaults.',
        cause: error,
      },
    );
  }
}

interface Source {
  path: string;
  document: Document.Parsed;
  lines: LineCounter;
}

function parseYaml(path: string, text: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw invalid(
      document.errors.map(
        (error) => `${position(path, lines, error.pos[0])}: ${error.message.split('\n')[0] ?? ''}`,
      ),
    );
  }
  if (document.contents !== null && !isMap(document.contents)) {
    throw invalid([`${path}:1:1: the file must be a mapping such as "budget: { daily_limit_usd: 50 }"`]);
  }
  return { path, document, lines };
}

function plainValues({ path, document }: Source): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // Aliases without an anchor, or too many of them, are found only now.
    throw invalid([`${path}:1:1: ${messageOf(error)}`]);
  }
}

function position(path: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${path}:${line}:${col}`;
}

function invalid(faults: string[]): GatewayError {
  return new GatewayError('settings_invalid', faults.join('\n'), {
    hint: 'Correct the settings named above; nothing was applied.',
  });
}

/** Environment names are TIDYLLM_ and the key's path: TIDYLLM_BUDGET_DAILY_LIMIT_USD. */
function withEnvironment(
  values: unknown,
  environment: Environment,
): { values: unknown; origins: Map<string, string> } {
  const merged = structuredClone(values) as Record<string, unknown>;
  const origins = new Map<string, string>();
  for (const path of scalarPaths(settingsSchema.parse({}))) {
    const name = `TIDYLLM_${path.join('_').toUpperCase()}`;
    const text = environment[name];
    if (text === undefined || text === '') continue;
    assign(merged, path, fromText(text, path));
    origins.set(path.join('.'), name);
  }
  applyAwsVariables(merged, environment, origins);
  return { values: merged, origins };
}

/** The AWS SDK's own variables stand above the file, as they do for every AWS tool. */
function applyAwsVariables(
  values: Record<string, unknown>,
  environment: Environment,
  origins: Map<string, string>,
): void {
  const region = environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'];
  if (region) {
    if (!origins.has('aws.region')) assign(values, ['aws', 'region'], region);
    if (!origins.has('aws.bedrock.region')) assign(values, ['aws', 'bedrock', 'region'], region);
  }
  if (origins.has('aws.profile')) return;
  if (environment['AWS_PROFILE']) assign(values, ['aws', 'profile'], environment['AWS_PROFILE']);
  // A named profile makes the SDK skip keys in the environment, which must win over a file.
  else if (environment['AWS_ACCESS_KEY_ID']) assign(values, ['aws', 'profile'], null);
}

function withOverrides<T extends { values: unknown }>(merged: T, overrides: SettingsOverrides): T {
  const values = merged.values as Record<string, unknown>;
  if (overrides.profile) assign(values, ['aws', 'profile'], overrides.profile);
  if (overrides.region) {
    assign(values, ['aws', 'region'], overrides.region);
    assign(values, ['aws', 'bedrock', 'region'], overrides.region);
  }
  return merged;
}

/** Paths of every single value and list in the defaults; open mappings (prices, names) have no environment name. */
function scalarPaths(defaults: object, prefix: string[] = []): string[][] {
  return Object.entries(defaults).flatMap(([key, value]) => {
    const path = [...prefix, key];
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? scalarPaths(value as object, path)
      : [path];
  });
}

function fromText(text: string, path: string[]): unknown {
  const initial = path.reduce<unknown>(
    (node, key) => (node as Record<string, unknown>)[key],
    settingsSchema.parse({}),
  );
  if (Array.isArray(initial)) {
    const items = text.split(',').map((item) => item.trim());
    return typeof initial[0] === 'number' ? items.map(Number) : items;
  }
  return typeof initial === 'number' ? Number(text) : text;
}

function assign(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [head, ...rest] = path;
  if (head === undefined) return;
  if (rest.length === 0) {
    target[head] = value;
    return;
  }
  const child = target[head];
  // A section that isn't a mapping stays as it is, for the schema to name at its line.
  if (child !== undefined && child !== null && typeof child !== 'object') return;
  const next = (child ?? {}) as Record<string, unknown>;
  target[head] = next;
  assign(next, rest, value);
}

function describeIssue(issue: z.core.$ZodIssue, source: Source, origins: Map<string, string>): string[] {
  const dotted = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path);
    return issue.keys.map((key) => {
      const nearest = known.length > 0 ? closest(key, known) : '';
      const hint = nearest ? `; did you mean "${nearest}"?` : '';
      return `${locate(source, [...issue.path, key])}: unknown key "${[...issue.path, key].join('.')}"${hint}`;
    });
  }
  const origin = issue.path
    .map((_, index) => origins.get(issue.path.slice(0, index + 1).join('.')))
    .find(Boolean);
  const where = origin === undefined ? locate(source, issue.path) : `environment variable ${origin}`;
  return [`${where}: ${dotted || 'settings'} ${lowerFirst(issue.message)}`];
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function knownKeys(path: Path): string[] {
  let schema: unknown = settingsSchema;
  for (const key of path) schema = shapeOf(schema)?.[String(key)];
  return Object.keys(shapeOf(schema) ?? {});
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  let current = schema as { shape?: Record<string, unknown>; unwrap?: () => unknown } | undefined;
  while (current && !current.shape && current.unwrap) current = current.unwrap() as typeof current;
  return current?.shape;
}

/** The place of a key, or of the nearest parent that stands in the file. */
function locate(source: Source, path: Path): string {
  let node: Node | null = source.document.contents;
  let offset = 0;
  for (const key of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
    if (!isPair(pair) || !isScalar(pair.key)) break;
    offset = pair.key.range?.[0] ?? offset;
    node = pair.value as Node | null;
  }
  return position(source.path, source.lines, offset);
}

function unusedKeys(settings: Settings): string[] {
  return laterKeys.filter((path) => {
    const value = path
      .split('.')
      .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], settings);
    return value !== undefined;
  });
}
