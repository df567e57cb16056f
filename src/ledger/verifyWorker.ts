import { parentPort, workerData } from 'node:worker_threads';
import type { LedgerLocation } from './readJournal.ts';
import { verifyLedger } from './verifyLedger.ts';
import type { SignedCheckpoint } from './signing.ts';

/** The worker's input. */
export interface VerifyWorkerData {
  location: LedgerLocation;
  /** Checkpoints that the ledger must contain. */
  anchors: readonly SignedCheckpoint[];
}

/** What the worker posts: any number of `progress`, then `result`. Failures end the worker with an error. */
export type VerifyWorkerMessage =
  { type: 'progress'; bytes: number } | { type: 'result'; result: Awaited<ReturnType<typeof verifyLedger>> };

const post = (message: VerifyWorkerMessage): void => parentPort?.postMessage(message);
const { location, anchors } = workerData as VerifyWorkerData;
const result = await verifyLedger(location, {
  anchors,
  onProgress: (bytes) => {
    post({ type: 'progress', bytes });
  },
});
post({ type: 'result', result });
