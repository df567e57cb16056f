import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { GatewayError, systemCodeOf } from '../errors.ts';
import { closeLedger } from './closure.ts';
import type { ReopeningFound } from './contract.ts';
import { Journal, journalExists, syncDirectory } from './journal.ts';
import { isReleased, KernelLock } from './kernelLock.ts';
import type { RunningTime } from './ledgerClock.ts';
import { requireLocalDisk } from './localDisk.ts';
import type { LedgerMode } from './records.ts';

const lockTimeoutMs = 15_000;

/** This process's open files of a ledger's folder: the journal, the shared lock, and its own lock. */
export class LedgerFolder {
  // Another extension in the same process must not replace these methods.
  static {
    Object.freeze(this.prototype);
  }

  readonly directory: string;
  /** This process among all that work on the ledger. */
  readonly instance = randomUUID();
  readonly #mode: LedgerMode;
  readonly #running: () => RunningTime | null;
  #journal: Journal | null = null;
  #lock: { kernel: KernelLock; inode: number } | null = null;
  #alive: KernelLock | null = null;

  constructor(directory: string, mode: LedgerMode, running: () => RunningTime | null) {
    this.directory = directory;
    this.#mode = mode;
    this.#running = running;
  }

  /** As it was read last; null while it isn't open. */
  get journal(): Journal | null {
    return this.#journal;
  }

  /** The journal, opened where it wasn't. Throws as `Journal` does. */
  openJournal(create: boolean): Journal {
    const { directory } = this;
    this.#journal ??= new Journal({ directory, mode: this.#mode, running: this.#running }, create);
    return this.#journal;
  }

  /** Whether there is a journal to open. */
  get exists(): boolean {
    return journalExists(this.directory);
  }

  /** The ledger's lock, held. The folder may be renamed, with the lock in it, while it is waited for. */
  async acquireLock(): Promise<KernelLock> {
    for (;;) {
      const kernel = this.#openLock();
      await kernel.acquire(lockTimeoutMs);
      if (this.#openLock() === kernel) return kernel;
    }
  }

  /** Throws `ledger_unavailable` for an unusable lock; one that another process holds is fine. Creates nothing. */
  requireLock(): void {
    if (!existsSync(this.#lockPath)) return;
    const kernel = this.#openLock();
    if (kernel.tryAcquire()) kernel.release();
  }

  get #lockPath(): string {
    return join(this.directory, 'lock.db');
  }

  #openLock(): KernelLock {
    const path = this.#lockPath;
    if (this.#lock && statSync(path, { throwIfNoEntry: false })?.ino !== this.#lock.inode) this.close();
    if (!this.#lock) {
      requireLocalDisk(this.directory);
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      const kernel = new KernelLock(path);
      this.#lock = { kernel, inode: statSync(path).ino };
    }
    return this.#lock.kernel;
  }

  /** Closes the journal and the ledger's lock; the next use opens them again. */
  close(): void {
    this.#journal?.close();
    this.#journal = null;
    this.#lock?.kernel.release();
    this.#lock?.kernel.close();
    this.#lock = null;
  }

  /** Held from the first write until the process ends: it tells others whether calls are orphans. */
  holdAlive(): void {
    if (this.#alive && existsSync(this.#alivePath(this.instance))) return;
    this.#alive?.close();
    this.#alive = new KernelLock(this.#alivePath(this.instance));
    if (!this.#alive.tryAcquire())
      throw new GatewayError('ledger_unavailable', 'The liveness lock of this process is taken.');
  }

  /** Ends this process's work here. While its calls are open, the lock's file stays for the next process to find. */
  endLife(callsOpen: boolean): void {
    if (!this.#alive) return;
    this.#alive.release();
    this.#alive.close();
    this.#alive = null;
    if (callsOpen) return;
    try {
      rmSync(this.#alivePath(this.instance), { force: true });
    } catch (error) {
      // The folder may be gone or in other hands; a lock that is free is removed by the next process.
      if (systemCodeOf(error) === undefined) throw error;
    }
  }

  /** Whether a process that worked here has ended. */
  isGone(instance: string): boolean {
    const path = this.#alivePath(instance);
    return !existsSync(path) || isReleased(path);
  }

  /** Liveness locks are created under the ledger's lock, so a free one here has no owner. */
  removeDeadLocks(): void {
    for (const name of readdirSync(this.directory)) {
      const instance = /^alive-(.+)\.db$/.exec(name)?.[1];
      if (instance === undefined || instance === this.instance || !this.isGone(instance)) continue;
      rmSync(this.#alivePath(instance), { force: true });
    }
  }

  #alivePath(instance: string): string {
    return join(this.directory, `alive-${instance}.db`);
  }

  /**
   * Renames the folder, so that another ledger can begin; null when there is none. The new ledger is closed until its
   * record of that is written: a process that dies in between leaves no budget without a recorded reason.
   */
  async setAside({ kind, detail }: ReopeningFound, when: Date): Promise<string | null> {
    const { directory } = this;
    if (!existsSync(directory)) return null;
    await this.acquireLock();
    this.#alive?.close();
    this.#alive = null;
    // Where files can be moved while they are open, the lock is held until the new folder is closed.
    if (process.platform === 'win32') this.close();
    const folder = `${directory}-set-aside-${when.toISOString().replaceAll(/[-:.]/g, '')}`;
    const fault = { segment: basename(folder), line: 0, sequence: 0, detail };
    try {
      renameSync(directory, folder);
      if (kind !== 'clock_ahead') closeLedger(directory, { ...fault, kind }, true);
    } finally {
      this.close();
    }
    syncDirectory(dirname(directory));
    return folder;
  }
}
