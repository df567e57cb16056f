import type { Facts, StepHistory } from './operationResult.ts';
import type { ConfigOf, StepType } from './stepConfig.ts';
import { simulate, shortestPossible } from './schedule.ts';
import type { TaskGraph } from './taskGraph.ts';
import type { Step } from './workflow.ts';

/** Answer tokens per second that an estimate assumes. */
export const assumedTokensPerSecond = 50;

/** What an estimate assumes of a step without history, ms; an AI step's comes from `max_tokens`. */
export const assumedMs: Readonly<Record<Exclude<StepType, 'ai_processing' | 'nested'>, number>> = {
  data_input: 100,
  transform: 10,
  retrieve: 300,
  flow: 10_000,
  data_output: 100,
};

export interface StepDuration {
  ms: number;
  estimated: boolean;
  /** What the figure rests on. */
  basis: string;
}

/** How long a step takes: the median of its history, or else an estimate by its type. */
export function durationOf(step: Step, history: StepHistory | undefined): StepDuration {
  const measured = median(history?.durations ?? []);
  if (measured !== null) {
    const runs = history?.durations.length ?? 0;
    return { ms: measured, estimated: false, basis: `median of ${runs} ${runs === 1 ? 'run' : 'runs'}` };
  }
  if (step.type === 'nested') return { ms: 0, estimated: false, basis: 'no work of its own' };
  if (step.type !== 'ai_processing')
    return {
      ms: assumedMs[step.type],
      estimated: true,
      basis: `${assumedMs[step.type]} ms assumed for ${step.type}`,
    };
  const { max_tokens: tokens } = step.config as ConfigOf<'ai_processing'>;
  return {
    ms: (tokens / assumedTokensPerSecond) * 1000,
    estimated: true,
    basis: `max_tokens ${tokens} at an assumed ${assumedTokensPerSecond} tokens a second`,
  };
}

/** The durations of all tasks, by id. */
export function durationsOf(graph: TaskGraph, facts: Pick<Facts, 'history'>): Map<string, StepDuration> {
  return new Map([...graph.tasks].map(([id, { step }]) => [id, durationOf(step, facts.history.get(id))]));
}

/** A plan in figures, ms. */
export interface PlanFigures {
  makespanMs: number;
  boundMs: number;
}

export function planFigures(
  graph: TaskGraph,
  durations: ReadonlyMap<string, number>,
  slots: number,
): PlanFigures {
  return {
    makespanMs: simulate(graph, durations, slots).makespan,
    boundMs: shortestPossible(graph, durations, slots),
  };
}

/** The middle value, or the mean of both; null for none. */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}
