import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
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
import { ChainFault, emptyHead, type Fault } from './chain.ts';
import { LedgerState } from './ledgerState.ts';
import type { LedgerMode, RecordDraft } from './records.ts';

const fdatasyncAsync = promisify(fdatasync);
const firstSegment = '00000001.journal';
const readSize = 1 << 20;
const lineFeed = 0x0a;

/** Journal segments of a ledger directory, oldest first. */
export function segmentNames(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.journal'))
    .sort();
}

export function journalExists(directory: string): boolean {
  return existsSync(join(directory, firstSegment));
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

/**
 * The journal file of one ledger as this process knows it: everything up to `#offset` has been checked
 * and folded. `catchUp` may run at any time; `repairTail`, `stage` and `flush` only under the ledger's lock.
 */
export class Journal {
  readonly state: LedgerState;
  readonly #directory: string;
  readonly #mode: LedgerMode;
  readonly #path: string;
  readonly #descriptor: number;
  readonly #inode: number;
  #offset = 0;
  #lines = 0;
  #staged: Buffer[] = [];

  /** Creates the file when `create` says so. Throws the system error otherwise. */
  constructor(directory: string, mode: LedgerMode, create: boolean) {
    this.state = new LedgerState(mode);
    this.#directory = directory;
    this.#mode = mode;
    this.#path = join(directory, firstSegment);
    this.#descriptor = openJournal(this.#path, create);
    this.#inode = fstatSync(this.#descriptor).ino;
  }

  /**
   * Reads, checks and folds what was added since the last time.
   * Throws `JournalDamaged`, also when the file is no longer the one that was opened.
   * Returns how many bytes follow the last complete line.
   */
  catchUp(): number {
    if (statSync(this.#path, { throwIfNoEntry: false })?.ino !== this.#inode)
      throw this.#damaged('unreadable', 'the file was moved, deleted or replaced while in use');
    const { size } = fstatSync(this.#descriptor);
    if (size < this.#offset) throw this.#damaged('unreadable', 'the file is shorter than it was');
    let pending: Buffer = Buffer.alloc(0);
    let position = this.#offset;
    while (position < size) {
      const chunk = Buffer.allocUnsafe(Math.min(readSize, size - position));
      const read = readSync(this.#descriptor, chunk, 0, chunk.length, position);
      if (read === 0) break;
      position += read;
      pending = this.#consume(Buffer.concat([pending, chunk.subarray(0, read)]));
    }
    return pending.length;
  }

  /** Takes every complete line and returns what follows the last. */
  #consume(bytes: Buffer): Buffer {
    let start = 0;
    for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, start)) {
      try {
        this.state.take(bytes.subarray(start, end), this.#lines === 0);
      } catch (error) {
        if (error instanceof ChainFault) throw this.#damaged(error.kind, error.message);
        throw error;
      }
      this.#offset += end + 1 - start;
      this.#lines += 1;
      start = end + 1;
    }
    return bytes.subarray(start);
  }

  /**
   * Makes the journal end in a complete record: an unterminated record that verifies is completed;
   * anything else is set aside in a quarantine file, and a `recovery` record says so.
   */
  async repairTail(time: string): Promise<void> {
    const tail = Buffer.alloc(this.catchUp());
    readSync(this.#descriptor, tail, 0, tail.length, this.#offset);
    let recovery: RecordDraft | null = null;
    if (tail.length > 0 && this.state.verifies(tail)) {
      writeAll(this.#descriptor, Buffer.of(lineFeed), this.#offset + tail.length);
      await fdatasyncAsync(this.#descriptor);
      this.catchUp();
    } else if (tail.length > 0) {
      recovery = this.#quarantine(tail);
    }
    if (this.#lines === 0) this.stage([this.#header()], time);
    if (recovery) this.stage([recovery], time);
    await this.flush();
  }

  #quarantine(tail: Buffer): RecordDraft {
    const quarantine = `quarantine-${randomUUID()}.bin`;
    const copy = openSync(join(this.#directory, quarantine), 'wx', 0o600);
    try {
      writeAll(copy, tail, 0);
      fsyncSync(copy);
    } finally {
      closeSync(copy);
    }
    syncDirectory(this.#directory);
    ftruncateSync(this.#descriptor, this.#offset);
    const sha256 = createHash('sha256').update(tail).digest('hex');
    return { kind: 'recovery', call_id: null, bytes: tail.length, sha256, quarantine };
  }

  #header(): RecordDraft {
    return {
      kind: 'header',
      call_id: null,
      ledger_id: randomUUID(),
      prev: emptyHead.hash.toString('hex'),
      segment: 1,
      mode: this.#mode,
    };
  }

  /** Gives records their place in the chain and folds them; they become durable with the next `flush`. */
  stage(drafts: readonly RecordDraft[], time: string): void {
    for (const draft of drafts) this.#staged.push(this.state.add(draft, time));
  }

  /**
   * Writes what is staged in one write and one fdatasync. When that fails, the file is cut back to what
   * was durable before, since nobody can say what of the rest is, and the journal must be opened again.
   */
  async flush(): Promise<void> {
    if (this.#staged.length === 0) return;
    const bytes = Buffer.concat(this.#staged);
    try {
      writeAll(this.#descriptor, bytes, this.#offset);
      await fdatasyncAsync(this.#descriptor);
    } catch (error) {
      ftruncateSync(this.#descriptor, this.#offset);
      throw error;
    }
    this.#offset += bytes.length;
    this.#lines += this.#staged.length;
    this.#staged = [];
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #damaged(kind: Fault['kind'], detail: string): JournalDamaged {
    return new JournalDamaged({
      segment: firstSegment,
      line: this.#lines + 1,
      sequence: this.state.head.sequence + 1,
      kind,
      detail,
    });
  }
}

function openJournal(path: string, create: boolean): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if (!create || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const descriptor = openSync(path, 'wx+', 0o600);
  fsyncSync(descriptor);
  syncDirectory(join(path, '..'));
  return descriptor;
}

/** Makes a new name in a directory durable; Windows keeps directories durable by itself. */
function syncDirectory(directory: string): void {
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
