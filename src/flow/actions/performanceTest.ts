import type { LlmResponse, ModelCalls, StageTimes } from '../../gateways/modelCalls.ts';
import { microToUsd } from '../../pricing/cost.ts';
import type { ParameterValues } from '../agreement.ts';
import { builtIns } from '../builtIns.ts';
import type { FlowRun, Implementation } from '../implementation.ts';
import { distribution, round, type Distribution } from '../statistics.ts';
import type { Figure, Finding, Report, Section } from '../report.ts';
import { codesOf, probeRequest, requireAnswer, type ProbeOptions } from './probe.ts';

/** A longer median of a ledger stage indicates a slow disk, in milliseconds. */
const slowLedgerMs = 100;
/** A slowest call above this many times the median, and above this many milliseconds, is a finding. */
const longTail = { times: 3, ms: 500 };

const stages: readonly { id: keyof StageTimes; label: string }[] = [
  { id: 'admission', label: 'Admission' },
  { id: 'reservation', label: 'Reservation' },
  { id: 'firstToken', label: 'First token' },
  { id: 'streaming', label: 'Streaming' },
  { id: 'settlement', label: 'Settlement' },
];

export interface PerformanceTestDependencies extends ProbeOptions {
  calls: () => Pick<ModelCalls, 'worstCase'>;
}

/** Sequential calls through the whole chain, with the duration of each stage. */
export function performanceTest(dependencies: PerformanceTestDependencies): Implementation {
  return {
    id: 'performance_test',
    ...builtIns.performance_test,
    worstCase: (parameters) =>
      BigInt(Number(parameters['calls'])) *
      dependencies.calls().worstCase(probeRequest(parameters, dependencies)),
    requests: (parameters) => [probeRequest(parameters, dependencies)],
    run: (run) => measure(run, dependencies),
  };
}

async function measure(run: FlowRun, options: ProbeOptions): Promise<Report> {
  const calls = Number(run.parameters['calls']);
  const answered: (LlmResponse & { stages: StageTimes })[] = [];
  const failed: LlmResponse[] = [];
  const made: LlmResponse[] = [];
  const began = performance.now();
  for (let index = 0; index < calls; index += 1) {
    run.signal.throwIfAborted();
    run.progress(`Call ${index + 1} of ${calls}`, index / calls);
    const response = await run.call(probeRequest(run.parameters, options));
    made.push(response);
    if (response.success && response.stages) answered.push({ ...response, stages: response.stages });
    else failed.push(response);
  }
  run.signal.throwIfAborted();
  requireAnswer(answered, failed);
  const seconds = (performance.now() - began) / 1000;
  return reportOf(run.parameters, { made, answered, failed, seconds });
}

interface Measured {
  /** All calls in order; the other lists are subsets. */
  made: readonly LlmResponse[];
  answered: readonly (LlmResponse & { stages: StageTimes })[];
  failed: readonly LlmResponse[];
  seconds: number;
}

function reportOf(parameters: ParameterValues, measured: Measured): Report {
  const { made, answered, failed, seconds } = measured;
  const byStage = stages.map((stage) => ({
    ...stage,
    ...distribution(answered.map(({ stages: times }) => times[stage.id])),
  }));
  const whole = distribution(answered.map(({ processingTimeMs }) => processingTimeMs));
  const firstToken = distribution(answered.flatMap(({ timeToFirstTokenMs: ms }) => ms ?? []));
  const outputTokens = answered.reduce((sum, { tokenUsage }) => sum + tokenUsage.output, 0);
  const cost = [...answered, ...failed].reduce((sum, response) => sum + response.cost, 0n);
  const slowest = byStage.reduce((a, b) => ((b.p50 ?? 0) > (a.p50 ?? 0) ? b : a));
  return {
    title: 'Performance Test',
    summary: `${answered.length} of ${answered.length + failed.length} calls answered, median first token ${ms(firstToken.p50)}, median whole call ${ms(whole.p50)}; the slowest stage is "${slowest.label}".`,
    findings: findingsOf(parameters, measured, { byStage, whole, firstToken }),
    figures: [
      ...quantiles('latency', 'Whole call', whole),
      ...quantiles('first_token', 'First token', firstToken),
      {
        id: 'throughput',
        label: 'Calls per second, sequential',
        value: round(answered.length / seconds),
        unit: 'per_second',
        better: 'higher',
      },
      {
        id: 'tokens_per_second',
        label: 'Output tokens per second',
        value: round(outputTokens / seconds),
        unit: 'per_second',
        better: 'higher',
      },
      {
        id: 'failed_calls',
        label: 'Failed calls',
        value: failed.length,
        unit: 'count',
        better: 'lower',
      },
      { id: 'cost', label: 'Cost', value: microToUsd(cost), unit: 'usd', better: 'lower' },
    ],
    sections: [
      stageSection(byStage, whole),
      callSection(made),
      {
        id: 'cache',
        title: 'Cache',
        text: 'The test passes the cache by: every call reached the back-end. "tidyllm cache stats" has the hit rate of all calls.',
        table: null,
        chart: null,
      },
    ],
  };
}

function callSection(made: readonly LlmResponse[]): Section {
  return {
    id: 'calls',
    title: 'Call by call',
    text: 'In order; a failed call has no times.',
    table: {
      columns: [
        { label: 'Call', unit: 'count' },
        { label: 'First token', unit: 'ms' },
        { label: 'Whole call', unit: 'ms' },
        { label: 'Output tokens', unit: 'count' },
      ],
      rows: made.map(({ success, timeToFirstTokenMs, processingTimeMs, tokenUsage }, index) => [
        index + 1,
        success && timeToFirstTokenMs !== null ? round(timeToFirstTokenMs) : null,
        success ? round(processingTimeMs) : null,
        success ? tokenUsage.output : null,
      ]),
    },
    chart: { type: 'lines', x: 0, series: [1, 2] },
  };
}

function stageSection(byStage: readonly (Distribution & { label: string })[], whole: Distribution): Section {
  const row = (label: string, { p50, p90, p95, p99, max }: Distribution) => [label, p50, p90, p95, p99, max];
  return {
    id: 'latency_by_stage',
    title: 'Latency by stage',
    text: 'Quantiles over the answered calls, measured inside the gateway; the stages add up to the whole call. Admission: reason, model, price and credentials. Reservation and settlement: records written and synced. First token and streaming: the model.',
    table: {
      columns: [
        { label: 'Stage', unit: 'text' },
        ...['p50', 'p90', 'p95', 'p99', 'max'].map((label) => ({ label, unit: 'ms' as const })),
      ],
      rows: [...byStage.map((stage) => row(stage.label, stage)), row('Whole call', whole)],
    },
    chart: { type: 'columns', x: 0, series: [1, 3] },
  };
}

function quantiles(id: string, label: string, { p50, p95, p99 }: Distribution): Figure[] {
  return Object.entries({ p50, p95, p99 }).map(([name, value]) => ({
    id: `${id}_${name}`,
    label: `${label}, ${name}`,
    value,
    unit: 'ms' as const,
    better: 'lower' as const,
  }));
}

function findingsOf(
  parameters: ParameterValues,
  { answered, failed }: Measured,
  {
    byStage,
    whole,
    firstToken,
  }: {
    byStage: readonly (Distribution & { id: keyof StageTimes; label: string })[];
    whole: Distribution;
    firstToken: Distribution;
  },
): Finding[] {
  const findings: Finding[] = [];
  if (failed.length > 0) {
    findings.push({
      severity: 'problem',
      id: 'failed_calls',
      title: 'Calls failed',
      evidence: `${failed.length} of ${answered.length + failed.length} calls: ${codesOf(failed)}.`,
      remedy: failed[0]?.error?.hint || 'Run [Error Analysis] to see when this started.',
    });
  }
  const limit = (id: string, what: string, { p95 }: Distribution, name: string, remedy: string): void => {
    const most = Number(parameters[name]);
    if (p95 === null || p95 <= most) return;
    findings.push({
      severity: 'warning',
      id,
      title: `${what} is slow`,
      evidence: `${ms(p95)} at the 95th percentile, above the limit of ${ms(most)}.`,
      remedy,
    });
  };
  const elsewhere = 'Try a nearer region, or a smaller model.';
  limit('slow_first_token', 'The first token', firstToken, 'first_token_limit_ms', elsewhere);
  limit('slow_call', 'The whole call', whole, 'latency_limit_ms', elsewhere);
  for (const { id, label, p50 } of byStage) {
    if ((id !== 'reservation' && id !== 'settlement') || p50 === null || p50 <= slowLedgerMs) continue;
    findings.push({
      severity: 'warning',
      id: `slow_${id}`,
      title: 'The audit journal is slow',
      evidence: `${label}: ${ms(p50)} at the median; a local disk takes a few milliseconds.`,
      remedy: 'Put TIDYLLM_HOME on a local disk that isn’t busy.',
    });
  }
  const { p50, max } = whole;
  if (p50 !== null && max !== null && max > p50 * longTail.times && max - p50 > longTail.ms) {
    findings.push({
      severity: 'warning',
      id: 'long_tail',
      title: 'Some calls take much longer than others',
      evidence: `The slowest call took ${ms(max)}, ${round(max / p50)} times the median of ${ms(p50)}.`,
      remedy: 'Check the calls in the audit history; typical causes are throttling and cold models.',
    });
  }
  return findings;
}

function ms(value: number | null): string {
  return value === null ? 'not measured' : `${value < 10 ? round(value) : Math.round(value)} ms`;
}
