import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseFlowFile } from '../../src/flow/flowDocument.ts';
import { checkSettingsText, readSettingsText } from '../../src/settings/loadSettings.ts';
import { settingKeys } from '../../src/settings/schemaPaths.ts';
import { SettingsInvalid } from '../../src/settings/settingsDocument.ts';
import { YamlDocument } from '../../src/yamlDocument.ts';
import { temporaryFolder } from '../support/temporary.ts';

function errorsOf(yaml: string): string[] {
  return checkSettingsText('s.yaml', yaml, {}, 'user')
    .filter(({ severity }) => severity === 'error')
    .map(({ place, message }) => `${place?.line}:${place?.column} ${message}`);
}

/** Texts that YAML reads as another name. */
const misreadNames = [
  '0042',
  '1.0',
  '1e3',
  '0x1F',
  '0o17',
  '+1',
  '.5',
  '1.',
  '-0',
  '~',
  'null',
  'Null',
  'True',
  'FALSE',
  '.inf',
  '.nan',
  '9007199254740993',
];
/** Texts that stand for themselves. */
const plainNames = [
  '42',
  '-7',
  '1.5',
  'true',
  'false',
  'yes',
  'no',
  'on',
  '1_000',
  '2026-03-02',
  '10:30',
  'ada',
  '"0042"',
  "'~'",
  '"1.0"',
  '!!str 0042',
];

describe('a name in a settings file', () => {
  const records = [
    'budget: { per_user_usd: ',
    'budget: { per_model_usd: ',
    'prices: { x: ',
    'bedrock: { model_mapping: ',
    'models: { x: ',
  ];

  it.each(misreadNames)('%s is refused at its place, since YAML reads another one', (name) => {
    for (const record of records) {
      const [fault] = errorsOf(`${record}{ ${name}: 1 } }\n`);
      expect(fault).toMatch(
        new RegExp(`^1:${record.length + 3} YAML reads "${name.replace(/[.+]/g, '\\$&')}" as `),
      );
    }
  });

  it.each(plainNames)('%s is itself', (name) => {
    expect(errorsOf(`budget: { per_model_usd: { ${name}: 1 } }\n`)).toEqual([]);
  });

  it('stands once, however it is written', () => {
    expect(errorsOf('budget: { per_user_usd: { 42: 1, "42": 2 } }\n')[0]).toMatch(/^1:34 .*twice/);
    expect(errorsOf('budget: { per_user_usd: { [a]: 1 } }\n')[0]).toContain('must be a plain text');
  });
});

describe('an amount in a settings file', () => {
  it.each(['0x10', '0o17', '0010', '00.5', '9007199254740993', '0.12345678901234567890123', '.inf', '.nan'])(
    '%s is refused at its place',
    (amount) => {
      expect(errorsOf(`budget:\n  daily_limit_usd: ${amount}\n`)[0]).toMatch(
        /^2:(20 YAML reads |3 .* must )/,
      );
    },
  );

  it.each(['16', '0.5', '.5', '5.0', '1e3', '1.50', '+5', '"0010"'])('%s is what it says', (amount) => {
    expect(new YamlDocument('s.yaml', `x: ${amount}`).faults).toEqual([]);
  });
});

/** Values of each wrong YAML type. */
const values: Record<string, string> = {
  text: 'some text',
  number: '7.25',
  boolean: 'true',
  list: '[1]',
  mapping: '{ a: 1 }',
};

describe('every key of the settings with a value of the wrong type', () => {
  it.each(settingKeys.map((key) => [key.path.join('.'), key] as const))('%s', (name, { path }) => {
    const nested = (value: string): string =>
      path.reduceRight(
        (inner, key, depth) =>
          `${'  '.repeat(depth)}${key}:${depth === path.length - 1 ? ' ' : '\n'}${inner}`,
        value,
      );
    const refused = Object.entries(values).filter(([, value]) => {
      const faults = errorsOf(`${nested(value)}\n`);
      if (faults.length === 0) return false;
      expect(faults[0], `${name}: ${value}`).toMatch(new RegExp(`^${path.length}:`));
      expect(faults[0]).toContain(path.at(-1));
      expect(faults[0]).not.toMatch(/expected|received|invalid input|undefined|Zod/i);
      return true;
    });
    // Of five types, no key takes more than two: a text and a number where it is an amount.
    expect(refused.length, name).toBeGreaterThanOrEqual(3);
  });
});

describe('a parameter of an agreement', () => {
  const agreement = (parameter: string): string => `agreements:
  - trigger: "[Notes]"
    flow_encoding: "@release#notes!write@changes"
    expanded_meaning: Writes the notes.
    action: notes
    real_implementation: prompt
    parameters:
      version: ${parameter}
    prompt: { template: "Notes of {{version}}" }
`;

  it.each(['1.10', '1e3', '7', 'true', '"1.10"'])('is the text that stands in the file: %s', (text) => {
    const { agreements, faults } = parseFlowFile('flow.yaml', agreement(`{ default: ${text} }`), 'workspace');
    expect(faults).toEqual([]);
    expect(agreements[0]?.parameters[0]?.default).toBe(text.replaceAll('"', ''));
  });

  it.each(['0042', '0x10'])('is refused where YAML reads another: %s', (text) => {
    const { faults } = parseFlowFile('flow.yaml', agreement(`{ default: ${text} }`), 'workspace');
    expect(faults[0]).toMatchObject({ place: { line: 8 }, message: expect.stringContaining('YAML reads') });
  });
});

describe('a file that is not UTF-8', () => {
  it.each([
    [
      'Latin-1',
      Buffer.from('budget:\n  per_user_usd: { J\xf6rg: 1 }\n', 'latin1'),
      '2:20: this is not UTF-8: save',
    ],
    [
      'Windows-1252',
      Buffer.concat([Buffer.from('# a '), Buffer.from([0x93]), Buffer.from('\n')]),
      '1:5: this is not UTF-8: save',
    ],
    ['UTF-16, little', Buffer.from('\ufeffbudget: {}\n', 'utf16le'), '1:1: this is not UTF-8 but UTF-16'],
    [
      'UTF-16, big',
      Buffer.from('\ufeffbudget: {}\n', 'utf16le').swap16(),
      '1:1: this is not UTF-8 but UTF-16',
    ],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), '1:1: this is not UTF-8 but UTF-32'],
    ['cut in a character', Buffer.from('a: ö').subarray(0, 4), '1:4: this is not UTF-8: save'],
  ])('%s is refused with its line', async (_name, bytes, message) => {
    const file = join(temporaryFolder(), 'settings.yaml');
    writeFileSync(file, bytes);
    const error = await readSettingsText(file).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SettingsInvalid);
    expect((error as SettingsInvalid).message).toContain(`${file}:${message}`);
  });

  it('with a byte order mark of UTF-8 is read', async () => {
    const file = join(temporaryFolder(), 'settings.yaml');
    writeFileSync(file, '\ufeffbudget: { daily_limit_usd: 5 }\n');
    expect(errorsOf(await readSettingsText(file))).toEqual([]);
  });
});
