import type { DatabaseSync } from 'node:sqlite';
import type { CallOutcome } from '../ledger/records.ts';
import { callOutcomes } from './calls.ts';
import type { UsageDays } from './usage.ts';

/** What the finished calls of one back-end and model came to. */
export interface ModelUse {
  /** Null for calls that were refused before it was known. */
  backend: string | null;
  /** Model id, or the requested name if there is none. */
  model: string;
  calls: number;
  outcomes: Record<Exclude<CallOutcome, 'pending'>, number>;
  /** Calls for which a model was asked, and those of them that repeat an earlier one. */
  attempts: number;
  repeats: number;
  /** Of successful attempts, in milliseconds; null without one. */
  processingTimeMs: Percentiles | null;
  timeToFirstTokenMs: Percentiles | null;
  /** Calls that the cache answered, as a share of all successful ones; null without one. */
  cacheHits: number;
  hitRate: number | null;
  /** What the cached answers had cost, micro-USD. */
  saved: bigint;
}

/** Nearest-rank percentiles. */
export interface Percentiles {
  p50: number;
  p95: number;
}

interface StoredUse {
  backend: number;
  model: number;
  calls: number;
  attempts: number;
  repeats: number;
  hits: number;
  saved: string;
  outcomes: string;
}

interface StoredTime {
  backend: number;
  model: number;
  ms: number;
  count: number;
}

const success = callOutcomes.indexOf('success');
const modelOfCall = 'CASE model_id WHEN 0 THEN model ELSE model_id END';

/** The calls of policy days by back-end and model, most calls first. `text` gives the strings of the index. */
export function readModelUse(
  database: DatabaseSync,
  text: (number: number) => string | null,
  { since = '', until = '9999-99-99' }: UsageDays,
): ModelUse[] {
  const counts = callOutcomes.map((_, number) => `count(*) FILTER (WHERE outcome = ${number})`);
  // A call that has only one record was refused before a model was asked.
  const uses = database
    .prepare(
      `SELECT backend, ${modelOfCall} AS model, count(*) AS calls,
         count(*) FILTER (WHERE opened <> sequence AND saved IS NULL) AS attempts,
         count(*) FILTER (WHERE opened <> sequence AND attempt > 1) AS repeats,
         count(saved) AS hits, CAST(coalesce(sum(saved), 0) AS TEXT) AS saved, json_array(${counts.join(', ')}) AS outcomes
       FROM call WHERE day BETWEEN ? AND ? GROUP BY 1, 2 ORDER BY calls DESC`,
    )
    .all(since, until) as unknown as StoredUse[];
  const times = (column: string): Map<string, StoredTime[]> => {
    const rows = database
      .prepare(
        `SELECT backend, ${modelOfCall} AS model, ${column} AS ms, count(*) AS count FROM call
         WHERE outcome = ${success} AND saved IS NULL AND ${column} IS NOT NULL AND day BETWEEN ? AND ?
         GROUP BY 1, 2, 3 ORDER BY 3`,
      )
      .all(since, until) as unknown as StoredTime[];
    return Map.groupBy(rows, keyOf);
  };
  const [processing, firstToken] = [times('processing_ms'), times('first_token_ms')];
  return uses.map((use) => {
    const outcomes = JSON.parse(use.outcomes) as number[];
    const answers = outcomes[success] ?? 0;
    return {
      backend: text(use.backend),
      model: text(use.model) ?? '',
      calls: use.calls,
      outcomes: outcomesOf(outcomes),
      attempts: use.attempts,
      repeats: use.repeats,
      processingTimeMs: percentilesOf(processing.get(keyOf(use)) ?? []),
      timeToFirstTokenMs: percentilesOf(firstToken.get(keyOf(use)) ?? []),
      cacheHits: use.hits,
      hitRate: answers === 0 ? null : use.hits / answers,
      saved: BigInt(use.saved),
    };
  });
}

function keyOf({ backend, model }: Pick<StoredTime, 'backend' | 'model'>): string {
  return `${backend} ${model}`;
}

/** A call that goes on has no row. */
function outcomesOf(counts: readonly number[]): ModelUse['outcomes'] {
  const entries = callOutcomes.flatMap((outcome, number) =>
    outcome === 'pending' ? [] : [[outcome, counts[number] ?? 0] as const],
  );
  return Object.fromEntries(entries) as ModelUse['outcomes'];
}

/** `times` in ascending order. */
function percentilesOf(times: readonly StoredTime[]): Percentiles | null {
  const total = times.reduce((sum, { count }) => sum + count, 0);
  const at = (share: number): number => {
    let below = 0;
    return times.find(({ count }) => (below += count) >= share * total)?.ms ?? 0;
  };
  return total === 0 ? null : { p50: at(0.5), p95: at(0.95) };
}
