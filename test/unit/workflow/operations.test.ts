import { describe, expect, it } from 'vitest';
import {
  analyzeBottlenecks,
  fixErrors,
  optimizePerformance,
  validateCompliance,
} from '../../../src/workflow/operations.ts';
import { parseWorkflow } from '../../../src/workflow/workflowDocument.ts';
import { analysis, factsWith, historyOf, pipeline, valid, workflowOf } from '../../support/workflows.ts';

const fix = (text: string) => fixErrors(parseWorkflow('workflow.yaml', text), text, factsWith());
const optimize = (text: string, request: Parameters<typeof optimizePerformance>[3], facts = factsWith()) =>
  optimizePerformance(valid(text), text, facts, request);

describe('the workflows of the product’s description', () => {
  it.each([
    ['pipeline', pipeline, ['input', 'process', 'output']],
    ['analysis', analysis, ['data_source', 'extract', 'validate', 'analyze', 'report']],
  ])('%s is analysed, left as it is by optimize and fix, and validated', (_name, text, path) => {
    const parsed = valid(text);
    const facts = factsWith();
    const analyzed = analyzeBottlenecks(parsed, text, facts);
    expect(analyzed).toMatchObject({ criticalPath: path, estimated: true, diagnostics: [] });
    expect(analyzed.notes.join(' ')).toContain('max_tokens 1000 at an assumed 50 tokens a second');
    expect(optimizePerformance(parsed, text, facts, { level: 2, threshold: 0 }).rewritten).toBeNull();
    expect(fixErrors(parsed, text, facts)).toMatchObject({
      rewritten: null,
      improvements: [],
      diagnostics: [],
    });
    expect(validateCompliance(parsed, text, facts).rules.length).toBeGreaterThan(0);
  });
});

describe('analyze', () => {
  it('takes the median of past runs, and says what each step of the critical path would give', () => {
    const text = workflowOf(`  - { id: a, type: data_input, config: { source: a.txt } }
  - { id: b, type: ai_processing, config: { prompt: "{{a}}" }, depends_on: [a] }
  - { id: c, type: ai_processing, config: { prompt: "{{a}}" }, depends_on: [a] }
  - { id: d, type: transform, config: { template: "{{b}}{{c}}" }, depends_on: [b, c] }
`);
    const history = historyOf({ a: [10, 30, 20], b: [1000, 1200], c: [1000], d: [40] });
    const result = analyzeBottlenecks(valid(text), text, factsWith({ history }));
    expect(result).toMatchObject({
      estimated: false,
      makespanMs: 1160,
      boundMs: 1160,
      criticalPath: ['a', 'b', 'd'],
    });
    // With b at 550 ms, c becomes the longest: 20 + 1000 + 40.
    expect(result.improvements.map(({ steps, gainMs }) => [steps[0], gainMs])).toEqual([
      ['b', 100],
      ['d', 20],
      ['a', 10],
    ]);
    expect(result.steps.find(({ id }) => id === 'c')).toMatchObject({
      slackMs: 100,
      medianCost: 100n,
      medianWaitMs: 5,
    });
  });

  it('says how long a step waits for a slot', () => {
    const text = workflowOf(`  - { id: a, type: data_input, config: { source: a.txt } }
  - { id: b, type: data_input, config: { source: b.txt } }
`);
    const facts = factsWith({ slots: 1, history: historyOf({ a: [50], b: [100] }) });
    const result = analyzeBottlenecks(valid(text), text, facts);
    expect(result.steps.map(({ id, simulatedWaitMs }) => [id, simulatedWaitMs])).toEqual([
      ['a', 100],
      ['b', 0],
    ]);
  });
});

const chained = workflowOf(`  - id: source # what comes in
    type: data_input
    config: { source: a.txt }
  - id: summary
    type: ai_processing
    config: { prompt: "Sum up {{source}}" }
    depends_on: [source]
  - id: facts
    type: ai_processing
    config: { prompt: "List the facts of {{source}}" }
    depends_on:
      - summary # it was written later
  - id: report
    type: data_output
    config: { destination: out.md, from: "{{facts}}" }
    depends_on: [facts]
`);

describe('optimize', () => {
  it('drops a dependency that nothing needs, and keeps what it stood for', () => {
    const result = optimize(chained, { level: 1, threshold: 0.1 });
    // 100 + 20,000 + 20,000 + 100 ms, then 100 + 20,000 + 100 ms.
    expect(result).toMatchObject({ makespanMs: 40_200, after: { makespanMs: 20_200, boundMs: 20_200 } });
    expect(result.performanceGain).toBeCloseTo(20_000 / 40_200);
    expect(result.improvements).toMatchObject([
      { kind: 'dropped_dependency', steps: ['facts', 'summary'], gainMs: 20_000, line: 10 },
    ]);
    const steps = valid(result.rewritten!).workflow!.steps;
    expect(steps.map(({ dependsOn }) => dependsOn)).toEqual([
      [],
      ['source'],
      ['source'],
      ['facts', 'summary'],
    ]);
    expect(result.rewritten).toContain('# it was written later');
    expect(result.rewritten).toContain('# what comes in');
  });

  it('proposes nothing at level 0 or below the threshold, and says so', () => {
    expect(optimize(chained, { level: 0, threshold: 0 })).toMatchObject({
      rewritten: null,
      improvements: [],
      performanceGain: 0,
    });
    const result = optimize(chained, { level: 1, threshold: 0.6 });
    expect(result).toMatchObject({ rewritten: null, improvements: [] });
    expect(result.notes.join(' ')).toContain('would gain 49.8 % of the makespan, less than 60.0 %');
  });

  it('drops no dependency around a step that changes something outside', () => {
    const text =
      workflowOf(`  - { id: write, type: data_output, config: { destination: a.txt, from: "{{inputs.x}}" } }
  - { id: read, type: data_input, config: { source: a.txt }, depends_on: [write] }
  - { id: use, type: ai_processing, config: { prompt: "{{read}}" }, depends_on: [read] }
inputs: { x: "1" }
`);
    expect(optimize(text, { level: 1, threshold: 0 }).rewritten).toBeNull();
  });

  it('merges steps that do the same, but not at a temperature', () => {
    const twice = (temperature: number) =>
      workflowOf(`  - { id: in, type: data_input, config: { source: a.txt } }
  - { id: one, type: ai_processing, config: { prompt: "Sum up {{in}}", temperature: ${temperature} }, depends_on: [in] }
  # the same again
  - id: two
    type: ai_processing # not needed
    config: { prompt: "Sum up {{in}}", temperature: ${temperature} }
    depends_on: [in]
  - { id: both, type: transform, config: { template: "{{one}} {{ two }}" }, depends_on: [one, two] }
`);
    const result = optimize(twice(0), { level: 1, threshold: 0 }, factsWith({ slots: 1 }));
    expect(result.improvements).toMatchObject([
      { kind: 'merged_duplicate', steps: ['two', 'one'], gainMs: 20_000 },
    ]);
    const { steps } = valid(result.rewritten!).workflow!;
    expect(steps.map(({ id }) => id)).toEqual(['in', 'one', 'both']);
    expect(steps[2]).toMatchObject({ dependsOn: ['one'], config: { template: '{{one}} {{ one }}' } });
    expect(result.rewritten).toContain('# the same again');
    expect(result.rewritten).toContain('# not needed');
    expect(optimize(twice(0.5), { level: 1, threshold: 0 }, factsWith({ slots: 1 })).rewritten).toBeNull();
  });

  it('lets answers that repeat be cached, and takes a cheaper model at level 2 only', () => {
    const text = workflowOf(`  - id: ask
    type: ai_processing
    config:
      model: claude-3-sonnet # chosen in spring
      cheaper_models: [claude-haiku, claude-opus]
`);
    const facts = factsWith({ history: historyOf({ ask: [100, 100] }) });
    const first = optimize(text, { level: 1, threshold: 0.5 }, facts);
    expect(first.improvements.map(({ kind }) => kind)).toEqual(['cache']);
    expect(valid(first.rewritten!).workflow!.steps[0]!.config).toMatchObject({
      cache: true,
      model: 'claude-3-sonnet',
    });
    const second = optimize(text, { level: 2, threshold: 0.5 }, facts);
    expect(second.improvements.map(({ kind }) => kind)).toEqual(['cache', 'cheaper_model']);
    expect(second.rewritten).toContain('model: claude-haiku # chosen in spring');
  });

  it('leaves JSON as JSON', () => {
    const text = JSON.stringify(
      {
        name: 'T',
        steps: JSON.parse(
          JSON.stringify([
            { id: 'in', type: 'data_input', config: { source: 'a.txt' } },
            { id: 'b', type: 'ai_processing', config: { prompt: '{{in}}' }, depends_on: ['in'] },
            { id: 'c', type: 'ai_processing', config: { prompt: '{{in}}?' }, depends_on: ['in', 'b'] },
          ]),
        ),
      },
      null,
      2,
    );
    const { rewritten } = optimize(text, { level: 1, threshold: 0 });
    expect(JSON.parse(rewritten!).steps[2].depends_on).toEqual(['in']);
  });
});

describe('fix', () => {
  const ai = (id: string, more = '') => `  - { id: ${id}, type: ai_processing${more} }\n`;

  it.each([
    [
      'a cycle, at the dependency that points forward',
      ai('a', ', depends_on: [c]') + ai('b', ', depends_on: [a]') + ai('c', ', depends_on: [b]'),
      ', depends_on: [c]',
      ', depends_on: []',
    ],
    ['a misspelt dependency', ai('source') + ai('b', ', depends_on: [sourec]'), 'sourec', 'source'],
    ['a missing dependency', ai('a') + ai('b', ', depends_on: [a, quite_other]'), '[a, quite_other]', '[a]'],
    ['a self dependency', ai('a') + ai('b', ', depends_on: [b, a]'), '[b, a]', '[a]'],
    [
      'an undeclared reference',
      ai('a') + ai('b', ', config: { prompt: "{{a}}" }'),
      'id: b,',
      'id: b, depends_on: [a],',
    ],
    ['a misspelt type', ai('a').replace('ai_processing', 'ai_procesing'), 'ai_procesing', 'ai_processing'],
    ['a misspelt key', ai('a', ', dependson: []'), 'dependson', 'depends_on'],
    [
      'a misspelt reference',
      ai('source') + ai('b', ', config: { prompt: "{{ sorce.x }}" }, depends_on: [source]'),
      'sorce',
      'source',
    ],
    ['an unknown model', ai('a', ', config: { model: claude-haiko }'), 'claude-haiko', 'claude-haiku'],
  ])('mends %s', (_name, steps, wrong, right) => {
    const text = `${workflowOf(steps)}# the end\n`;
    const result = fix(text);
    expect(result.rewritten).toBe(text.replace(wrong, right));
    expect(result.improvements).toHaveLength(1);
    expect(result.diagnostics.filter(({ severity }) => severity === 'error').map(({ code }) => code)).toEqual(
      wrong === 'sorce' ? ['type_mismatch'] : [],
    );
  });

  it('renames the second of two equal ids, and what refers to it after it', () => {
    const text = workflowOf(
      ai('a') +
        ai('b', ', depends_on: [a]') +
        ai('a') +
        ai('c', ', depends_on: [a], config: { prompt: "{{a}}" }'),
    );
    expect(fix(text).rewritten).toBe(
      workflowOf(
        ai('a') +
          ai('b', ', depends_on: [a]') +
          ai('a_2') +
          ai('c', ', depends_on: [a_2], config: { prompt: "{{a_2}}" }'),
      ),
    );
  });

  it('sees no other fault in what waits for a step of a misspelt type', () => {
    const text = workflowOf(
      ai('a').replace('ai_', 'ia_') + ai('b', ', depends_on: [a], config: { prompt: "{{a.x}}" }'),
    );
    expect(parseWorkflow('workflow.yaml', text).faults.map(({ code }) => code)).toEqual(['unknown_type']);
  });

  it('empties a block list without losing its comments', () => {
    const text = workflowOf(
      '  - id: a\n    type: ai_processing\n    depends_on: # nothing yet\n      - a # itself\n',
    );
    const { rewritten } = fix(text);
    expect(valid(rewritten!).workflow!.steps[0]!.dependsOn).toEqual([]);
    expect(rewritten).toContain('# nothing yet');
    expect(rewritten).toContain('# itself');
  });

  it('leaves a cycle of results that are used, and syntax errors, to people', () => {
    const used = workflowOf(
      ai('a', ', config: { prompt: "{{b}}" }, depends_on: [b]') +
        ai('b', ', config: { prompt: "{{a}}" }, depends_on: [a]'),
    );
    expect(fix(used)).toMatchObject({ rewritten: null, diagnostics: [{ code: 'cycle' }] });
    expect(fix('name: [')).toMatchObject({ rewritten: null, diagnostics: [{ code: 'syntax' }] });
  });
});

describe('validate', () => {
  const ruleOf = (text: string, id: string, facts = factsWith()) =>
    validateCompliance(valid(text), text, facts).rules.find((rule) => rule.id === id);

  it('weighs what passed against what passed and failed', () => {
    const result = validateCompliance(valid(analysis), analysis, factsWith());
    const weight = (state: string) =>
      result.rules.filter((rule) => rule.state === state).reduce((sum, rule) => sum + rule.weight, 0);
    expect(weight('failed')).toBeGreaterThan(0);
    expect(weight('unchecked')).toBeGreaterThan(0);
    expect(result.complianceScore).toBe(weight('passed') / (weight('passed') + weight('failed')));
    expect(result.rules.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['sox.retention', 'gdpr.5_1_c', 'enterprise.sla']),
    );
  });

  it('names the rule that found a secret, and never the secret', () => {
    const text = workflowOf('  - { id: a, type: ai_processing, config: { prompt: "key hunter2" } }\n');
    const findingsIn = (searched: string) =>
      searched.includes('hunter2')
        ? [{ rule: 'password', class: 'secret' as const, kind: 'SECRET', start: 0, end: 1 }]
        : [];
    const rule = ruleOf(text, 'enterprise.secrets', factsWith({ findingsIn }));
    expect(rule).toMatchObject({ state: 'failed', steps: ['a'], evidence: 'Found in the file by password.' });
    expect(ruleOf(text, 'enterprise.secrets')).toMatchObject({ state: 'passed' });
  });

  it('refuses models and places that policy does', () => {
    const text = workflowOf('  - { id: a, type: ai_processing, config: { model: claude-opus } }\n');
    const policy = {
      ...factsWith().policy,
      models_denied: ['claude-opus'],
      regions_allowed: ['eu-central-1'],
    };
    expect(ruleOf(text, 'enterprise.models', factsWith({ policy }))).toMatchObject({
      state: 'failed',
      steps: ['a'],
    });
    expect(ruleOf(text, 'enterprise.regions', factsWith({ policy }))).toMatchObject({
      state: 'failed',
      steps: ['a'],
    });
    expect(ruleOf(text, 'enterprise.models')).toMatchObject({ state: 'unchecked' });
  });

  it.each([
    ['out.md', 'passed'],
    ['../out.md', 'failed'],
    ['/etc/x', 'failed'],
    ['C:\\\\x', 'failed'],
    ['https://example.com/x', 'failed'],
    ['s3://bucket/x', 'unchecked'],
  ])('a result in %s: %s', (destination, state) => {
    const text = workflowOf(`  - { id: a, type: data_output, config: { destination: "${destination}" } }\n`);
    expect(ruleOf(text, 'enterprise.destinations')).toMatchObject({ state });
  });

  it('compares past runs with the agreed time, the longest answers with the cost limit', () => {
    const text = `${workflowOf('  - { id: a, type: ai_processing, config: { max_tokens: 100000 } }\n')}flow_agreements: { performance_sla: 1 }\ncost_limit_usd: 1\n`;
    expect(ruleOf(text, 'enterprise.sla')).toMatchObject({ state: 'unchecked' });
    expect(ruleOf(text, 'enterprise.sla', factsWith({ history: historyOf({ a: [1001] }) }))).toMatchObject({
      state: 'failed',
    });
    expect(ruleOf(text, 'enterprise.sla', factsWith({ history: historyOf({ a: [1000] }) }))).toMatchObject({
      state: 'passed',
    });
    // 100,000 tokens at USD 15 per million.
    expect(ruleOf(text, 'enterprise.cost_limit')).toMatchObject({
      state: 'failed',
      evidence: 'The longest answers cost USD 1.5; cost_limit_usd is 1.',
    });
  });
});
