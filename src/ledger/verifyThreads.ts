import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { headerIn, type LedgerLocation } from './readJournal.ts';
import type { SignedCheckpoint } from './signing.ts';
import type { VerifierOptions } from './verifier.ts';

/** A part of the journal that is worth a thread, in bytes: a quarter of a second's work. */
const worthAThread = 32 * 2 ** 20;
/** Each takes 30 MB, and a third of a second until its code is compiled. */
const mostThreads = 8;

/** As built, and as the tests run it. */
const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? './verifyPartWorker.ts' : './verifyPartWorker.js',
  import.meta.url,
);

/** Segments in a row, by their indexes, as a thread takes them. */
export interface JournalPart {
  location: LedgerLocation;
  /** Of all segments. */
  names: readonly string[];
  from: number;
  /** Index of the segment after them. */
  next: number;
  /** Checkpoints of records in it. */
  anchors: readonly SignedCheckpoint[];
}

/** A part that is intact, and leads to the next one. */
export interface IntactPart {
  records: number;
  anchors: number;
  head: { sequence: number; hash: string } | null;
  /** As in `LedgerState`: where it begins, and where it ends. */
  unendorsedBefore: readonly string[];
  unendorsedKeys: string[];
}

/** What a thread posts: any number of `bytes`, then what it found; null for anything but an intact part. */
export type PartMessage = { bytes: number } | { intact: IntactPart | null };

/**
 * What verification comes to if the ledger is intact from a segment on: each thread takes a part and the header after it,
 * which carries the state that the next part begins with. Null where one thread is enough, and unless every part is
 * intact: only a pass from the beginning can say what is wrong. Throws the signal's reason once it aborts.
 */
export async function verifiedByThreads(
  location: LedgerLocation,
  names: readonly string[],
  start: number,
  { threads, anchors = [], signal, onProgress }: VerifierOptions & { threads?: number },
): Promise<Omit<IntactPart, 'unendorsedBefore'> | null> {
  const parts = partsOf(location, names, start, anchors, threads);
  if (parts.length < 2) return null;
  const bytes = parts.map(() => 0);
  const stopped = new AbortController();
  const either = signal ? AbortSignal.any([signal, stopped.signal]) : stopped.signal;
  try {
    const found = await Promise.all(
      parts.map((part, index) =>
        inThread(part, either, (read) => {
          bytes[index] = read;
          onProgress?.(bytes.reduce((sum, one) => sum + one, 0));
        }),
      ),
    );
    return joined(found, anchors.length > 0);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof NotIntact) return null;
    throw error;
  } finally {
    stopped.abort();
  }
}

/** A thread found something, or couldn't look. */
class NotIntact extends Error {}

/** Null where a part took for granted what the one before it doesn't say, or where no anchor was compared. */
function joined(
  parts: readonly IntactPart[],
  anchored: boolean,
): Omit<IntactPart, 'unendorsedBefore'> | null {
  const fit = parts.every(({ unendorsedBefore }, index) => {
    const before = parts[index - 1];
    return !before || before.unendorsedKeys.join() === unendorsedBefore.join();
  });
  const sum = (of: 'records' | 'anchors'): number => parts.reduce((all, part) => all + part[of], 0);
  const last = parts.at(-1);
  if (!fit || !last || (anchored && sum('anchors') === 0)) return null;
  const { head, unendorsedKeys } = last;
  return { records: sum('records'), anchors: sum('anchors'), head, unendorsedKeys };
}

/** Parts of about equal size, each from a segment whose header can be read. */
function partsOf(
  location: LedgerLocation,
  names: readonly string[],
  start: number,
  anchors: readonly SignedCheckpoint[],
  threads: number | undefined,
): JournalPart[] {
  const { directory } = location;
  const sizes = names.map((name, index) => (index < start ? 0 : statSync(join(directory, name)).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const wanted = threads ?? Math.min(availableParallelism(), mostThreads, Math.floor(total / worthAThread));
  const begins = [{ from: start, size: 0 }];
  let read = 0;
  for (const [from, size] of sizes.entries()) {
    const sequence =
      read >= (total * begins.length) / wanted ? headerIn(directory, names[from] ?? '')?.sequence : undefined;
    if (sequence !== undefined) begins.push({ from, size: sequence });
    read += size;
  }
  return begins.map(({ from, size }, index) => {
    const after = begins[index + 1] ?? { from: names.length, size: Infinity };
    const own = anchors.filter((anchor) => (index === 0 || anchor.size >= size) && anchor.size < after.size);
    return { location, names, from, next: after.from, anchors: own };
  });
}

function inThread(
  part: JournalPart,
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<IntactPart> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const worker = new Worker(workerUrl, { workerData: part });
    signal.addEventListener('abort', () => void worker.terminate(), { once: true });
    worker.on('message', (message: PartMessage) => {
      if ('bytes' in message) onBytes(message.bytes);
      else if (message.intact) resolve(message.intact);
      else reject(new NotIntact());
    });
    // Such as one without memory, or a file that can't be read.
    worker.on('error', () => reject(new NotIntact()));
    worker.on('exit', () => reject(new NotIntact()));
  });
}
