import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FlowAgreement } from '../../../src/flow/agreement.ts';
import { defaultAgreements, namesOfDefaults } from '../../../src/flow/defaultAgreements.ts';
import { formatFlowEncoding } from '../../../src/flow/flowEncoding.ts';
import { parseFlowFile } from '../../../src/flow/flowDocument.ts';
import { Matcher } from '../../../src/flow/matching.ts';
import { notMatched } from '../../../src/flow/notMatched.ts';
import { testSeed } from '../../support/random.ts';
import { labelledCommands, teamAgreements } from './fixtures/labelledCommands.ts';

const agreements: readonly FlowAgreement[] = [
  ...defaultAgreements,
  ...parseFlowFile('flow.yaml', teamAgreements, 'workspace').agreements,
];
const matcher = new Matcher(agreements);

function withOneMistake(text: string): fc.Arbitrary<string> {
  return fc
    .record({
      at: fc.integer({ min: 0, max: text.length - 1 }),
      letter: fc.stringMatching(/^[a-z]$/),
      kind: fc.constantFrom('insert', 'delete', 'replace', 'swap'),
    })
    .map(({ at, letter, kind }) => {
      const [before, after] = [text.slice(0, at), text.slice(at)];
      switch (kind) {
        case 'insert':
          return before + letter + after;
        case 'delete':
          return before + after.slice(1);
        case 'replace':
          return before + letter + after.slice(1);
        default:
          return before + after.slice(1, 2) + after.slice(0, 1) + after.slice(2);
      }
    });
}

describe('matching a command', () => {
  it('takes every trigger, phrase and encoding for its own agreement, with confidence 1', () => {
    for (const agreement of agreements) {
      const { trigger, phrases, flowEncoding } = agreement;
      for (const text of [trigger, trigger.slice(1, -1), ...phrases, formatFlowEncoding(flowEncoding)])
        expect([text, matcher.match(text)]).toMatchObject([
          text,
          { agreement, confidence: 1, ambiguous: false },
        ]);
    }
  });

  it.each([
    ['@performance#test!benchmark@dspy_operations', 'performance_benchmark'],
    ['@cost#analysis!track@dspy_operations', 'cost_analysis'],
    ['@error#analysis!identify@dspy_failures', 'error_analysis'],
    ['@integration#test!validate@dspy_components', 'integration_test'],
    ['@scalability#test!load@dspy_system', 'scalability_test'],
    ['@security#test!audit@dspy_security', 'security_test'],
  ])('takes %s of the Python package for %s, and nothing that is only like it', (encoding, id) => {
    for (const text of [encoding, ` ${encoding.toUpperCase()} `, `${encoding} days=7`])
      expect(matcher.match(text)).toMatchObject({ agreement: { id }, confidence: 1 });
    for (const text of [`${encoding}s`, encoding.replace('!', '!not_'), encoding.replace('dspy', 'team')])
      expect(matcher.match(text).agreement).toBeNull();
  });

  it('lets no file take an earlier encoding of what is built in', () => {
    const encodings = defaultAgreements.flatMap(({ earlierEncodings }) => earlierEncodings);
    // The compliance report came later.
    expect(encodings).toHaveLength(defaultAgreements.length - 1);
    for (const encoding of encodings) {
      const file = teamAgreements.replace(/flow_encoding: .*/, `flow_encoding: '${encoding}'`);
      const { faults } = parseFlowFile('flow.yaml', file, 'workspace', namesOfDefaults());
      expect(faults.map(({ message }) => message).join()).toContain('is built in');
    }
  });

  it('takes name=value for parameters', () => {
    const match = matcher.match(
      `[Cost Analysis] days=7 Model="two words" note='it''s' empty= quote="a \\"b\\""`,
    );
    expect(match.parameters).toEqual({ days: '7', model: 'two words', empty: '', quote: 'a "b"' });
    expect(matcher.match('cost analysis days=7 by="team a"')).toMatchObject({
      agreement: { id: 'cost_analysis' },
      confidence: 1,
      parameters: { days: '7', by: 'team a' },
    });
  });

  it('runs nothing for a command with words it can’t account for', () => {
    const { agreement, nearest } = matcher.match('[Cost Analysis] note="not closed');
    expect(agreement).toBeNull();
    expect(nearest[0]!.agreement.id).toBe('cost_analysis');
  });

  it('runs nothing under the threshold of the agreement, and offers up to three, best first', () => {
    const match = matcher.match('[Performance Tset]');
    expect(match.agreement?.id).toBe('performance_benchmark');
    const strict = agreements.map((one) => ({ ...one, confidenceThreshold: 1 }));
    const strictMatch = new Matcher(strict).match('[Performance Tset]');
    expect(strictMatch).toMatchObject({ agreement: null, confidence: match.confidence, ambiguous: false });
    expect(strictMatch.nearest.length).toBeGreaterThan(1);
    expect(strictMatch.nearest.length).toBeLessThanOrEqual(3);
    const confidences = strictMatch.nearest.map(({ confidence }) => confidence);
    expect(confidences).toEqual(confidences.toSorted((a, b) => b - a));
    expect(confidences.every((one) => one <= 1 && Number.isInteger(Math.round(one * 1e6) / 1000))).toBe(true);
  });

  it('offers what comes to 0.3 or more, three at most, and says so where nothing does', () => {
    const commands = Object.values(labelledCommands).flatMap((list) => list.map(([text]) => text));
    const offered = new Set<number>();
    for (const text of [...commands, 'order a pizza', 'xyzzy', 'cost']) {
      const match = matcher.match(text);
      offered.add(match.nearest.length);
      expect(match.nearest.length).toBeLessThanOrEqual(3);
      for (const { confidence } of match.nearest) expect(confidence).toBeGreaterThanOrEqual(0.3);
      const { hint } = notMatched(text, match);
      if (match.nearest.length === 0) expect(hint).toBe('See "tidyllm flow list".');
      else for (const { agreement } of match.nearest) expect(hint).toContain(agreement.trigger);
    }
    expect(offered).toEqual(new Set([0, 1, 2, 3]));
  });

  it('runs neither of two that match about as well', () => {
    const [first, second] = agreements;
    const twins = new Matcher([
      { ...first!, id: 'one', trigger: '[Nightly Quality Report]', phrases: [] },
      { ...second!, id: 'two', trigger: '[Report Quality Nightly]', phrases: [] },
    ]);
    const match = twins.match('quality nightly report');
    expect(match).toMatchObject({ agreement: null, ambiguous: true });
    expect(match.nearest).toHaveLength(2);
    expect(twins.match('[Nightly Quality Report]').agreement?.id).toBe('one');
  });

  it('finds nothing for another agreement’s words when that agreement isn’t there', () => {
    for (const [index, { trigger, phrases }] of agreements.entries()) {
      const others = new Matcher(agreements.filter((_, other) => other !== index));
      for (const text of [trigger, ...phrases])
        expect([text, others.match(text).agreement?.id]).toEqual([text, undefined]);
    }
  });

  it('prefers what is built in, then the person’s own, where a courtesy makes two of it', () => {
    const [first] = agreements;
    const own = { ...first!, phrases: [], source: { ...first!.source, kind: 'user' as const } };
    const team = { ...own, source: { ...own.source, kind: 'workspace' as const } };
    const several = new Matcher([
      { ...team, id: 'team_polite', trigger: '[Please run the performance test]' },
      { ...team, id: 'team_server', trigger: '[Server]' },
      { ...own, id: 'start_server', trigger: '[Start Server]' },
      first!,
    ]);
    const found = (text: string): string | undefined => several.match(text).agreement?.id;
    expect(found('please run the performance test')).toBe('performance_benchmark');
    expect(found('please start server now')).toBe('start_server');
    expect(found('the server, please')).toBe('team_server');
    expect(found('the server ver')).toBeUndefined();
  });

  it('never runs another target, however little an agreement asks for', () => {
    const easy = new Matcher(agreements.map((one) => ({ ...one, confidenceThreshold: 0.5 })));
    for (const [text] of labelledCommands['another target']!) expect(easy.match(text).agreement).toBeNull();
  });

  it('takes a trigger with one mistake for its own agreement or for none', () => {
    const seed = testSeed();
    const mistaken = fc.constantFrom(...agreements).chain((agreement) =>
      fc.record({
        agreement: fc.constant(agreement),
        text: withOneMistake(agreement.trigger.slice(1, -1).toLowerCase()),
      }),
    );
    fc.assert(
      fc.property(mistaken, ({ agreement, text }) => {
        expect([agreement.id, undefined]).toContain(matcher.match(text).agreement?.id);
      }),
      { seed, numRuns: 2000 },
    );
  });

  it('is at an end soon for any text, and never finds anything in one without words', () => {
    for (const text of ['', ' ', '[]', '@', '!!!', '=', '\u0000', '🙂'])
      expect(matcher.match(text)).toMatchObject({ agreement: null, confidence: 0, nearest: [] });
    const seed = testSeed();
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (text) => {
        const { confidence } = matcher.match(text);
        expect(confidence >= 0 && confidence <= 1).toBe(true);
      }),
      { seed },
    );
  });
});

/** What the documentation says of the measure; it is measured here. */
describe('the labelled commands', () => {
  const commands = Object.entries(labelledCommands).flatMap(([kind, list]) =>
    list.map(([text, expected]) => ({
      kind,
      text,
      expected,
      found: matcher.match(text).agreement?.id ?? null,
    })),
  );

  it('are enough, and not merely triggers and phrases', () => {
    expect(commands.length).toBeGreaterThanOrEqual(180);
    expect(commands.filter(({ expected }) => expected === null).length).toBeGreaterThanOrEqual(90);
    expect(new Set(commands.map(({ text }) => text)).size).toBe(commands.length);
  });

  it('never run what isn’t meant: precision is 1', () => {
    expect(commands.filter(({ expected, found }) => found !== null && found !== expected)).toEqual([]);
  });

  it.each([
    ['written otherwise', 16, 16],
    ['courtesies', 10, 10],
    ['misspelt', 25, 27],
    ['in another order', 11, 12],
    ['paraphrased', 18, 28],
    ['the team’s own', 9, 9],
  ])('%s: %i of %i are found', (kind, found, all) => {
    const meant = commands.filter((command) => command.kind === kind);
    expect(meant).toHaveLength(all);
    expect(meant.filter((command) => command.found === command.expected)).toHaveLength(found);
  });
});
