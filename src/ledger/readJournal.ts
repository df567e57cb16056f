import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCodeOf } from '../errors.ts';
import { BudgetFold } from './budgetFold.ts';
import { ChainFault, decodeRecord, emptyHead, type Fault, type Head } from './chain.ts';
import { segmentNames } from './journal.ts';
import type { LedgerRecord } from './records.ts';

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

/**
 * Reads a ledger from its first byte in bounded memory, checking every record, and yields batches.
 * Ends at the first fault, which the last batch names. Works on a journal that others are writing.
 */
async function* readBatches(directory: string, signal?: AbortSignal): AsyncGenerator<Batch> {
  const fold = new BudgetFold();
  let head = emptyHead;
  let ledgerId: Buffer | null = null;
  let bytes = 0;
  for (const segment of segmentsOrNone(directory)) {
    let line = 0;
    let pending: Buffer = Buffer.alloc(0);
    const faultHere = (kind: Fault['kind'], detail: string): Fault => ({
      segment,
      line: line + 1,
      sequence: head.sequence + 1,
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
          const decoded = decodeRecord(ledgerId, head, data.subarray(start, end));
          requireHeader(decoded.record, line, head);
          fold.apply(decoded.record, decoded.head.hash);
          ({ head, ledgerId } = decoded);
          records.push({ record: decoded.record, hash: head.hash.toString('hex'), segment, line: line + 1 });
        } catch (error) {
          if (!(error instanceof ChainFault)) throw error;
          yield { records, bytes, head, fault: faultHere(error.kind, error.message) };
          return;
        }
        line += 1;
        start = end + 1;
      }
      pending = data.subarray(start);
      yield { records, bytes, head, fault: null };
    }
    if (pending.length > 0) {
      const detail = `${pending.length} bytes follow the last complete record: a write was cut short, or is under way`;
      yield { records: [], bytes, head, fault: faultHere('unterminated_tail', detail) };
      return;
    }
  }
}

/** A segment begins with a header that names the hash it follows, and has no other. */
function requireHeader(record: LedgerRecord, line: number, before: Head): void {
  if ((line === 0) !== (record.kind === 'header')) {
    throw new ChainFault(
      'bad_header',
      line === 0 ? 'the first record is not a header' : 'a header stands inside a segment',
    );
  }
  if (record.kind === 'header' && record.prev !== before.hash.toString('hex')) {
    throw new ChainFault('bad_header', 'the header does not name the hash it follows');
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

/** Checks a whole ledger. `onProgress` gets the bytes read so far. Throws the system error of an unreadable file. */
export async function verifyLedger(
  directory: string,
  options: { signal?: AbortSignal; onProgress?: (bytes: number) => void } = {},
): Promise<VerificationResult> {
  let records = 0;
  let head = emptyHead;
  let firstFault: Fault | null = null;
  for await (const batch of readBatches(directory, options.signal)) {
    records += batch.records.length;
    head = batch.head;
    firstFault = batch.fault;
    options.onProgress?.(batch.bytes);
  }
  return {
    ok: firstFault === null,
    records,
    segments: segmentsOrNone(directory).length,
    head: head.sequence === 0 ? null : { sequence: head.sequence, hash: head.hash.toString('hex') },
    firstFault,
  };
}

/** Every checked record up to the first fault, oldest first. */
export async function* readRecords(directory: string): AsyncGenerator<PlacedRecord> {
  for await (const batch of readBatches(directory)) yield* batch.records;
}
