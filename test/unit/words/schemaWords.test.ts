import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { parseFlowFile } from '../../../src/flow/flowDocument.ts';
import { schemaWords } from '../../../src/schemaWords.ts';
import { checkSettingsText } from '../../../src/settings/loadSettings.ts';
import { settingKeys } from '../../../src/settings/schemaPaths.ts';

/** How the library would have said it. */
const foreign =
  /invalid (?:input|option|key|element)|, received|too (?:big|small)|[<>]=|regex|pattern \/|undefined|NaN/i;

type Code = z.core.$ZodIssue['code'];

/** A schema and a value for each code of issue, and what is said of it. */
const issues: Readonly<Record<Code, readonly [z.ZodType, unknown, string][]>> = {
  invalid_type: [
    [z.string(), 5, 'must be a text'],
    [z.number(), 'x', 'must be a number'],
    [z.number(), Number.NaN, 'must be a number'],
    [z.int(), 1.5, 'must be a whole number'],
    [z.boolean(), 'yes', 'must be true or false'],
    [z.array(z.string()), 'x', 'must be a list'],
    [z.object({}), [], 'must be a mapping'],
    [z.record(z.string(), z.string()), 1, 'must be a mapping'],
    [z.null(), 1, 'must be empty'],
    [z.bigint(), 1, 'must be a value of another kind'],
  ],
  too_big: [
    [z.number().max(1), 2, 'must be at most 1'],
    [z.number().lt(1), 2, 'must be below 1'],
    [z.int().max(3), 4, 'must be at most 3'],
    [z.string().max(1), 'ab', 'must have at most 1 character'],
    [z.array(z.number()).max(2), [1, 2, 3], 'must have at most 2 items'],
  ],
  too_small: [
    [z.number().min(1), 0, 'must be at least 1'],
    [z.number().gt(0), 0, 'must be above 0'],
    [z.string().min(2), 'a', 'must have at least 2 characters'],
    [z.array(z.number()).min(1), [], 'must have at least 1 item'],
  ],
  invalid_format: [
    [z.url(), 'x', 'must be a web address'],
    [z.string().regex(/^a$/), 'x', 'has an invalid format'],
  ],
  not_multiple_of: [[z.number().multipleOf(5), 4, 'must be a multiple of 5']],
  unrecognized_keys: [[z.strictObject({}), { a: 1 }, 'has unknown keys: a']],
  invalid_union: [
    [z.union([z.string(), z.number()]), true, 'must be a text or a number'],
    [z.union([z.string().min(2), z.string().min(3)]), 'a', 'must have at least 2 characters'],
  ],
  invalid_key: [
    [z.record(z.string().min(2), z.number()), { a: 1 }, 'is a name that must have at least 2 characters'],
  ],
  invalid_element: [
    [z.map(z.object({}), z.number()), new Map([[{}, 'x']]), 'has a value that must be a number'],
  ],
  invalid_value: [
    [z.enum(['a', 'b']), 'c', 'must be one of a, b'],
    [z.literal('a'), 'b', 'must be a'],
  ],
  custom: [[z.string().refine(() => false), 'x', 'can’t have this value']],
};

describe('what a value must be is said in our words', () => {
  const cases = Object.entries(issues).flatMap(([code, list]) => list.map((one) => [code, ...one] as const));

  it.each(cases)('%s, %#', (code, schema, value, said) => {
    const [issue] = schema.safeParse(value, { error: schemaWords }).error?.issues ?? [];
    expect(issue).toMatchObject({ code, message: said });
    expect(said).not.toMatch(foreign);
  });

  const wrong = [
    '5',
    '-1',
    '0.5',
    '99999999',
    'true',
    'null',
    '.nan',
    '.inf',
    '"x"',
    '""',
    '[]',
    '[x, 7]',
    '{}',
    '{ "": 5 }',
    '{ a: [] }',
  ];
  const names = settingKeys.map(({ path }) => path);

  it.each(names)('for every setting with a value of another kind: %s.%s', (...keys) => {
    for (const value of wrong) {
      const path = keys.filter((key) => typeof key === 'string');
      const text = `${path.map((key, depth) => `${'  '.repeat(depth)}${key}:`).join('\n')} ${value}\n`;
      for (const { message } of checkSettingsText('settings.yaml', text, {}, 'user')) {
        expect([text, message]).toEqual([text, expect.not.stringMatching(foreign)]);
        expect([text, message]).toEqual([text, expect.stringMatching(/must|unknown|can’t|is |has /)]);
      }
    }
  });

  it.each(wrong)('for every key of an agreement with %s', (value) => {
    const keys = [
      'trigger',
      'flow_encoding',
      'expanded_meaning',
      'action',
      'real_implementation',
      'fallback',
    ];
    const others = ['parameters', 'expected_output', 'confidence_threshold', 'phrases', 'cost_limit_usd'];
    const rest = ['time_limit_seconds', 'concurrent', 'prompt', 'shell'];
    for (const key of [...keys, ...others, ...rest]) {
      const { faults } = parseFlowFile('flow.yaml', `agreements:\n  - ${key}: ${value}\n`, 'user');
      for (const { message } of faults)
        expect([key, message]).toEqual([key, expect.not.stringMatching(foreign)]);
    }
  });

  it('says the bound of an alert', () => {
    const [fault] = checkSettingsText('settings.yaml', 'budget: { alerts: [0.5, 7] }', {}, 'user');
    expect(fault?.message).toBe('budget.alerts.1 must be at most 1');
  });
});
