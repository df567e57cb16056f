import type { Turn } from './turn.ts';

/** What the questions of a conversation came to, those in other branches included. */
export interface Statistics {
  questions: number;
  inputTokens: number;
  outputTokens: number;
  /** Micro-USD. */
  cost: bigint;
  /** Whether the cost of any is an upper bound. */
  estimated: boolean;
  /** Questions whose cost isn't known: it counts in no figure. */
  unknown: number;
}

export function statisticsOf(turns: readonly Turn[]): Statistics {
  const results = turns.flatMap(({ result }) => result ?? []);
  const costs = results.flatMap(({ costMicro }) => costMicro ?? []);
  return {
    questions: turns.length,
    inputTokens: results.reduce((sum, { tokens }) => sum + (tokens?.input ?? 0), 0),
    outputTokens: results.reduce((sum, { tokens }) => sum + (tokens?.output ?? 0), 0),
    cost: costs.reduce((sum, cost) => sum + BigInt(cost), 0n),
    estimated: results.some(({ costEstimated }) => costEstimated),
    unknown: turns.length - costs.length,
  };
}
