import { mean } from 'simple-statistics';
import type { LlmResponse, ModelCalls, StageTimes } from '../../gateways/modelCalls.ts';
import { formatUsd, microToUsd } from '../../pricing/cost.ts';
import type { ParameterValues } from '../agreement.ts';
import { builtIns } from '../builtIns.ts';
import type { FlowRun, Implementation } from '../implementation.ts';
import type { Finding, Report } from '../report.ts';
import { distribution, round, type Distribution } from '../statistics.ts';
import { codesOf, probeRequest, requireAnswer, type ProbeOptions } from './probe.ts';

/** If doubling the concurrency gains less throughput than this share, the knee was passed. */
const leastGain = 0.1;
/** A larger share of failures stops the test. */
const mostFailures = 0.1;

export interface ScalabilityTestDependencies extends ProbeOptions {
  calls: () => Pick<ModelCalls, 'worstCase'>;
}

/** The results of one concurrency level. */
interface Level {
  concurrency: number;
  answered: readonly (LlmResponse & { stages: StageTimes })[];
  failed: readonly LlmResponse[];
  /** Answered calls per second. */
  throughput: number;
  latency: Distribution;
}

/** Why the test stopped, and what to do about it. */
interface Limit {
  id: 'throttled' | 'failures' | 'model' | 'journal' | 'gateway' | 'cost' | 'none';
  text: string;
  remedy: string;
}

/** Doubles the number of concurrent calls until throughput no longer grows. */
export function scalabilityTest(dependencies: ScalabilityTestDependencies): Implementation {
  const priceOf = (parameters: ParameterValues): bigint =>
    dependencies.calls().worstCase(probeRequest(parameters, dependencies));
  const costOf = (levels: readonly number[], parameters: ParameterValues): bigint =>
    priceOf(parameters) * BigInt(levels.reduce((sum, level) => sum + level * callsPerWorker(parameters), 0));
  return {
    id: 'scalability_test',
    ...builtIns.scalability_test,
    worstCase: (parameters, costLimit) => {
      const [first, ...rest] = levelsUpTo(Number(parameters['max_concurrency']));
      const affordable = [first];
      for (const level of rest) {
        if (costOf([...affordable, level], parameters) > costLimit) break;
        affordable.push(level);
      }
      return costOf(affordable, parameters);
    },
    requests: (parameters) => [probeRequest(parameters, dependencies)],
    run: (run) => climb(run, dependencies, (levels) => costOf(levels, run.parameters)),
  };
}

function callsPerWorker(parameters: ParameterValues): number {
  return Number(parameters['calls_per_worker']);
}

/** 1, 2, 4, … and the maximum itself. */
function levelsUpTo(most: number): [number, ...number[]] {
  const levels: [number, ...number[]] = [1];
  for (let level = 2; level < most; level *= 2) levels.push(level);
  if (most > 1) levels.push(most);
  return levels;
}

async function climb(
  run: FlowRun,
  options: ProbeOptions,
  costOf: (levels: readonly number[]) => bigint,
): Promise<Report> {
  const most = Number(run.parameters['max_concurrency']);
  const planned = levelsUpTo(most);
  const levels: Level[] = [];
  let limit: Limit | null = null;
  for (const concurrency of planned) {
    run.signal.throwIfAborted();
    if (costOf(planned.slice(0, levels.length + 1)) > run.reserved) {
      limit = costReached(run.reserved);
      break;
    }
    run.progress(`${concurrency} concurrent calls`, levels.length / planned.length);
    const level = await measure(run, options, concurrency);
    run.signal.throwIfAborted();
    levels.push(level);
    limit = limitAt(levels);
    if (limit) break;
  }
  requireAnswer(
    levels.flatMap(({ answered }) => answered),
    levels.flatMap(({ failed }) => failed),
  );
  return reportOf(levels, limit ?? notReached(most));
}

async function measure(run: FlowRun, options: ProbeOptions, concurrency: number): Promise<Level> {
  const calls = callsPerWorker(run.parameters);
  const began = performance.now();
  const worker = async (): Promise<LlmResponse[]> => {
    const responses: LlmResponse[] = [];
    for (let call = 0; call < calls && !run.signal.aborted; call += 1)
      responses.push(await run.call(probeRequest(run.parameters, options)));
    return responses;
  };
  const responses = (await Promise.all(Array.from({ length: concurrency }, worker))).flat();
  const seconds = (performance.now() - began) / 1000;
  const answered = responses.flatMap((one) =>
    one.success && one.stages ? [{ ...one, stages: one.stages }] : [],
  );
  return {
    concurrency,
    answered,
    failed: responses.filter(({ success }) => !success),
    throughput: round(answered.length / seconds),
    latency: distribution(answered.map(({ processingTimeMs }) => processingTimeMs)),
  };
}

/** The limit that the last level reached; null if the next level may gain more. */
function limitAt(levels: readonly Level[]): Limit | null {
  const last = levels.at(-1);
  if (!last) return null;
  const throttled = last.failed.filter(({ error }) => error?.code === 'backend_throttled').length;
  if (throttled > 0) {
    return {
      id: 'throttled',
      text: `the back-end throttled ${throttled} of ${last.answered.length + last.failed.length} calls at a concurrency of ${last.concurrency}`,
      remedy:
        'Ask AWS for a higher quota of the model, spread calls over time, or use a cross-region inference profile.',
    };
  }
  const [failure] = last.failed;
  if (failure && last.failed.length > mostFailures * (last.answered.length + last.failed.length)) {
    return {
      id: 'failures',
      text: `${last.failed.length} calls failed at a concurrency of ${last.concurrency} (${failure.error?.code ?? 'unknown'})`,
      remedy: failure.error?.hint || 'Run [Error Analysis] to see what failed.',
    };
  }
  const before = levels.at(-2);
  if (!before || gains(before, last)) return null;
  return saturated(before, last);
}

/** Whether more concurrency gained throughput; the last step may be less than double. */
function gains(before: Level, level: Level): boolean {
  const doublings = Math.log2(level.concurrency / before.concurrency);
  return level.throughput >= before.throughput * (1 + leastGain * doublings);
}

/** Names the stage that takes the additional time at a level without more throughput. */
function saturated(before: Level, last: Level): Limit {
  const grown = (...stages: (keyof StageTimes)[]): number =>
    stages.reduce((sum, stage) => sum + meanOf(last, stage) - meanOf(before, stage), 0);
  const causes: Limit[] = [
    {
      id: 'model',
      text: 'the model answers more slowly under load, or this machine is busy',
      remedy: 'Check the model’s quota and latency in its region; a smaller model has more capacity.',
    },
    {
      id: 'journal',
      text: 'writing the audit journal takes longer',
      remedy: 'Put TIDYLLM_HOME on a faster local disk.',
    },
    {
      id: 'gateway',
      text: 'admission takes longer: this process is busy',
      remedy: 'Close other programs that keep this machine busy.',
    },
  ];
  const growth: Readonly<Record<string, number>> = {
    model: grown('firstToken', 'streaming'),
    journal: grown('reservation', 'settlement'),
    gateway: grown('admission'),
  };
  return causes.reduce((a, b) => ((growth[b.id] ?? 0) > (growth[a.id] ?? 0) ? b : a));
}

function meanOf({ answered }: Level, stage: keyof StageTimes): number {
  return answered.length > 0 ? mean(answered.map(({ stages }) => stages[stage])) : 0;
}

function costReached(reserved: bigint): Limit {
  return {
    id: 'cost',
    text: `more calls would not fit in the reserved ${formatUsd(reserved)}`,
    remedy: 'Raise cost_limit_usd of the agreement to test more.',
  };
}

function notReached(most: number): Limit {
  return {
    id: 'none',
    text: `no limit was reached up to a concurrency of ${most}`,
    remedy: 'Raise max_concurrency to test more.',
  };
}

function reportOf(levels: readonly Level[], limit: Limit): Report {
  // A level with failures is past the knee, however many calls were answered.
  const failing = limit.id === 'throttled' || limit.id === 'failures';
  const sound = failing && levels.length > 1 ? levels.slice(0, -1) : levels;
  const knee = sound.reduce((a, b) => (gains(a, b) ? b : a));
  const failed = levels.reduce((sum, level) => sum + level.failed.length, 0);
  const cost = levels
    .flatMap((level) => [...level.answered, ...level.failed])
    .reduce((sum, response) => sum + response.cost, 0n);
  return {
    title: 'Scalability Test',
    summary: `Best concurrency: ${knee.concurrency}, with ${knee.throughput} calls per second; ${limit.text}.`,
    findings: [...findingsOf(limit, knee), ...(failing ? [] : strayFailures(levels))],
    figures: [
      {
        id: 'knee',
        label: 'Concurrency at the knee',
        value: knee.concurrency,
        unit: 'count',
        better: 'higher',
      },
      {
        id: 'throughput',
        label: 'Calls per second at the knee',
        value: knee.throughput,
        unit: 'per_second',
        better: 'higher',
      },
      {
        id: 'latency_p95',
        label: 'Whole call at the knee, p95',
        value: knee.latency.p95,
        unit: 'ms',
        better: 'lower',
      },
      {
        id: 'latency_alone_p95',
        label: 'Whole call alone, p95',
        value: levels[0]?.latency.p95 ?? null,
        unit: 'ms',
        better: 'lower',
      },
      { id: 'failed_calls', label: 'Failed calls', value: failed, unit: 'count', better: 'lower' },
      { id: 'cost', label: 'Cost', value: microToUsd(cost), unit: 'usd', better: 'lower' },
    ],
    sections: [
      {
        id: 'levels',
        title: 'Throughput by concurrency',
        text: `Each level doubles the concurrency, up to the maximum, until doubling gains less than ${leastGain * 100} % throughput.`,
        table: {
          columns: [
            { label: 'Concurrency', unit: 'count' },
            { label: 'Calls per second', unit: 'per_second' },
            { label: 'Whole call, p50', unit: 'ms' },
            { label: 'Whole call, p95', unit: 'ms' },
            { label: 'Answered', unit: 'count' },
            { label: 'Failed', unit: 'count' },
          ],
          rows: levels.map(({ concurrency, throughput, latency, answered, failed: failures }) => [
            ...[concurrency, throughput, latency.p50, latency.p95, answered.length, failures.length],
          ]),
        },
        chart: { type: 'lines', x: 0, series: [1] },
      },
    ],
  };
}

/** Failures too few to count as a limit. */
function strayFailures(levels: readonly Level[]): Finding[] {
  const failed = levels.flatMap((level) => level.failed);
  const [first] = failed;
  if (!first) return [];
  const calls = levels.reduce((sum, { answered }) => sum + answered.length, failed.length);
  return [
    {
      severity: 'warning',
      id: 'failed_calls',
      title: 'Calls failed',
      evidence: `${failed.length} of ${calls} calls: ${codesOf(failed)}.`,
      remedy: first.error?.hint || 'Run [Error Analysis] to see when this started.',
    },
  ];
}

function findingsOf(limit: Limit, knee: Level): Finding[] {
  const about = {
    id: `limit_${limit.id}`,
    evidence: `From a concurrency of ${knee.concurrency}: ${limit.text}.`,
    remedy: limit.remedy,
  };
  switch (limit.id) {
    case 'none':
      return [];
    case 'cost':
      return [
        { ...about, severity: 'note', title: 'It stopped at its cost limit', evidence: `${limit.text}.` },
      ];
    case 'failures':
      return [{ ...about, severity: 'problem', title: 'Calls fail under load' }];
    default:
      return [{ ...about, severity: 'warning', title: 'The limit was reached' }];
  }
}
