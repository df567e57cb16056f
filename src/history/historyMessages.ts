import type { GatewayErrorCode } from '../errorCodes.ts';
import type { HistoryIndex } from './historyIndex.ts';

/** What a worker with an index can be asked. */
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

/** What the worker is given: the ledger's folder. */
export interface HistoryWorkerData {
  directory: string;
}

/** To the worker. */
export type HistoryRequest =
  | { id: number; method: HistoryMethod; parameters: unknown[]; toleratesFailure: boolean }
  /** Stops bringing the index up to date for that question. */
  | { cancel: number };

/**
 * From the worker: any number of `progress` for a question, what is wrong with the ledger if anything is,
 * then the answer or why there is none.
 */
export type HistoryResponse =
  | { id: number; progress: { bytes: number; total: number } }
  | { id: number; ledgerFailure: HistoryFailure }
  | { id: number; answer: unknown }
  | { id: number; failure: HistoryFailure };

/** An error as it crosses between threads; `code` is null when it was not expected. */
export interface HistoryFailure {
  code: GatewayErrorCode | null;
  message: string;
  hint: string;
}
