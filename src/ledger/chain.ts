import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { hashBytes } from './hashBytes.ts';
import { foldedRecord, type FoldedRecord } from './recordShape.ts';
import type { LedgerRecord } from './records.ts';
import { ChainFault } from './fault.ts';

/** Where the chain stands: the last record's sequence number, hash (lower-case hex) and time. */
export interface Head {
  sequence: number;
  hash: string;
  time: string;
}

export const emptyHead: Head = { sequence: 0, hash: '0'.repeat(64), time: '' };

/** The longest line, so that a file without line breaks can't fill the memory. */
export const mostLineBytes = 16 << 20;
const hashLength = 64;
const bodyStart = hashLength + 1;
const space = 0x20;
const lineFeed = 0x0a;
/** 0x00, 16 bytes of ledger id, 32 bytes of the previous hash; the body follows. */
const prefixLength = 1 + 16 + 32;
let input = Buffer.alloc(1 << 16);
/** The ledger whose id the prefix contains: verification hashes millions of records of one ledger. */
let inputLedgerId = '';

/** SHA-256(0x00 ‖ ledgerId ‖ prev ‖ body) over the exact bytes stored, lower-case hex. */
export function recordHash(ledgerId: string, previous: string, body: Buffer): string {
  const length = prefixLength + body.length;
  if (length > input.length) {
    input = Buffer.alloc(length * 2);
    inputLedgerId = '';
  }
  if (inputLedgerId !== ledgerId) {
    input.write(ledgerId, 1, 'hex');
    inputLedgerId = ledgerId;
  }
  input.set(hashBytes(previous), 17);
  input.set(body, prefixLength);
  return hash('sha256', input.subarray(0, length));
}

/** The body of a stored line (without its LF), its stored hash, and the record as far as the state needs it. */
export function splitLine(line: Buffer): { hash: string; body: Buffer } {
  requireForm(line);
  return { hash: line.toString('latin1', 0, hashLength), body: line.subarray(bodyStart) };
}

function requireForm(line: Buffer): void {
  requireLineLength(line.length);
  if (line.length <= bodyStart || line[hashLength] !== space)
    throw new ChainFault('malformed_line', 'the line is not a hash, a space and a record');
}

/** Throws `ChainFault` for a line, or the beginning of one, that is longer than any record. */
export function requireLineLength(bytes: number): void {
  if (bytes > mostLineBytes)
    throw new ChainFault('malformed_line', `the line is longer than ${mostLineBytes} bytes`);
}

/** A UUID's 32 hex digits without its dashes. */
export function ledgerIdHex(uuid: string): string {
  return uuid.replaceAll('-', '');
}

/** One journal line `hash SP body LF` for a record, its canonical text, and the head after it. Throws `ChainFault` for one too long. */
export function encodeRecord(
  ledgerId: string,
  head: Head,
  record: LedgerRecord,
): { text: string; line: Buffer; head: Head } {
  const text = canonicalize(record);
  if (text === undefined) throw new TypeError('a record must be a JSON object');
  const body = Buffer.from(text, 'utf8');
  requireLineLength(bodyStart + body.length);
  const digest = recordHash(ledgerId, head.hash, body);
  const line = Buffer.concat([Buffer.from(`${digest} `), body, Buffer.of(lineFeed)]);
  return { text, line, head: { sequence: record.seq, hash: digest, time: record.time } };
}

/**
 * Checks one line (without its LF) against the head before it and gives the record and the head after.
 * `ledgerId` is null only for the first line that is read, whose header brings it. Throws `ChainFault`.
 */
export function decodeRecord(
  ledgerId: string | null,
  head: Head,
  line: Buffer,
): { record: FoldedRecord; head: Head; ledgerId: string } {
  requireForm(line);
  const body = line.subarray(bodyStart);
  if (!isUtf8(body)) throw new ChainFault('malformed_line', 'the record is not UTF-8');
  const stored = line.toString('utf8');
  const text = stored.slice(bodyStart);
  const id = ledgerId ?? idInHeader(text);
  const digest = recordHash(id, head.hash, body);
  if (stored.slice(0, hashLength) !== digest)
    throw new ChainFault('hash_mismatch', 'the hash does not fit the record and the one before it');
  const record = foldedRecord(text);
  if (record.seq !== head.sequence + 1)
    throw new ChainFault('sequence_gap', `sequence ${record.seq} follows ${head.sequence}`);
  return { record, head: { sequence: record.seq, hash: digest, time: record.time }, ledgerId: id };
}

function idInHeader(text: string): string {
  const uuid = /"ledger_id":"([0-9a-f-]{36})"/.exec(text)?.[1] ?? '';
  const id = ledgerIdHex(uuid);
  if (id.length !== 32)
    throw new ChainFault('bad_header', 'the first record is not a header with a ledger id');
  return id;
}
