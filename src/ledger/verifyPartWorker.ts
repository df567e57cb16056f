import { parentPort, workerData } from 'node:worker_threads';
import { ChainFault } from './fault.ts';
import { Verifier } from './verifier.ts';
import type { IntactPart, JournalPart, PartMessage } from './verifyThreads.ts';

const post = (message: PartMessage): void => parentPort?.postMessage(message);

post({ intact: await intactOrNull(workerData as JournalPart) });

async function intactOrNull({
  location,
  names,
  from,
  next,
  anchors,
}: JournalPart): Promise<IntactPart | null> {
  const verifier = new Verifier(location, { anchors, onProgress: (bytes) => post({ bytes }) });
  try {
    const isIntact =
      next < names.length
        ? await verifier.leadsTo(names, from, next)
        : (await verifier.run(names, from)) === null;
    const { records, head, unendorsedBefore, unendorsedKeys } = verifier;
    return isIntact ? { records, anchors: verifier.anchors, head, unendorsedBefore, unendorsedKeys } : null;
  } catch (error) {
    if (error instanceof ChainFault) return null;
    throw error;
  }
}
