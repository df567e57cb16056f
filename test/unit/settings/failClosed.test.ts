import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkSettingsFile, loadSettings } from '../../../src/settings/loadSettings.ts';
import { temporaryFolder } from '../../support/temporary.ts';

function load(yaml: string, environment: Record<string, string> = {}) {
  const home = temporaryFolder();
  writeFileSync(join(home, 'settings.yaml'), yaml);
  return loadSettings({ TIDYLLM_HOME: home, ...environment });
}

/** Both the load and the check of a file refuse it, at the line and column. */
async function expectFault(yaml: string, at: { line: number; column: number }, words: RegExp): Promise<void> {
  const place = new RegExp(`settings\\.yaml:${at.line}:${at.column}: ${words.source}`, words.flags);
  await expect(load(yaml)).rejects.toMatchObject({ code: 'settings_invalid' });
  await expect(load(yaml)).rejects.toThrow(place);
  const faults = await checkSettingsFile('settings.yaml', yaml, {}, 'user');
  expect(faults).toContainEqual(expect.objectContaining({ severity: 'error' }));
}

const sections = ['per_user_usd', 'per_model_usd', 'per_workspace_usd'];

describe('a number in a variable', () => {
  const variables = [
    ['TIDYLLM_AUDIT_MIN_REASON_LENGTH', 'audit.min_reason_length'],
    ['TIDYLLM_RETRY_IDLE_TIMEOUT_MS', 'retry.idle_timeout_ms'],
    ['TIDYLLM_AUDIT_RETENTION_DAYS', 'audit.retention_days'],
    ['TIDYLLM_BUDGET_ALERTS', 'budget.alerts'],
    ['TIDYLLM_BUDGET_DAILY_LIMIT_USD', 'budget.daily_limit_usd'],
    ['PGPORT', 'postgres.port'],
  ] as const;
  const spellings = [
    ...['0x5', '0X1538', '0o17', '0b101', '1e1', '1E3', '010', '00', '1_000', '+5', '5.', '٥', '५', '５'],
    ...['Infinity', 'NaN', '5 6', '5;', 'five', '--5', '1,000x'],
  ];

  it.each(variables)('%s is in decimal digits, or a fault that names it', async (name, key) => {
    for (const text of spellings)
      await expect(load('', { [name]: text }), text).rejects.toThrow(`environment variable ${name}: ${key}`);
  });

  it('counts as it stands', async () => {
    const { settings } = await load('', {
      TIDYLLM_AUDIT_MIN_REASON_LENGTH: '10',
      TIDYLLM_BUDGET_ALERTS: '0.5, .75,1',
      PGPORT: ' 5433 ',
    });
    expect(settings.audit.min_reason_length).toBe(10);
    expect(settings.budget.alerts).toEqual([0.5, 0.75, 1]);
    expect(settings.postgres.port).toBe(5433);
  });

  it('is also refused where the file refers to it', async () => {
    const yaml = 'postgres: { port: "${PORT}" }';
    await expect(load(yaml, { PORT: '0x1538' })).rejects.toThrow(/postgres\.port must be a number/);
    expect((await load(yaml, { PORT: '5433' })).settings.postgres.port).toBe(5433);
  });
});

describe.each(sections)('a name in budget.%s', (section) => {
  it('may not be __proto__, which would vanish', async () => {
    for (const name of ['__proto__', '"__proto__"'])
      await expectFault(
        `budget:\n  ${section}:\n    ${name}: 1\n`,
        { line: 3, column: 5 },
        /the name "__proto__" can’t be used/,
      );
  });

  it('may be that of anything else that objects have', async () => {
    const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__', 'length'];
    const yaml = `budget: { ${section}: { ${names.map((name) => `${name}: 1`).join(', ')} } }`;
    const { settings } = await load(yaml);
    expect(Object.keys(settings.budget[section as 'per_user_usd'])).toEqual(names);
  });

  it.each([
    ...['\u200b', '\u200c', '\u200d', '\u200e', '\u202e', '\u2060', '\ufeff', '\u00ad', '\u061c', '\u180e'],
    ...[
      '\u034f',
      '\u115f',
      '\u3164',
      '\uffa0',
      '\u2800',
      '\ufe0f',
      '\u{e0041}',
      '\u{e0100}',
      '\u00a0',
      '\u2003',
    ],
    ...['\u3000', '\u2028', '\u0007', '\t', '\n'],
  ])('may hold no %j, which nobody sees', async (character) => {
    for (const name of [`a${character}da`, `${character}ada`, `ada${character}`])
      await expectFault(
        `budget:\n  ${section}:\n    ${JSON.stringify(name)}: 1\n`,
        { line: 3, column: 5 },
        /budget\.per_\w+_usd\.[^]* is a name that has an invisible character or space/,
      );
  });

  it.each(['ada@example.com', 'Ada Lovelace', 'José', '李雷', '/home/ada/my work', 'ada🚀', 'default'])(
    'may be %s',
    async (name) => {
      const { settings } = await load(`budget: { ${section}: { ${JSON.stringify(name)}: 1 } }`);
      expect(settings.budget[section as 'per_user_usd']).toEqual({ [name]: '1' });
    },
  );

  it('has no cap from a variable that is not set, nor a name from one', async () => {
    const yaml = `budget:\n  ${section}:\n    ada: "\${CAP}"\n`;
    await expectFault(
      yaml,
      { line: 3, column: 5 },
      /budget\.per_\w+_usd\.ada has no value: it refers to CAP/,
    );
    await expect(load(yaml, { CAP: '' })).rejects.toThrow(/refers to CAP, which is not set/);
    await expect(load(yaml, { CAP: 'null' })).rejects.toThrow(/must be a decimal number/);
    expect((await load(yaml, { CAP: '2.5' })).settings.budget).toMatchObject({ [section]: { ada: '2.5' } });
    const named = `budget:\n  ${section}:\n    "\${NAME}": 1\n`;
    await expectFault(named, { line: 3, column: 5 }, /[^]* is a name that refers to a variable/);
  });

  it('may be given no cap by null', async () => {
    const { settings } = await load(`budget: { ${section}: { ada: null } }`);
    expect(settings.budget[section as 'per_user_usd']).toEqual({ ada: null });
  });
});

it.each([
  'budget: { daily_limit_usd: "${CAP}" }',
  'budget: { alerts: ["${CAP}"] }',
  'budget: { unknown_price: "${CAP}" }',
  'prices: { my.model: { input: "${CAP}", output: 1 } }',
  'prices: { my.model: { input: 1, output: 1, cache_read: "${CAP}" } }',
  'team: { offline_escrow_usd: "${CAP}" }',
])('an amount from a variable that is not set is a fault: %s', async (yaml) => {
  await expect(load(yaml)).rejects.toThrow(/settings\.yaml:1:\d+: .*refers to CAP, which is not set/);
});
