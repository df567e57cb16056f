import type { RecordedFinding, RecordedRun } from '../history/runsAndFindings.ts';
import type { RecordedCall } from '../history/storedCall.ts';
import type { HistoryTables } from '../history/tables.ts';
import type { UsageRow } from '../history/usage.ts';
import { microToUsd } from '../pricing/cost.ts';

export type QueryValue = number | bigint | string | null;

export interface QueryColumn {
  name: string;
  type: 'INTEGER' | 'TEXT';
  meaning: string;
}

export interface QueryTable {
  name: keyof HistoryTables;
  meaning: string;
  columns: readonly QueryColumn[];
}

interface ColumnOf<Row> extends QueryColumn {
  value: (row: Row) => QueryValue;
}

interface TableOf<Row> extends QueryTable {
  columns: readonly ColumnOf<Row>[];
}

const text = <Row>(name: string, meaning: string, value: (row: Row) => string | null): ColumnOf<Row> => ({
  name,
  type: 'TEXT',
  meaning,
  value,
});

const count = <Row>(name: string, meaning: string, value: (row: Row) => number | null): ColumnOf<Row> => ({
  name,
  type: 'INTEGER',
  meaning,
  value,
});

/** Money as two columns: the exact integer to count with, and the same in USD to read. */
const money = <Row>(name: string, meaning: string, value: (row: Row) => bigint | null): ColumnOf<Row>[] => [
  { name: `${name}_micro_usd`, type: 'INTEGER', meaning: `micro-USD: ${meaning}`, value },
  text(`${name}_usd`, `the same in USD, a decimal text`, (row) => {
    const amount = value(row);
    return amount === null ? null : microToUsd(amount);
  }),
];

const calls: TableOf<RecordedCall> = {
  name: 'calls',
  meaning: 'one row per call: finished, refused or running',
  columns: [
    text('call_id', 'id of the call', (call) => call.callId),
    count(
      'sequence',
      'number of the record that ended it, or of the first while it runs',
      (call) => call.sequence,
    ),
    text('time', 'when it began, ISO 8601 in UTC', (call) => call.time),
    text('day', 'policy day, YYYY-MM-DD', (call) => call.day),
    text('user_id', 'who asked', (call) => call.userId),
    text('reason', 'why', (call) => call.reason),
    text(
      'model',
      'id of the model, or the name that was asked for if it has none',
      (call) => call.modelId ?? call.model,
    ),
    text('asked_model', 'the name that was asked for', (call) => call.model),
    text('backend', 'back-end: bedrock, anthropic, openai, …', (call) => call.backend),
    text(
      'outcome',
      'success, refused, failed, cancelled, incomplete, orphaned or pending',
      (call) => call.outcome,
    ),
    text('error_code', 'why it was refused or failed', (call) => call.errorCode),
    ...money<RecordedCall>('cost', 'what it cost; null while it runs', (call) =>
      call.outcome === 'pending' ? null : call.cost,
    ),
    count('cost_estimated', '1 if the cost is an upper bound', (call) => Number(call.costEstimated)),
    count('cache_hit', '1 if a cached answer was used', (call) => Number(call.saved !== null)),
    ...money<RecordedCall>('saved', 'what the cached answer had cost', (call) => call.saved),
    count('attempt', 'number of the attempt at its request, from 1', (call) => call.attempt),
    count('input_tokens', 'tokens, null if none were counted', (call) => call.tokens?.input_tokens ?? null),
    count('output_tokens', 'tokens', (call) => call.tokens?.output_tokens ?? null),
    count(
      'cache_read_tokens',
      'tokens read from the provider’s cache',
      (call) => call.tokens?.cache_read_input_tokens ?? null,
    ),
    count(
      'cache_write_tokens',
      'tokens written to it',
      ({ tokens }) => tokens && tokens.cache_write_5m_input_tokens + tokens.cache_write_1h_input_tokens,
    ),
    count('processing_time_ms', 'how long it took', (call) => call.processingTimeMs),
    count('first_token_ms', 'time to the first token', (call) => call.timeToFirstTokenMs),
    text('workspace', 'folder of the workspace', (call) => call.workspace),
    text('branch', 'branch of git', (call) => call.branch),
    text('command', 'front door: chat, cli, …', (call) => call.command),
    text('run_id', 'FLOW run that it is part of', (call) => call.runId),
    text('comparison_id', 'comparison that it is part of', (call) => call.comparisonId),
    text('account', 'account of the operating system', (call) => call.account),
    text('caller_arn', 'ARN of the caller in AWS', (call) => call.callerArn),
    text('hash', 'hash of the record that ended it', (call) => call.hash),
  ],
};

const days: TableOf<UsageRow> = {
  name: 'days',
  meaning: 'one row per policy day with calls or bill corrections, as `tidyllm usage --by day` has them',
  columns: [
    text('day', 'policy day, YYYY-MM-DD', (day) => day.key),
    count('calls', 'calls that reached a model, or died on the way', (day) => day.calls),
    count('refused', 'calls refused or failed before any reservation', (day) => day.refusals),
    count('input_tokens', 'tokens', (day) => day.inputTokens),
    count('output_tokens', 'tokens', (day) => day.outputTokens),
    count('cache_read_tokens', 'tokens read from the provider’s cache', (day) => day.cacheReadTokens),
    count('cache_write_tokens', 'tokens written to it', (day) => day.cacheWriteTokens),
    ...money<UsageRow>('spent', 'cost of the calls, and bill corrections', (day) => day.spent),
    ...money<UsageRow>('estimated', 'the part that is an upper bound', (day) => day.estimated),
    ...money<UsageRow>('adjusted', 'the part from bill corrections; may be negative', (day) => day.adjusted),
  ],
};

const runs: TableOf<RecordedRun> = {
  name: 'runs',
  meaning: 'one row per FLOW run and per comparison of models',
  columns: [
    text('run_id', 'id of the run or the comparison, as in `calls`', (run) => run.runId),
    text('kind', 'flow or comparison', (run) => run.kind),
    text('agreement', 'id of the agreement', (run) => run.agreement),
    count('sequence', 'number of the run’s first record, or of the comparison’s last', (run) => run.sequence),
    text('time', 'when it began, ISO 8601 in UTC', (run) => run.time),
    text('day', 'policy day, YYYY-MM-DD', (run) => run.day),
    text('user_id', 'who asked', (run) => run.userId),
    text('reason', 'why', (run) => run.reason),
    text(
      'outcome',
      'success, failed, cancelled, refused or orphaned; null while it runs and for comparisons',
      (run) => run.outcome,
    ),
    text('execution_mode', 'real, simulated or failed', (run) => run.executionMode),
    text('error_code', 'why it failed', (run) => run.errorCode),
    count('calls', 'calls that ended', (run) => run.calls),
    ...money<RecordedRun>('cost', 'what they cost together; null while it runs', (run) => run.cost),
    ...money<RecordedRun>('reserved', 'what was held for the run', (run) => run.reserved),
    count('duration_ms', 'how long it took', (run) => run.durationMs),
    count('problems', 'problems in its report', (run) => run.problems),
    count('warnings', 'warnings in its report', (run) => run.warnings),
    text('workspace', 'folder of the workspace', (run) => run.workspace),
    text('branch', 'branch of git', (run) => run.branch),
    text('command', 'front door: chat, cli, …', (run) => run.command),
    text('backend', 'back-end of the run', (run) => run.backend),
  ],
};

const findings: TableOf<RecordedFinding> = {
  name: 'findings',
  meaning: 'one row per call, part and rule that found something, and per part that was not searched',
  columns: [
    text('call_id', 'id of the call', (finding) => finding.callId),
    count('sequence', 'number of the record', (finding) => finding.sequence),
    text('time', 'when it was found, ISO 8601 in UTC', (finding) => finding.time),
    text('day', 'policy day of the call', (finding) => finding.day),
    text('user_id', 'who asked', (finding) => finding.userId),
    text('model', 'model of the call', (finding) => finding.model),
    text('workspace', 'folder of the workspace', (finding) => finding.workspace),
    text('part', 'request or answer', (finding) => finding.part),
    text(
      'rule',
      'id of the rule, or deadline, unreadable_images, unreadable_documents, unreadable_sealed',
      (finding) => finding.rule,
    ),
    text(
      'class',
      'secret, personal_data, not_searched, or more_rules for rules beyond the 40 of a record',
      (finding) => finding.class,
    ),
    count('count', 'how often', (finding) => finding.count),
    text('decision', 'allow, redact or block; null for answers', (finding) => finding.decision),
  ],
};

/** The tables of a query, for people. */
export const queryTables: readonly QueryTable[] = [calls, days, runs, findings];

/** A table and its rows as values of its columns. */
export interface FilledTable {
  table: QueryTable;
  total: number;
  rows: Iterable<readonly QueryValue[]>;
}

export function filledTables(history: HistoryTables): FilledTable[] {
  return [
    filled(calls, history.calls),
    filled(days, history.days),
    filled(runs, history.runs),
    filled(findings, history.findings),
  ];
}

function filled<Row>(
  table: TableOf<Row>,
  { total, rows }: { total: number; rows: Iterable<Row> },
): FilledTable {
  const values = function* (): Generator<QueryValue[]> {
    for (const row of rows) yield table.columns.map(({ value }) => value(row));
  };
  return { table, total, rows: values() };
}
