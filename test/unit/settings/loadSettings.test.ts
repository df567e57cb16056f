import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import { loadSettings } from '../../../src/settings/loadSettings.ts';
import { userDirectories } from '../../../src/settings/settingsPlaces.ts';
import { temporaryFolder } from '../../support/temporary.ts';

async function load(yaml: string | null, environment: Record<string, string> = {}) {
  const home = temporaryFolder();
  const file = join(home, 'settings.yaml');
  if (yaml !== null) writeFileSync(file, yaml);
  const loaded = await loadSettings({ TIDYLLM_HOME: home, ...environment });
  return { ...loaded, home, path: file };
}

async function failure(yaml: string, environment: Record<string, string> = {}): Promise<string> {
  const error = await load(yaml, environment).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!GatewayError.is(error, 'settings_invalid'))
    throw new Error('the settings were not refused as they should be', { cause: error });
  return error.message;
}

describe('settings', () => {
  it('are the defaults when there is no file', async () => {
    const { settings, file } = await load(null);
    expect(file).toBeNull();
    expect(settings.budget.daily_limit_usd).toBe('1000');
    expect(settings.aws.bedrock.default_model).toBe('claude-sonnet');
  });

  it('come from the environment before the file, and from the file before the defaults', async () => {
    const yaml = 'budget: { daily_limit_usd: 5, timezone: Europe/Berlin }';
    const { settings } = await load(yaml, { TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.01' });
    expect(settings.budget).toMatchObject({ daily_limit_usd: '0.01', timezone: 'Europe/Berlin' });
  });

  it('take lists and numbers from the environment', async () => {
    const { settings } = await load(null, {
      TIDYLLM_BUDGET_ALERTS: '0.1,0.9',
      TIDYLLM_RETRY_IDLE_TIMEOUT_MS: '200',
    });
    expect(settings.budget.alerts).toEqual([0.1, 0.9]);
    expect(settings.retry.idle_timeout_ms).toBe(200);
  });

  it('take region and profile from AWS’s own variables before the file', async () => {
    const yaml = 'aws: { profile: old, region: us-east-1, bedrock: { region: us-east-1 } }';
    const { settings } = await load(yaml, { AWS_REGION: 'eu-west-1', AWS_PROFILE: 'new' });
    expect(settings.aws).toMatchObject({
      profile: 'new',
      region: 'eu-west-1',
      bedrock: { region: 'eu-west-1' },
    });
  });

  it('leave the profile of the file out when keys are in the environment', async () => {
    const { settings } = await load('aws: { profile: old }', { AWS_ACCESS_KEY_ID: 'AKIA' });
    expect(settings.aws.profile).toBeNull();
  });

  it('accept sections of services that are not installed yet', async () => {
    const { settings, unused } = await load('cache: { enabled: false }\nteam: {}');
    expect(settings.cache.enabled).toBe(false);
    expect(unused).toEqual(['team']);
  });

  it('take the variables of PostgreSQL and MLflow as every tool does', async () => {
    const { settings } = await load('postgres: { host: file, db_name: file }', {
      PGHOST: 'environment',
      PGPORT: '6432',
      MLFLOW_TRACKING_URI: 'http://mlflow:5000',
    });
    expect(settings.postgres).toMatchObject({ host: 'environment', port: 6432, db_name: 'file' });
    expect(settings.mlflow.tracking_uri).toBe('http://mlflow:5000');
  });

  it('leave out a place of MLflow that is no server, and say so', async () => {
    const { settings, warnings } = await load(null, { MLFLOW_TRACKING_URI: 'databricks' });
    expect(settings.mlflow.tracking_uri).toBe('http://localhost:5000');
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('MLFLOW_TRACKING_URI')]);
  });

  it('warn of a variable that looks like theirs and sets nothing', async () => {
    const { warnings } = await load(null, { TIDYLLM_BUDGET_DAILY_LIMT_USD: '5', TIDYLLM_USER: 'ada' });
    expect(warnings.map(({ message }) => message)).toEqual([
      'environment variable TIDYLLM_BUDGET_DAILY_LIMT_USD matches no setting; did you mean TIDYLLM_BUDGET_DAILY_LIMIT_USD?',
    ]);
  });

  it('take a section whose keys are all commented out for an empty one', async () => {
    const { settings } = await load('budget:\n#  daily_limit_usd: 5\naws:\n  bedrock:\n');
    expect(settings.budget.daily_limit_usd).toBe('1000');
  });

  it('say where each value comes from', async () => {
    const { originOf, path } = await load('budget: { daily_limit_usd: 5, timezone: Europe/Berlin }', {
      TIDYLLM_BUDGET_DAILY_LIMIT_USD: '1',
    });
    expect(originOf(['budget', 'daily_limit_usd'])).toEqual({
      source: 'environment',
      text: 'environment variable TIDYLLM_BUDGET_DAILY_LIMIT_USD',
    });
    expect(originOf(['budget', 'timezone'])).toEqual({ source: 'file', text: `budget.timezone in ${path}` });
    expect(originOf(['budget', 'alerts']).source).toBe('default');
  });
});

it('values behind an alias or under a number come from the file too', async () => {
  const { originOf } = await load(
    's3: &place { region: eu-west-1 }\naws: *place\nbudget: { per_user_usd: { 1000: 5 } }\n',
  );
  expect(originOf(['aws', 'region']).source).toBe('file');
  expect(originOf(['budget', 'per_user_usd', '1000']).source).toBe('file');
});

it('an empty TIDYLLM_SETTINGS names no file', async () => {
  expect((await load('budget: { daily_limit_usd: 5 }', { TIDYLLM_SETTINGS: '' })).file).not.toBeNull();
});

describe('references to the environment', () => {
  it('stand for the value, as the type of the setting', async () => {
    const yaml =
      'postgres: { db_password: "${DB_PASSWORD}", port: "${DB_PORT}", host: "db.${ZONE}.example" }';
    const { settings } = await load(yaml, { DB_PASSWORD: 'secret', DB_PORT: '6432', ZONE: 'eu' });
    expect(settings.postgres).toMatchObject({
      db_password: 'secret',
      port: 6432,
      host: 'db.eu.example',
    });
  });

  it('are left alone behind a second dollar', async () => {
    const { settings } = await load('aws: { profile: "$${NAME}" }');
    expect(settings.aws.profile).toBe('${NAME}');
  });

  it('leave an optional value empty when they are not set, with a warning at the place', async () => {
    const { settings, warnings } = await load('postgres:\n  db_password: "${DB_PASSWORD}"\n');
    expect(settings.postgres.db_password).toBeNull();
    expect(warnings).toMatchObject([
      {
        severity: 'warning',
        message: 'postgres.db_password has no value: it refers to DB_PASSWORD, which is not set',
        place: { line: 2, column: 3, endColumn: 14 },
      },
    ]);
  });

  it('are an error at the place when a value is needed', async () => {
    const message = await failure('budget:\n  daily_limit_usd: "${LIMIT}"\n');
    expect(message).toContain(':2:3: budget.daily_limit_usd');
    expect(message).toContain('it refers to LIMIT, which is not set');
  });

  it('are advised for a secret in plain text', async () => {
    const { warnings } = await load('postgres: { db_password: secret }');
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('in plain text')]);
    expect(JSON.stringify(warnings)).not.toContain('secret"');
  });
});

describe('a workspace file', () => {
  async function within(user: string, workspace: string, environment: Record<string, string> = {}) {
    const home = temporaryFolder();
    const file = join(home, 'workspace.yaml');
    writeFileSync(join(home, 'settings.yaml'), user);
    writeFileSync(file, workspace);
    return loadSettings(
      { TIDYLLM_HOME: home, ...environment },
      { workspaceFiles: [file, join(home, 'none')] },
    );
  }

  it('lowers caps, demands longer reasons, takes back-ends away', async () => {
    const { settings, originOf, workspaceFiles } = await within(
      'budget: { per_user_usd: { ada: 50, default: 20 } }',
      'budget: { daily_limit_usd: 5, per_user_usd: { ada: 10, bob: 30 } }\naudit: { min_reason_length: 10 }\nai: { backends: [bedrock] }',
    );
    expect(settings.budget.daily_limit_usd).toBe('5');
    expect(settings.budget.per_user_usd).toEqual({ ada: '10', bob: '20', default: '20' });
    expect(settings.audit.min_reason_length).toBe(10);
    expect(settings.ai.backends).toEqual(['bedrock']);
    expect(workspaceFiles).toHaveLength(1);
    expect(originOf(['budget', 'daily_limit_usd'])).toEqual({
      source: 'workspace',
      text: `budget.daily_limit_usd in ${workspaceFiles[0]}`,
    });
    expect(originOf(['budget', 'per_user_usd', 'ada']).source).toBe('workspace');
  });

  it.each([
    ['budget: { daily_limit_usd: 5 }', 'budget: { daily_limit_usd: 50 }'],
    ['audit: { min_reason_length: 10 }', 'audit: { min_reason_length: 1 }'],
    ['compliance: { secrets: block }', 'compliance: { secrets: allow }'],
    ['budget: { per_model_usd: { default: 1 } }', 'budget: { per_model_usd: { claude-sonnet: 9 } }'],
    ['cache: { enabled: false }', 'cache: { enabled: true }'],
    ['ai: { backends: [mock] }', 'ai: { backends: [bedrock, mock] }'],
    ['chat: {}', 'chat: { retrieval_embeddings: cohere-embed }'],
    ['chat: { retrieval_embeddings: titan-embed }', 'chat: { retrieval_embeddings: cohere-embed }'],
    ['budget: { unknown_price: refuse }', 'budget: { unknown_price: us.anthropic.claude-opus-4-8 }'],
  ])('does not loosen %s by %s', async (user, workspace) => {
    const alone = await within(user, '');
    const { settings, warnings } = await within(user, workspace);
    const { per_model_usd: models, ...budget } = settings.budget;
    expect({ ...settings, budget }).toEqual({
      ...alone.settings,
      budget: expect.objectContaining(budget) as object,
    });
    expect(Object.values(models).every((cap) => Number(cap) <= 1)).toBe(true);
    if (Object.keys(models).length === 0) expect(warnings).toHaveLength(1);
  });

  it('may name a user as JavaScript names its own things', async () => {
    const { settings } = await within(
      'budget: { per_user_usd: { default: 20 } }',
      'budget: { per_user_usd: { constructor: 50, toString: 5 } }',
    );
    expect(settings.budget.per_user_usd).toEqual({ default: '20', constructor: '20', toString: '5' });
  });

  it('sets no patterns: one that is slow or matches everything would hide what other rules find', async () => {
    await expect(within('', "compliance: { patterns: ['K[0-9]{9}'] }")).rejects.toThrow(
      /compliance\.patterns can't be set by a workspace/,
    );
  });

  it('switches embeddings off, which cost', async () => {
    const off = 'chat: { retrieval_embeddings: null }';
    const { settings } = await within('chat: { retrieval_embeddings: titan-embed }', off);
    expect(settings.chat.retrieval_embeddings).toBeNull();
  });

  it.each(['/dev/zero', 'pipe', 'huge'])('is refused when it is no settings file: %s', async (what) => {
    const home = temporaryFolder();
    const file = join(home, 'workspace.yaml');
    if (what === 'pipe') execFileSync('mkfifo', [file]);
    else if (what === 'huge') writeFileSync(file, '#'.repeat(2_000_000));
    else symlinkSync(what, file);
    await expect(loadSettings({ TIDYLLM_HOME: home }, { workspaceFiles: [file] })).rejects.toThrow(
      /workspace\.yaml can't be read: it is /,
    );
  });

  it('does not raise what the environment says', async () => {
    const { settings } = await within('', 'budget: { daily_limit_usd: 50 }', {
      TIDYLLM_BUDGET_DAILY_LIMIT_USD: '5',
    });
    expect(settings.budget.daily_limit_usd).toBe('5');
  });

  it.each([
    'aws: { profile: other }',
    'aws: { bedrock: { endpoint: "http://evil.example" } }',
    'bedrock: { model_mapping: { claude-sonnet: expensive } }',
    'prices: { m: { input: 0, output: 0 } }',
    'budget: { timezone: Asia/Tokyo }',
    'audit: { content: none }',
    'audit: { retention_days: 183 }',
    'mlflow: { tracking_uri: "http://evil.example" }',
    'postgres: { host: evil.example }',
  ])('may not say %s', async (workspace) => {
    await expect(within('', workspace)).rejects.toThrow(/workspace\.yaml:1:\d+: .*may only tighten/);
  });

  it('may not read the environment, which holds secrets', async () => {
    const reading = within('', 'aws: { bedrock: { default_model: "${SECRET}" } }', { SECRET: 'hunter2' });
    await expect(reading).rejects.toThrow("refers to the environment, which a workspace can't read");
    await expect(reading).rejects.not.toThrow('hunter2');
  });

  it('may not take every back-end away', async () => {
    await expect(within('ai: { backends: [mock] }', 'ai: { backends: [bedrock] }')).rejects.toThrow(
      'allows nothing that the user allows',
    );
  });
});

describe('faults in settings are named at their place', () => {
  it.each([
    ['budget:\n  daily_limit_usd: lots\n', ':2:3: budget.daily_limit_usd'],
    [
      'budget:\n  daly_limit_usd: 5\n',
      ':2:3: unknown key "budget.daly_limit_usd"; did you mean "daily_limit_usd"?',
    ],
    ['budgte: {}\n', ':1:1: unknown key "budgte"; did you mean "budget"?'],
    ['budget: 5\n', ':1:1: budget'],
    ['aws:\n  bedrock:\n    endpoint: not a url\n', ':3:5: aws.bedrock.endpoint'],
    ['budget: { timezone: Mars/Olympus }', ':1:11: budget.timezone must be an IANA time zone'],
    ['audit: { content: everything }', ':1:10: audit.content'],
    ['ai: { backends: [] }', ':1:7: ai.backends'],
    ['prices:\n  my.model: { input: "3" }\n', ':2:3: prices.my.model.output'],
    ['- a list\n', ':1:1: the file must be a mapping'],
    ['budget: { daily_limit_usd: -1 }', ':1:11: budget.daily_limit_usd'],
  ])('%j', async (yaml, expected) => {
    expect(await failure(yaml)).toContain(`settings.yaml${expected}`);
  });

  it.each([
    ['a tab for indentation', 'budget:\n\tdaily_limit_usd: 5\n', ':2:1: '],
    ['a key twice', 'budget:\n  timezone: UTC\n  timezone: UTC\n', ':3:3: '],
    ['a section twice', 'budget: {}\nai: {}\nbudget: {}\n', ':3:1: '],
    ['an open bracket', 'ai:\n  backends: [bedrock\n', ':3:1: '],
    ['an open brace', 'budget: { timezone: UTC\n', ':2:1: '],
    ['two documents', 'budget: {}\n---\nai: {}\n', ':2:1: '],
    ['text alone', 'hello\n', ':1:1: the file must be a mapping'],
    ['a colon in a value', 'aws:\n  profile: a: b\n', ':2:12: '],
    ['wrong indentation', 'budget:\n  timezone: UTC\n alerts: [1]\n', ':3:1: '],
    ['an unknown tag', 'budget: !!js/function "x"\n', ':1:9: '],
    ['an anchor that leads to itself', 'budget: &b { per_user_usd: *b }\n', ':1:28: *b refers to itself'],
    [
      'a key of another section',
      'budget:\n  region: us-east-1\n',
      ':2:3: unknown key "budget.region"; did you mean "aws.region"?',
    ],
    [
      'a nonsense key',
      'budget:\n  xyzzyplugh: 1\n',
      ':2:3: unknown key "budget.xyzzyplugh"; known here: daily_limit_usd',
    ],
    ['__proto__', '__proto__: { polluted: true }\n', ':1:1: the name "__proto__" can’t be used'],
    ['a list for a section', 'aws:\n  - profile\n', ':1:1: aws '],
    ['a word for a list', 'budget:\n  alerts: high\n', ':2:3: budget.alerts '],
    ['a bad item of a list', 'budget:\n  alerts:\n    - 0.5\n    - 7\n', ':4:7: budget.alerts.1 '],
    ['a fraction for a count', 'audit:\n  min_reason_length: 1.5\n', ':2:3: audit.min_reason_length '],
    ['a word for a number', 'retry:\n  attempts: many\n', ':2:3: retry.attempts '],
    ['a word for a truth value', 'cache:\n  enabled: yes please\n', ':2:3: cache.enabled '],
    ['a port out of range', 'postgres:\n  port: 99999\n', ':2:3: postgres.port '],
    ['an unknown mode', 'postgres:\n  ssl_mode: maybe\n', ':2:3: postgres.ssl_mode '],
    ['a file for an address', 'mlflow:\n  tracking_uri: file:///etc/passwd\n', ':2:3: mlflow.tracking_uri '],
    [
      'a bad expression',
      'compliance:\n  patterns: ["("]\n',
      ':2:14: compliance.patterns.0 must be a regular expression',
    ],
    [
      'an example that the pattern must match',
      'compliance:\n  patterns:\n    - { id: staff, pattern: "E-\\\\d{6}", class: secret, matches: [E-123456, E-12] }\n',
      ':3:76: compliance.patterns.0.matches.1 is not matched by the pattern',
    ],
    [
      'an example that the pattern must pass',
      'compliance:\n  patterns:\n    - { id: staff, pattern: E-, class: secret, passes: [E-12] }\n',
      ':3:57: compliance.patterns.0.passes.0 is matched by the pattern, and must not be',
    ],
    [
      'an example that takes a pattern very long',
      `compliance:\n  patterns:\n    - { id: slow, pattern: (a+)+!, class: secret, passes: [${'a'.repeat(60)}] }\n`,
      ':3:60: compliance.patterns.0.passes.0 takes too long',
    ],
    [
      'a pattern without a class',
      'compliance:\n  patterns:\n    - { id: staff, pattern: E- }\n',
      ':3:7: compliance.patterns.0.class must be one of secret, personal_data',
    ],
    [
      'a pattern with the id of another',
      'compliance:\n  patterns:\n    - { id: staff, pattern: E-, class: secret }\n    - { id: staff, pattern: F-, class: secret }\n',
      ':4:7: compliance.patterns.1 has the id of compliance.patterns.0, staff',
    ],
    [
      'a number for a pattern',
      'compliance:\n  patterns: [7]\n',
      ':2:14: compliance.patterns.0 must be a text or a mapping',
    ],
    ['a short retention', 'audit:\n  retention_days: 5\n', ':2:3: audit.retention_days must be at least 183'],
    ['a price without output', 'prices: { m: { input: "1" } }\n', ':1:11: prices.m.output '],
    ['an exponent for money', 'budget:\n  daily_limit_usd: 1e3x\n', ':2:3: budget.daily_limit_usd '],
    ['an empty name', 'aws:\n  profile: ""\n', ':2:3: aws.profile must not be empty'],
    [
      'a broken reference',
      'aws:\n  profile: "${NO NAME}"\n',
      ':2:3: aws.profile: "${NO NAME}" is not a reference',
    ],
    ['a number for a name', 'aws:\n  region: 5\n', ':2:3: aws.region '],
    ['control characters', 'aws:\n  profile: "\u0000"\n  x: 1', ':3:3: unknown key'],
  ])('names %s', async (_what, yaml, expected) => {
    expect(await failure(yaml)).toContain(`settings.yaml${expected}`);
  });

  it('names the line of broken YAML', async () => {
    expect(await failure('budget:\n  daily_limit_usd: "5\n')).toMatch(/settings\.yaml:\d+:\d+: /);
  });

  it('names every fault at once', async () => {
    expect((await failure('budget: { daily_limit_usd: x, timezone: y }')).split('\n')).toHaveLength(2);
  });

  it('names the environment variable that holds a bad value', async () => {
    expect(await failure('', { TIDYLLM_BUDGET_DAILY_LIMIT_USD: 'x' })).toContain(
      'TIDYLLM_BUDGET_DAILY_LIMIT_USD',
    );
  });

  it.each([
    ['TIDYLLM_BUDGET_ALERTS', '0.5,abc'],
    ['TIDYLLM_AI_BACKENDS', 'foo'],
  ])('names %s when one of its items is bad', async (name, value) => {
    expect(await failure('', { [name]: value })).toContain(name);
  });

  it('names an alias without an anchor', async () => {
    expect(await failure('budget: *nothing')).toMatch(/settings\.yaml:\d+:\d+: /);
  });

  it('says so when a named file is missing', async () => {
    const missing = join(temporaryFolder(), 'none.yaml');
    await expect(loadSettings({}, { settingsFile: missing })).rejects.toThrow(missing);
  });
});

describe('directories', () => {
  it('follow TIDYLLM_HOME', () => {
    expect(userDirectories({ TIDYLLM_HOME: '/x' })).toEqual({ state: '/x', config: '/x' });
  });

  it('refuse a relative home, which would be another ledger in each folder', () => {
    expect(() => userDirectories({ TIDYLLM_HOME: 'state' })).toThrow('absolute');
  });
});
