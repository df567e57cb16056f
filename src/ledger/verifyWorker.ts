import { parentPort, workerData } from 'node:worker_threads';
import { verifyLedger, type LedgerLocation } from './readJournal.ts';

/** What the worker is given. */
export type VerifyWorkerData = LedgerLocation;

/** What the worker posts: any number of `progress`, then `result`. Failures end the worker with an error. */
export type VerifyWorkerMessage =
  { type: 'progress'; bytes: number } | { type: 'result'; result: Awaited<ReturnType<typeof verifyLedger>> };

const post = (message: VerifyWorkerMessage): void => parentPort?.postMessage(message);
const result = await verifyLedger(workerData as VerifyWorkerData, {
  onProgress: (bytes) => {
    post({ type: 'progress', bytes });
  },
});
post({ type: 'result', result });
