import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import type { QueryResult } from '../queries/queryMessages.ts';
import {
  leftOutText,
  resultCsv,
  resultFormats,
  resultJson,
  saveResult,
  type ResultFormat,
} from '../queries/resultFiles.ts';
import { runQuery } from '../queries/runQuery.ts';
import { SavedQueries } from '../queries/savedQueries.ts';
import { dayOption } from './options.ts';
import { writeSlowly } from './output.ts';
import { stopSignal } from './stopSignal.ts';
import { note, printJson, printLine, table, type Terminal } from './terminal.ts';

export interface QueryCommandOptions {
  saved?: string;
  since?: string;
  until?: string;
  format?: string;
  out?: string;
}

/** `tidyllm audit query`: SQL over a copy of the audit history. */
export async function auditQuery(
  core: Core,
  sql: string | undefined,
  options: QueryCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const format = formatOf(options, terminal);
  const statement = await statementOf(core, sql, options);
  const since = options.since === undefined ? undefined : dayOption(options.since, '--since');
  const until = options.until === undefined ? undefined : dayOption(options.until, '--until');
  // The ledger's own faults come first.
  await core.ledger.head();
  const result = await untilStopped((signal) => {
    const { directory } = core.journal;
    return runQuery({ directory, sql: statement, days: { since, until }, toleratesFault: false }, { signal });
  });
  const leftOut = leftOutText(result.tables);
  if (leftOut !== null) note(terminal, leftOut);
  if (result.truncated)
    note(terminal, `The result has more rows; these are the first ${result.rows.length}.`);
  if (options.out !== undefined && format !== null) await saveResult(options.out, format, statement, result);
  if (terminal.json) printJson(resultJson(result));
  else if (options.out !== undefined) note(terminal, `${rowsText(result)} written to ${options.out}.`);
  else if (format === 'csv') await writeSlowly(resultCsv(result));
  else print(result, terminal);
  return 0;
}

function print(result: QueryResult, terminal: Terminal): void {
  const { columns, rows } = result;
  const right = columns.filter((_, index) => rows.every((row) => typeof row[index] !== 'string'));
  const cells = rows.map((row) => row.map((value) => String(value ?? '')));
  printLine(table(columns, cells, right));
  note(terminal, `${rowsText(result)} in ${((result.copyMs + result.queryMs) / 1000).toFixed(1)} s.`);
}

function rowsText({ rows }: QueryResult): string {
  return rows.length === 1 ? '1 row' : `${rows.length} rows`;
}

/** The format of a file or of standard output; null for a table. */
function formatOf({ format, out }: QueryCommandOptions, { json }: Terminal): ResultFormat | null {
  const found = resultFormats.find((one) => one === format) ?? null;
  const hint = 'Write --format csv or --format sqlite, and --out FILE.';
  if (format !== undefined && found === null)
    throw new GatewayError('invalid_request', `--format must be csv or sqlite, not "${format}".`, { hint });
  if (out !== undefined && found === null)
    throw new GatewayError('invalid_request', '--out needs the format of the file.', { hint });
  if (out === undefined && (found === 'sqlite' || (found !== null && json)))
    throw new GatewayError('invalid_request', `--format ${found} needs a file here.`, { hint });
  return found;
}

async function statementOf(
  core: Core,
  sql: string | undefined,
  { saved }: QueryCommandOptions,
): Promise<string> {
  if ((sql === undefined) === (saved === undefined)) {
    throw new GatewayError('invalid_request', 'Give either a query or --saved NAME.', {
      hint: 'Such as: tidyllm audit query "SELECT day, spent_usd FROM days". The tables are in docs/queries.md.',
    });
  }
  return sql ?? (await new SavedQueries(core.journal.directory).find(saved ?? '')).sql;
}

async function untilStopped<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, dispose } = stopSignal();
  try {
    return await work(signal);
  } catch (error) {
    if (signal.aborted) throw new GatewayError('cancelled', 'The query was cancelled.', { cause: error });
    throw error;
  } finally {
    dispose();
  }
}
