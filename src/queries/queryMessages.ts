import type { GatewayErrorCode } from '../errorCodes.ts';
import type { UsageDays } from '../history/usage.ts';
import type { QueryValue } from './schema.ts';

/** What a query may use. */
export interface QueryLimits {
  /** Rows of each table that are copied, newest first. */
  copiedRows: number;
  /** Characters of text that are copied per table: reasons may be long. */
  copiedCharacters: number;
  resultRows: number;
  /** Characters of the result. */
  resultCharacters: number;
  /** Memory of the database while it runs, in bytes. */
  memory: number;
  /** Milliseconds that the statement may run, without the copying. */
  time: number;
}

export const queryLimits: QueryLimits = {
  copiedRows: 100_000,
  copiedCharacters: 64_000_000,
  resultRows: 10_000,
  resultCharacters: 16_000_000,
  memory: 256 * 2 ** 20,
  time: 10_000,
};

/** How much of a table a query saw. */
export interface CopiedTable {
  table: string;
  /** Rows in the copy, the newest; fewer than `total` if the rest was left out. */
  copied: number;
  total: number;
}

export interface QueryResult {
  /** No two are the same. */
  columns: string[];
  /** Integers that a JavaScript number can't hold exactly are bigints. */
  rows: QueryValue[][];
  /** Whether there are more rows than the result has. */
  truncated: boolean;
  tables: CopiedTable[];
  /** The fault of the ledger; the tables then hold the records before it. */
  ledgerFault: string | null;
  /** How long the copying and the statement took, in milliseconds. */
  copyMs: number;
  queryMs: number;
}

export interface QueryRequest {
  /** The ledger's folder. */
  directory: string;
  sql: string;
  /** The policy days that the tables hold. */
  days: UsageDays;
  /** Whether to query the records before a fault of the ledger. */
  toleratesFault: boolean;
}

/** The worker's data. */
export interface QueryWorkerData extends QueryRequest {
  /** The file of sql.js' WebAssembly. */
  wasm: string;
  limits: QueryLimits;
}

/** What a query is doing: bringing the index up to date, copying, or running. Shares are from 0 to 1. */
export type QueryProgress = { step: 'indexing' | 'copying'; share: number } | { step: 'running' };

/** From the worker: any number of `progress`, then the result or the error. */
export type QueryResponse =
  | { progress: QueryProgress }
  | { result: QueryResult }
  | { failure: { code: GatewayErrorCode | null; message: string; hint: string } };
