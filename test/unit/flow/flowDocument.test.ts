import { describe, expect, it } from 'vitest';
import { parseFlowFile } from '../../../src/flow/flowDocument.ts';
import { faultText } from '../../../src/yamlDocument.ts';
import { malformedFlowFiles } from './fixtures/malformedFlowFiles.ts';

const complete = `
agreements:
  - trigger: "[Team Costs]"
    flow_encoding: "@cost#analysis!report@team"
    expanded_meaning: What the team spent.
    action: team_costs
    real_implementation: cost_analysis
    fallback: budget_summary
    parameters: { days: 14 }
    phrases: [what the team spent]
    cost_limit_usd: 0.25
    time_limit_seconds: 60
    concurrent: true
    confidence_threshold: 0.9
    expected_output: A table.
  - trigger: "[Long Performance Test]"
    flow_encoding: "@performance#test!soak@gateway_chain"
    expanded_meaning: Many calls.
    action: soak
    real_implementation: performance_test
    parameters: { calls: { default: 200 }, model: claude-haiku }
  - trigger: "[Release Notes]"
    flow_encoding: "@release#notes!write@changes"
    expanded_meaning: Write the notes of a release.
    action: release_notes
    real_implementation: prompt
    parameters:
      version: { description: Version to write about }
      tone: { type: choice, values: [plain, proud], default: plain }
    prompt:
      template: |
        Write the notes of {{version}}.
        The tone is {{tone}}.
      max_tokens: 2000
  - trigger: "[Changes]"
    flow_encoding: "@git#log!list@changes"
    expanded_meaning: List the changes.
    action: changes
    real_implementation: shell
    parameters: { since: { type: text, default: v1 } }
    shell: { command: 'git log "$FLOW_SINCE"..', directory: docs }
`;

describe('a flow file', () => {
  it('gives its agreements with what they leave out filled in', () => {
    const { agreements, faults } = parseFlowFile('flow.yaml', complete, 'workspace');
    expect(faults).toEqual([]);
    const [costs, soak, notes, changes] = agreements;
    expect(costs).toMatchObject({
      id: 'team_costs',
      flowEncoding: { domain: 'cost', operation: 'analysis', action: 'report', target: 'team' },
      fallback: 'budget_summary',
      parameters: [],
      fixed: { days: 14 },
      costLimit: 250_000n,
      timeLimitSeconds: 60,
      concurrent: true,
      source: { kind: 'workspace', file: 'flow.yaml', line: 3, column: 5 },
    });
    expect(soak!.fixed).toEqual({ model: 'claude-haiku' });
    expect(soak!.parameters[0]).toMatchObject({ name: 'calls', type: 'integer', default: 200, maximum: 500 });
    expect(soak).toMatchObject({
      fallback: null,
      confidenceThreshold: 0.8,
      costLimit: 1_000_000n,
      phrases: [],
    });
    expect(notes!.prompt).toEqual({
      template: 'Write the notes of {{version}}.\nThe tone is {{tone}}.\n',
      system: null,
      model: null,
      maxTokens: 2000,
      temperature: 0.2,
    });
    expect(notes!.parameters[0]).toMatchObject({ name: 'version', type: 'text', default: null });
    expect(changes!.shell).toEqual({ command: 'git log "$FLOW_SINCE"..', directory: 'docs' });
  });

  it.each(['', '# nothing yet\n', 'agreements:\n', 'agreements: []\n'])('may be without any: %j', (text) => {
    expect(parseFlowFile('flow.yaml', text, 'user')).toEqual({ agreements: [], faults: [] });
  });

  it.each(malformedFlowFiles)('with $name says so at $line:$column', ({ text, line, column, message }) => {
    const { faults } = parseFlowFile('flow.yaml', text, 'user');
    expect(faults.map(faultText)).toEqual([expect.stringContaining(message)]);
    expect(faults[0]!.place).toMatchObject({ file: 'flow.yaml', line, column });
  });

  it('says all that is wrong at once, and keeps the agreements without an error', () => {
    const text = complete
      .replace('days: 14', 'days: none')
      .replace('concurrent: true', 'concurrent: 1')
      .replace('{{tone}}', '{{mood}}')
      .replace('directory: docs', 'directory: ..');
    const { agreements, faults } = parseFlowFile('flow.yaml', text, 'user');
    expect(faults.map(({ severity, place }) => `${severity} ${place!.line}:${place!.column}`)).toEqual([
      'error 9:25',
      'error 13:17',
      'warning 29:7',
      'error 33:21',
      'error 41:61',
    ]);
    expect(agreements.map(({ id }) => id)).toEqual(['soak']);
  });

  it('marks just the characters that are wrong', () => {
    const text = complete.replace('{{tone}}', '{{mood}}');
    const [, fault] = parseFlowFile('flow.yaml', text, 'user').faults;
    expect(fault!.place).toMatchObject({ line: 33, column: 21, endLine: 33, endColumn: 29 });
  });

  it('reads no environment variables', () => {
    const text = complete.replace('A table.', '"${HOME}"');
    expect(parseFlowFile('flow.yaml', text, 'user').agreements[0]!.expectedOutput).toBe('${HOME}');
  });

  it('has another definition hash when the wording changes, and the same one when only its place does', () => {
    const hashes = (text: string) =>
      parseFlowFile('flow.yaml', text, 'user').agreements.map(({ definitionSha256 }) => definitionSha256);
    const before = hashes(complete);
    expect(hashes(`# moved\n${complete}`)).toEqual(before);
    expect(
      hashes(complete.replace('The tone', 'Its tone')).map((hash, index) => hash === before[index]),
    ).toEqual([true, true, false, true]);
    expect(before.every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
  });

  const wrong = Array.from({ length: 300 }, (_, index) => `wrong_${index}`);
  it.each([
    ['references', complete.replace('{{tone}}', wrong.map((name) => `{{${name}}}`).join(' '))],
    ['keys', complete.replace('concurrent: true', wrong.map((name) => `${name}: 1`).join('\n    '))],
    ['agreements', `agreements: [${wrong.join(', ')}]`],
    ['aliases', wrong.map((name) => `${name}: *${name}`).join('\n')],
  ])('with hundreds of wrong %s names 200 faults, and says that there are more', (_kind, text) => {
    const { faults } = parseFlowFile('flow.yaml', text, 'user');
    expect(faults).toHaveLength(201);
    expect(faults.at(-1)!.message).toBe('more than 200 faults: the rest of the file is left out');
  });

  it.each(['['.repeat(20_000), '{a: '.repeat(5000), '['.repeat(2000) + ']'.repeat(2000)])(
    'that is nested too deeply is told so once',
    (nested) => {
      const { faults } = parseFlowFile('flow.yaml', `agreements: ${nested}`, 'user');
      expect(faults.map(({ message }) => message)).toEqual(['the file is nested too deeply']);
    },
  );

  it('is refused, not followed, where it is nested beyond measure or made of aliases', () => {
    const deep = `agreements: ${'['.repeat(20_000)}`;
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
      .concat(
        'bcdefghi'.split('').map((name, index) => {
          const before = 'abcdefghi'[index]!;
          return `${name}: &${name} [${new Array(9).fill(`*${before}`).join(', ')}]`;
        }),
      )
      .join('\n');
    for (const text of [deep, bomb])
      expect(parseFlowFile('flow.yaml', text, 'user').faults.length).toBeGreaterThan(0);
  });
});
