import { Worker } from 'node:worker_threads';
import { GatewayError } from '../errors.ts';
import type { CatchUpOptions } from './historyIndex.ts';
import type {
  HistoryAnswer,
  HistoryFailure,
  HistoryMethod,
  HistoryParameters,
  HistoryRequest,
  HistoryResponse,
  HistoryWorkerData,
} from './historyMessages.ts';

interface Question {
  answered: (answer: unknown) => void;
  failed: (error: Error) => void;
  options: CatchUpOptions;
}

/** Queries a ledger's index in a separate thread, which starts with the first query. */
export class HistoryClient {
  readonly directory: string;
  readonly #workerUrl: URL;
  readonly #questions = new Map<number, Question>();
  #worker: Worker | null = null;
  #lastId = 0;

  constructor(ledgerDirectory: string, workerUrl = new URL('./historyWorker.js', import.meta.url)) {
    this.directory = ledgerDirectory;
    this.#workerUrl = workerUrl;
  }

  /** Rejects with the index's error or the signal's reason. */
  ask<Method extends HistoryMethod>(
    method: Method,
    parameters: HistoryParameters<Method>,
    options: CatchUpOptions = {},
  ): Promise<HistoryAnswer<Method>> {
    const id = (this.#lastId += 1);
    const { signal } = options;
    return new Promise<HistoryAnswer<Method>>((resolve, reject) => {
      signal?.throwIfAborted();
      const cancel = (): void => {
        this.#post({ cancel: id });
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', cancel, { once: true });
      const settle = (): void => {
        this.#questions.delete(id);
        signal?.removeEventListener('abort', cancel);
      };
      this.#questions.set(id, {
        answered: (answer) => {
          settle();
          resolve(answer as HistoryAnswer<Method>);
        },
        failed: (error) => {
          settle();
          reject(error);
        },
        options,
      });
      this.#post({ id, method, parameters, toleratesFailure: options.onFailure !== undefined });
    });
  }

  /** Ends the thread; pending queries are rejected. */
  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #post(request: HistoryRequest): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(request);
  }

  #start(): Worker {
    const workerData: HistoryWorkerData = { directory: this.directory };
    // An index needs little memory; without limits the heap grows by 100 MB while one is built. With less than 16 MB for
    // what is short-lived, a tenth more time goes into collecting it.
    const worker = new Worker(this.#workerUrl, {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 },
    });
    // A closing window doesn't wait for it.
    worker.unref();
    worker.on('message', (response: HistoryResponse) => this.#take(response));
    const ended = (error: Error): void => {
      if (this.#worker === worker) this.#worker = null;
      for (const question of [...this.#questions.values()]) question.failed(error);
    };
    worker.on('error', ended);
    worker.on('exit', () => ended(new Error('the audit history thread has ended')));
    return worker;
  }

  #take(response: HistoryResponse): void {
    const question = this.#questions.get(response.id);
    if ('progress' in response)
      question?.options.onProgress?.(response.progress.bytes, response.progress.total);
    else if ('ledgerFailure' in response) question?.options.onFailure?.(errorOf(response.ledgerFailure));
    else if ('answer' in response) question?.answered(response.answer);
    else question?.failed(errorOf(response.failure));
  }
}

function errorOf({ code, message, hint }: HistoryFailure): GatewayError {
  return new GatewayError(code ?? 'internal_error', message, { hint });
}
