import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { closest, distance } from 'fastest-levenshtein';
import type * as z from 'zod';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { readFileText } from '../readFile.ts';
import { faultIn, schemaWords } from '../schemaWords.ts';
import { withoutStray } from '../strayCharacters.ts';
import { NotUtf8 } from '../utf8Text.ts';
import { realPath, workspaceKey } from '../workspaceKey.ts';
import type { Fault, Path } from '../yamlDocument.ts';
import { looseningVariables, type LooseningVariable } from './looseningVariables.ts';
import { laterKeys, settingsSchema, type Settings } from './schema.ts';
import { foreignFile } from './foreignFile.ts';
import { convertText, isSection, knownKeys, settingKeys } from './schemaPaths.ts';
import { SettingsDocument, SettingsInvalid, type Environment } from './settingsDocument.ts';
import { settingsPath } from './settingsPlaces.ts';
import { workspaceRules, type Tighten } from './workspaceRules.ts';

type Values = Record<string, unknown>;

/** Options of the command line or VS Code's settings; they override every other source. */
export interface SettingsOverrides {
  settingsFile?: string | undefined;
  profile?: string | undefined;
  region?: string | undefined;
  /** Files of the open workspace, which may only tighten; missing ones are skipped. */
  workspaceFiles?: readonly string[] | undefined;
}

/** Where a value comes from. */
export interface Origin {
  source: 'option' | 'environment' | 'workspace' | 'file' | 'default';
  /** For people and records: `budget.timezone in FILE`, `environment variable NAME`, … */
  text: string;
}

export interface LoadedSettings {
  settings: Settings;
  /** The file that was read; null if there is none. */
  file: string | null;
  /** Path of the user's file if none is named. */
  userFile: string;
  /** The workspace files that were read. */
  workspaceFiles: readonly string[];
  originOf: (path: readonly string[]) => Origin;
  /** Variables `TIDYLLM_…` that loosen the files' settings. */
  loosened: readonly LooseningVariable[];
  /** Names of the environment variables that the file refers to; commands of agreements don't get them. */
  references: readonly string[];
  /** Faults that don't prevent the settings from being used. */
  warnings: readonly Fault[];
  /** Keys in the file for parts that are not installed: accepted, without effect. */
  unused: readonly string[];
}

/**
 * Reads settings in the order environment > settings.yaml > defaults, tightened by workspace files.
 * Throws `SettingsInvalid` with every fault at file:line:column.
 */
export async function loadSettings(
  environment: Environment,
  overrides: SettingsOverrides = {},
): Promise<LoadedSettings> {
  const userFile = settingsPath({ ...environment, TIDYLLM_SETTINGS: undefined });
  const path = settingsPath(environment, overrides);
  const text = await readText(path, path !== userFile);
  const document = new SettingsDocument(path, text ?? '', environment);
  const own = new Sources(document, environment, overrides);
  const settings = own.parse();
  const problem = await unknownPriceProblem(settings, settings.prices);
  if (problem !== null) throw new SettingsInvalid(own.faults(unknownPricePath, problem));
  const joined = await joinWorkspaces(settings, overrides.workspaceFiles ?? []);
  const loosened = own.loosened(joined.settings, new Sources(document, withoutOwn(environment), overrides));
  return {
    settings: joined.settings,
    file: text === null ? null : path,
    userFile,
    workspaceFiles: joined.files,
    references: [...document.references],
    originOf: (keys) => joined.origins.get(keys.join('.')) ?? own.originOf(keys),
    loosened,
    warnings: [
      ...own.warnings,
      ...loosened.map(looseningWarning),
      ...[document, ...joined.documents].flatMap((one) => [...one.warnings, ...unmatchedCaps(one)]),
      ...joined.warnings,
    ],
    unused: laterKeys.filter((key) => [document, ...joined.documents].some((one) => one.has(key.split('.')))),
  };
}

/** The faults of a single settings file, read as a user's or a workspace's file. */
export function checkSettingsText(
  file: string,
  text: string,
  environment: Environment,
  kind: 'user' | 'workspace',
): readonly Fault[] {
  try {
    const document = new SettingsDocument(file, text, kind === 'workspace' ? null : environment);
    const { faults } = parseValues(document.values, (issue) => describeIssue(issue, document));
    const unused = laterKeys
      .map((key) => key.split('.'))
      .filter((path) => document.has(path))
      .map((path) => document.fault(path, `${path.join('.')} has no effect in this version`, 'warning'));
    const foreign = kind === 'workspace' ? foreignKeys(document, document.values, []) : [];
    return [...faults, ...foreign, ...document.warnings, ...unmatchedCaps(document), ...unused];
  } catch (error) {
    if (error instanceof SettingsInvalid) return error.faults;
    throw error;
  }
}

/** Like `checkSettingsText`, with the checks that need the price table. */
export async function checkSettingsFile(
  file: string,
  text: string,
  environment: Environment,
  kind: 'user' | 'workspace',
): Promise<readonly Fault[]> {
  const faults = checkSettingsText(file, text, environment, kind);
  if (faults.some(({ severity }) => severity === 'error')) return faults;
  const document = new SettingsDocument(file, text, kind === 'workspace' ? null : environment);
  const { settings } = parseValues(document.values, () => []);
  const problem = settings && (await unknownPriceProblem(settings, settings.prices));
  if (problem === null) return faults;
  // A workspace's file may name an entry of the user's prices, which are not known here.
  const severity = kind === 'workspace' ? 'warning' : 'error';
  return [...faults, document.fault(unknownPricePath, `${unknownPricePath.join('.')} ${problem}`, severity)];
}

const unknownPricePath = ['budget', 'unknown_price'];

/** The fault of `budget.unknown_price`; null if it is `refuse` or the name of an entry with prices. */
async function unknownPriceProblem(
  { budget: { unknown_price: name } }: Settings,
  prices: Settings['prices'],
): Promise<string | null> {
  if (name === 'refuse' || Object.hasOwn(prices, name)) return null;
  // Few settings need the price table; a starting window must not wait for it.
  const { pricesAt, pricedModelIds } = await import('../pricing/priceTable.ts');
  if (pricesAt(name)) return null;
  const nearest = closest(name, ['refuse', ...Object.keys(prices), ...pricedModelIds()]);
  return `must be "refuse" or an entry of the price table or of prices, not "${name}"; did you mean "${nearest}"?`;
}

/**
 * Text of a settings file. Throws the system error, `NoOrdinaryFile` for anything but a file, and `SettingsInvalid` for
 * one that isn't UTF-8.
 */
export async function readSettingsText(path: string): Promise<string> {
  try {
    return await readFileText(path);
  } catch (error) {
    throw error instanceof NotUtf8 ? new SettingsInvalid([encodingFault(path, error)]) : error;
  }
}

function encodingFault(file: string, { message, line, column }: NotUtf8): Fault {
  return { severity: 'error', message, place: { file, line, column, endLine: line, endColumn: column + 1 } };
}

async function readText(path: string, required: boolean): Promise<string | null> {
  try {
    return await readSettingsText(path);
  } catch (error) {
    if (!required && ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error) ?? '')) return null;
    if (error instanceof SettingsInvalid) throw error;
    throw new GatewayError(
      'settings_invalid',
      `The settings file ${path} can't be read: ${messageOf(error)}`,
      {
        hint: 'Check the path and its permissions, or remove the setting to use the defaults.',
        place: { file: path, line: 1, column: 1 },
        cause: error,
      },
    );
  }
}

function parseValues(
  values: unknown,
  describe: (issue: z.core.$ZodIssue) => Fault[],
): { settings: Settings | null; faults: Fault[] } {
  const result = settingsSchema.safeParse(values, { error: schemaWords });
  if (result.success) return { settings: result.data, faults: [] };
  return { settings: null, faults: result.error.issues.flatMap(describe) };
}

/** Who approves is said in a file: a variable leaves no trace of who set it. */
const onlyInFiles = 'compliance.approvers';

/** Names are TIDYLLM_ and the key's path: TIDYLLM_BUDGET_DAILY_LIMIT_USD. Open mappings have none. */
const ownVariables = new Map(
  settingKeys
    .filter(({ path }) => path.join('.') !== onlyInFiles)
    .filter(({ initial }) => initial === null || typeof initial !== 'object' || Array.isArray(initial))
    .map(({ path }) => [`TIDYLLM_${path.join('_').toUpperCase()}`, path]),
);

/** Warnings for workspace caps that apply to nothing, or to more than their folder. */
function unmatchedCaps(document: SettingsDocument): Fault[] {
  const path = ['budget', 'per_workspace_usd'];
  const caps = valueAt(document.values, path);
  if (caps === null || typeof caps !== 'object') return [];
  return Object.keys(caps).flatMap((folder) => {
    const warning = (message: string): Fault[] => [
      document.fault([...path, folder], `budget.per_workspace_usd: ${message}`, 'warning'),
    ];
    if (folder === 'default') return [];
    if (!isAbsolute(folder)) return warning(`"${folder}" is not an absolute path, so its cap has no effect`);
    if (!existsSync(folder)) return warning(`the folder "${folder}" doesn’t exist, so its cap has no effect`);
    const key = workspaceKey(folder);
    return key === realPath(folder)
      ? []
      : warning(`"${folder}" is part of ${key}: its cap applies to all of it`);
  });
}

/** Variables that look like ours but match no setting: a misspelt limit must not go unnoticed. */
function unknownVariables(environment: Environment): Fault[] {
  const known = [...ownVariables.keys(), 'TIDYLLM_HOME', 'TIDYLLM_SETTINGS', 'TIDYLLM_USER'];
  return Object.keys(environment)
    .filter((name) => name.startsWith('TIDYLLM_') && environment[name] && !known.includes(name))
    .map((name) => ({
      severity: 'warning',
      message: `environment variable ${name} matches no setting; did you mean ${closest(name, known)}?`,
      place: null,
    }));
}

function withoutOwn(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !ownVariables.has(name)));
}

function looseningWarning({ name, key, value, instead }: LooseningVariable): Fault {
  const message = `environment variable ${name} loosens ${key}: ${value} instead of ${instead}; the audit records say so`;
  return { severity: 'warning', message, place: null };
}

/** The user's sources: options, environment and file. */
class Sources {
  readonly #document: SettingsDocument;
  readonly #values: Values;
  readonly #origins = new Map<string, Origin>();
  readonly warnings: Fault[] = [];

  constructor(document: SettingsDocument, environment: Environment, overrides: SettingsOverrides) {
    this.#document = document;
    this.#values = structuredClone(document.values);
    this.#takeOptions(overrides);
    for (const [name, path] of ownVariables) this.#takeVariable(path, name, environment);
    this.warnings.push(...unknownVariables(environment));
    for (const [key, names] of foreignVariables) {
      const path = key.split('.');
      for (const name of names) {
        if (name === trackingVariable && isNoServer(environment[name])) this.warnings.push(noServer);
        else this.#takeVariable(path, name, environment);
      }
    }
    // A named profile makes the SDK skip keys in the environment, which must override a file.
    if (environment['AWS_ACCESS_KEY_ID'])
      this.#take(['aws', 'profile'], null, {
        source: 'environment',
        text: 'environment variable AWS_ACCESS_KEY_ID',
      });
  }

  /** Throws `SettingsInvalid`. */
  parse(): Settings {
    const { settings, faults } = parseValues(this.#values, (issue) =>
      describeIssue(issue, this.#document, this.#origins),
    );
    if (!settings) throw new SettingsInvalid(faults);
    return settings;
  }

  /** The variables of this program in effect that loosen `files`, the settings without them. */
  loosened(effective: Settings, files: Sources): LooseningVariable[] {
    const set = [...ownVariables].filter(
      ([name, path]) => this.#origins.get(path.join('.'))?.text === `environment variable ${name}`,
    );
    return set.length === 0 ? [] : looseningVariables(set, { files: files.parse(), effective });
  }

  /** The faults of a value, whatever its source. */
  faults(path: string[], message: string): Fault[] {
    const issue: z.core.$ZodIssue = { code: 'custom', path, message, input: undefined };
    return describeIssue(issue, this.#document, this.#origins);
  }

  originOf(path: readonly string[]): Origin {
    const key = path.join('.');
    const taken = this.#origins.get(key);
    if (taken) return taken;
    return this.#document.has(path)
      ? { source: 'file', text: `${key} in ${this.#document.file}` }
      : { source: 'default', text: `the default of ${key}` };
  }

  #takeOptions({ profile, region }: SettingsOverrides): void {
    const option = (text: string): Origin => ({ source: 'option', text });
    if (profile) this.#take(['aws', 'profile'], profile, option('the chosen profile'));
    if (!region) return;
    this.#take(['aws', 'region'], region, option('the chosen region'));
    this.#take(['aws', 'bedrock', 'region'], region, option('the chosen region'));
  }

  #takeVariable(path: readonly string[], name: string, environment: Environment): void {
    // Files and shells of other systems may leave a line end, spaces or quotes.
    const text = name.startsWith('AWS_') ? withoutStray(environment[name] ?? '') : environment[name];
    if (!text) return;
    this.#take(path, convertText(text, path), {
      source: 'environment',
      text: `environment variable ${name}`,
    });
  }

  /** The first source that sets a value wins. */
  #take(path: readonly string[], value: unknown, origin: Origin): void {
    const key = path.join('.');
    if (this.#origins.has(key)) return;
    assign(this.#values, path, value);
    this.#origins.set(key, origin);
  }
}

const trackingVariable = 'MLFLOW_TRACKING_URI';

/** MLflow also stores data in folders, databases and hosted stores, which must not prevent a start. */
function isNoServer(address: string | undefined): boolean {
  return address !== undefined && address !== '' && !/^https?:/i.test(address);
}

const noServer: Fault = {
  severity: 'warning',
  message: `environment variable ${trackingVariable} is not an http or https address and is ignored`,
  place: null,
};

/** Variables of other tools, which override the file as usual; the first one set counts. */
const foreignVariables = Object.entries({
  'aws.region': ['AWS_REGION', 'AWS_DEFAULT_REGION'],
  'aws.bedrock.region': ['AWS_REGION', 'AWS_DEFAULT_REGION'],
  'aws.profile': ['AWS_PROFILE'],
  'ai.anthropic.endpoint': ['ANTHROPIC_BASE_URL'],
  'ai.openai.endpoint': ['OPENAI_BASE_URL'],
  'postgres.host': ['PGHOST'],
  'postgres.port': ['PGPORT'],
  'postgres.db_name': ['PGDATABASE'],
  'postgres.db_user': ['PGUSER'],
  'postgres.db_password': ['PGPASSWORD'],
  'postgres.ssl_mode': ['PGSSLMODE'],
  'mlflow.tracking_uri': [trackingVariable],
  'mlflow.experiment': ['MLFLOW_EXPERIMENT_NAME'],
});

interface Joined {
  settings: Settings;
  files: string[];
  documents: SettingsDocument[];
  origins: Map<string, Origin>;
  warnings: Fault[];
}

async function joinWorkspaces(own: Settings, files: readonly string[]): Promise<Joined> {
  const joined: Joined = {
    settings: structuredClone(own),
    files: [],
    documents: [],
    origins: new Map(),
    warnings: [],
  };
  for (const file of files) {
    // Checked before reading: another user's file must not prevent a start.
    const foreign = foreignFile(file);
    if (foreign !== null) {
      joined.warnings.push({ severity: 'warning', message: foreign, place: startOf(file) });
      continue;
    }
    const text = await readText(file, false);
    if (text === null) continue;
    const document = new SettingsDocument(file, text, null);
    const { settings: asked, faults } = parseValues(document.values, (issue) =>
      describeIssue(issue, document),
    );
    const problem = asked && (await unknownPriceProblem(asked, own.prices));
    const unpriced =
      problem === null ? [] : [document.fault(unknownPricePath, `${unknownPricePath.join('.')} ${problem}`)];
    const all = [...faults, ...foreignKeys(document, document.values, []), ...unpriced];
    if (!asked || all.length > 0) throw new SettingsInvalid(all);
    joined.files.push(file);
    joined.documents.push(document);
    const refused = await dearerModelOf(joined.settings, document, asked);
    if (refused) joined.warnings.push(refused);
    for (const [key, tighten] of Object.entries(workspaceRules))
      if (!refused || key !== modelPath.join('.')) joinKey(joined, document, asked, key, tighten);
  }
  return joined;
}

const modelPath = ['aws', 'bedrock', 'default_model'];

/** The warning if a workspace's model may not replace the current one; null if it may. */
async function dearerModelOf(
  before: Settings,
  document: SettingsDocument,
  asked: Settings,
): Promise<Fault | null> {
  if (!document.has(modelPath)) return null;
  // Few workspaces set a model; a starting window must not wait for the price table.
  const { dearerModel } = await import('./workspaceModel.ts');
  const why = dearerModel(asked.aws.bedrock.default_model, before);
  if (why === null) return null;
  const stays = `"${before.aws.bedrock.default_model}" stays; set another in the user's settings.yaml`;
  return document.fault(modelPath, `${modelPath.join('.')} ${why}; ${stays}`, 'warning');
}

function startOf(file: string): Fault['place'] {
  return { file, line: 1, column: 1, endLine: 1, endColumn: 1 };
}

function joinKey(
  joined: Joined,
  document: SettingsDocument,
  asked: Settings,
  key: string,
  tighten: Tighten,
): void {
  const path = key.split('.');
  if (!document.has(path)) return;
  const before = valueAt(joined.settings, path);
  const wanted = valueAt(asked, path);
  const after = tighten(before as never, wanted as never);
  if (Array.isArray(after) && after.length === 0 && (before as unknown[]).length > 0) {
    throw new SettingsInvalid([
      document.fault(path, `${key} allows nothing that the user allows: ${String(before)}`),
    ]);
  }
  assign(joined.settings, path, after);
  const origin: Origin = { source: 'workspace', text: `${key} in ${document.file}` };
  const changed = JSON.stringify(after) !== JSON.stringify(before);
  if (changed) noteOrigins(joined.origins, path, before, after, origin);
  else if (JSON.stringify(wanted) !== JSON.stringify(before)) {
    joined.warnings.push(
      document.fault(path, `${key} would loosen the user’s settings and has no effect`, 'warning'),
    );
  }
}

/** In a list or an open mapping, each changed entry comes from the workspace. */
function noteOrigins(
  origins: Map<string, Origin>,
  path: readonly string[],
  before: unknown,
  after: unknown,
  origin: Origin,
): void {
  origins.set(path.join('.'), origin);
  if (after === null || typeof after !== 'object') return;
  for (const [name, value] of Object.entries(after)) {
    if ((before as Values)[name] === value) continue;
    origins.set([...path, name].join('.'), {
      ...origin,
      text: `${[...path, name].join('.')} ${origin.text.slice(path.join('.').length + 1)}`,
    });
  }
}

/** The keys that a workspace file may not set. */
function foreignKeys(document: SettingsDocument, values: Readonly<Values>, path: readonly string[]): Fault[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const here = [...path, key];
    const name = here.join('.');
    if (name in workspaceRules || !knownKeys(path).includes(key)) return [];
    if (isSection(here) && value !== null && typeof value === 'object')
      return foreignKeys(document, value as Values, here);
    return [
      document.fault(
        here,
        `${name} can't be set by a workspace, which may only tighten; set it in the user's settings.yaml`,
      ),
    ];
  });
}

function valueAt(values: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, key) => (node as Values | undefined)?.[key], values);
}

function assign(target: Values, path: readonly string[], value: unknown): void {
  const [head, ...rest] = path;
  if (head === undefined) return;
  if (rest.length === 0) {
    target[head] = value;
    return;
  }
  const child = target[head];
  // A section that isn't a mapping is kept, so that the schema reports it at its line.
  if (child !== undefined && child !== null && typeof child !== 'object') return;
  const next = (child ?? {}) as Values;
  target[head] = next;
  assign(next, rest, value);
}

function describeIssue(
  issue: z.core.$ZodIssue,
  document: SettingsDocument,
  origins?: ReadonlyMap<string, Origin>,
): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      const { words, correction } = suggestion(issue.path, key);
      const fault = document.fault(path, `unknown key "${path.join('.')}"${words}`);
      return correction === undefined ? fault : { ...fault, correction };
    });
  }
  const { path, message: words } = faultIn({ issues: [issue] });
  const message = `${path.join('.') || 'settings'} ${lowerFirst(words)}`;
  const origin = path
    .map((_, index) => origins?.get(path.slice(0, index + 1).join('.')))
    .find((one) => one !== undefined);
  if (origin) return [{ severity: 'error', message: `${origin.text}: ${message}`, place: null }];
  return [document.fault(path, message)];
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/**
 * Suggests the key that was most likely meant: one of the same section, as a correction, or one of the
 * same name elsewhere.
 */
function suggestion(path: Path, key: string): { words: string; correction?: string } {
  const siblings = knownKeys(path);
  const nearest = siblings.length > 0 ? closest(key, siblings) : '';
  if (nearest && distance(key, nearest) <= Math.max(2, key.length / 3))
    return { words: `; did you mean "${nearest}"?`, correction: nearest };
  const [elsewhere] = settingKeys.filter((one) => one.path.includes(key));
  if (elsewhere) {
    const name = elsewhere.path.slice(0, elsewhere.path.indexOf(key) + 1).join('.');
    return { words: `; did you mean "${name}"?` };
  }
  return { words: siblings.length > 0 ? `; known here: ${siblings.join(', ')}` : '' };
}
