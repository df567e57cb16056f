import { parentPort, workerData } from 'node:worker_threads';
import { GatewayError, messageOf } from '../errors.ts';
import { HistoryIndex } from './historyIndex.ts';
import type {
  HistoryFailure,
  HistoryRequest,
  HistoryResponse,
  HistoryWorkerData,
} from './historyMessages.ts';

const index = new HistoryIndex((workerData as HistoryWorkerData).directory);
const running = new Map<number, AbortController>();
const post = (response: HistoryResponse): void => parentPort?.postMessage(response);

parentPort?.on('message', (request: HistoryRequest) => {
  if ('cancel' in request) running.get(request.cancel)?.abort();
  else void answer(request);
});

type Question = Exclude<HistoryRequest, { cancel: number }>;

async function answer({ id, method, parameters, toleratesFailure }: Question): Promise<void> {
  const stopped = new AbortController();
  running.set(id, stopped);
  try {
    const ask = (): unknown => (index[method] as (...all: unknown[]) => unknown).apply(index, parameters);
    const onProgress = (bytes: number, total: number): void => post({ id, progress: { bytes, total } });
    const onFailure = (error: GatewayError): void => post({ id, ledgerFailure: failureOf(error) });
    const { signal } = stopped;
    const options = { signal, onProgress, ...(toleratesFailure && { onFailure }) };
    post({ id, answer: await index.ask(ask, options) });
  } catch (error) {
    post({ id, failure: failureOf(error) });
  } finally {
    running.delete(id);
  }
}

function failureOf(error: unknown): HistoryFailure {
  if (GatewayError.is(error)) return { code: error.code, message: error.message, hint: error.hint };
  return { code: null, message: messageOf(error), hint: '' };
}
