import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { mostLineBytes, recordHash, splitLine } from '../ledger/chain.ts';
import { openFile } from '../readFile.ts';
import {
  headerIn,
  ledgerDamaged,
  readRecordAt,
  type PlacedRecord,
  type RecordPlace,
} from '../ledger/readJournal.ts';

const hashLength = 64;
const lineFeed = 0x0a;

/** A stored record with its place in the chain. */
export interface ProvenRecord extends PlacedRecord {
  /** Hash of the record before, lower-case hex; 64 zeros before the first. */
  previous: string;
  /** Whether the stored hash matches the stored bytes and the previous hash. */
  fits: boolean;
}

/** Reads a record and recomputes its hash. Throws `ledger_damaged` if there is no record at that place. */
export async function readProven(directory: string, place: RecordPlace): Promise<ProvenRecord> {
  const placed = await readRecordAt(directory, place);
  const header = headerIn(directory, place.segment);
  if (header === null) {
    const detail = 'the segment has no readable header';
    throw ledgerDamaged(directory, {
      segment: place.segment,
      line: 1,
      sequence: 0,
      kind: 'bad_header',
      detail,
    });
  }
  await using file = await openFile(join(directory, place.segment));
  const line = Buffer.alloc(place.length);
  await file.read(line, 0, line.length, place.offset);
  const previous = place.offset === 0 ? header.previous : await hashBefore(file, place.offset);
  const { body } = splitLine(line);
  return {
    ...placed,
    previous,
    fits: recordHash(header.ledgerId, previous, body) === placed.hash,
  };
}

/** The hash at the beginning of the line that ends before `offset`. */
async function hashBefore(file: FileHandle, offset: number): Promise<string> {
  // A longer line is no record, and its hash matches nothing.
  for (let size = 4096; size <= 4 * mostLineBytes; size *= 4) {
    const start = Math.max(0, offset - size);
    const bytes = Buffer.alloc(offset - start);
    await file.read(bytes, 0, bytes.length, start);
    // Its own LF is the last byte; the one before ends the line before it.
    const before = bytes.lastIndexOf(lineFeed, bytes.length - 2);
    if (before === -1 && start > 0) continue;
    return bytes.toString('latin1', before + 1, before + 1 + hashLength);
  }
  return '';
}
