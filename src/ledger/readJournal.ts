import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { ChainFault, emptyHead, type Fault, type Head } from './chain.ts';
import { segmentNames } from './journal.ts';
import { LedgerState } from './ledgerState.ts';
import type { LedgerMode, LedgerRecord } from './records.ts';

const readSize = 1 << 20;
const lineFeed = 0x0a;

/** A record that was checked, with its hash (lower-case hex) and its place. */
export interface PlacedRecord {
  record: LedgerRecord;
  hash: string;
  segment: string;
  line: number;
}

export interface VerificationResult {
  ok: boolean;
  records: number;
  segments: number;
  head: { sequence: number; hash: string } | null;
  firstFault: Fault | null;
}

interface Batch {
  records: PlacedRecord[];
  /** Bytes read so far, over all segments. */
  bytes: number;
  head: Head;
  fault: Fault | null;
}

/** A ledger to read. */
export interface LedgerLocation {
  directory: string;
  /** What its header must say; null takes either. */
  mode: LedgerMode | null;
}

/**
 * Reads a ledger from its first byte in bounded memory, checking every record, and yields batches.
 * Ends at the first fault, which the last batch names. Works on a journal that others are writing.
 */
async function* readBatches(
  { directory, mode }: LedgerLocation,
  signal?: AbortSignal,
): AsyncGenerator<Batch> {
  const state = new LedgerState(mode);
  let bytes = 0;
  for (const segment of segmentsOrNone(directory)) {
    let line = 0;
    let pending: Buffer = Buffer.alloc(0);
    const faultHere = (kind: Fault['kind'], detail: string): Fault => ({
      segment,
      line: line + 1,
      sequence: state.head.sequence + 1,
      kind,
      detail,
    });
    await using file = await open(join(directory, segment), 'r');
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(readSize), 0, readSize, null);
      if (bytesRead === 0) break;
      bytes += bytesRead;
      const data = Buffer.concat([pending, buffer.subarray(0, bytesRead)]);
      const records: PlacedRecord[] = [];
      let start = 0;
      for (let end = data.indexOf(lineFeed); end !== -1; end = data.indexOf(lineFeed, start)) {
        try {
          const record = state.take(data.subarray(start, end), line === 0);
          records.push({ record, hash: state.head.hash.toString('hex'), segment, line: line + 1 });
        } catch (error) {
          if (!(error instanceof ChainFault)) throw error;
          yield { records, bytes, head: state.head, fault: faultHere(error.kind, error.message) };
          return;
        }
        line += 1;
        start = end + 1;
      }
      pending = data.subarray(start);
      yield { records, bytes, head: state.head, fault: null };
    }
    if (pending.length > 0) {
      const detail = `${pending.length} bytes follow the last complete record: a write was cut short, or is under way`;
      yield { records: [], bytes, head: state.head, fault: faultHere('unterminated_tail', detail) };
      return;
    }
  }
}

function segmentsOrNone(directory: string): string[] {
  try {
    return segmentNames(directory);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Checks a whole ledger. `onProgress` gets the bytes read so far. Throws `ledger_unavailable` when it can't be read. */
export async function verifyLedger(
  location: LedgerLocation,
  options: { signal?: AbortSignal; onProgress?: (bytes: number) => void } = {},
): Promise<VerificationResult> {
  let records = 0;
  let head = emptyHead;
  let firstFault: Fault | null = null;
  for await (const batch of readable(location, options.signal)) {
    records += batch.records.length;
    head = batch.head;
    firstFault = batch.fault;
    options.onProgress?.(batch.bytes);
  }
  return {
    ok: firstFault === null,
    records,
    segments: segmentsOrNone(location.directory).length,
    head: head.sequence === 0 ? null : { sequence: head.sequence, hash: head.hash.toString('hex') },
    firstFault,
  };
}

/** Every record, oldest first, each checked. Throws `ledger_damaged` at the first fault. */
export async function* readRecords(directory: string): AsyncGenerator<PlacedRecord> {
  for await (const { records, fault } of readable({ directory, mode: null })) {
    yield* records;
    // A tail without its end is a write under way, or one that the next writer sets aside.
    if (fault && fault.kind !== 'unterminated_tail') throw ledgerDamaged(directory, fault);
  }
}

async function* readable(location: LedgerLocation, signal?: AbortSignal): AsyncGenerator<Batch> {
  try {
    yield* readBatches(location, signal);
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    const message = `The ledger in ${location.directory} can't be read: ${messageOf(error)}.`;
    const hint = 'Check that the folder is there and that this user may read it.';
    throw new GatewayError('ledger_unavailable', message, { hint, cause: error });
  }
}

/** The error of a ledger that doesn't verify. */
export function ledgerDamaged(directory: string, { segment, line, kind, detail }: Fault): GatewayError {
  const newer = kind === 'unknown_version';
  const what = newer ? 'was written by a later version' : 'is damaged';
  return new GatewayError(
    'ledger_damaged',
    `The ledger in ${directory} ${what} at ${segment}:${line}: ${detail}.`,
    {
      hint: newer
        ? 'Update this program; until then no calls are made.'
        : 'No calls are made until it is mended. Run "tidyllm audit verify" and restore the file from a backup.',
    },
  );
}
