import { GatewayError, messageOf } from '../errors.ts';
import { longestWays, simulate, type Durations, type Schedule } from '../workflow/schedule.ts';
import { TaskGraph } from '../workflow/taskGraph.ts';
import { allSteps, type Workflow } from '../workflow/workflow.ts';
import { Deadline, remainingMs } from './deadline.ts';
import type { LineOf, RecordedFault, RunLine } from './runLine.ts';
import type { OpenRun } from './runFiles.ts';
import type { RunEvent } from './runView.ts';
import {
  answerValue,
  StepFailed,
  workOf,
  type StepResult,
  type StepRun,
  type StepServices,
} from './stepWork.ts';
import { StepValues } from './stepValues.ts';

/** Everything that a run's steps need. */
export interface Work {
  workflow: Workflow;
  inputs: Readonly<Record<string, string>>;
  file: OpenRun;
  services: StepServices;
  /** How long steps take, ms, by earlier runs or estimates. */
  durations: Durations;
  /** Steps at once. */
  slots: number;
  /** Whether results may be written. */
  keepsResults: boolean;
  /** Time that other processes worked on the run before, ms. */
  workedMs: number;
  run: Omit<StepRun, 'values' | 'ids' | 'onAnswer' | 'onAgreement' | 'onWarning'>;
  onEvent: (event: RunEvent) => void;
}

/** How the steps ended; costs are in the ledger. */
export interface WorkEnd {
  status: LineOf<'closed'>['status'];
  error: GatewayError | null;
  slaMissed: boolean;
  /** What the last steps came to: where an output was written, or the value. */
  outputs: Readonly<Record<string, unknown>>;
}

/**
 * Runs the steps of a workflow: whenever a slot is free, the ready step with the longest way to the end begins. What a step
 * came to is durable in the run's file before anything follows from it. After a failure nothing new begins.
 */
export class WorkflowRunner {
  readonly #work: Work;
  readonly #graph: TaskGraph;
  readonly #ways: ReadonlyMap<string, number>;
  /** Of what is left, by the durations that are expected. */
  readonly #plan: Schedule;
  readonly #values: StepValues;
  readonly #ended = new Set<string>();
  readonly #running = new Map<string, { promise: Promise<void>; began: number }>();
  /** When a step that hasn't begun became ready. */
  readonly #readySince = new Map<string, number>();
  readonly #began = performance.now();
  readonly #deadline: Deadline | null;
  #error: GatewayError | null = null;

  constructor(work: Work) {
    this.#work = work;
    this.#graph = new TaskGraph(work.workflow.steps);
    this.#ways = longestWays(this.#graph, work.durations);
    this.#values = new StepValues(work.workflow.steps, work.inputs);
    for (const [id, value] of resultsIn(work.file.lines, work.workflow)) {
      this.#values.set(id, value);
      if (this.#graph.tasks.has(id)) this.#ended.add(id);
    }
    const left = [...work.durations].map(([id, ms]) => [id, this.#ended.has(id) ? 0 : ms] as const);
    this.#plan = simulate(this.#graph, new Map(left), work.slots);
    this.#deadline = this.#deadlineOf(work);
  }

  /** Resolves when no step runs any more. Throws only what makes the run's file unusable. */
  async run(): Promise<WorkEnd> {
    const { signal } = this.#work.run;
    try {
      for (;;) {
        while (this.#error === null && !signal.aborted && this.#running.size < this.#work.slots) {
          const next = this.#next();
          if (next === null) break;
          this.#start(next);
        }
        this.#deadline?.check();
        if (this.#running.size === 0) break;
        await Promise.race([...this.#running.values()].map(({ promise }) => promise));
      }
    } finally {
      this.#deadline?.stop();
      await Promise.allSettled([...this.#running.values()].map(({ promise }) => promise));
    }
    return this.#end(signal);
  }

  #end({ aborted }: AbortSignal): WorkEnd {
    const complete = [...this.#graph.tasks.keys()].every((id) => this.#ended.has(id));
    const { slaSeconds } = this.#work.workflow;
    const end = {
      slaMissed: slaSeconds !== null && this.#elapsedMs() > slaSeconds * 1000,
      outputs: complete ? this.#outputs() : {},
    };
    if (complete) return { ...end, status: 'success', error: null };
    const stopped = aborted && (this.#error === null || this.#error.code === 'cancelled');
    if (!stopped) return { ...end, status: 'failed', error: this.#error };
    const error = new GatewayError('cancelled', `The workflow ${this.#work.workflow.name} was stopped.`);
    return { ...end, status: 'cancelled', error };
  }

  #outputs(): Record<string, unknown> {
    const last = [...this.#graph.successors()].filter(([, after]) => after.length === 0);
    return Object.fromEntries(last.map(([id]) => [id, this.#values.resultOf(id)]));
  }

  /** The ready step that the plan begins first; null if none is ready. */
  #next(): string | null {
    let best: string | null = null;
    for (const { id, after } of this.#graph.tasks.values()) {
      if (this.#ended.has(id) || this.#running.has(id) || !after.every((one) => this.#ended.has(one)))
        continue;
      if (!this.#readySince.has(id)) this.#readySince.set(id, performance.now());
      if (best === null || this.#plannedStart(id) < this.#plannedStart(best)) best = id;
    }
    return best;
  }

  #plannedStart(id: string): number {
    return this.#plan.times.get(id)?.start ?? Infinity;
  }

  #start(id: string): void {
    const began = performance.now();
    const waitMs = Math.round(began - (this.#readySince.get(id) ?? began));
    this.#append({ kind: 'started', at: now(), step: id, wait_ms: waitMs });
    this.#work.onEvent({ type: 'step_started', step: id, waitMs });
    const promise = this.#workOn(id, began).finally(() => this.#running.delete(id));
    this.#running.set(id, { promise, began });
  }

  async #workOn(id: string, began: number): Promise<void> {
    const step = this.#graph.tasks.get(id)?.step;
    if (!step) return;
    try {
      const result = await workOf(step, this.#stepRun(), this.#work.services);
      this.#values.set(id, result.value);
      this.#record(id, began, { ...result, status: 'success', error: null });
      this.#ended.add(id);
      // What can begin now waits for a slot from here on.
      this.#next();
    } catch (thrown) {
      const failure = failureOf(thrown, id, this.#work.run.signal);
      const { error, attempts, cost } = failure;
      const status = error.code === 'cancelled' ? 'cancelled' : 'failed';
      this.#error ??= error;
      this.#record(id, began, { status, attempts, cost, error, cached: false, value: undefined });
    }
  }

  #record(
    step: string,
    began: number,
    {
      status,
      attempts,
      cached,
      cost,
      error,
      value,
    }: StepResult & {
      status: LineOf<'ended'>['status'];
      error: GatewayError | null;
    },
  ): void {
    const durationMs = Math.round(performance.now() - began);
    const isAnswer = this.#graph.tasks.get(step)?.step.type === 'ai_processing';
    const kept = this.#work.keepsResults && !isAnswer && status === 'success';
    this.#append({
      kind: 'ended',
      at: now(),
      step,
      status,
      duration_ms: durationMs,
      attempts,
      cached,
      error: error && faultOf(error),
      ...(kept && { value: value ?? null }),
    });
    this.#work.onEvent({
      type: 'step_ended',
      step,
      status,
      durationMs,
      attempts,
      cached,
      cost,
      error: error && faultOf(error),
    });
  }

  #stepRun(): StepRun {
    return {
      ...this.#work.run,
      values: this.#values,
      ids: new Set(allSteps(this.#work.workflow.steps).map(({ id }) => id)),
      onAnswer: (step, text) => {
        if (this.#work.keepsResults) this.#append({ kind: 'answered', step, text });
      },
      onAgreement: (step, ledgerRun) => this.#append({ kind: 'agreement', step, ledger_run: ledgerRun }),
      onWarning: (message) => this.#warn(message),
    };
  }

  #warn(message: string): void {
    this.#append({ kind: 'warned', at: now(), message });
    this.#work.onEvent({ type: 'warning', message });
  }

  #append(line: RunLine): void {
    this.#work.file.append(line);
  }

  #elapsedMs(): number {
    return this.#work.workedMs + performance.now() - this.#began;
  }

  #deadlineOf({ workflow: { slaSeconds }, durations, workedMs }: Work): Deadline | null {
    if (slaSeconds === null) return null;
    const remaining = (at: number): number => {
      const running = new Map([...this.#running].map(([id, { began }]) => [id, began]));
      return remainingMs(this.#graph, durations, this.#ways, { ended: this.#ended, running }, at);
    };
    const endsAt = this.#began + slaSeconds * 1000 - workedMs;
    return new Deadline(endsAt, remaining, (needed, left) => {
      const spare = seconds(Math.max(0, left));
      const message = `The agreed ${slaSeconds} s will probably be missed: what is left takes about ${seconds(needed)} s, and ${spare} s are left.`;
      try {
        this.#warn(message);
      } catch (error) {
        // It comes from a timer: the run ends with it, not the process.
        this.#error ??= failureOf(error, 'deadline', this.#work.run.signal).error;
      }
    });
  }
}

/** The results that are there. A complete answer is one too if its call failed after it: it is paid. */
export function resultsIn(lines: readonly RunLine[], { steps }: Workflow): Map<string, unknown> {
  const byId = new Map(allSteps(steps).map((step) => [step.id, step]));
  const results = new Map<string, unknown>();
  for (const line of lines) {
    if (line.kind === 'answered') {
      const step = byId.get(line.step);
      if (step) results.set(line.step, answerValue(step, line.text));
    } else if (line.kind === 'ended' && line.value !== undefined) results.set(line.step, line.value);
  }
  return results;
}

/** An error as a run's file and its view have it. */
export function faultOf({ code, message, hint }: GatewayError): RecordedFault {
  return { code, message, hint };
}

function failureOf(
  thrown: unknown,
  step: string,
  signal: AbortSignal,
): { error: GatewayError; attempts: number; cost: bigint } {
  if (thrown instanceof StepFailed) return thrown;
  if (GatewayError.is(thrown)) return { error: thrown, attempts: 1, cost: 0n };
  const error = signal.aborted
    ? new GatewayError('cancelled', `Step "${step}" was stopped.`, { cause: thrown })
    : new GatewayError('flow_failed', `Step "${step}" failed: ${messageOf(thrown)}`, { cause: thrown });
  return { error, attempts: 1, cost: 0n };
}

function now(): string {
  return new Date().toISOString();
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(1);
}
