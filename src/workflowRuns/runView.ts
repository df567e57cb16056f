import type { ApprovalRequest } from '../flow/flowAgreementManager.ts';
import type { CallOrigin } from '../gateways/callOrigin.ts';
import type { LlmRequest, ModelCalls } from '../gateways/modelCalls.ts';
import type { BackendInfo } from '../gateways/ports.ts';
import type { Outgoing } from './outgoing.ts';
import type { RunLine, LineOf, RecordedFault } from './runLine.ts';

export type StepStatus = 'waiting' | 'running' | 'success' | 'failed' | 'cancelled';

/** `interrupted`: its process ended before the run did. */
export type RunStatus = 'running' | 'success' | 'failed' | 'cancelled' | 'interrupted';

/** A step with work of its own, as a run has it. */
export interface StepView {
  /** Full id. */
  id: string;
  type: string;
  /** Full ids of the steps that must have ended before. */
  after: readonly string[];
  status: StepStatus;
  /** ISO 8601 time of its last start; null before the first. */
  startedAt: string | null;
  /** Of its last finished attempt; null before. */
  durationMs: number | null;
  /** From being ready to its start, for a slot; null before. */
  waitMs: number | null;
  /** Calls that reached a model; for other steps how often the work was begun. */
  attempts: number;
  /** Whether its answer came from the cache. */
  cached: boolean;
  /** By the ledger's records, micro-USD; null while the run goes on. */
  cost: bigint | null;
  error: RecordedFault | null;
}

/** A run with all its steps, as its file has it: also in another process, while it goes on. */
export interface RunView {
  runId: string;
  /** Name of the workflow. */
  workflow: string;
  /** Absolute path of its file; null for one that isn't in a file. */
  file: string | null;
  folder: string | null;
  user: string;
  reason: string;
  status: RunStatus;
  /** Whether it can be resumed: its content is kept, and it isn't over. */
  resumable: boolean;
  startedAt: string;
  /** ISO 8601 time at which it was closed last; null while it goes on. */
  endedAt: string | null;
  /** The time in which processes worked on its steps, without breaks between processes. */
  makespanMs: number;
  costLimit: bigint;
  /** By the ledger's records, micro-USD; null while it goes on. */
  cost: bigint | null;
  slaSeconds: number | null;
  slaMissed: boolean;
  /** Steps at once. */
  slots: number;
  warnings: readonly string[];
  error: RecordedFault | null;
  /** In the order of the file. */
  steps: readonly StepView[];
}

/** What happens in a run, in order. Money in micro-USD. */
export type RunEvent =
  | { type: 'run_started'; runId: string; resumed: boolean; reserved: bigint }
  | { type: 'step_started'; step: string; waitMs: number }
  /** `cost` is that of this attempt; the run's and the steps' whole costs come with its end. */
  | {
      type: 'step_ended';
      step: string;
      status: 'success' | 'failed' | 'cancelled';
      durationMs: number;
      attempts: number;
      cached: boolean;
      cost: bigint;
      error: RecordedFault | null;
    }
  | { type: 'warning'; message: string }
  | { type: 'run_ended'; view: RunView };

/** Where a run is asked for, and how it can be stopped and followed. */
export interface RunOptions {
  origin: CallOrigin;
  /** Whether the workspace is trusted; without that nothing of a file in it runs. */
  trusted: boolean;
  /** Shows a command line of an agreement to a person; without it no command runs. */
  approve?: (request: ApprovalRequest) => Promise<boolean>;
  signal?: AbortSignal;
  onEvent?: (event: RunEvent) => void;
  /** Other machines that make the calls; left out, this one's gateways do. */
  elsewhere?: (run: RunElsewhere) => Promise<ModelCalls>;
}

/** A run, as what has its calls made elsewhere needs it. */
export interface RunElsewhere {
  runId: string;
  /** Name of the workflow. */
  workflow: string;
  /** What its calls may still cost, micro-USD. */
  left: bigint;
  lines: readonly RunLine[];
  /** Durable when it returns. */
  append: (line: RunLine) => void;
  /** Tells the person who follows the run. */
  warn: (message: string) => void;
  calls: Pick<ModelCalls, 'worstCase'>;
  /** What may leave of a request by this machine's policy. Throws `compliance_blocked`. */
  outgoing: (request: LlmRequest) => Promise<Outgoing>;
  backend: Pick<BackendInfo, 'id' | 'simulated'>;
}

/** The state that lines come to. `isRunning`: whether a process works on the run. */
export function runViewOf(runId: string, lines: readonly RunLine[], isRunning: boolean): RunView | null {
  const [began] = lines;
  if (began?.kind !== 'began') return null;
  const steps = new Map(began.steps.map((step) => [step.id, waitingStep(step)]));
  const last = lines.findLast((line) => line.kind === 'opened' || line.kind === 'closed');
  const closed = last?.kind === 'closed' ? last : null;
  const warnings: string[] = [];
  const answered = new Set<string>();
  let slots = 1;
  for (const line of lines) {
    switch (line.kind) {
      case 'opened':
        ({ slots } = line);
        reopened(steps);
        // Its call may have failed after its answer was complete: it isn't asked again.
        for (const id of answered) change(steps, id, () => ({ status: 'success', error: null }));
        break;
      case 'started':
        change(steps, line.step, () => ({
          status: 'running',
          startedAt: line.at,
          waitMs: line.wait_ms,
          error: null,
        }));
        break;
      case 'answered':
        answered.add(line.step);
        change(steps, line.step, () => ({ status: 'success' }));
        break;
      case 'ended':
        change(steps, line.step, (before) => endOf(line, before));
        break;
      case 'warned':
        warnings.push(line.message);
        break;
      case 'closed':
        for (const [id, cost] of Object.entries(line.costs))
          change(steps, id, () => ({ cost: BigInt(cost) }));
        break;
      default:
    }
  }
  const status = isRunning ? 'running' : (closed?.status ?? 'interrupted');
  if (!isRunning) reopened(steps);
  const end = isRunning ? null : closed;
  return {
    ...describing(runId, began),
    status,
    resumable: began.kept !== null && status !== 'running' && status !== 'success',
    startedAt: timesOf(lines)[0] ?? '',
    endedAt: end?.at ?? null,
    makespanMs: workedMs(lines),
    cost: end && BigInt(end.cost),
    slaMissed: closed?.sla_missed ?? false,
    slots,
    warnings,
    error: end?.error ?? null,
    steps: [...steps.values()].map((step) => (end ? { ...step, cost: step.cost ?? 0n } : step)),
  };
}

function describing(runId: string, began: LineOf<'began'>) {
  const { workflow, file, folder, user, reason } = began;
  return {
    runId,
    workflow,
    file,
    folder,
    user,
    reason,
    costLimit: BigInt(began.cost_limit),
    slaSeconds: began.sla_seconds,
  };
}

function waitingStep({ id, type, after }: LineOf<'began'>['steps'][number]): StepView {
  return {
    id,
    type,
    after,
    status: 'waiting',
    startedAt: null,
    durationMs: null,
    waitMs: null,
    attempts: 0,
    cached: false,
    cost: null,
    error: null,
  };
}

function endOf(line: LineOf<'ended'>, before: StepView): Partial<StepView> {
  return {
    status: line.status,
    durationMs: line.duration_ms,
    attempts: before.attempts + line.attempts,
    cached: line.cached,
    error: line.error,
  };
}

/** What a process had begun when it ended waits again; the attempt counts. */
function reopened(steps: Map<string, StepView>): void {
  for (const [id, step] of steps)
    if (step.status === 'running') steps.set(id, { ...step, status: 'waiting', attempts: step.attempts + 1 });
}

function change(
  steps: Map<string, StepView>,
  id: string,
  changed: (step: StepView) => Partial<StepView>,
): void {
  const step = steps.get(id);
  if (step) steps.set(id, { ...step, ...changed(step) });
}

function timesOf(lines: readonly RunLine[]): string[] {
  return lines.flatMap((line) => ('at' in line ? line.at : []));
}

/** From the first start of a step to the last line about one, of each process that worked on the run, together, ms. */
export function workedMs(lines: readonly RunLine[]): number {
  let worked = 0;
  let from: number | null = null;
  let last = 0;
  for (const line of lines) {
    if (line.kind === 'opened') {
      worked += from === null ? 0 : last - from;
      from = null;
    } else if (line.kind === 'started' || line.kind === 'ended') {
      last = Date.parse(line.at);
      from ??= last;
    }
  }
  return worked + (from === null ? 0 : last - from);
}
