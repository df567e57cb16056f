import { describe, expect, test } from 'vitest';
import { parseSignature, readSignature, type Signature } from '../../../../src/chat/structured/signature.ts';

function outputs(line: string): unknown {
  return (parseSignature(line).outputs.schema as { properties: unknown }).properties;
}

async function read(text: string): Promise<Signature> {
  const signature = await readSignature('s.yaml', text);
  if (Array.isArray(signature)) throw new Error(signature.map(({ message }) => message).join('\n'));
  return signature;
}

async function faults(text: string): Promise<string[]> {
  const signature = await readSignature('s.yaml', text);
  if (!Array.isArray(signature)) throw new Error('no fault');
  return signature.map(({ message, place }) => `${place?.line}:${place?.column} ${message}`);
}

describe('a signature in one line', () => {
  test.each([
    ['a text by default', 'q -> a', { a: { type: 'string' } }],
    [
      'short names',
      'q -> a: int, b: float, c: bool, d: str',
      {
        a: { type: 'integer' },
        b: { type: 'number' },
        c: { type: 'boolean' },
        d: { type: 'string' },
      },
    ],
    [
      'lists both ways',
      'q -> a: string[], b: list[list[int]]',
      {
        a: { type: 'array', items: { type: 'string' } },
        b: { type: 'array', items: { type: 'array', items: { type: 'integer' } } },
      },
    ],
    [
      'choices',
      'q -> a: "x, y" | "z", b: Literal[\'m\', \'n\']',
      {
        a: { type: 'string', enum: ['x, y', 'z'] },
        b: { type: 'string', enum: ['m', 'n'] },
      },
    ],
    ['a date', 'q -> day: date', { day: { type: 'string', format: 'date' } }],
  ])('has %s', (_name, line, expected) => {
    expect(outputs(line)).toEqual(expected);
  });

  test('requires every field without a question mark', () => {
    expect(parseSignature('q, context: string[]? -> a, b: int?')).toMatchObject({
      inputs: { names: ['q', 'context'], schema: { required: ['q'] } },
      outputs: { names: ['a', 'b'], schema: { required: ['a'], additionalProperties: false } },
    });
  });

  test.each([
    ['question', 'has no arrow'],
    ['a -> b -> c', 'has no arrow'],
    ['q -> ', 'has a field ""'],
    ['q -> a: strin', 'has an unknown type "strin" for a'],
    ['q -> a: "x" | "x"', 'has an unknown type'],
    ['q -> a, a', 'has two fields named a'],
    ['q -> 1st', 'has a field "1st"'],
    ['q -> __proto__: string', 'has a field "__proto__"'],
    ['q -> a: "constructor', 'has an unknown type'],
    ['q -> a: constructor', 'has an unknown type'],
  ])('%s is refused with what is wrong', (line, message) => {
    expect(() => parseSignature(line)).toThrow(message);
  });
});

describe('a signature in a file', () => {
  test('has instructions, descriptions, limits and nested fields', async () => {
    const {
      name,
      instructions,
      inputs,
      outputs: out,
    } = await read(`
name: triage
instructions: Sort the ticket.
inputs:
  ticket: string
outputs:
  label: '"bug" | "feature"'
  priority: { type: integer, minimum: 1, maximum: 5, description: 1 is worst }
  people:
    items:
      properties: { name: string, mail: { type: string, optional: true } }
`);
    expect({ name, instructions, inputs: inputs.names }).toEqual({
      name: 'triage',
      instructions: 'Sort the ticket.',
      inputs: ['ticket'],
    });
    const good = { label: 'bug', priority: 2, people: [{ name: 'Ada' }] };
    expect(out.check.safeParse(good).success).toBe(true);
    for (const bad of [
      { ...good, label: 'other' },
      { ...good, priority: 6 },
      { ...good, people: [{ mail: 'x' }] },
      { ...good, more: 1 },
    ])
      expect(out.check.safeParse(bad).success).toBe(false);
  });

  test('is refused at the line of each fault', async () => {
    expect(
      await faults('inputs: { q: string }\noutputs:\n  a: strin\n  b: { type: int, minimun: 3 }\n  c: 7\n'),
    ).toEqual([
      expect.stringMatching(/^3:6 outputs\.a is no type: "strin"/),
      expect.stringMatching(/^4:19 outputs\.b\.minimun is no property of a field/),
      expect.stringMatching(/^5:6 outputs\.c must be a type/),
    ]);
    expect((await faults('inputs: { q: string }\noutput: { a: string }\n')).join('\n')).toMatch(
      /outputs must be|unknown keys: output/,
    );
    expect(await faults('inputs: {}\noutputs: { a: string }\n')).toEqual([
      expect.stringContaining('must name at least one field'),
    ]);
    expect(await faults('a: [')).toHaveLength(1);
  });

  test('has patterns, which are checked in time that grows with the text alone', async () => {
    const { outputs: out } = await read(
      'inputs: { q: string }\noutputs:\n  a: { type: string, pattern: "^(a+)+$" }\n  b: { items: { type: string, pattern: "\\\\d-é" } }\n  c: { type: string, pattern: "^(x|y)", optional: true }\n',
    );
    const check = (value: object): unknown =>
      out.check.safeParse(value).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
    expect(check({ a: 'aaa', b: ['see 1-é', '2-é'] })).toBeUndefined();
    expect(check({ a: `${'a'.repeat(9_000)}!`, b: ['1-é', '1-e'], c: 'z' })).toEqual([
      'a must match ^(a+)+$',
      'b.1 must match \\d-é',
      'c must match ^(x|y)',
    ]);
    expect(check({ a: 'a'.repeat(10_001), b: [] })).toEqual(['a must match ^(a+)+$']);
  });

  test.each([
    ['{ type: string, pattern: "(a)\\\\1" }', "a.pattern can't be used: error parsing regexp"],
    ['{ type: string, pattern: "(?=a)b" }', "a.pattern can't be used: error parsing regexp"],
    ['{ type: string, pattern: "(" }', "a.pattern can't be used: error parsing regexp"],
    ['{ type: string, pattern: 7 }', 'a.pattern must be a regular expression'],
    ['{ type: int, minimum: 9, maximum: 1 }', 'a.minimum leaves no number'],
    ['{ type: number, exclusiveMinimum: 1, maximum: 1 }', 'a.maximum leaves no number'],
    ['{ type: int, minimum: 1.2, maximum: 1.8 }', 'a.minimum leaves no number'],
    ['{ type: int, minimum: 1, maximum: 4, multipleOf: 5 }', 'a.minimum leaves no number'],
    ['{ type: int, minimum: "x" }', 'a.minimum must be a number'],
    ['{ type: int, multipleOf: 0 }', 'a.multipleOf must be a number above 0'],
    ['{ type: string, minLength: -1 }', 'a.minLength must be a whole number from 0'],
    ['{ type: string, minLength: 3, maxLength: 2 }', 'a.minLength is above maxLength'],
    ['{ type: "string[]", minItems: 3, maxItems: 2 }', 'a.minItems is above maxItems'],
    ['{ type: string, minimum: 1 }', 'a.minimum does not go with this type'],
    ['{ type: int, pattern: x }', 'a.pattern does not go with this type'],
    ['{ type: string, format: nonsense }', 'a.format must be one of date, date-time'],
    ['{ type: string, enum: [] }', 'a.enum must be a list of different texts or numbers'],
    ['{ type: int, enum: [1, 1] }', 'a.enum must be a list of different texts or numbers'],
    ['{ type: int, enum: [1, x] }', 'a.enum has a value that does not fit the field'],
    ['{ type: string, maxLength: 2, enum: [a, abc] }', 'a.enum has a value that does not fit the field'],
  ])('is refused for a limit that no answer can be checked for: %s', async (field, message) => {
    expect(await faults(`inputs: { q: string }\noutputs: { a: ${field} }\n`)).toEqual([
      expect.stringContaining(message),
    ]);
  });

  test.each([
    '{ type: int, minimum: 1, maximum: 1 }',
    '{ type: number, exclusiveMinimum: 1, exclusiveMaximum: 2 }',
    '{ type: number, minimum: 0.3, maximum: 0.3, multipleOf: 0.1 }',
    '{ type: int, minimum: 5, maximum: 9, multipleOf: 5 }',
    '{ type: date, enum: ["2026-01-01"] }',
    '{ type: "string[]", minItems: 1, maxItems: 1 }',
    '{ type: string, format: email, maxLength: 90 }',
  ])('may have the limit %s', async (field) => {
    expect((await read(`inputs: { q: string }\noutputs: { a: ${field} }\n`)).outputs.names).toEqual(['a']);
  });
});
