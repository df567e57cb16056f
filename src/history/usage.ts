import type { DatabaseSync } from 'node:sqlite';
import type { UsageDimension } from './usageTotals.ts';

/** Usage of calls. Money is micro-USD. */
export interface Usage {
  /** Calls that reached a model, or died on the way. */
  calls: number;
  /** Calls refused or failed before any reservation. */
  refusals: number;
  inputTokens: number;
  outputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  /** Settled, charged for dead processes, and corrected by bills. */
  spent: bigint;
  /** The part that is an upper bound. */
  estimated: bigint;
  /** The part from bill corrections; may be negative. */
  adjusted: bigint;
}

export interface UsageRow extends Usage {
  /** A model, user, folder, branch, day or hour; null for calls without one, and for bill corrections. */
  key: string | null;
}

export interface UsageDays {
  /** Policy days, YYYY-MM-DD, both included; all if omitted. */
  since?: string | undefined;
  until?: string | undefined;
}

interface StoredUsage {
  key: number;
  day: string;
  calls: number;
  refusals: number;
  input: number;
  output: number;
  cache_read: number;
  cache_write: number;
  spent: string;
  estimated: string;
  adjusted: string;
}

/** Usage by a property: days and hours in order, all else by spend. */
export function readUsage(
  database: DatabaseSync,
  text: (number: number) => string | null,
  by: UsageDimension,
  { since, until }: UsageDays = {},
): UsageRow[] {
  const key = by === 'day' ? 'day' : 'key';
  const stored = database
    .prepare(
      `SELECT key, day, sum(calls) AS calls, sum(refusals) AS refusals, sum(input) AS input, sum(output) AS output,
         sum(cache_read) AS cache_read, sum(cache_write_5m + cache_write_1h) AS cache_write,
         CAST(sum(spent) AS TEXT) AS spent, CAST(sum(estimated) AS TEXT) AS estimated,
         CAST(sum(adjusted) AS TEXT) AS adjusted
       FROM usage WHERE dimension = ? AND day BETWEEN ? AND ? GROUP BY ${key}`,
    )
    .all(by, since ?? '', until ?? '9999-99-99') as unknown as StoredUsage[];
  const rows = stored.map((row): UsageRow => ({
    key: by === 'day' ? row.day : text(row.key),
    calls: row.calls,
    refusals: row.refusals,
    inputTokens: row.input,
    outputTokens: row.output,
    cacheReadTokens: row.cache_read,
    cacheWriteTokens: row.cache_write,
    spent: BigInt(row.spent),
    estimated: BigInt(row.estimated),
    adjusted: BigInt(row.adjusted),
  }));
  const inOrder = by === 'day' || by === 'hour';
  return rows.sort((a, b) => {
    if (!inOrder && a.spent !== b.spent) return a.spent > b.spent ? -1 : 1;
    return (a.key ?? '').localeCompare(b.key ?? '', 'en');
  });
}

/** The sum of rows. */
export function totalUsage(rows: readonly Usage[]): Usage {
  const total: Usage = {
    calls: 0,
    refusals: 0,
    inputTokens: 0,
    outputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    spent: 0n,
    estimated: 0n,
    adjusted: 0n,
  };
  for (const row of rows) {
    total.calls += row.calls;
    total.refusals += row.refusals;
    total.inputTokens += row.inputTokens;
    total.outputTokens += row.outputTokens;
    total.cacheReadTokens += row.cacheReadTokens;
    total.cacheWriteTokens += row.cacheWriteTokens;
    total.spent += row.spent;
    total.estimated += row.estimated;
    total.adjusted += row.adjusted;
  }
  return total;
}

export interface HourSpending {
  day: string;
  /** 0 to 23, in the policy's time zone. */
  hour: number;
  /** Micro-USD. */
  spent: bigint;
}

/** The spend in each hour of each day, for forecasts. */
export function readHours(
  database: DatabaseSync,
  text: (number: number) => string | null,
  { since, until }: UsageDays,
): HourSpending[] {
  const rows = database
    .prepare(
      `SELECT day, key, CAST(spent AS TEXT) AS spent FROM usage WHERE dimension = 'hour' AND day BETWEEN ? AND ?`,
    )
    .all(since ?? '', until ?? '9999-99-99') as unknown as Pick<StoredUsage, 'day' | 'key' | 'spent'>[];
  return rows.flatMap(({ day, key, spent }) => {
    const hour = text(key);
    // Bill corrections have no hour.
    return hour === null ? [] : [{ day, hour: Number(hour), spent: BigInt(spent) }];
  });
}
