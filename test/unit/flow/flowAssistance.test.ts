import { describe, expect, it } from 'vitest';
import { agreementPlaces, hoverAt, suggestionsAt } from '../../../src/flow/flowAssistance.ts';

/** The text without its `|`, and where that stood. */
function at(marked: string): [string, { line: number; character: number }] {
  const before = marked.slice(0, marked.indexOf('|')).split('\n');
  return [marked.replace('|', ''), { line: before.length - 1, character: before.at(-1)!.length }];
}

const suggested = (marked: string): string[] => suggestionsAt(...at(marked)).map(({ label }) => label);

const file = `# ours
agreements:
  - trigger: "[Team Costs]"
    flow_encoding: "@cost#analysis!report@team"
    action: team_costs
    real_implementation: performance_test
    parameters:
      calls: 5
      ~
  - trigger: "[Notes]"
    real_implementation: prompt
    ~
    prompt:
      template: Hello
      ~
    parameters:
      topic:
        ~
  ~
`;
/** The file with a text at one of its marks, the cursor behind it, and without the other marks. */
const marked = (index: number, text: string): string =>
  file
    .split('~')
    .map((part, at) => (at === 0 ? part : `${at - 1 === index ? `${text}|` : ''}${part}`))
    .join('');

describe('what may be written in a flow.yaml', () => {
  it('is the list of agreements at first', () => {
    expect(suggested('|')).toEqual(['agreements']);
    expect(suggested('agreements: []\n|')).toEqual([]);
  });

  it('is a whole agreement where one begins', () => {
    expect(suggested('agreements:\n  |')).toEqual(['agreement']);
    expect(suggested(marked(4, ''))).toEqual(['agreement']);
    const [text, position] = at('agreements:\n  - |');
    const [whole, ...keys] = suggestionsAt(text, position);
    expect(whole!.insert).toContain('trigger: "[${1:Release Notes}]"\n  flow_encoding: "@${2:release}');
    expect(keys.map(({ label }) => label)).toContain('trigger');
    expect(suggested('agreements:\n- |')[0]).toBe('agreement');
  });

  it('is each key of an agreement that isn’t there yet, and what belongs to its implementation', () => {
    const keys = suggested(marked(1, 'fa'));
    expect(keys).toContain('fallback');
    expect(keys).not.toContain('trigger');
    expect(keys).not.toContain('prompt');
    expect(keys).not.toContain('shell');
    expect(suggested('agreements:\n  - trigger: "[A]"\n    |')).toEqual(
      expect.arrayContaining(['prompt', 'shell', 'flow_encoding']),
    );
  });

  it('is what the parts of an agreement take', () => {
    expect(suggested(marked(0, ''))).toEqual([
      ...['model', 'max_tokens', 'first_token_limit_ms', 'latency_limit_ms'],
    ]);
    expect(suggested(marked(2, ''))).toEqual(['system', 'model', 'max_tokens', 'temperature']);
    expect(suggested(marked(3, ''))).toEqual([
      'type',
      'description',
      'default',
      'minimum',
      'maximum',
      'values',
    ]);
    expect(suggested(marked(0, 'model:\n        '))).toEqual(['default']);
  });

  it('is the values of a key', () => {
    expect(suggested(marked(1, 'real_implementation: c'))).toEqual(
      expect.arrayContaining(['cost_analysis', 'prompt', 'shell']),
    );
    expect(suggested(marked(1, 'fallback: '))).toContain('null');
    expect(suggested(marked(1, 'fallback: '))).not.toContain('prompt');
    expect(suggested(marked(1, 'concurrent: '))).toEqual(['true', 'false']);
    expect(suggested(marked(3, 'type: '))).toEqual(['text', 'integer', 'number', 'boolean', 'choice']);
    expect(suggested(marked(1, 'expanded_meaning: '))).toEqual([]);
    const security = 'agreements:\n  - real_implementation: security_test\n    parameters:\n      ';
    expect(suggested(`${security}scan_workspace: |`)).toEqual(['true', 'false']);
  });

  it('is nothing in a text, a comment or brackets', () => {
    expect(suggested(marked(1, 'expanded_meaning: some wo'))).toEqual([]);
    expect(suggested('# agr|')).toEqual([]);
    expect(suggested('agreements: [{ tr|')).toEqual([]);
  });
});

describe('what is said of a part of a flow.yaml', () => {
  const hover = (line: number, character: number) => hoverAt(file.replaceAll('~', ''), { line, character });

  it('is the meaning and the default of a key', () => {
    expect(hover(2, 6)).toEqual({
      markdown: 'Command that runs the agreement, in brackets.',
      line: 2,
      start: 4,
      end: 11,
    });
    expect(hoverAt('agreements:\n  - fallback: null', { line: 1, character: 5 })!.markdown).toContain(
      '`null`',
    );
    expect(hover(7, 7)!.markdown).toBe('Calls to make, one after another. (integer, 1 to 500; default `20`)');
    expect(hover(13, 8)!.markdown).toContain('{{name}} is replaced by a parameter');
  });

  it('is the four parts of an encoding', () => {
    const { markdown, start, end } = hover(3, 30)!;
    expect(markdown).toBe('- domain: `cost`\n- operation: `analysis`\n- action: `report`\n- target: `team`');
    expect(file.split('\n')[3]!.slice(start, end)).toBe('@cost#analysis!report@team');
  });

  it('is what an implementation does, and its parameters', () => {
    expect(hover(5, 30)!.markdown).toMatch(/^\*\*Performance Test\*\*\n\n- `model`: Model to call/);
    expect(hover(10, 30)!.markdown).toContain('governed call');
  });

  it('is nothing elsewhere', () => {
    for (const [line, character] of [
      [0, 3],
      [2, 20],
      [4, 20],
      [99, 0],
    ] as const)
      expect(hover(line, character)).toBeNull();
  });
});

describe('the agreements of a file', () => {
  it('have their lines, also those with faults', () => {
    const text = file.replaceAll('~', '');
    expect(agreementPlaces(text)).toEqual([
      { id: 'team_costs', trigger: '[Team Costs]', line: 2, endLine: 9 },
      { id: null, trigger: '[Notes]', line: 9, endLine: Infinity },
    ]);
    expect(agreementPlaces('agreements: [')).toEqual([]);
    expect(agreementPlaces('agreements: [~, 3]')).toHaveLength(2);
  });
});
