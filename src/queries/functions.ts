import { linearRegression, sampleStandardDeviation } from 'simple-statistics';
import { microToUsd } from '../pricing/cost.ts';
import type { Database } from 'sql.js/dist/sql-wasm.js';

type Argument = number | string | Uint8Array | null;

export interface QueryFunction {
  name: string;
  /** How it is called, for people. */
  call: string;
  /** Its formula and where that is from. */
  meaning: string;
}

/** A function over the rows of a group. Rows in which an argument is null don't count; without rows the result is null. */
interface Aggregate extends QueryFunction {
  arguments: 1 | 2;
  /** What a row counts with; null if it doesn't count. */
  take: (x: Argument, y: Argument) => readonly number[] | null;
  result: (rows: readonly (readonly number[])[]) => number | null;
}

const millisecondsOfDay = 86_400_000;

const aggregates: readonly Aggregate[] = [
  {
    name: 'percentile',
    call: 'percentile(x, p)',
    arguments: 2,
    meaning:
      'the value below which p percent of the values lie, p from 0 to 100, linear between two values: position p/100 × (n − 1) of the sorted values. As `percentile` of SQLite’s own extension and `percentile_cont` of the SQL standard.',
    take: (x, p) => {
      if (x === null || p === null) return null;
      const [value, percent] = [numberFrom(x, 'percentile'), numberFrom(p, 'percentile')];
      if (percent < 0 || percent > 100) throw new Error('the second argument of percentile must be 0 to 100');
      return [value, percent];
    },
    result: (rows) => {
      const percent = rows[0]?.[1] ?? 0;
      if (rows.some((row) => row[1] !== percent))
        throw new Error('the second argument of percentile must be the same in all rows');
      return percentileOf(rows.map(first), percent);
    },
  },
  {
    name: 'median',
    call: 'median(x)',
    arguments: 1,
    meaning: 'the middle value, or the mean of the two in the middle: `percentile(x, 50)`.',
    take: (x) => oneNumber(x, 'median'),
    result: (rows) => percentileOf(rows.map(first), 50),
  },
  {
    name: 'stddev',
    call: 'stddev(x)',
    arguments: 1,
    meaning:
      'the standard deviation of a sample: √(Σ(x − mean)² / (n − 1)), null for fewer than two values. As `stddev_samp` of the SQL standard.',
    take: (x) => oneNumber(x, 'stddev'),
    result: (rows) => (rows.length < 2 ? null : sampleStandardDeviation(rows.map(first))),
  },
  {
    name: 'trend',
    call: 'trend(time, y)',
    arguments: 2,
    meaning:
      'by how much y rises per day: the slope of the least-squares line, Σ(t − mean t)(y − mean y) / Σ(t − mean t)², t in days; null for fewer than two different times. Time is a day or a time in ISO 8601. As `regr_slope(y, t)` of the SQL standard.',
    take: (time, y) => {
      if (time === null || y === null) return null;
      return [daysOf(time), numberFrom(y, 'trend')];
    },
    result: (rows) => {
      const start = rows[0]?.[0] ?? 0;
      // Small numbers of days keep the sums exact enough.
      const points = rows.map(([t = 0, y = 0]) => [t - start, y]);
      return points.every(([t]) => t === 0) ? null : linearRegression(points).m;
    },
  },
];

/** The functions that a query has besides SQLite’s. */
export const queryFunctions: readonly QueryFunction[] = [
  ...aggregates,
  { name: 'usd', call: 'usd(micro)', meaning: 'micro-USD, such as a sum, as an exact decimal text of USD.' },
];

export function addFunctions(database: Database): void {
  database.create_function('usd', (micro) => {
    if (micro === null) return null;
    // Integers arrive as doubles; one that is not exact is no money.
    if (typeof micro === 'number' && Number.isSafeInteger(micro)) return microToUsd(BigInt(micro));
    throw new Error('the argument of usd must be a whole number of micro-USD up to 2^53');
  });
  for (const { name, arguments: arguments_, take, result } of aggregates) {
    const add = (rows: (readonly number[])[], x: Argument, y: Argument): (readonly number[])[] => {
      const row = take(x, y);
      if (row) rows.push(row);
      return rows;
    };
    database.create_aggregate<(readonly number[])[]>(name, {
      init: () => [],
      // SQL takes as many arguments as the function names.
      step: arguments_ === 1 ? (rows, x) => add(rows, x, null) : add,
      finalize: (rows) => (rows.length === 0 ? null : result(rows)),
    });
  }
}

function percentileOf(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).sort();
  const position = (percent / 100) * (sorted.length - 1);
  const low = Math.floor(position);
  const [below = 0, above = below] = [sorted[low], sorted[low + 1]];
  return below + (above - below) * (position - low);
}

function first(row: readonly number[]): number {
  return row[0] ?? 0;
}

function oneNumber(x: Argument, name: string): number[] | null {
  return x === null ? null : [numberFrom(x, name)];
}

/** Decimal strings, such as USD, count as numbers. */
function numberFrom(value: Argument, name: string): number {
  const number = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (typeof number === 'number') return number;
  throw new Error(`an argument of ${name} is not a number`);
}

function daysOf(time: Argument): number {
  const isTime = typeof time === 'string' && /^\d{4}-\d{2}-\d{2}(T|$)/.test(time);
  const instant = isTime ? Date.parse(time) : Number.NaN;
  if (!Number.isNaN(instant)) return instant / millisecondsOfDay;
  throw new Error('the first argument of trend must be a day or a time such as 2026-01-31');
}
