import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { QueryDatabase } from '../../src/queries/queryDatabase.ts';
import {
  queryLimits,
  type QueryLimits,
  type QueryRequest,
  type QueryResult,
} from '../../src/queries/queryMessages.ts';
import { runQuery, type QueryOptions } from '../../src/queries/runQuery.ts';

const wasm = createRequire(import.meta.url).resolve('sql.js/dist/sql-wasm.wasm');

/** A database for a query, with no tables. */
export async function emptyDatabase(limits: Partial<QueryLimits> = {}): Promise<QueryDatabase> {
  const { open } = await QueryDatabase.load(readFileSync(wasm), { ...queryLimits, ...limits });
  return open();
}

/** Runs a query in its thread, from the sources. */
export function queryOf(
  directory: string,
  sql: string,
  options: QueryOptions & Partial<Pick<QueryRequest, 'days' | 'toleratesFault'>> = {},
): Promise<QueryResult> {
  const { days = {}, toleratesFault = false, ...rest } = options;
  return runQuery(
    { directory, sql, days, toleratesFault },
    {
      workerUrl: new URL('../../src/queries/queryWorker.ts', import.meta.url),
      wasmUrl: pathToFileURL(wasm),
      ...rest,
    },
  );
}
