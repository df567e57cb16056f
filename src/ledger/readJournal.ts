import { readdirSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { NoOrdinaryFile, openFile } from '../readFile.ts';
import { mostLineBytes, recordHash, requireLineLength, splitLine } from './chain.ts';
import { closeLedger } from './closure.ts';
import { ChainFault, type Fault } from './fault.ts';
import { firstLine, segmentName, segmentNames, segmentNumber } from './journal.ts';
import { foldedRecord } from './recordShape.ts';
import type { LedgerMode, LedgerRecord } from './records.ts';

const readSize = 1 << 20;
const lineFeed = 0x0a;
const firstHash = '0'.repeat(64);

/** A record that was checked, with its hash (lower-case hex) and its place. */
export interface PlacedRecord extends RecordPlace {
  record: LedgerRecord;
  hash: string;
}

/** Where a record is stored. */
export interface RecordPlace {
  /** File name. */
  segment: string;
  /** From 1. */
  line: number;
  /** Of the line's first byte in its file. */
  offset: number;
  /** Of the line without its LF, in bytes. */
  length: number;
}

/** Where a reader stands: everything before was read. */
export interface JournalPosition {
  /** From 1. */
  segment: number;
  /** Bytes and lines of the segment that were read. */
  offset: number;
  line: number;
  /** Of the last record that was read; 0 and 64 zeros before the first. */
  sequence: number;
  hash: string;
}

/** A ledger to read. */
export interface LedgerLocation {
  directory: string;
  /** What its header must say; null takes either. */
  mode: LedgerMode | null;
  /** As in `LedgerState`. */
  pinnedKey?: string | null | undefined;
}

/**
 * Records after `position` (null: from the beginning), in batches, each with the position after it. Each
 * hash must fit its predecessor's; what the records say is not checked. An unterminated tail ends it quietly.
 * Throws `ledger_damaged`, also when the position is not one of this ledger.
 */
export async function* readFrom(
  directory: string,
  position: JournalPosition | null,
  signal?: AbortSignal,
): AsyncGenerator<{ records: PlacedRecord[]; position: JournalPosition }> {
  const names = await readable(directory, () => Promise.resolve(segmentsOrNone(directory)));
  const begin = position ? segmentName(position.segment) : (names[0] ?? segmentName(1));
  let at = position;
  let ledgerId: string | null = null;
  for (const segment of names.filter((name) => name >= begin)) {
    const resumed: JournalPosition | null = segment === begin ? at : null;
    let { line, offset } = resumed ?? { line: 0, offset: 0 };
    try {
      const header = firstLine(join(directory, segment));
      if (header === null) return;
      const found = headerOf(header);
      ledgerId ??= found.ledgerId;
      let sequence = at?.sequence ?? found.sequence - 1;
      let hash = at?.hash ?? (found.sequence === 1 ? firstHash : found.previous);
      for await (const { bytes, ends } of chunks(join(directory, segment), offset)) {
        signal?.throwIfAborted();
        const records: PlacedRecord[] = [];
        let start = 0;
        for (const end of ends) {
          const { hash: stored, body } = splitLine(bytes.subarray(start, end));
          if (recordHash(ledgerId, hash, body) !== stored)
            throw new ChainFault('hash_mismatch', 'the hash does not fit the record and the one before it');
          const record = JSON.parse(body.toString('utf8')) as LedgerRecord;
          records.push({ record, hash: stored, segment, line: line + 1, offset, length: end - start });
          hash = stored;
          sequence = record.seq;
          line += 1;
          offset += end + 1 - start;
          start = end + 1;
        }
        at = { segment: segmentNumber(segment), offset, line, sequence, hash };
        if (records.length > 0) yield { records, position: at };
      }
    } catch (error) {
      if (!(error instanceof ChainFault)) throw asUnreadable(directory, error);
      const sequence = (at?.sequence ?? 0) + 1;
      throw ledgerDamaged(directory, {
        segment,
        line: line + 1,
        sequence,
        kind: error.kind,
        detail: error.message,
      });
    }
  }
}

/**
 * Records of a segment and of those after it, each checked against its predecessor. Throws `ledger_damaged` at
 * the first fault.
 */
export async function* readSince(
  directory: string,
  segment: number,
  signal?: AbortSignal,
): AsyncGenerator<PlacedRecord> {
  const header = headerIn(directory, segmentName(segment));
  // One that is damaged is reached from the beginning.
  const before = header && positionBefore(segment, header);
  for await (const { records } of readFrom(directory, before, signal))
    yield* before ? records : records.filter((one) => one.segment >= segmentName(segment));
}

/** Every record, oldest first, each checked against its predecessor. Throws `ledger_damaged` at the first fault. */
export async function* readRecords(directory: string): AsyncGenerator<PlacedRecord> {
  for await (const { records } of readFrom(directory, null)) yield* records;
}

/** One stored record by its place, with its stored hash. Throws `ledger_damaged` when there is none. */
export async function readRecordAt(directory: string, place: RecordPlace): Promise<PlacedRecord> {
  return readable(directory, async () => {
    try {
      requireLineLength(place.length);
      await using file = await openSegment(join(directory, place.segment));
      const bytes = Buffer.alloc(place.length);
      await file.read(bytes, 0, place.length, place.offset);
      const { hash, body } = splitLine(bytes);
      return { record: JSON.parse(body.toString('utf8')) as LedgerRecord, hash, ...place };
    } catch (error) {
      if (systemCodeOf(error) !== undefined) throw error;
      const detail = `there is no record at byte ${place.offset}: ${messageOf(error)}`;
      throw ledgerDamaged(directory, {
        segment: place.segment,
        line: place.line,
        sequence: 0,
        kind: 'malformed_line',
        detail,
      });
    }
  });
}

interface Chunk {
  /** Begins with a line. */
  bytes: Buffer;
  /** Where its complete lines end: the places of their LFs. */
  ends: number[];
  /** Whether the file has no more. */
  complete: boolean;
}

/** A file from `offset` on, in pieces that begin with a line. A piece is overwritten by the next. */
export async function* chunks(path: string, offset: number): AsyncGenerator<Chunk> {
  await using file = await openSegment(path);
  let buffer = Buffer.allocUnsafe(2 * readSize);
  let rest = 0;
  let position = offset;
  for (;;) {
    if (buffer.length - rest < readSize) buffer = Buffer.concat([buffer], 2 * buffer.length);
    const { bytesRead } = await file.read(buffer, rest, readSize, position);
    const bytes = buffer.subarray(0, rest + bytesRead);
    position += bytesRead;
    const ends: number[] = [];
    for (let end = bytes.indexOf(lineFeed, rest); end !== -1; end = bytes.indexOf(lineFeed, end + 1))
      ends.push(end);
    yield { bytes, ends, complete: bytesRead === 0 };
    if (bytesRead === 0) return;
    const taken = (ends.at(-1) ?? -1) + 1;
    rest = bytes.length - taken;
    requireLineLength(rest);
    buffer.copyWithin(0, taken, bytes.length);
  }
}

/** What follows a line, up to what a write can have left there. */
export async function restOf(path: string, offset: number): Promise<Buffer> {
  await using file = await openSegment(path);
  const { size } = await file.stat();
  const rest = Buffer.alloc(Math.min(size - offset, mostLineBytes + 1));
  await file.read(rest, 0, rest.length, offset);
  return rest;
}

/** A segment for reading. Throws `ChainFault` when it is no file, and the system error. */
async function openSegment(path: string): Promise<FileHandle> {
  try {
    return await openFile(path);
  } catch (error) {
    throw error instanceof NoOrdinaryFile ? new ChainFault('unreadable', error.message) : error;
  }
}

/** What the first record of a segment says. */
export interface SegmentHeader {
  ledgerId: string;
  sequence: number;
  /** Hash of the record before. */
  previous: string;
  /** ISO 8601. */
  time: string;
}

/** Of a segment; null where there is none, or it is damaged, which verification has to reach. */
export function headerIn(directory: string, segment: string): SegmentHeader | null {
  try {
    const line = firstLine(join(directory, segment));
    return line && headerOf(line);
  } catch (error) {
    if (error instanceof ChainFault) return null;
    throw error;
  }
}

/** Where a reader stands before a segment. */
export function positionBefore(segment: number, { sequence, previous }: SegmentHeader): JournalPosition {
  const hash = sequence === 1 ? firstHash : previous;
  return { segment, offset: 0, line: 0, sequence: sequence - 1, hash };
}

/** Of a folder's ledger; null where there is none, or its first header is damaged. */
export function ledgerIdIn(directory: string): string | null {
  const [oldest] = segmentsOrNone(directory);
  return (oldest === undefined ? null : headerIn(directory, oldest))?.ledgerId ?? null;
}

/**
 * The folder of a ledger: the one in use, or one beside it, such as that of simulated calls or one that was set aside.
 * Null where it is none of them.
 */
export function folderOfLedger(inUse: string, ledgerId: string): string | null {
  const parent = dirname(inUse);
  const beside = readdirSync(parent, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const folders = [inUse, ...beside.map(({ name }) => join(parent, name))];
  return folders.find((folder) => ledgerIdIn(folder) === ledgerId) ?? null;
}

/** Of the oldest record that is kept; 0 where there is none, or its header is damaged. */
export function firstSequence(directory: string): number {
  const [oldest] = segmentsOrNone(directory);
  return (oldest === undefined ? null : headerIn(directory, oldest))?.sequence ?? 0;
}

function headerOf(line: Buffer): SegmentHeader {
  const record = foldedRecord(splitLine(line).body.toString('utf8'));
  if (record.kind !== 'header') throw new ChainFault('bad_header', 'the first record is not a header');
  const { seq: sequence, prev: previous, time } = record;
  return { ledgerId: record.ledger_id.replaceAll('-', ''), sequence, previous, time };
}

/** Of a ledger, oldest first; none where its folder is missing. */
export function segmentsOrNone(directory: string): string[] {
  try {
    return segmentNames(directory);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Runs work; a system error of it becomes `ledger_unavailable`. */
export async function readable<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asUnreadable(directory, error);
  }
}

function asUnreadable(directory: string, error: unknown): unknown {
  if (systemCodeOf(error) === undefined) return error;
  const message = `The ledger in ${directory} can't be read: ${messageOf(error)}.`;
  const hint = 'Check that the folder is there and that this user may read it.';
  return new GatewayError('ledger_unavailable', message, { hint, cause: error });
}

/** Closes a ledger that doesn't verify, and returns the error that says so. */
export function ledgerDamaged(directory: string, fault: Fault): GatewayError {
  closeLedger(directory, fault, false);
  return damageError(directory, fault);
}

/** The error of a ledger that doesn't verify. */
export function damageError(directory: string, { segment, line, kind, detail }: Fault): GatewayError {
  const newer = kind === 'unknown_version';
  const what = newer ? 'was written by another version' : 'is damaged';
  const message =
    kind === 'anchor_mismatch'
      ? `The ledger in ${directory} doesn't fit its anchor: ${detail}.`
      : `The ledger in ${directory} ${what} at ${segment}:${line}: ${detail}.`;
  return new GatewayError('ledger_damaged', message, {
    hint: newer
      ? 'Update this program; until then the ledger is only read and no calls are made.'
      : 'No calls are made until a person decides. Restore the folder from a backup, or begin a new ledger: "TidyLLM: Reopen Ledger…" in VS Code, "tidyllm audit reopen" in a terminal.',
  });
}
