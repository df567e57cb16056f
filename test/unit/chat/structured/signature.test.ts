import { describe, expect, test } from 'vitest';
import { parseSignature, readSignature, type Signature } from '../../../../src/chat/structured/signature.ts';

function outputs(line: string): unknown {
  return (parseSignature(line).outputs.schema as { properties: unknown }).properties;
}

function read(text: string): Signature {
  const signature = readSignature('s.yaml', text);
  if (Array.isArray(signature)) throw new Error(signature.map(({ message }) => message).join('\n'));
  return signature;
}

function faults(text: string): string[] {
  const signature = readSignature('s.yaml', text);
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
    ['q -> a: "constructor', 'has an unknown type'],
    ['q -> a: constructor', 'has an unknown type'],
  ])('%s is refused with what is wrong', (line, message) => {
    expect(() => parseSignature(line)).toThrow(message);
  });
});

describe('a signature in a file', () => {
  test('has instructions, descriptions, limits and nested fields', () => {
    const {
      name,
      instructions,
      inputs,
      outputs: out,
    } = read(`
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

  test('is refused at the line of each fault', () => {
    expect(
      faults('inputs: { q: string }\noutputs:\n  a: strin\n  b: { type: int, minimun: 3 }\n  c: 7\n'),
    ).toEqual([
      expect.stringMatching(/^3:6 outputs\.a is no type: "strin"/),
      expect.stringMatching(/^4:19 outputs\.b\.minimun is no property of a field/),
      expect.stringMatching(/^5:6 outputs\.c must be a type/),
    ]);
    expect(faults('inputs: { q: string }\noutput: { a: string }\n').join('\n')).toMatch(
      /outputs must be|unknown keys: output/,
    );
    expect(faults('inputs: {}\noutputs: { a: string }\n')).toEqual([
      expect.stringContaining('must name at least one field'),
    ]);
    expect(faults('a: [')).toHaveLength(1);
  });
});
