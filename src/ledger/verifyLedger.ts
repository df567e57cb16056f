import { closeLedger } from './closure.ts';
import type { Fault } from './fault.ts';
import { headerIn, readable, segmentsOrNone, type LedgerLocation } from './readJournal.ts';
import { Verifier, type VerifierOptions } from './verifier.ts';
import { verifiedByThreads } from './verifyThreads.ts';

export interface VerificationResult {
  ok: boolean;
  records: number;
  segments: number;
  head: { sequence: number; hash: string } | null;
  /** Anchored checkpoints that were found to fit. */
  anchors: number;
  /** As in `LedgerState`. */
  unendorsedKeys: string[];
  firstFault: Fault | null;
}

export interface VerificationOptions extends VerifierOptions {
  /** First policy day to check, YYYY-MM-DD: begins with the segment that holds its beginning. */
  from?: string | undefined;
  /** Sequence number: begins with the segment that holds its record. */
  since?: number;
  /** How many threads share the work; when left out, as many as the processors and the size of the ledger are worth. */
  threads?: number;
}

/**
 * Checks a ledger record by record, in bounded memory, and names the first fault. Works on a journal that
 * others are writing. Threads share a large one; where they don't find it intact, one pass from its beginning decides. A fault closes the ledger. Throws `ledger_unavailable` when it can't be read.
 */
export async function verifyLedger(
  location: LedgerLocation,
  options: VerificationOptions = {},
): Promise<VerificationResult> {
  return readable(location.directory, async () => {
    const names = segmentsOrNone(location.directory);
    const start = startOf(names, location.directory, options);
    const intact = await verifiedByThreads(location, names, start, options);
    if (intact) return { ok: true, segments: names.length, ...intact, firstFault: null };
    const verifier = new Verifier(location, options);
    const firstFault = await verifier.run(names, start);
    const { records, anchors, head, unendorsedKeys } = verifier;
    if (firstFault) closeLedger(location.directory, firstFault, false);
    const found = { records, segments: names.length, head, anchors, unendorsedKeys };
    return { ok: firstFault === null, ...found, firstFault };
  });
}

/**
 * What is wrong with the segment of a fault, or between it and the one before; null when they are intact, and the
 * fault was half a write. Certain under the ledger's lock. Throws `ledger_unavailable`.
 */
export async function faultAround(location: LedgerLocation, { segment }: Fault): Promise<Fault | null> {
  return readable(location.directory, () => {
    const names = segmentsOrNone(location.directory);
    const verifier = new Verifier(location, {});
    return names.includes(segment) ? verifier.around(names, segment) : verifier.run(names, 0);
  });
}

/** Index of the segment to begin with. */
function startOf(names: readonly string[], directory: string, { from, since }: VerificationOptions): number {
  if (since !== undefined)
    return Math.max(
      0,
      names.findLastIndex((name) => (headerIn(directory, name)?.sequence ?? Infinity) <= since),
    );
  if (from === undefined) return 0;
  return Math.max(
    0,
    names.findLastIndex((name) => {
      const header = headerIn(directory, name);
      return header !== null && header.time.slice(0, 10) < from;
    }),
  );
}
