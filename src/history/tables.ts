import type { DatabaseSync } from 'node:sqlite';
import type { CallInZone } from './calls.ts';
import {
  readComparisons,
  readFindings,
  readRuns,
  type RecordedFinding,
  type RecordedRun,
} from './runsAndFindings.ts';
import { callColumns, callOf, type RecordedCall, type StoredCall } from './storedCall.ts';
import { readUsage, type UsageDays, type UsageRow } from './usage.ts';

/** Rows, newest first, and how many there are. */
export interface Rows<Row> {
  total: number;
  rows: Iterable<Row>;
}

/** The history of some policy days as tables. The rows are read while they are iterated, inside `ask`. */
export interface HistoryTables {
  calls: Rows<RecordedCall>;
  days: Rows<UsageRow>;
  runs: Rows<RecordedRun>;
  findings: Rows<RecordedFinding>;
}

interface TableSources {
  database: DatabaseSync;
  text: (number: number) => string | null;
  /** Running calls, newest first. */
  open: readonly CallInZone[];
}

export function readTables(
  sources: TableSources,
  { since = '', until = '9999-99-99' }: UsageDays,
): HistoryTables {
  const { database, text } = sources;
  const open = sources.open.filter(({ day }) => day >= since && day <= until);
  const count = (sql: string): number =>
    (database.prepare(`SELECT count(*) AS total FROM ${sql}`).get(since, until) as { total: number }).total;
  const days = readUsage(database, text, 'day', { since, until }).reverse();
  return {
    calls: {
      total: open.length + count('call WHERE day BETWEEN ? AND ?'),
      rows: readCalls(database, text, open, since, until),
    },
    days: { total: days.length, rows: days },
    runs: {
      total:
        count('run WHERE day BETWEEN ? AND ?') +
        count(
          `(SELECT 1 FROM call WHERE comparison_id IS NOT NULL GROUP BY comparison_id HAVING min(day) BETWEEN ? AND ?)`,
        ),
      rows: newestFirst(readRuns(database, since, until), readComparisons(database, text, since, until)),
    },
    findings: {
      total: count('finding WHERE day BETWEEN ? AND ?'),
      rows: readFindings(database, text, since, until),
    },
  };
}

function* readCalls(
  database: DatabaseSync,
  text: (number: number) => string | null,
  open: readonly CallInZone[],
  since: string,
  until: string,
): Generator<RecordedCall, void, undefined> {
  yield* open;
  const rows = database
    .prepare(`SELECT ${callColumns} FROM call WHERE day BETWEEN ? AND ? ORDER BY n DESC`)
    .iterate(since, until) as unknown as Iterable<StoredCall>;
  for (const row of rows) yield callOf(row, text);
}

/** Two lists that are newest first, as one. */
function* newestFirst(one: Iterator<RecordedRun>, other: Iterator<RecordedRun>): Generator<RecordedRun> {
  let [left, right] = [one.next(), other.next()];
  while (!left.done || !right.done) {
    if (!left.done && (right.done || left.value.sequence > right.value.sequence)) {
      yield left.value;
      left = one.next();
    } else if (!right.done) {
      yield right.value;
      right = other.next();
    }
  }
}
