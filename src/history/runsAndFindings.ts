import type { DatabaseSync } from 'node:sqlite';
import type { CarriedRun, FlowEndRecord, FlowStartRecord, NoteRecord } from '../ledger/records.ts';

/** SQL of the index's table of FLOW runs. An outcome is null while the run is in progress. */
export const runTable = `CREATE TABLE run (
  run_id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, time TEXT NOT NULL, day TEXT NOT NULL, agreement TEXT NOT NULL,
  user_id TEXT NOT NULL, reason TEXT NOT NULL, workspace TEXT, branch TEXT, command TEXT, backend TEXT,
  outcome TEXT, execution_mode TEXT, error_code TEXT, calls INTEGER, cost INTEGER, reserved INTEGER NOT NULL,
  duration_ms INTEGER, problems INTEGER, warnings INTEGER
) WITHOUT ROWID;`;

/** SQL of the index's table of what was found in requests and answers, or could not be searched. */
export const findingTable = `CREATE TABLE finding (
  sequence INTEGER NOT NULL, call_id TEXT NOT NULL, time TEXT NOT NULL, day TEXT NOT NULL, user INTEGER NOT NULL,
  model INTEGER NOT NULL, workspace INTEGER NOT NULL, part TEXT NOT NULL, rule TEXT NOT NULL, class TEXT NOT NULL,
  count INTEGER NOT NULL, decision TEXT
);
CREATE INDEX finding_by_sequence ON finding (sequence);`;

/** What a rule found in one request or answer. Never the value. */
export interface NotedFinding {
  part: 'request' | 'answer';
  rule: string;
  /** `secret` or `personal_data`; `not_searched` for what was not searched, `more_rules` for rules beyond a note's 40. */
  class: string;
  count: number;
  /** What policy did with the request; null for answers, in which findings are only recorded. */
  decision: string | null;
}

/** A FLOW run, or a comparison of models, in the history. */
export interface RecordedRun {
  runId: string;
  kind: 'flow' | 'comparison';
  /** The id of the agreement; null for comparisons. */
  agreement: string | null;
  /** Of its last record: of the run's start, or of the comparison's last call. */
  sequence: number;
  time: string;
  day: string;
  userId: string;
  reason: string;
  workspace: string | null;
  branch: string | null;
  command: string | null;
  backend: string | null;
  /** Null for comparisons, and while a run is in progress; so are the next two. */
  outcome: string | null;
  executionMode: string | null;
  errorCode: string | null;
  /** Calls that ended; null while a run is in progress, like `cost`. */
  calls: number | null;
  /** Micro-USD, like `reserved`. */
  cost: bigint | null;
  /** Null for comparisons. */
  reserved: bigint | null;
  durationMs: number | null;
  problems: number | null;
  warnings: number | null;
}

/** What a request or an answer contained, with its call. */
export interface RecordedFinding extends NotedFinding {
  /** Of the note. */
  sequence: number;
  callId: string;
  time: string;
  day: string;
  userId: string;
  model: string;
  workspace: string | null;
}

/** Adds a run in progress. */
export function addRun(
  database: DatabaseSync,
  record: FlowStartRecord | (CarriedRun & { seq: number; time: string }),
): void {
  const started = 'kind' in record ? record : null;
  const reserved = started ? started.reserved_micro_usd : (record as CarriedRun).left_micro_usd;
  database
    .prepare(
      `INSERT OR REPLACE INTO run (run_id, sequence, time, day, agreement, user_id, reason, workspace, branch, command,
         backend, reserved) VALUES (${Array<string>(12).fill('?').join(', ')})`,
    )
    .run(
      record.run_id,
      record.seq,
      record.time,
      record.day,
      record.agreement,
      record.user_id,
      started?.reason ?? '',
      record.workspace,
      started?.branch ?? null,
      started?.command ?? null,
      started?.backend ?? null,
      BigInt(reserved),
    );
}

/** Completes a run; one that the index doesn't know began in a segment that retention has deleted. */
export function endRun(database: DatabaseSync, record: FlowEndRecord): void {
  database
    .prepare(
      `UPDATE run SET outcome = ?, execution_mode = ?, error_code = ?, calls = ?, cost = ?, duration_ms = ?,
         problems = ?, warnings = ? WHERE run_id = ?`,
    )
    .run(
      record.outcome,
      record.execution_mode,
      record.error_code,
      record.calls,
      BigInt(record.cost_micro_usd),
      record.duration_ms,
      record.problems,
      record.warnings,
      record.run_id,
    );
}

/** The findings that a note holds; none in notes on anything else. */
export function findingsIn({ topic, data }: NoteRecord): NotedFinding[] {
  if (topic !== 'compliance.request' && topic !== 'compliance.answer') return [];
  const part = topic === 'compliance.request' ? 'request' : 'answer';
  const decision = typeof data['decision'] === 'string' ? data['decision'] : null;
  const findings: NotedFinding[] = [];
  const add = (rule: unknown, of: unknown, count: unknown): void => {
    if (typeof rule === 'string' && typeof of === 'string' && typeof count === 'number')
      findings.push({ part, rule, class: of, count, decision });
  };
  for (const found of Array.isArray(data['findings']) ? data['findings'] : [])
    if (isObject(found)) add(found['rule'], found['class'], found['count']);
  add('more_rules', 'more_rules', data['more_rules']);
  const { unreadable } = data;
  if (isObject(unreadable))
    for (const [kind, count] of Object.entries(unreadable)) add(`unreadable_${kind}`, 'not_searched', count);
  if (data['late'] === true) add('deadline', 'not_searched', 1);
  return findings;
}

interface StoredRun {
  run_id: string;
  sequence: number;
  time: string;
  day: string;
  agreement: string;
  user_id: string;
  reason: string;
  workspace: string | null;
  branch: string | null;
  command: string | null;
  backend: string | null;
  outcome: string | null;
  execution_mode: string | null;
  error_code: string | null;
  calls: number | null;
  cost: string | null;
  reserved: string;
  duration_ms: number | null;
  problems: number | null;
  warnings: number | null;
}

/** FLOW runs of some policy days, newest first. */
export function* readRuns(
  database: DatabaseSync,
  since: string,
  until: string,
): Generator<RecordedRun, void, undefined> {
  const rows = database
    .prepare(
      `SELECT run_id, sequence, time, day, agreement, user_id, reason, workspace, branch, command, backend, outcome,
         execution_mode, error_code, calls, CAST(cost AS TEXT) AS cost, CAST(reserved AS TEXT) AS reserved, duration_ms,
         problems, warnings
       FROM run WHERE day BETWEEN ? AND ? ORDER BY sequence DESC`,
    )
    .iterate(since, until) as unknown as Iterable<StoredRun>;
  for (const row of rows) {
    yield {
      runId: row.run_id,
      kind: 'flow',
      agreement: row.agreement,
      sequence: row.sequence,
      time: row.time,
      day: row.day,
      userId: row.user_id,
      reason: row.reason,
      workspace: row.workspace,
      branch: row.branch,
      command: row.command,
      backend: row.backend,
      outcome: row.outcome,
      executionMode: row.execution_mode,
      errorCode: row.error_code,
      calls: row.calls,
      cost: row.cost === null ? null : BigInt(row.cost),
      reserved: BigInt(row.reserved),
      durationMs: row.duration_ms,
      problems: row.problems,
      warnings: row.warnings,
    };
  }
}

interface StoredComparison {
  comparison_id: string;
  sequence: number;
  time: number;
  day: string;
  user: number;
  reason: string;
  workspace: number;
  branch: number;
  command: number;
  calls: number;
  cost: string;
}

/** Comparisons of some policy days, newest first: their finished calls together. */
export function* readComparisons(
  database: DatabaseSync,
  text: (number: number) => string | null,
  since: string,
  until: string,
): Generator<RecordedRun, void, undefined> {
  const rows = database
    .prepare(
      `SELECT comparison_id, max(sequence) AS sequence, min(time) AS time, min(day) AS day, user, reason, workspace,
         branch, command, count(*) AS calls, CAST(sum(cost) AS TEXT) AS cost
       FROM call WHERE comparison_id IS NOT NULL GROUP BY comparison_id HAVING min(day) BETWEEN ? AND ?
       ORDER BY sequence DESC`,
    )
    .iterate(since, until) as unknown as Iterable<StoredComparison>;
  for (const row of rows) {
    yield {
      runId: row.comparison_id,
      kind: 'comparison',
      agreement: null,
      sequence: row.sequence,
      time: new Date(row.time).toISOString(),
      day: row.day,
      userId: text(row.user) ?? '',
      reason: row.reason,
      workspace: text(row.workspace),
      branch: text(row.branch),
      command: text(row.command),
      backend: null,
      outcome: null,
      executionMode: null,
      errorCode: null,
      calls: row.calls,
      cost: BigInt(row.cost),
      reserved: null,
      durationMs: null,
      problems: null,
      warnings: null,
    };
  }
}

interface StoredFinding extends NotedFinding {
  sequence: number;
  call_id: string;
  time: string;
  day: string;
  user: number;
  model: number;
  workspace: number;
}

/** Findings of some policy days, newest first. */
export function* readFindings(
  database: DatabaseSync,
  text: (number: number) => string | null,
  since: string,
  until: string,
): Generator<RecordedFinding, void, undefined> {
  const rows = database
    .prepare('SELECT * FROM finding WHERE day BETWEEN ? AND ? ORDER BY sequence DESC')
    .iterate(since, until) as unknown as Iterable<StoredFinding>;
  for (const { call_id: callId, user, model, workspace, ...row } of rows) {
    yield {
      ...row,
      callId,
      userId: text(user) ?? '',
      model: text(model) ?? '',
      workspace: text(workspace),
    };
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
