import { complianceLevels } from '../compliance/policy.ts';
import type { BuiltInId, ParameterDefinition } from './agreement.ts';

/** The parameters and the label of a built-in implementation. */
export interface BuiltIn {
  title: string;
  parameters: readonly ParameterDefinition[];
}

const model: ParameterDefinition = {
  name: 'model',
  type: 'text',
  description: 'Model to call; empty for aws.bedrock.default_model.',
  default: '',
};

function days(initial: number): ParameterDefinition {
  return {
    name: 'days',
    type: 'integer',
    default: initial,
    minimum: 1,
    maximum: 400,
    description: 'Policy days to look back, today included.',
  };
}

function integer(
  name: string,
  description: string,
  initial: number,
  [minimum, maximum]: readonly [number, number],
): ParameterDefinition {
  return { name, type: 'integer', description, default: initial, minimum, maximum };
}

/** The parameters of all built-in implementations, for prompts, validation and documentation. */
export const builtIns: Readonly<Record<BuiltInId, BuiltIn>> = {
  performance_test: {
    title: 'Performance Test',
    parameters: [
      model,
      integer('calls', 'Calls to make, one after another.', 20, [1, 500]),
      integer('max_tokens', 'Longest answer of a call.', 32, [1, 4096]),
      integer(
        'first_token_limit_ms',
        'A slower first token at the 95th percentile is a finding.',
        3000,
        [1, 600_000],
      ),
      integer('latency_limit_ms', 'A slower call at the 95th percentile is a finding.', 10_000, [1, 600_000]),
    ],
  },
  cost_analysis: { title: 'Cost Analysis', parameters: [days(30)] },
  error_analysis: { title: 'Error Analysis', parameters: [days(7)] },
  integration_test: { title: 'Integration Test', parameters: [model] },
  scalability_test: {
    title: 'Scalability Test',
    parameters: [
      model,
      integer('max_concurrency', 'Calls at the same time to go up to.', 32, [1, 256]),
      integer('calls_per_worker', 'Calls that each of them makes.', 4, [1, 50]),
      integer('max_tokens', 'Longest answer of a call.', 16, [1, 4096]),
    ],
  },
  security_test: {
    title: 'Security Test',
    parameters: [
      {
        name: 'scan_workspace',
        type: 'boolean',
        description: 'Whether the files of the workspace are searched for secrets.',
        default: true,
      },
    ],
  },
  compliance_report: {
    title: 'Compliance Report',
    parameters: [
      {
        name: 'level',
        type: 'choice',
        description: 'Rule set to report on; policy means those of compliance.level.',
        default: 'policy',
        values: ['policy', ...complianceLevels],
      },
      {
        name: 'since',
        type: 'text',
        description: 'First policy day, YYYY-MM-DD; empty for the first of this month.',
        default: '',
      },
    ],
  },
  recorded_performance: { title: 'Recorded performance', parameters: [days(7)] },
  budget_summary: { title: 'Budget summary', parameters: [] },
  health_check: { title: 'Health check', parameters: [] },
};
