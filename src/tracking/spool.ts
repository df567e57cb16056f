import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { join } from 'node:path';
import { createFile } from '../createFile.ts';
import { GatewayError, messageOf } from '../errors.ts';
import { requireSqlite } from '../ledger/kernelLock.ts';
import { requireFile } from '../readFile.ts';
import type { Tracked } from './trackedCall.ts';

export interface SpoolLimits {
  /** Of each receiver, waiting and refused ones together. */
  mostItems: number;
  mostAgeMs: number;
}

/** About 100 MB for each receiver. */
export const spoolLimits: SpoolLimits = { mostItems: 50_000, mostAgeMs: 30 * 86_400_000 };

/** How many calls wait in memory while another process writes; the oldest are dropped and counted. */
const mostUnwritten = 1_000;
/** Calls of one process after which the limits are checked. */
const trimEvery = 100;
const busyTimeoutMs = 500;
const checkpointBytes = 4_000_000;
const sqliteBusy = 5;
const sqliteCorrupt = [11, 26];

/** One call or run that waits for a receiver; its body is JSON. */
export interface SpooledItem {
  sequence: number;
  body: string;
}

/** Items of one kind and run, which go to a receiver in one request. */
export interface SpooledBatch {
  kind: Tracked['kind'];
  /** The run that the items belong to; null if they belong to none. */
  run: { kind: 'flow' | 'comparison'; id: string } | null;
  items: SpooledItem[];
}

/** What waits for a receiver and how sending to it went. Times are milliseconds since the epoch. */
export interface SpoolStatus {
  waiting: number;
  oldest: number | null;
  /** Set aside, because the receiver refuses them. */
  refused: number;
  /** Why the last one was refused. */
  lastRefusal: string | null;
  /** Lost because the limits were reached, in total, and when that happened last. */
  dropped: number;
  lastDropped: number | null;
  lastSuccess: number | null;
  /** Failures in a row, and why the last attempt failed. */
  failures: number;
  lastError: string | null;
  /** Nothing is sent before to the address that failed. */
  nextAttempt: number;
  failedAddress: string | null;
}

interface Row {
  receiver: string;
  id: string;
  kind: string;
  at: number;
  run: string | null;
  body: string;
}

/**
 * Calls that wait to be sent, for all processes of one state folder: a SQLite database whose writes are never synced
 * while a call waits. A crash of the computer may lose the last ones, a crash of a process none.
 */
export class Spool {
  readonly folder: string;
  readonly #limits: SpoolLimits;
  readonly #use: 'call' | 'send';
  #database: DatabaseSync | null = null;
  #insert: StatementSync | null = null;
  #unwritten: Row[] = [];
  /** Dropped in memory and not yet counted in the database, by receiver. */
  readonly #uncounted = new Map<string, number>();
  #written = 0;
  #fault: string | null = null;

  /** Calls never wait, neither for another process nor for the disk; who sends waits briefly for both. */
  constructor(folder: string, use: 'call' | 'send', limits = spoolLimits) {
    this.folder = folder;
    this.#use = use;
    this.#limits = limits;
  }

  /** Opens the database, so that the first call needn't. Never throws. */
  prepare(): void {
    try {
      this.#insertStatement();
    } catch {
      // The first write says why.
    }
  }

  /** Why nothing can be written; null if it can. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Adds a call or run for each receiver; one that is there is replaced. Never throws, never waits. */
  add(tracked: Tracked, receivers: readonly string[]): void {
    const body = JSON.stringify(tracked);
    const run = runKeyOf(tracked);
    for (const receiver of receivers)
      this.#unwritten.push({ receiver, id: tracked.id, kind: tracked.kind, at: tracked.ended, run, body });
    while (this.#unwritten.length > mostUnwritten) {
      const lost = this.#unwritten.shift();
      if (lost) this.#uncounted.set(lost.receiver, (this.#uncounted.get(lost.receiver) ?? 0) + 1);
    }
    this.flush();
  }

  /** Writes what is still in memory, unless another process is writing just now. Never throws. */
  flush(): boolean {
    if (this.#unwritten.length === 0) return true;
    try {
      this.#write();
      this.#fault = null;
      return true;
    } catch (error) {
      if (codeOf(error) !== sqliteBusy) this.#fault = messageOf(error);
      return false;
    }
  }

  #write(): void {
    const insert = this.#insertStatement();
    const rows = this.#unwritten;
    this.#transaction(() => {
      for (const { receiver, id, kind, at, run, body } of rows)
        insert.run(receiver, id, kind, Math.round(at), run, body);
      for (const [receiver, lost] of this.#uncounted) this.#countDropped(receiver, lost);
    });
    this.#unwritten = [];
    this.#uncounted.clear();
    this.#written += rows.length;
    if (this.#written < trimEvery) return;
    this.#written = 0;
    this.trim();
  }

  /** Drops the oldest beyond the limits, and counts what was still waiting. Throws what SQLite throws. */
  trim(): void {
    const database = this.#open();
    const before = Date.now() - this.#limits.mostAgeMs;
    this.#transaction(() => {
      for (const receiver of this.#receivers()) {
        const beyond = database
          .prepare('SELECT sequence FROM items WHERE receiver = ? ORDER BY sequence DESC LIMIT 1 OFFSET ?')
          .get(receiver, this.#limits.mostItems) as { sequence: number } | undefined;
        const lost = database
          .prepare(
            'DELETE FROM items WHERE receiver = ? AND (sequence <= ? OR at < ?) RETURNING refused IS NULL AS waited',
          )
          .all(receiver, beyond?.sequence ?? -1, before);
        const waited = lost.filter((row) => row['waited'] === 1).length;
        if (waited > 0) this.#countDropped(receiver, waited);
      }
    });
  }

  /** The oldest items that can be sent together; null if nothing waits. Throws what SQLite throws. */
  next(receiver: string, most: number, mostBytes: number): SpooledBatch | null {
    const database = this.#open();
    const first = database
      .prepare('SELECT kind, run FROM items WHERE receiver = ? AND refused IS NULL ORDER BY sequence LIMIT 1')
      .get(receiver) as { kind: Tracked['kind']; run: string | null } | undefined;
    if (!first) return null;
    const rows = database
      .prepare(
        'SELECT sequence, body FROM items WHERE receiver = ? AND refused IS NULL AND kind = ? AND run IS ? ORDER BY sequence LIMIT ?',
      )
      .all(receiver, first.kind, first.run, most) as unknown as SpooledItem[];
    let bytes = 0;
    const items = rows.filter(({ body }, index) => (bytes += body.length) <= mostBytes || index === 0);
    return { kind: first.kind, run: runFrom(first.run), items };
  }

  /** Whether anything waits for a receiver. Throws what SQLite throws. */
  hasWaiting(receiver: string): boolean {
    return existsSync(this.#path) && this.next(receiver, 1, 0) !== null;
  }

  /** Removes what a receiver has. Throws what SQLite throws. */
  remove(items: readonly SpooledItem[]): void {
    const statement = this.#open().prepare('DELETE FROM items WHERE sequence = ?');
    this.#transaction(() => {
      for (const { sequence } of items) statement.run(sequence);
    });
  }

  /** Sets aside what a receiver refuses, with its reason. Throws what SQLite throws. */
  refuse({ sequence }: SpooledItem, why: string): void {
    this.#open().prepare('UPDATE items SET refused = ? WHERE sequence = ?').run(why, sequence);
  }

  /** Sends again what was refused. Throws what SQLite throws. */
  retryRefused(receiver: string): void {
    this.#open().prepare('UPDATE items SET refused = NULL WHERE receiver = ?').run(receiver);
  }

  succeeded(receiver: string): void {
    this.#note(receiver, 'last_success = ?, failures = 0, last_error = NULL, next_attempt = 0', Date.now());
  }

  failed(receiver: string, address: string, why: string, nextAttempt: number): void {
    this.#note(
      receiver,
      'failures = failures + 1, failed_address = ?, last_error = ?, next_attempt = ?',
      address,
      why,
      Math.round(nextAttempt),
    );
  }

  /** Lets the next attempt be made at once. */
  hurry(receiver: string): void {
    this.#note(receiver, 'next_attempt = ?', 0);
  }

  /** Throws what SQLite throws. */
  status(receiver: string): SpoolStatus {
    if (!existsSync(this.#path)) return { ...nothingSpooled };
    const database = this.#open();
    const counts = database
      .prepare(
        `SELECT count(*) FILTER (WHERE refused IS NULL) AS waiting, min(at) FILTER (WHERE refused IS NULL) AS oldest,
          count(refused) AS refused,
          (SELECT refused FROM items WHERE receiver = ?1 AND refused IS NOT NULL ORDER BY sequence DESC LIMIT 1) AS lastRefusal
          FROM items WHERE receiver = ?1`,
      )
      .get(receiver);
    const sent = database
      .prepare(
        `SELECT dropped, last_dropped AS lastDropped, last_success AS lastSuccess, failures, last_error AS lastError,
          next_attempt AS nextAttempt, failed_address AS failedAddress FROM receivers WHERE receiver = ?`,
      )
      .get(receiver);
    return { ...nothingSpooled, ...counts, ...sent };
  }

  /** Moves what was written from the log into the database, once that is worth a sync. Throws what SQLite throws. */
  checkpoint(): void {
    const log = statSync(`${this.#path}-wal`, { throwIfNoEntry: false });
    if (log && log.size > checkpointBytes) this.#open().exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  /** Writes what is left, waiting briefly for other processes, and closes. Never throws. */
  close(): void {
    try {
      if (this.#unwritten.length > 0) this.#open();
      this.#database?.exec(`PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = ${busyTimeoutMs}`);
      this.flush();
      this.#database?.close();
    } catch (error) {
      this.#fault = messageOf(error);
    }
    this.#database = null;
    this.#insert = null;
  }

  get #path(): string {
    return join(this.folder, 'spool.db');
  }

  #insertStatement(): StatementSync {
    const database = this.#open();
    return (this.#insert ??= database.prepare(
      'INSERT OR REPLACE INTO items (receiver, id, kind, at, run, body) VALUES (?, ?, ?, ?, ?, ?)',
    ));
  }

  #open(): DatabaseSync {
    if (this.#database) return this.#database;
    try {
      this.#database = opened(this.#path, this.#use);
    } catch (error) {
      if (!sqliteCorrupt.includes(codeOf(error) ?? 0)) throw error;
      // Kept aside, so that a person can look at it.
      renameSync(this.#path, `${this.#path}.damaged`);
      this.#database = opened(this.#path, this.#use);
    }
    return this.#database;
  }

  #receivers(): string[] {
    const rows = this.#open().prepare('SELECT DISTINCT receiver FROM items').all();
    return rows.map((row) => String(row['receiver']));
  }

  #countDropped(receiver: string, lost: number): void {
    this.#note(receiver, 'dropped = dropped + ?, last_dropped = ?', lost, Date.now());
  }

  #note(receiver: string, changes: string, ...values: (string | number)[]): void {
    const database = this.#open();
    database.prepare('INSERT OR IGNORE INTO receivers (receiver) VALUES (?)').run(receiver);
    database.prepare(`UPDATE receivers SET ${changes} WHERE receiver = ?`).run(...values, receiver);
  }

  #transaction(work: () => void): void {
    const database = this.#open();
    database.exec('BEGIN IMMEDIATE');
    try {
      work();
      database.exec('COMMIT');
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  }
}

export const nothingSpooled: Readonly<SpoolStatus> = {
  waiting: 0,
  oldest: null,
  refused: 0,
  lastRefusal: null,
  dropped: 0,
  lastDropped: null,
  lastSuccess: null,
  failures: 0,
  lastError: null,
  nextAttempt: 0,
  failedAddress: null,
};

function opened(path: string, use: 'call' | 'send'): DatabaseSync {
  const { DatabaseSync } = requireSqlite();
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  // SQLite would make it readable for everybody; its other files get the same permissions.
  if (!existsSync(path)) createFile(path, '');
  requireFile(path);
  const sends = use === 'send';
  const database = new DatabaseSync(path, { timeout: sends ? busyTimeoutMs : 0 });
  // A log that is checkpointed only by who sends, and synced then, stays whole whatever happens between.
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${sends ? 'NORMAL' : 'OFF'};
    PRAGMA wal_autocheckpoint = 0;
    CREATE TABLE IF NOT EXISTS items (
      sequence INTEGER PRIMARY KEY AUTOINCREMENT,
      receiver TEXT NOT NULL,
      id TEXT NOT NULL,
      kind TEXT NOT NULL,
      at INTEGER NOT NULL,
      run TEXT,
      body TEXT NOT NULL,
      refused TEXT,
      UNIQUE (receiver, kind, id)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS waiting ON items (receiver, refused, sequence);
    CREATE TABLE IF NOT EXISTS receivers (
      receiver TEXT PRIMARY KEY,
      dropped INTEGER NOT NULL DEFAULT 0,
      last_dropped INTEGER,
      last_success INTEGER,
      failures INTEGER NOT NULL DEFAULT 0,
      last_error TEXT,
      next_attempt INTEGER NOT NULL DEFAULT 0,
      failed_address TEXT
    ) STRICT;
  `);
  return database;
}

function runKeyOf(tracked: Tracked): string | null {
  if (tracked.kind === 'run') return `${tracked.of} ${tracked.id}`;
  if (tracked.run_id !== null) return `flow ${tracked.run_id}`;
  return tracked.comparison_id === null ? null : `comparison ${tracked.comparison_id}`;
}

function runFrom(key: string | null): SpooledBatch['run'] {
  const [kind, id] = key?.split(' ') ?? [];
  if (id === undefined) return null;
  return { kind: kind === 'flow' ? 'flow' : 'comparison', id };
}

/** SQLite's primary result code. */
function codeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number };
  if (errcode !== undefined) return errcode & 0xff;
  return GatewayError.is(error) ? codeOf(error.cause) : undefined;
}
