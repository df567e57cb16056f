import type { Facts, StepHistory } from '../../src/workflow/operationResult.ts';
import { parseWorkflow, type ParsedWorkflow } from '../../src/workflow/workflowDocument.ts';
import type { Step } from '../../src/workflow/workflow.ts';

/** The workflows that come with the product's description, as written there. */
export const pipeline = JSON.stringify({
  name: 'Test Data Processing Pipeline',
  type: 'hierarchical_dag',
  steps: [
    { id: 'input', type: 'data_input', config: { source: 's3://bucket/data' } },
    { id: 'process', type: 'ai_processing', config: { model: 'claude-3-sonnet' }, depends_on: ['input'] },
    {
      id: 'output',
      type: 'data_output',
      config: { destination: 's3://bucket/results' },
      depends_on: ['process'],
    },
  ],
  flow_agreements: { performance_sla: 300, compliance_level: 'enterprise' },
});
export const analysis = JSON.stringify({
  name: 'Financial Compliance Analysis',
  data_source: 's3://finance-data/q4-2024/',
  processing_steps: ['extract', 'validate', 'analyze', 'report'],
  compliance_requirements: ['sox', 'gdpr'],
  sla_target: 1800,
});

const models = {
  'claude-3-sonnet': {
    id: 'anthropic.claude-3-sonnet-v1:0',
    usdPerMillionInput: 3,
    usdPerMillionOutput: 15,
    place: 'eu-central-1',
  },
  'claude-haiku': {
    id: 'anthropic.claude-haiku-v1:0',
    usdPerMillionInput: 0.8,
    usdPerMillionOutput: 4,
    place: 'eu-central-1',
  },
  'claude-opus': {
    id: 'us.anthropic.claude-opus-v1:0',
    usdPerMillionInput: 15,
    usdPerMillionOutput: 75,
    place: 'us',
  },
};

/** What operations know, with the parts that a test is about. */
export function factsWith(part: Partial<Facts> = {}): Facts {
  return {
    history: new Map(),
    slots: 4,
    modelOf: (name) => (Object.hasOwn(models, name) ? models[name as keyof typeof models] : null),
    knownModels: () => Object.keys(models),
    defaultModel: 'claude-3-sonnet',
    policy: {
      level: 'enterprise',
      models_allowed: [],
      models_denied: [],
      regions_allowed: [],
      retentionDays: 90,
    },
    findingsIn: () => [],
    ...part,
  };
}

/** Past runs that took these times, by step. */
export function historyOf(durations: Readonly<Record<string, readonly number[]>>): Map<string, StepHistory> {
  return new Map(
    Object.entries(durations).map(([id, times]) => [
      id,
      { durations: times, costs: times.map(() => 100n), cachedShare: 0, waitsMs: times.map(() => 5) },
    ]),
  );
}

/** A workflow of these steps, as YAML. */
export function workflowOf(steps: string): string {
  return `name: Test\nsteps:\n${steps}`;
}

/** Parses a file without errors. */
export function valid(text: string): ParsedWorkflow {
  const parsed = parseWorkflow('workflow.yaml', text);
  if (!parsed.workflow) throw new Error(parsed.faults.map(({ message }) => message).join('\n'));
  return parsed;
}

/** A step with nothing but its place in a graph. */
export function plainStep(id: string, dependsOn: readonly string[]): Step {
  return {
    id,
    type: 'transform',
    config: { template: 'x' },
    dependsOn,
    steps: [],
    idempotent: true,
    path: [],
  };
}

/** Steps that each wait for some before them. */
export function randomSteps(random: () => number, count: number, most = 4): Step[] {
  return Array.from({ length: count }, (_, index) => {
    const after = Array.from(
      { length: Math.floor(random() * most) },
      () => `t${Math.floor(random() * index)}`,
    );
    return plainStep(`t${index}`, index === 0 ? [] : [...new Set(after)]);
  });
}
