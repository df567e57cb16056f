import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemCodeOf } from '../errors.ts';
import { NoOrdinaryFile, openFileSync } from '../readFile.ts';
import { mostLineBytes, requireLineLength } from './chain.ts';
import type { Receipt } from './contract.ts';
import { dayOf } from './day.ts';
import { ChainFault, type Fault, type FaultKind } from './fault.ts';
import { LedgerState } from './ledgerState.ts';
import type { ClockReading, LedgerMode, RecordDraft } from './records.ts';
import type { Signer } from './signing.ts';

const fdatasyncAsync = promisify(fdatasync);
const readSize = 1 << 20;
const lineFeed = 0x0a;
/** Opening a ledger reads its last segment, so this bounds the time to open. */
const segmentBytes = 16 << 20;
/** The smallest piece of a file that a disk writes whole. */
const sectorBytes = 512;

/** File name of a segment, numbered from 1. */
export function segmentName(segment: number): string {
  return `${String(segment).padStart(8, '0')}.journal`;
}

export function segmentNumber(name: string): number {
  return Number.parseInt(name, 10);
}

/** Journal segments of a ledger directory, oldest first. */
export function segmentNames(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /^\d{8}\.journal$/.test(name))
    .sort();
}

/** Whether a directory holds a ledger. */
export function journalExists(directory: string): boolean {
  return existsSync(directory) && segmentNames(directory).length > 0;
}

/** A damaged journal: carries the first fault and where it is. */
export class JournalDamaged extends Error {
  override readonly name = 'JournalDamaged';
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(`${fault.segment}:${fault.line}: ${fault.detail}`);
    this.fault = fault;
  }
}

export interface JournalOptions {
  directory: string;
  mode: LedgerMode;
  /** What headers say that the clock is measured by. */
  running?: () => ClockReading | null;
}

/** The segment file that is being read and written. Everything up to `offset` has been checked and folded. */
interface Segment {
  name: string;
  descriptor: number;
  inode: number;
  offset: number;
  lines: number;
}

/**
 * The journal of one ledger in this process, from its last segment on, whose header carries the state of the
 * segments before. `catchUp` may run at any time; all that writes only under the ledger's lock.
 */
export class Journal {
  // Another extension in the same process must not replace these methods.
  static {
    Object.freeze(this.prototype);
  }

  readonly state: LedgerState;
  readonly #options: JournalOptions;
  #segment: Segment;
  #staged: Buffer[] = [];

  /** Creates the first segment when `create` says so. Throws `JournalDamaged`, or the system error. */
  constructor(options: JournalOptions, create: boolean) {
    const { directory, mode } = options;
    this.#options = options;
    const names = segmentNames(directory);
    const headerOf = (name: string): Buffer | null => firstLine(join(directory, name));
    const begun = names.findLast(
      (name) => name === names[0] || inSegment(name, () => headerOf(name) !== null),
    );
    const name = begun ?? segmentName(1);
    this.#segment = openSegment(directory, name, create && begun === undefined);
    try {
      this.state = inSegment(name, () => {
        const header = headerOf(name);
        return header === null ? new LedgerState(mode) : LedgerState.before(header, mode);
      });
    } catch (error) {
      closeSync(this.#segment.descriptor);
      throw error;
    }
  }

  /** Whether the segment has its header. */
  get begun(): boolean {
    return this.#segment.lines > 0;
  }

  /**
   * Reads, checks and folds what was added since the last time, following into new segments.
   * Throws `JournalDamaged`, also when a file is no longer the one that was opened.
   * Returns how many bytes follow the last complete line.
   */
  catchUp(): number {
    for (;;) {
      const pending = this.#readSegment();
      const next = segmentName(segmentNumber(this.#segment.name) + 1);
      if (this.#segment.lines === 0 || !existsSync(join(this.#options.directory, next))) return pending;
      // What was added between reading and looking belongs before what the next segment has.
      if (this.#readSegment() > 0)
        throw this.#damaged('unterminated_tail', 'a segment that was closed ends in half a record');
      this.#enter(openSegment(this.#options.directory, next, false));
    }
  }

  #enter(segment: Segment): void {
    closeSync(this.#segment.descriptor);
    this.#segment = segment;
  }

  #readSegment(): number {
    const { name, descriptor, inode } = this.#segment;
    if (statSync(join(this.#options.directory, name), { throwIfNoEntry: false })?.ino !== inode)
      throw this.#damaged('unreadable', 'the file was moved, deleted or replaced while in use');
    const { size } = fstatSync(descriptor);
    if (size < this.#segment.offset) throw this.#damaged('unreadable', 'the file is shorter than it was');
    let pending: Buffer = Buffer.alloc(0);
    let position = this.#segment.offset;
    while (position < size) {
      const chunk = Buffer.allocUnsafe(Math.min(readSize, size - position));
      const read = readSync(descriptor, chunk, 0, chunk.length, position);
      if (read === 0) break;
      position += read;
      try {
        pending = this.#consume(Buffer.concat([pending, chunk.subarray(0, read)]));
        requireLineLength(pending.length);
      } catch (error) {
        if (error instanceof ChainFault && this.#isTorn(error, size)) return size - this.#segment.offset;
        throw error instanceof ChainFault ? this.#damaged(error.kind, error.message) : error;
      }
    }
    return pending.length;
  }

  /** Whether a fault is the remains of an unacknowledged write after a power loss. */
  #isTorn({ kind }: ChainFault, size: number): boolean {
    const { descriptor, offset } = this.#segment;
    const rest = Buffer.alloc(Math.min(size - offset, mostLineBytes + 1));
    readSync(descriptor, rest, 0, rest.length, offset);
    return isTorn(kind, rest, offset);
  }

  /** Takes every complete line and returns what follows the last. Throws `ChainFault`. */
  #consume(bytes: Buffer): Buffer {
    let start = 0;
    for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, start)) {
      this.state.take(bytes.subarray(start, end), this.#segment.lines === 0);
      this.#segment.offset += end + 1 - start;
      this.#segment.lines += 1;
      start = end + 1;
    }
    return bytes.subarray(start);
  }

  /**
   * Makes the journal end in a complete record: an unterminated record that verifies is completed; anything
   * else is set aside in a quarantine file, and a `recovery` record says so. A segment without a
   * header gets it.
   */
  async repairTail(time: string, signer: Signer): Promise<void> {
    const tail = Buffer.alloc(this.catchUp());
    const { descriptor, offset } = this.#segment;
    readSync(descriptor, tail, 0, tail.length, offset);
    let recovery: RecordDraft | null = null;
    if (tail.length > 0 && this.state.verifies(tail)) {
      writeAll(descriptor, Buffer.of(lineFeed), offset + tail.length);
      await fdatasyncAsync(descriptor);
      this.catchUp();
    } else if (tail.length > 0) {
      recovery = this.#quarantine(tail);
    }
    if (this.#segment.lines === 0) this.#stageHeader(time, signer);
    if (recovery) this.stage([recovery], time);
    await this.flush();
  }

  /**
   * Closes the segment when it is full or its policy day is over, and begins the next, whose header `signer`
   * signs. Nothing may be staged.
   */
  async rotate(time: string, timeZone: string, signer: Signer): Promise<void> {
    const { name, offset, lines } = this.#segment;
    const day = (when: string): string => dayOf(new Date(when), timeZone);
    if (lines === 0 || (offset < segmentBytes && day(time) <= day(this.state.segmentBegan))) return;
    // Syncing the next segment says nothing of this one.
    await this.sync();
    this.#enter(openSegment(this.#options.directory, segmentName(segmentNumber(name) + 1), true));
    this.#stageHeader(time, signer);
  }

  #stageHeader(time: string, signer: Signer): void {
    // Here, not where the file is created: after a failure it must run again.
    syncDirectory(this.#options.directory);
    const { mode, running } = this.#options;
    this.stage([this.state.nextHeader(randomUUID(), mode, signer, running?.() ?? null)], time);
  }

  #quarantine(tail: Buffer): RecordDraft {
    const { directory } = this.#options;
    const quarantine = `quarantine-${randomUUID()}.bin`;
    const copy = openSync(join(directory, quarantine), 'wx', 0o600);
    try {
      writeAll(copy, tail, 0);
      fsyncSync(copy);
    } finally {
      closeSync(copy);
    }
    syncDirectory(directory);
    ftruncateSync(this.#segment.descriptor, this.#segment.offset);
    const sha256 = createHash('sha256').update(tail).digest('hex');
    return { kind: 'recovery', call_id: null, bytes: tail.length, sha256, quarantine };
  }

  /** Makes what was read durable: another process may have written it and died, or failed, before its sync. */
  sync(): Promise<void> {
    return fdatasyncAsync(this.#segment.descriptor);
  }

  /**
   * Gives records their place in the chain and folds them; they become durable with the next `flush`. Returns the place
   * of the last one that is not a note, since notes accompany events; of the last one where there are only notes.
   */
  stage(drafts: readonly RecordDraft[], time: string): Receipt {
    let receipt: Receipt | null = null;
    for (const draft of drafts) {
      this.#staged.push(this.state.add(draft, time));
      if (draft.kind !== 'note') ({ receipt } = this.state);
    }
    return receipt ?? this.state.receipt;
  }

  /**
   * Writes what is staged in one write and one fdatasync. When that fails, the file is cut back to what
   * was durable before, since the state of the rest is unknown, and the journal must be opened again.
   */
  async flush(): Promise<void> {
    if (this.#staged.length === 0) return;
    const bytes = Buffer.concat(this.#staged);
    const { descriptor, offset } = this.#segment;
    try {
      writeAll(descriptor, bytes, offset);
      await fdatasyncAsync(descriptor);
    } catch (error) {
      ftruncateSync(descriptor, offset);
      throw error;
    }
    this.#segment.offset += bytes.length;
    this.#segment.lines += this.#staged.length;
    this.#staged = [];
  }

  close(): void {
    closeSync(this.#segment.descriptor);
  }

  #damaged(kind: Fault['kind'], detail: string): JournalDamaged {
    return new JournalDamaged({
      segment: this.#segment.name,
      line: this.#segment.lines + 1,
      sequence: this.state.head.sequence + 1,
      kind,
      detail,
    });
  }
}

/**
 * Whether the bytes from the first faulty line, at `position` of its file, to the end are the remains of the last,
 * unacknowledged write after a power loss: whole sectors that did not reach the disk read as zeros, and all
 * other bytes have one time, since each write has the time it was made.
 */
export function isTorn(kind: FaultKind, rest: Buffer, position: number): boolean {
  if ((kind !== 'malformed_line' && kind !== 'hash_mismatch') || !rest.includes(0)) return false;
  if (rest.length > mostLineBytes) return false;
  for (let start = rest.indexOf(0); start !== -1;) {
    let end = start;
    while (rest[end] === 0) end += 1;
    const begins = start === 0 || (position + start) % sectorBytes === 0;
    const ends = end === rest.length || (position + end) % sectorBytes === 0;
    if (!begins || !ends) return false;
    start = rest.indexOf(0, end);
  }
  const times = rest.toString('latin1').match(/"time":"[^"]*Z"/g) ?? [];
  return new Set(times).size <= 1;
}

/**
 * The first line of a segment without its LF; null when it has no complete one, or one that was torn. Throws
 * `ChainFault` when it is no file, or its line is longer than any record.
 */
export function firstLine(path: string): Buffer | null {
  const descriptor = openOrdinary(path, constants.O_RDONLY);
  try {
    let bytes: Buffer = Buffer.alloc(0);
    for (;;) {
      requireLineLength(bytes.length);
      const chunk = Buffer.allocUnsafe(Math.max(1 << 14, bytes.length));
      const read = readSync(descriptor, chunk, 0, chunk.length, bytes.length);
      bytes = Buffer.concat([bytes, chunk.subarray(0, read)]);
      const end = bytes.indexOf(lineFeed);
      if (bytes.subarray(0, end === -1 ? bytes.length : end).includes(0)) return null;
      if (end !== -1) return bytes.subarray(0, end);
      if (read === 0) return null;
    }
  } finally {
    closeSync(descriptor);
  }
}

function openSegment(directory: string, name: string, create: boolean): Segment {
  const descriptor = inSegment(name, () => openForWriting(join(directory, name), create));
  return { name, descriptor, inode: fstatSync(descriptor).ino, offset: 0, lines: 0 };
}

function openForWriting(path: string, create: boolean): number {
  try {
    return openOrdinary(path, constants.O_RDWR);
  } catch (error) {
    const code = systemCodeOf(error) ?? '';
    // An auditor's copy can be read; writing it fails later.
    if (['EROFS', 'EACCES', 'EPERM'].includes(code)) return openOrdinary(path, constants.O_RDONLY);
    if (!create || code !== 'ENOENT') throw error;
  }
  return openSync(path, 'wx+', 0o600);
}

/** A pipe, a device or a folder under a segment's name is a fault of the ledger. Throws `ChainFault`. */
function openOrdinary(path: string, access: number): number {
  try {
    return openFileSync(path, { access });
  } catch (error) {
    throw error instanceof NoOrdinaryFile ? new ChainFault('unreadable', error.message) : error;
  }
}

/** Adds the place to a fault in the first line of a segment. */
function inSegment<T>(segment: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ChainFault)) throw error;
    const { kind, message: detail } = error;
    throw new JournalDamaged({ segment, line: 1, sequence: 0, kind, detail });
  }
}

/** Makes a new or removed name in a directory durable; Windows keeps directories durable by itself. */
export function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function writeAll(descriptor: number, bytes: Buffer, position: number): void {
  let written = 0;
  while (written < bytes.length)
    written += writeSync(descriptor, bytes, written, bytes.length - written, position + written);
}
