import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { csvText } from '../csv.ts';
import { GatewayError } from '../errors.ts';
import { createFile } from '../createFile.ts';
import { requireSqlite } from '../ledger/kernelLock.ts';
import { linkTarget, replaceFile } from '../replaceFile.ts';
import { unwritable } from '../unwritable.ts';
import type { CopiedTable, QueryResult } from './queryMessages.ts';
import type { QueryValue } from './schema.ts';

export const resultFormats = ['csv', 'sqlite'] as const;
export type ResultFormat = (typeof resultFormats)[number];

/** What of a result is written. */
export type ResultTable = Pick<QueryResult, 'columns' | 'rows'>;

/** RFC 4180 with a header; no text acts as a formula. */
export function resultCsv({ columns, rows }: ResultTable): string {
  const records = rows.map((row) =>
    Object.fromEntries(columns.map((name, index) => [name, row[index] ?? null])),
  );
  return csvText(columns, records);
}

/** A table of Markdown; nothing in a cell ends it. */
export function resultMarkdown({ columns, rows }: ResultTable): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const cell = (value: QueryValue): string =>
    String(value ?? '')
      .replace(/[\\`*_[\]<>|~]/g, '\\$&')
      .replace(/\s+/g, ' ');
  const isNumber = columns.map((_, index) => rows.every((row) => typeof row[index] !== 'string'));
  const lines = [
    line(columns.map(cell)),
    line(isNumber.map((number) => (number ? '--:' : '---'))),
    ...rows.map((row) => line(row.map(cell))),
  ];
  return `${lines.join('\n')}\n`;
}

/** The document of `audit query`: integers beyond 2^53 are text, so that every reader has them exactly. */
export function resultJson({ columns, rows, truncated }: ResultTable & { truncated: boolean }): object {
  return {
    columns,
    rows: rows.map((row) => row.map((value) => (typeof value === 'bigint' ? value.toString() : value))),
    truncated,
  };
}

/** What the tables of a query left out, in words; null if they hold everything. */
export function leftOutText(tables: readonly CopiedTable[]): string | null {
  const parts = tables
    .filter(({ copied, total }) => copied < total)
    .map(({ table, copied, total }) => {
      const [some, all] = [copied, total].map((count) => count.toLocaleString('en-US'));
      return `${table} holds the newest ${some} of ${all} rows`;
    });
  return parts.length === 0 ? null : `${parts.join('; ')}. Older rows are left out: choose fewer days.`;
}

/** Writes a result to a file, atomically. Throws as described in `unwritable`. */
export async function saveResult(
  path: string,
  format: ResultFormat,
  sql: string,
  result: QueryResult,
): Promise<void> {
  try {
    if (format === 'csv') await replaceFile(path, resultCsv(result));
    else await replaceWithDatabase(await linkTarget(path), sql, result);
  } catch (error) {
    if (GatewayError.is(error)) throw error;
    throw unwritable(
      path,
      error,
      'Choose another file, or check the disk and the permissions of its folder.',
    );
  }
}

/** An SQLite file with the result as the table `result`, and the statement with what it saw as the table `query`. */
async function replaceWithDatabase(path: string, sql: string, result: QueryResult): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  try {
    // SQLite would make it readable for everybody.
    createFile(draft, '');
    const database = new (requireSqlite().DatabaseSync)(draft);
    try {
      const names = result.columns.map((name) => `"${name.replaceAll('"', '""')}"`);
      database.exec('PRAGMA journal_mode = MEMORY; BEGIN');
      database.exec(`CREATE TABLE result (${names.join(', ')})`);
      const insert = database.prepare(`INSERT INTO result VALUES (${names.map(() => '?').join(', ')})`);
      for (const row of result.rows) insert.run(...row.map(exactly));
      database.exec(
        'CREATE TABLE query (sql TEXT, made TEXT, truncated INTEGER, left_out TEXT, ledger_fault TEXT)',
      );
      database
        .prepare('INSERT INTO query VALUES (?, ?, ?, ?, ?)')
        .run(
          sql,
          new Date().toISOString(),
          Number(result.truncated),
          leftOutText(result.tables),
          result.ledgerFault,
        );
      database.exec('COMMIT');
    } finally {
      database.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** A whole number is stored as an integer, as it was. */
function exactly(value: QueryValue): QueryValue {
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
}
