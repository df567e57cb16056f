import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseSync } from 'node:sqlite';
import { createFile } from '../createFile.ts';
import { GatewayError, messageOf } from '../errors.ts';
import { requireFile } from '../readFile.ts';

const sqliteBusy = 5;
/** Constant and short: random or growing back-off starves the process that lost last time. */
const pollMs = 1;

/**
 * A lock between processes that the kernel releases when its holder dies: an exclusive SQLite
 * transaction that never writes. The file must never be opened through `fs` where it is: closing any
 * descriptor of it would drop the process's POSIX locks.
 */
export class KernelLock {
  readonly #path: string;
  readonly #database: DatabaseSync;
  #held = false;
  #journalInMemory = false;

  /** Throws `ledger_unavailable` when the file can't be opened or this runtime has no `node:sqlite`. */
  constructor(path: string) {
    const sqlite = requireSqlite();
    this.#path = path;
    try {
      // SQLite would make it readable for everybody. It is put in its place after its descriptor was closed.
      if (!existsSync(path)) createFile(path, '');
      requireFile(path);
      this.#database = new sqlite.DatabaseSync(path, { timeout: 0 });
    } catch (error) {
      throw unusable(path, error);
    }
  }

  /** False while another process holds it. Throws `ledger_unavailable` when the file is not a lock. */
  tryAcquire(): boolean {
    try {
      // Without this each transaction makes and deletes a journal file; it too fails while another holds the lock.
      if (!this.#journalInMemory) this.#database.exec('PRAGMA journal_mode = MEMORY');
      this.#journalInMemory = true;
      this.#database.exec('BEGIN EXCLUSIVE');
      this.#held = true;
      return true;
    } catch (error) {
      if ((error as { errcode?: number }).errcode === sqliteBusy) return false;
      throw unusable(this.#path, error);
    }
  }

  /** Throws `ledger_unavailable` when another process holds the lock for longer than `timeoutMs`. */
  async acquire(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!this.tryAcquire()) {
      if (performance.now() > deadline) {
        throw new GatewayError(
          'ledger_unavailable',
          `Another process has held the ledger for ${timeoutMs / 1000} s.`,
          {
            hint: 'Try again; if it stays so, end the process that is stuck.',
            retryable: true,
          },
        );
      }
      await delay(pollMs);
    }
  }

  /** ROLLBACK, not COMMIT, which can itself fail with SQLITE_BUSY. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#database.exec('ROLLBACK');
  }

  close(): void {
    this.#database.close();
  }
}

/** SQLite, which locks the ledger and holds its index. Throws `ledger_unavailable` where this runtime has none. */
export function requireSqlite(): typeof import('node:sqlite') {
  // Node.js before 20.16 can't even be asked.
  const { getBuiltinModule } = process as Partial<typeof process>;
  const sqlite = getBuiltinModule?.('node:sqlite');
  if (sqlite) return sqlite;
  const message = `Node.js ${process.version} has no node:sqlite, which locks the ledger.`;
  throw new GatewayError('ledger_unavailable', message, {
    hint: 'Use Node.js 22.13 or later, or VS Code 1.106 or later.',
  });
}

/** Whether the process that owns a lock file is gone. For a file that can't be used as a lock: not gone. */
export function isReleased(path: string): boolean {
  let lock: KernelLock | null = null;
  try {
    lock = new KernelLock(path);
    return lock.tryAcquire();
  } catch (error) {
    if (GatewayError.is(error, 'ledger_unavailable')) return false;
    throw error;
  } finally {
    lock?.release();
    lock?.close();
  }
}

function unusable(path: string, error: unknown): GatewayError {
  return new GatewayError('ledger_unavailable', `The lock ${path} can't be used: ${messageOf(error)}.`, {
    hint: 'Check that this user can write there. If the file is damaged, delete it while no window uses the ledger.',
    cause: error,
  });
}
