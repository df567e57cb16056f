import { describe, expect, it } from 'vitest';
import { hoverAt, nameLine, suggestionsAt } from '../../../src/workflow/workflowAssistance.ts';

/** The text without its `|`, and where that stood. */
function at(marked: string): [string, { line: number; character: number }] {
  const before = marked.slice(0, marked.indexOf('|')).split('\n');
  return [marked.replace('|', ''), { line: before.length - 1, character: before.at(-1)!.length }];
}

const suggested = (marked: string): string[] => suggestionsAt(...at(marked)).map(({ label }) => label);

const file = `name: Orders
inputs: { month: 11 }
steps:
  - id: read
    type: data_input
    config:
      source: orders.csv
  - id: rows
    type: nested
    steps:
      - id: large
        type: transform
        depends_on: [read]
        config:
          filter:
            field: total
`;

describe('what may be written in a workflow', () => {
  it('is the keys of both forms at first, and then those of the form that was begun', () => {
    expect(suggested('|')).toEqual(
      expect.arrayContaining(['name', 'steps', 'processing_steps', 'use_class']),
    );
    expect(suggested('data_source: x\n|')).not.toContain('steps');
    expect(suggested(`${file}|`)).not.toContain('processing_steps');
    expect(suggested(`${file}|`)).not.toContain('name');
  });

  it('is a step, or its keys that aren’t there yet, at every level', () => {
    expect(suggested(`${file}  - |`)[0]).toBe('step');
    expect(suggested(file.replace('        depends_on', '        |\n        depends_on'))).toEqual([
      'description',
      'steps',
      'idempotent',
    ]);
  });

  it('is what the step’s own type takes, inside sections too', () => {
    expect(suggested(file.replace('source: orders.csv', 'source: orders.csv\n      |'))).toEqual(['format']);
    expect(suggested(`${file}          |`)).toEqual(expect.arrayContaining(['select', 'join']));
    expect(suggested(`${file}          |`)).not.toContain('prompt');
    expect(suggested(`${file}            |`)).toEqual(['equals', 'not', 'above', 'below', 'contains']);
  });

  it('is a value where the words are known', () => {
    expect(suggested(file.replace('type: nested', 'type: |'))).toContain('ai_processing');
    expect(suggested(`${file}flow_agreements:\n  compliance_level: |`)).toContain('gdpr');
    expect(suggested(file.replace('type: nested', 'idempotent: |'))).toEqual(['true', 'false']);
    expect(suggested(file.replace('source: orders.csv', 'format: |'))).toEqual([
      'text',
      'json',
      'csv',
      'lines',
    ]);
  });

  it('is a step or an input where one is named', () => {
    expect(suggested(file.replace('[read]', '[|]'))).toEqual(['read', 'rows', 'large']);
    expect(suggested(file.replace('orders.csv', '"{{|"'))).toEqual([
      'read',
      'rows',
      'rows.large',
      'inputs.month',
    ]);
  });
});

describe('what the editor says of a workflow', () => {
  it('is the meaning of a key by its place, and what a type takes', () => {
    expect(hoverAt(...at(file.replace('filter:', 'fil|ter:')))?.markdown).toMatch(/Keeps the items/);
    expect(hoverAt(...at(file.replace('type: nested', 'ty|pe: nested')))?.markdown).toMatch(
      /What the step does/,
    );
    expect(hoverAt(...at(file.replace('data_input', 'data_|input')))?.markdown).toMatch(/`source`: File/);
    expect(hoverAt(...at(file.replace('orders.csv', 'ord|ers.csv')))).toBeNull();
  });

  it('stands above its name, in JSON too', () => {
    expect(nameLine('# ours\nname: A\n')).toBe(1);
    expect(nameLine('{\n  "name": "A"\n}')).toBe(1);
    expect(nameLine('')).toBe(0);
  });
});
