import type { GatewayErrorCode } from '../errorCodes.ts';
import type { HistoryIndex } from './historyIndex.ts';

/** The queries to a worker with an index. */
export type HistoryQueries = Pick<
  HistoryIndex,
  | 'matches'
  | 'rowsFromOldest'
  | 'page'
  | 'rowOf'
  | 'find'
  | 'findEvent'
  | 'headerAfter'
  | 'events'
  | 'usage'
  | 'hours'
  | 'facets'
>;

export type HistoryMethod = keyof HistoryQueries;
export type HistoryParameters<Method extends HistoryMethod> = Parameters<HistoryQueries[Method]>;
export type HistoryAnswer<Method extends HistoryMethod> = ReturnType<HistoryQueries[Method]>;

/** The worker's data: the ledger's folder. */
export interface HistoryWorkerData {
  directory: string;
}

/** To the worker. */
export type HistoryRequest =
  | { id: number; method: HistoryMethod; parameters: unknown[]; toleratesFailure: boolean }
  /** Stops updating the index for that query. */
  | { cancel: number };

/**
 * From the worker: any number of `progress` for a query, the ledger's fault if there is one,
 * then the answer or the error.
 */
export type HistoryResponse =
  | { id: number; progress: { bytes: number; total: number } }
  | { id: number; ledgerFailure: HistoryFailure }
  | { id: number; answer: unknown }
  | { id: number; failure: HistoryFailure };

/** An error sent between threads; `code` is null for an unexpected error. */
export interface HistoryFailure {
  code: GatewayErrorCode | null;
  message: string;
  hint: string;
}
