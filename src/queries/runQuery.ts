import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { GatewayError, systemCodeOf } from '../errors.ts';
import {
  queryLimits,
  type QueryLimits,
  type QueryProgress,
  type QueryRequest,
  type QueryResponse,
  type QueryResult,
  type QueryWorkerData,
} from './queryMessages.ts';

export interface QueryOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: QueryProgress) => void) | undefined;
  limits?: Partial<QueryLimits>;
  workerUrl?: URL;
  /** The file of sql.js' WebAssembly. */
  wasmUrl?: URL;
}

/**
 * Runs one statement on a copy of a ledger's history, in a thread of its own, which ends with it: a statement that
 * takes too long, or that nobody waits for, is ended with its thread. Rejects with `invalid_request` for a statement
 * that is refused, faulty or too large, the error of the ledger, or the signal's reason.
 */
export async function runQuery(request: QueryRequest, options: QueryOptions = {}): Promise<QueryResult> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const limits: QueryLimits = { ...queryLimits, ...options.limits };
  const wasm = fileURLToPath(options.wasmUrl ?? new URL('./sql-wasm.wasm', import.meta.url));
  const workerData: QueryWorkerData = { ...request, wasm, limits };
  const worker = new Worker(options.workerUrl ?? new URL('./queryWorker.js', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: Math.ceil(limits.memory / 2 ** 20) },
  });
  let timer: NodeJS.Timeout | undefined;
  let cancel: (() => void) | undefined;
  try {
    return await new Promise<QueryResult>((resolve, reject) => {
      cancel = () => reject(signal?.reason as Error);
      signal?.addEventListener('abort', cancel, { once: true });
      worker.on('error', (error: Error) => reject(memoryFault(error) ?? error));
      worker.on('exit', () => reject(new Error('the thread of the query has ended')));
      worker.on('message', (response: QueryResponse) => {
        if ('result' in response) resolve(response.result);
        else if ('failure' in response) reject(errorOf(response.failure));
        else {
          onProgress?.(response.progress);
          if (response.progress.step !== 'running') return;
          timer = setTimeout(() => reject(tooSlow(limits.time)), limits.time);
        }
      });
    });
  } finally {
    clearTimeout(timer);
    if (cancel) signal?.removeEventListener('abort', cancel);
    await worker.terminate();
  }
}

function errorOf({
  code,
  message,
  hint,
}: {
  code: GatewayError['code'] | null;
  message: string;
  hint: string;
}): Error {
  return new GatewayError(code ?? 'internal_error', message, { hint });
}

function tooSlow(milliseconds: number): GatewayError {
  return new GatewayError('invalid_request', `The query was ended after ${milliseconds / 1000} s.`, {
    hint: 'Group or select less, or choose fewer days.',
  });
}

/** The functions of the query collect their values in the thread's memory. */
function memoryFault(error: Error): GatewayError | null {
  if (systemCodeOf(error) !== 'ERR_WORKER_OUT_OF_MEMORY') return null;
  return new GatewayError('invalid_request', 'The query needs more memory than it may use.', {
    hint: 'Select fewer rows, or group them.',
    cause: error,
  });
}
