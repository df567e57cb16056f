import type { FlowAgreement } from './agreement.ts';
import { agreementOf, namesOf } from './agreementDefinition.ts';
import { agreementSchema, type AgreementDefinition } from './flowFileSchema.ts';

const definitions: readonly AgreementDefinition[] = [
  {
    trigger: '[Performance Test]',
    flow_encoding: '@performance#test!benchmark@gateway_chain',
    action: 'performance_benchmark',
    real_implementation: 'performance_test',
    fallback: 'recorded_performance',
    expanded_meaning:
      'Make a small series of governed calls, one after another, and measure how long each stage of the gateway takes.',
    expected_output:
      'Latency percentiles by stage and to the first token, calls and tokens per second, what the calls cost, and what is slower than its limit.',
    cost_limit_usd: '0.50',
    phrases: [
      'measure performance',
      'benchmark the gateway',
      'measure latency',
      'latency benchmark',
      'how fast is the gateway',
      'how slow is the gateway',
      'speed test',
      'perf test',
    ],
  },
  {
    trigger: '[Cost Analysis]',
    flow_encoding: '@cost#analysis!report@ledger',
    action: 'cost_analysis',
    real_implementation: 'cost_analysis',
    fallback: 'budget_summary',
    expanded_meaning:
      'Read from the ledger what calls came to, by model, user and workspace, and what could have been saved.',
    expected_output:
      'Cost by model, user and workspace, the trend with its anomalies, a forecast, and what a cheaper model or the cache would have saved, with the arithmetic.',
    cost_limit_usd: '0',
    phrases: [
      'analyse costs',
      'analyze costs',
      'spending report',
      'cost report',
      'cost breakdown',
      'where does the money go',
      'how much have we spent',
      'what do our calls cost',
    ],
  },
  {
    trigger: '[Error Analysis]',
    flow_encoding: '@error#analysis!classify@ledger',
    action: 'error_analysis',
    real_implementation: 'error_analysis',
    fallback: 'health_check',
    expanded_meaning: 'Classify the calls in the ledger that failed, and say what to do about each class.',
    expected_output:
      'Classes of errors with rate, first and last occurrence, what changed at the same time, and a remedy for each.',
    cost_limit_usd: '0',
    phrases: [
      'analyse errors',
      'analyze errors',
      'error report',
      'failure analysis',
      'classify failed calls',
      'why do calls fail',
      'what went wrong',
      'which calls failed',
    ],
  },
  {
    trigger: '[Integration Test]',
    flow_encoding: '@integration#test!exercise@services',
    action: 'integration_test',
    real_implementation: 'integration_test',
    fallback: 'health_check',
    expanded_meaning: 'Exercise every configured service from end to end, as a call would.',
    expected_output: 'Each service with what was done, the evidence that it worked, and how long it took.',
    cost_limit_usd: '0.05',
    phrases: [
      'test every service',
      'test all services',
      'test the integrations',
      'exercise the services',
      'end to end test',
      'do all services work',
    ],
  },
  {
    trigger: '[Scalability Test]',
    flow_encoding: '@scalability#test!load@gateway_chain',
    action: 'scalability_test',
    real_implementation: 'scalability_test',
    fallback: 'recorded_performance',
    expanded_meaning:
      'Raise the number of governed calls at the same time until throughput no longer grows, and say what the limit was.',
    expected_output:
      'Throughput, latency and errors by concurrency, the knee, the limit that was hit, and what the calls cost.',
    cost_limit_usd: '1.00',
    time_limit_seconds: 600,
    phrases: [
      'load test',
      'stress test',
      'concurrency test',
      'find the throughput limit',
      'how many parallel calls can we make',
      'how far does the gateway scale',
    ],
  },
  {
    trigger: '[Security Test]',
    flow_encoding: '@security#test!audit@installation',
    action: 'security_test',
    real_implementation: 'security_test',
    fallback: 'health_check',
    expanded_meaning:
      'Check the audit chain, file permissions, secrets, policy and endpoints, and try to pass the gateway, which must fail.',
    expected_output:
      'What was checked with its evidence, every gap with its severity and remedy, and the outcome of each attempt to pass the gateway.',
    cost_limit_usd: '0.05',
    phrases: [
      'security audit',
      'security check',
      'check security',
      'look for leaked secrets',
      'is the installation secure',
      'is the gateway safe',
    ],
  },
  {
    trigger: '[Compliance Report]',
    flow_encoding: '@compliance#report!check@ledger',
    action: 'compliance_report',
    real_implementation: 'compliance_report',
    fallback: 'health_check',
    expanded_meaning:
      'Read from the ledger what calls came to under the controls of a compliance level, and verify the chain.',
    expected_output:
      'Each control with the calls that passed, failed or are unchecked and the records of those that failed, and what was found by rule.',
    cost_limit_usd: '0',
    phrases: [
      'compliance check',
      'report on compliance',
      'which controls failed',
      'are our calls compliant',
      'show personal data findings',
    ],
  },
].map((definition) => agreementSchema.parse(definition));

/** The encodings of the Python package, which existing scripts use, by trigger. */
const earlierEncodings: Readonly<Record<string, string>> = {
  '[Performance Test]': '@performance#test!benchmark@dspy_operations',
  '[Cost Analysis]': '@cost#analysis!track@dspy_operations',
  '[Error Analysis]': '@error#analysis!identify@dspy_failures',
  '[Integration Test]': '@integration#test!validate@dspy_components',
  '[Scalability Test]': '@scalability#test!load@dspy_system',
  '[Security Test]': '@security#test!audit@dspy_security',
};

function earlierEncodingsOf(trigger: string): string[] {
  const earlier = earlierEncodings[trigger];
  return earlier === undefined ? [] : [earlier];
}

/** The agreements that exist without a file. */
export const defaultAgreements: readonly FlowAgreement[] = definitions.map((definition) => ({
  ...agreementOf(definition, { kind: 'built-in', file: null, line: 1, column: 1 }),
  earlierEncodings: earlierEncodingsOf(definition.trigger),
}));

/** The names reserved for built-in agreements, with their owners. */
export function namesOfDefaults(): Map<string, string> {
  return new Map(
    definitions.flatMap((definition) =>
      [definition, ...earlierEncodingsOf(definition.trigger).map((encoding) => ({ flow_encoding: encoding }))]
        .flatMap(namesOf)
        .map(({ key }) => [key, `${definition.trigger} is built in`] as const),
    ),
  );
}
