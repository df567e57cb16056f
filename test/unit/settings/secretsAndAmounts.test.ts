import { describe, expect, it } from 'vitest';
import { parseFlowFile } from '../../../src/flow/flowDocument.ts';
import { checkSettingsText } from '../../../src/settings/loadSettings.ts';
import { settingsSchema } from '../../../src/settings/schema.ts';
import { settingKeys } from '../../../src/settings/schemaPaths.ts';
import { withoutSecrets } from '../../../src/settings/settingsInEffect.ts';
import { hasPassword, withoutPassword } from '../../../src/withoutPassword.ts';

const faultsOf = (text: string, kind: 'user' | 'workspace' = 'user') =>
  checkSettingsText('settings.yaml', text, { DB_PASSWORD: 'x' }, kind);

/** A setting with a value, as YAML. */
const setting = (path: readonly string[], value: string): string =>
  `${path.map((key, depth) => `${'  '.repeat(depth)}${key}:`).join('\n')} ${value}\n`;

const addresses = [
  'postgresql://user:secret@host:5432/db',
  'postgresql+psycopg2://user:se#c/ret@host/db',
  'http://ada:secret@proxy:8080',
  'HTTPS://ada:1234@host',
  'redis://:secret@host/0',
  'mysql://user:p@ss@host/db',
  'jdbc:postgresql://host/db?user=ada&password=secret',
  's3://bucket/key?token=secret',
  'see postgresql://user:secret@host/db for it',
];

const harmless = [
  'postgresql://host:5432/db',
  'postgresql://user@host/db',
  'https://host:8080/path@version',
  'https://host/?next=/login',
  'arn:aws:bedrock:us-east-1:1:inference-profile/x',
  'ada@example.com',
  'user:password',
];

describe('a header of the telemetry', () => {
  const headers = (value: string): string => setting(['telemetry', 'otlp_headers', 'authorization'], value);

  it('is a secret: it is a warning in plain text, and none where it refers to a variable', () => {
    const plain = (text: string): boolean =>
      faultsOf(text).some(({ message }) => message.includes('in plain text'));
    expect(plain(headers('Bearer secret'))).toBe(true);
    expect(plain(headers('${DB_PASSWORD}'))).toBe(false);
  });

  it('whose variable is not set is left out, and does not prevent a start', () => {
    const faults = faultsOf(headers('${NOT_SET}'));
    expect(faults.map(({ severity }) => severity)).toEqual(['warning']);
  });

  it('is shown by its name alone', () => {
    const settings = settingsSchema.parse({
      telemetry: { otlp_headers: { authorization: 'Bearer secret' } },
    });
    expect(withoutSecrets(settings).telemetry.otlp_headers).toEqual({ authorization: '(set, not shown)' });
    expect(withoutSecrets(settingsSchema.parse({})).telemetry.otlp_headers).toEqual({});
  });

  it('can’t be set by a workspace, nor can its address', () => {
    for (const text of [headers('x'), setting(['telemetry', 'otlp_endpoint'], 'http://localhost:4318')])
      expect(faultsOf(text, 'workspace').length).toBeGreaterThan(0);
  });
});

describe('a password in an address', () => {
  it.each(addresses)('%s is one, and isn’t shown', (address) => {
    expect(hasPassword(address)).toBe(true);
    expect(withoutPassword(address)).not.toMatch(/secret|1234|se#c/);
  });

  it.each(harmless)('%s has none, and stays as it is but for a user’s name', (address) => {
    expect(hasPassword(address)).toBe(false);
    expect(withoutPassword(address)).toBe(address.replace('//user@', '//***@'));
  });

  const texts = settingKeys.flatMap(({ path, initial }) =>
    initial === null || typeof initial === 'string' ? [path] : [],
  );

  it.each(texts)('is a warning at its line in every setting that is a text: %s.%s', (...keys) => {
    const path = keys.filter((key) => typeof key === 'string');
    for (const [written, warned] of [
      ['"postgresql://user:secret@host/db"', true],
      ['"postgresql://user:${DB_PASSWORD}@host/db"', false],
      ['"postgresql://user:a${DB_PASSWORD}@host/db"', true],
      ['"postgresql://user:$${DB_PASSWORD}@host/db"', true],
    ] as const) {
      const plain = faultsOf(setting(path, written)).filter(({ message }) =>
        message.includes('in plain text'),
      );
      const expected = { severity: 'warning', place: { line: path.length } };
      // A key that is a secret by its name is one with any text.
      expect([written, plain]).toMatchObject([written, warned ? [expected] : []]);
      expect(JSON.stringify(plain)).not.toContain('secret@');
    }
  });

  it('is found in lists, open mappings and a workspace’s file as well', () => {
    const address = '"postgresql://user:secret@host/db"';
    for (const [text, line] of [
      [`flow:\n  files:\n    - a.yaml\n    - ${address}\n`, 4],
      [`bedrock:\n  model_mapping:\n    x: ${address}\n`, 3],
      [`compliance:\n  patterns: [${address}]\n`, 2],
    ] as const)
      expect(
        faultsOf(text).filter(({ message }) => message.includes('has a password in plain text')),
      ).toMatchObject([{ place: { line } }]);
    const workspace = faultsOf(`compliance:\n  patterns: [${address}]\n`, 'workspace');
    expect(workspace.map(({ message }) => message).join()).toContain('has a password in plain text');
  });
});

describe('an amount of money', () => {
  const amounts = settingKeys
    .map(({ path }) => path)
    .filter((path) => path.at(-1)?.endsWith('_usd'))
    .map((path) => [path, path.at(-1)?.startsWith('per_') ?? false] as const);

  it.each(amounts)('%j has at most six decimals', (path, open) => {
    const whole = open ? [...path, 'ada'] : path;
    for (const written of ['"0.0000001"', '"1.2345678"', '"0.000000000001"'])
      expect([
        written,
        faultsOf(setting(whole, written)).filter(({ severity }) => severity === 'error'),
      ]).toMatchObject([written, [{ severity: 'error', place: { line: whole.length } }]]);
    for (const written of ['"0.000001"', '0.000001', '"1.2300000000"', '0', '1000', '"0.50"'])
      expect([
        written,
        faultsOf(setting(whole, written)).filter(({ severity }) => severity === 'error'),
      ]).toEqual([written, []]);
    const [fault] = faultsOf(setting(whole, '"0.0000001"'));
    expect(fault?.message).toBe(
      `${whole.join('.')} must have at most 6 decimals, such as "0.000001"; the ledger counts in millionths of a dollar`,
    );
  });

  it('is the same in an agreement', () => {
    const text = 'agreements:\n  - cost_limit_usd: "0.0000001"\n';
    const { faults } = parseFlowFile('flow.yaml', text, 'user');
    expect(faults).toContainEqual(
      expect.objectContaining({
        message: expect.stringContaining('cost_limit_usd must have at most 6 decimals') as string,
        place: expect.objectContaining({ line: 2, column: 21 }) as object,
      }),
    );
  });

  it('may have more decimals where it is a price of a million tokens', () => {
    expect(faultsOf('prices: { m: { input: "0.0000001", output: "1" } }')).toEqual([]);
  });
});
