import { GatewayError, messageOf } from '../../errors.ts';
import type { LlmResponse, ModelCalls } from '../../gateways/modelCalls.ts';
import { exercisedIds, type Exercise, type ExercisedId, type Sessions } from '../../gateways/services.ts';
import { dayOf } from '../../ledger/day.ts';
import { journalExists, segmentNames, segmentNumber } from '../../ledger/journal.ts';
import { readSince, type PlacedRecord, type LedgerLocation } from '../../ledger/readJournal.ts';
import { verifyLedger } from '../../ledger/verifyLedger.ts';
import { formatUsd, microToUsd } from '../../pricing/cost.ts';
import { builtIns } from '../builtIns.ts';
import type { FlowRun, Implementation } from '../implementation.ts';
import type { Finding, Report } from '../report.ts';
import { probeRequest } from './probe.ts';

export interface IntegrationTestDependencies {
  sessions: Pick<Sessions, 'exercise'>;
  /** Throws `gateway_unavailable` while the gateway is not up. */
  calls: () => ModelCalls;
  journal: LedgerLocation;
  /** `aws.bedrock.default_model`. */
  defaultModel: string;
}

/** A service by name, with the result of its test. */
interface Part extends Exercise {
  id: string;
  name: string;
}

const serviceNames: Readonly<Record<ExercisedId, string>> = {
  aws: 'AWS identity',
  postgres: 'PostgreSQL',
  s3: 'S3',
  mlflow: 'MLflow',
};

/** Uses every configured service end to end, and removes what it created. */
export function integrationTest(dependencies: IntegrationTestDependencies): Implementation {
  return {
    id: 'integration_test',
    ...builtIns.integration_test,
    worstCase: (parameters) => dependencies.calls().worstCase(probeRequest(parameters, dependencies)),
    requests: (parameters) => [probeRequest(parameters, dependencies)],
    run: async (run) => {
      const { response, parts } = await exerciseModel(run, dependencies);
      for (const [index, id] of exercisedIds.entries()) {
        run.progress(serviceNames[id], (index + 2) / (exercisedIds.length + 2));
        const exercise = await dependencies.sessions.exercise(id, run.signal);
        parts.push({ id, name: serviceNames[id], ...exercise });
      }
      return report(response, parts);
    },
  };
}

/** One governed call, and its proof in the journal. */
async function exerciseModel(
  run: FlowRun,
  dependencies: IntegrationTestDependencies,
): Promise<{ response: LlmResponse; parts: Part[] }> {
  const { journal } = dependencies;
  const segment = lastSegment(journal.directory);
  run.progress('Model', 0);
  let response = null as LlmResponse | null;
  const model = await part('model', 'Model', async (step) => {
    const request = probeRequest(run.parameters, dependencies);
    const answered = await step(
      'Call a model',
      async () => {
        response = await run.call(request);
        run.signal.throwIfAborted();
        if (response.error) throw response.error;
        return response;
      },
      ({ modelUsed, tokenUsage, timeToFirstTokenMs }) =>
        `${modelUsed} answered with ${tokenUsage.output} tokens, the first after ${Math.round(timeToFirstTokenMs ?? 0)} ms.`,
    );
    const records = await step(
      'Read its records back',
      () => recordsOf(journal.directory, segment, answered, run.signal),
      (found) =>
        `Records ${found.map(({ record }) => `#${record.seq} ${record.kind}`).join(', ')}; the recomputed hash of the last is ${found.at(-1)?.hash ?? ''}.`,
    );
    await step(
      'Compare the cost',
      () => Promise.resolve(compareCost(records, answered)),
      (settled) => `${formatUsd(settled)} in the answer and in the journal.`,
    );
  });
  run.signal.throwIfAborted();
  run.progress('Audit journal', 1 / (exercisedIds.length + 2));
  const audited = await part('journal', 'Audit journal', (step) =>
    step(
      'Verify today’s chain',
      () => verifyToday(journal, run.signal),
      ({ records, head }) =>
        `${records} records are intact, up to #${head?.sequence ?? 0} ${head?.hash ?? ''}.`,
    ),
  );
  if (!response) throw model.error ?? new GatewayError('flow_failed', 'No call was made.');
  return { response, parts: [model, audited] };
}

/** The current segment; 1 if nothing has been written. */
function lastSegment(directory: string): number {
  return journalExists(directory) ? segmentNumber(segmentNames(directory).at(-1) ?? '') : 1;
}

type Step = <T>(name: string, work: () => Promise<T>, evidence: (result: T) => string) => Promise<T>;

/** Runs timed steps until one fails. */
async function part(id: string, name: string, work: (step: Step) => Promise<unknown>): Promise<Part> {
  const steps: { step: string; ms: number; evidence: string }[] = [];
  let underWay: string | null = null;
  const step: Step = async (title, act, evidence) => {
    underWay = title;
    const startedAt = performance.now();
    const result = await act();
    steps.push({ step: title, ms: performance.now() - startedAt, evidence: evidence(result) });
    return result;
  };
  try {
    await work(step);
    return { id, name, state: 'passed', steps, failedStep: null, error: null, evidence: '' };
  } catch (error) {
    if (!GatewayError.is(error)) throw error;
    return { id, name, state: 'failed', steps, failedStep: underWay, error, evidence: '' };
  }
}

/** The call's records, oldest first. Throws `ledger_damaged`. */
async function recordsOf(
  directory: string,
  segment: number,
  { auditTrail }: LlmResponse,
  signal: AbortSignal,
): Promise<PlacedRecord[]> {
  const found: PlacedRecord[] = [];
  for await (const placed of readSince(directory, segment, signal)) {
    if (placed.record.call_id !== auditTrail?.callId) continue;
    found.push(placed);
    if (placed.record.seq === auditTrail.sequence) break;
  }
  const last = found.at(-1);
  if (!last || last.hash !== auditTrail?.hash)
    throw new GatewayError('ledger_damaged', 'The journal doesn’t have the record that the call reported.', {
      hint: 'Run "tidyllm audit verify", and check who else writes to the ledger’s folder.',
    });
  return found;
}

/** The cost in the journal. Throws `ledger_damaged` if the answer differs. */
function compareCost(records: readonly PlacedRecord[], { cost }: LlmResponse): bigint {
  const ending = records.at(-1)?.record;
  const settled = ending?.kind === 'SETTLE' ? BigInt(ending.cost_micro_usd) : null;
  if (settled === cost) return settled;
  const recorded = settled === null ? 'no cost' : formatUsd(settled);
  throw new GatewayError(
    'ledger_damaged',
    `The call reports a cost of ${formatUsd(cost)}, but the journal has ${recorded}.`,
    { hint: 'Run "tidyllm audit verify", and compare the journal with a backup.' },
  );
}

async function verifyToday(journal: LedgerLocation, signal: AbortSignal) {
  const result = await verifyLedger(journal, { from: dayOf(new Date(), 'UTC'), signal });
  const { firstFault: fault } = result;
  if (!fault) return result;
  throw new GatewayError(
    'ledger_damaged',
    `${fault.segment}:${fault.line} (record ${fault.sequence}): ${fault.detail}.`,
    { hint: 'Run "tidyllm audit verify" and restore the file from a backup.' },
  );
}

function report(response: LlmResponse, parts: readonly Part[]): Report {
  const configured = parts.filter(({ state }) => state !== 'not_configured');
  const failed = parts.filter(({ state }) => state === 'failed');
  const absent = parts.filter(({ state }) => state === 'not_configured').map(({ name }) => name);
  const without = absent.length === 0 ? '' : ` Not configured: ${absent.join(', ')}.`;
  return {
    title: 'Integration Test',
    summary:
      failed.length === 0
        ? `All ${configured.length} configured components work end to end.${without}`
        : `${failed.length} of ${configured.length} components fail: ${failed.map(({ name }) => name).join(', ')}.${without}`,
    findings: failed.map(findingOf),
    figures: [
      {
        id: 'passed',
        label: 'Working components',
        value: configured.length - failed.length,
        unit: 'count',
        better: 'higher',
      },
      { id: 'failed', label: 'Failing components', value: failed.length, unit: 'count', better: 'lower' },
      ...configured
        .filter(({ state }) => state === 'passed')
        .map(({ id, name, steps }) => ({
          id: `${id}_ms`,
          label: name,
          value: Math.round(tookOf(steps)),
          unit: 'ms' as const,
          better: 'lower' as const,
        })),
      { id: 'cost', label: 'Cost', value: microToUsd(response.cost), unit: 'usd', better: 'lower' },
    ],
    sections: [
      {
        id: 'parts',
        title: 'Components',
        text: 'Each configured component was used as the gateway uses it, and everything the test created was removed. Not configured is not a fault.',
        table: {
          columns: [
            { label: 'Component', unit: 'text' },
            { label: 'State', unit: 'text' },
            { label: 'Duration', unit: 'ms' },
            { label: 'Evidence', unit: 'text' },
          ],
          rows: parts.map(({ name, state, steps, error, evidence }) => [
            name,
            stateWords[state],
            state === 'passed' ? Math.round(tookOf(steps)) : null,
            error ? error.message : evidence || (steps.at(-1)?.evidence ?? ''),
          ]),
        },
        chart: null,
      },
      {
        id: 'steps',
        title: 'Steps',
        text: 'In order; the steps of a component end with the first failure.',
        table: {
          columns: [
            { label: 'Step', unit: 'text' },
            { label: 'Duration', unit: 'ms' },
            { label: 'Evidence', unit: 'text' },
          ],
          rows: parts.flatMap(stepRows),
        },
        chart: { type: 'columns', x: 0, series: [1] },
      },
    ],
  };
}

const stateWords: Readonly<Record<Exercise['state'], string>> = {
  passed: 'works',
  failed: 'fails',
  not_configured: 'not configured',
};

function tookOf(steps: Part['steps']): number {
  return steps.reduce((sum, { ms }) => sum + ms, 0);
}

function stepRows({ name, steps, failedStep, error }: Part): (string | number | null)[][] {
  return [
    ...steps.map(({ step, ms, evidence }) => [`${name}: ${step}`, Math.round(10 * ms) / 10, evidence]),
    ...(failedStep === null ? [] : [[`${name}: ${failedStep}`, null, `Failed: ${messageOf(error)}`]]),
  ];
}

function findingOf({ id, name, failedStep, error }: Part): Finding {
  return {
    severity: 'problem',
    id: `${id}_failed`,
    title: `${name} fails`,
    evidence: `${failedStep ?? name}: ${messageOf(error)}`,
    remedy: error?.hint || 'Check the health view.',
  };
}
