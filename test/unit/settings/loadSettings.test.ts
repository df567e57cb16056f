import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import { loadSettings, userDirectories } from '../../../src/settings/loadSettings.ts';
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
  if (!GatewayError.is(error, 'settings_invalid')) throw new Error('the settings were accepted');
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
    const { settings, unused } = await load('mlflow: { enabled: true }\npostgres: { host: null }');
    expect(settings.mlflow).toEqual({ enabled: true });
    expect(unused).toEqual(['mlflow', 'postgres']);
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
