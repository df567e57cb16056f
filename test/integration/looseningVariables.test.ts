import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../src/settings/loadSettings.ts';
import { tidyllm } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { storedRecords } from '../support/ledgers.ts';
import { temporaryFolder } from '../support/temporary.ts';

const file = `
budget: { daily_limit_usd: 20, alerts: [0.5] }
audit:
  min_reason_length: 8
  retention_days: 400
  anchor: { every_records: 10 }
ai: { backends: [bedrock] }
`;

function home(): Record<string, string> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'settings.yaml'), file);
  return isolatedEnvironment(folder);
}

describe('a variable of this program', () => {
  it.each([
    ['TIDYLLM_BUDGET_DAILY_LIMIT_USD', '900'],
    ['TIDYLLM_AUDIT_MIN_REASON_LENGTH', '1'],
    ['TIDYLLM_AUDIT_RETENTION_DAYS', '200'],
    ['TIDYLLM_AUDIT_ANCHOR_EVERY_RECORDS', '100000'],
    ['TIDYLLM_BUDGET_TIMEZONE', 'Pacific/Kiritimati'],
    ['TIDYLLM_AUDIT_CONTENT', 'none'],
    ['TIDYLLM_AI_BACKENDS', 'bedrock,mock'],
    ['TIDYLLM_AWS_BEDROCK_ENDPOINT', 'http://127.0.0.1:9'],
    ['TIDYLLM_COMPLIANCE_LEVEL', 'gdpr, sox'],
  ])('%s=%s that loosens is told', async (name, value) => {
    const environment = { ...home(), [name]: value };
    const { loosened, warnings } = await loadSettings(environment);
    expect(loosened.map((one) => one.name)).toEqual([name]);
    expect(warnings.map(({ message }) => message).join()).toContain(`${name} loosens`);
  });

  it.each([
    ['TIDYLLM_BUDGET_DAILY_LIMIT_USD', '5'],
    ['TIDYLLM_BUDGET_DAILY_LIMIT_USD', '20.00'],
    ['TIDYLLM_AUDIT_MIN_REASON_LENGTH', '20'],
    ['TIDYLLM_AUDIT_RETENTION_DAYS', '4000'],
    ['TIDYLLM_AUDIT_ANCHOR_EVERY_RECORDS', '1'],
    ['TIDYLLM_AUDIT_ANCHOR_FILE', '/somewhere/anchors.txt'],
    ['TIDYLLM_MLFLOW_EXPERIMENT', 'mine'],
    ['TIDYLLM_COMPLIANCE_LEVEL', 'enterprise'],
    ['TIDYLLM_COMPLIANCE_LEVEL', 'gdpr, enterprise'],
  ])('%s=%s that tightens, or governs nothing, is not', async (name, value) => {
    expect((await loadSettings({ ...home(), [name]: value })).loosened).toEqual([]);
  });

  it('names several levels as the setting does', async () => {
    const environment = { ...home(), TIDYLLM_COMPLIANCE_LEVEL: 'enterprise, sox' };
    expect((await loadSettings(environment)).settings.compliance.level).toEqual(['enterprise', 'sox']);
    await expect(loadSettings({ ...home(), TIDYLLM_COMPLIANCE_LEVEL: 'sox, iso' })).rejects.toThrow(
      /TIDYLLM_COMPLIANCE_LEVEL.*compliance\.level/,
    );
  });

  it('that holds a password is told without it', async () => {
    const environment = { ...home(), TIDYLLM_AWS_BEDROCK_ENDPOINT: 'http://ada:hunter2@127.0.0.1:9' };
    const { loosened, warnings } = await loadSettings(environment);
    expect(loosened.map(({ value }) => value)).toEqual(['http://***@127.0.0.1:9']);
    expect(warnings.map(({ message }) => message).join()).not.toContain('hunter2');
  });

  it('is recorded before the call that it governs, once, and when it is gone', async () => {
    const plain: Record<string, string> = { ...home(), TIDYLLM_AI_BACKENDS: 'mock' };
    const loose = { ...plain, TIDYLLM_BUDGET_DAILY_LIMIT_USD: '900' };
    for (const environment of [plain, loose, loose, plain])
      expect((await tidyllm(['chat', '--reason', 'JIRA-1 variables', 'hello'], { environment })).code).toBe(
        0,
      );
    const folder = join(plain['TIDYLLM_HOME'] ?? '', 'ledger', 'simulated');
    const overrides = storedRecords(folder).filter((record) => record.kind === 'override');
    expect(overrides.map(({ variables }) => variables)).toEqual([
      ['TIDYLLM_AI_BACKENDS=["mock"]'],
      ['TIDYLLM_AI_BACKENDS=["mock"]', 'TIDYLLM_BUDGET_DAILY_LIMIT_USD=900'],
      ['TIDYLLM_AI_BACKENDS=["mock"]'],
    ]);
    expect((await tidyllm(['audit', 'verify'], { environment: plain })).code).toBe(0);
    const { stdout } = await tidyllm(['doctor'], { environment: loose });
    expect(stdout).toContain('TIDYLLM_BUDGET_DAILY_LIMIT_USD loosens budget.daily_limit_usd');
  });
});

it('a settings file in the place of the user’s own is recorded and told', async () => {
  const environment: Record<string, string> = { ...home(), TIDYLLM_AI_BACKENDS: 'mock' };
  const other = join(temporaryFolder(), 'other.yaml');
  writeFileSync(other, 'budget: { daily_limit_usd: 900000 }\n');
  const elsewhere = { ...environment, TIDYLLM_SETTINGS: other };
  const ask = ['chat', '--reason', 'JIRA-1 variables', 'hello'];
  expect((await tidyllm(ask, { environment: elsewhere })).code).toBe(0);
  expect((await tidyllm(['--settings', other, ...ask], { environment })).code).toBe(0);
  const folder = join(environment['TIDYLLM_HOME'] ?? '', 'ledger', 'simulated');
  const overrides = storedRecords(folder).filter((record) => record.kind === 'override');
  expect(overrides.map(({ variables }) => variables[0])).toEqual([
    `TIDYLLM_SETTINGS=${other}`,
    `settings=${other}`,
  ]);
  const { stdout } = await tidyllm(['doctor'], { environment: elsewhere });
  expect(stdout).toContain('replaces this user');
});
