import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { recordVersion, type HeaderRecord, type LedgerRecord } from './records.ts';

/** Where the chain stands: the last record's sequence number, hash and time. */
export interface Head {
  sequence: number;
  /** 32 raw bytes. */
  hash: Buffer;
  time: string;
}

export const emptyHead: Head = { sequence: 0, hash: Buffer.alloc(32), time: '' };

export type FaultKind =
  | 'malformed_line'
  | 'hash_mismatch'
  | 'sequence_gap'
  | 'unknown_version'
  | 'bad_header'
  | 'inconsistent'
  | 'unterminated_tail'
  | 'unreadable';

/** The first thing that is wrong with a journal, and exactly where. */
export interface Fault {
  segment: string;
  /** From 1. */
  line: number;
  /** The sequence number that the record at fault should have. */
  sequence: number;
  kind: FaultKind;
  detail: string;
}

export class ChainFault extends Error {
  override readonly name = 'ChainFault';
  readonly kind: FaultKind;

  constructor(kind: FaultKind, detail: string) {
    super(detail);
    this.kind = kind;
  }
}

const hashHexLength = 64;
const lineFeed = 0x0a;
const space = 0x20;

/** The 16 raw bytes of a ledger's UUID. */
export function ledgerIdBytes(ledgerId: string): Buffer {
  return Buffer.from(ledgerId.replaceAll('-', ''), 'hex');
}

/** SHA-256(0x00 ‖ ledgerId ‖ prev ‖ body) over the exact bytes stored. */
export function recordHash(ledgerId: Buffer, previous: Buffer, body: Buffer): Buffer {
  const input = Buffer.allocUnsafe(1 + 16 + 32 + body.length);
  input[0] = 0;
  ledgerId.copy(input, 1);
  previous.copy(input, 17);
  body.copy(input, 49);
  return hash('sha256', input, 'buffer');
}

/** One journal line `hash SP body LF` for a record, and the head after it. */
export function encodeRecord(
  ledgerId: Buffer,
  head: Head,
  record: LedgerRecord,
): { line: Buffer; head: Head } {
  const text = canonicalize(record);
  if (text === undefined) throw new TypeError('a record must be a JSON object');
  const body = Buffer.from(text, 'utf8');
  const digest = recordHash(ledgerId, head.hash, body);
  const line = Buffer.concat([Buffer.from(`${digest.toString('hex')} `), body, Buffer.of(lineFeed)]);
  return { line, head: { sequence: record.seq, hash: digest, time: record.time } };
}

/**
 * Checks one line (without its LF) against the head before it and gives the record and the head after.
 * `ledgerId` is null only for the ledger's first line, whose header brings it.
 * Throws `ChainFault`.
 */
export function decodeRecord(
  ledgerId: Buffer | null,
  head: Head,
  line: Buffer,
): { record: LedgerRecord; head: Head; ledgerId: Buffer } {
  if (line.length <= hashHexLength + 1 || line[hashHexLength] !== space) {
    throw new ChainFault('malformed_line', 'the line is not a hash, a space and a record');
  }
  const body = line.subarray(hashHexLength + 1);
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    throw new ChainFault('malformed_line', 'the record is not JSON');
  }
  if (parsed === null || typeof parsed !== 'object')
    throw new ChainFault('malformed_line', 'the record is not an object');
  const record = parsed as LedgerRecord;
  const id = ledgerId ?? idFromHeader(record);
  const digest = recordHash(id, head.hash, body);
  if (digest.toString('hex') !== line.toString('latin1', 0, hashHexLength)) {
    throw new ChainFault('hash_mismatch', 'the hash does not fit the record and the one before it');
  }
  // Two readers must see the same record: no second key of a name, no other spelling.
  if (JSON.stringify(parsed) !== body.toString('utf8')) {
    throw new ChainFault('malformed_line', 'the record is not canonical JSON');
  }
  if (record.v !== recordVersion) {
    throw new ChainFault('unknown_version', `record version ${String(record.v)} is newer than this program`);
  }
  if (record.seq !== head.sequence + 1) {
    throw new ChainFault('sequence_gap', `sequence ${String(record.seq)} follows ${head.sequence}`);
  }
  return { record, head: { sequence: record.seq, hash: digest, time: record.time }, ledgerId: id };
}

function idFromHeader(record: LedgerRecord): Buffer {
  const header = record as Partial<HeaderRecord>;
  const id =
    header.kind === 'header' && typeof header.ledger_id === 'string' ? ledgerIdBytes(header.ledger_id) : null;
  if (id?.length !== 16)
    throw new ChainFault('bad_header', 'the first record is not a header with a ledger id');
  return id;
}
