import { closeSync, mkdirSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { segmentName, segmentNames } from '../ledger/journal.ts';
import { KernelLock, requireSqlite } from '../ledger/kernelLock.ts';
import { ledgerDamaged, readFrom, type JournalPosition, type PlacedRecord } from '../ledger/readJournal.ts';
import type { CallOutcome, RecordKind } from '../ledger/records.ts';
import {
  blockCapacity,
  CallBlock,
  columnsFor,
  dayNumber,
  type CompiledFilter,
  type StoredColumns,
} from './callBlock.ts';
import { NoOrdinaryFile, openFileSync } from '../readFile.ts';
import {
  callOutcomes,
  searchForm,
  type CallInZone,
  type HistoryCall,
  type HistoryFilter,
  type StoredPlace,
} from './calls.ts';
import { filterValues, IndexWriter, unpackPlaces, type Progress } from './indexWriter.ts';
import { readModelUse, type ModelUse } from './modelUse.ts';
import { callColumns, callOf, type StoredCall } from './storedCall.ts';
import { readTables, type HistoryTables } from './tables.ts';
import { readHours, readUsage, type HourSpending, type UsageDays, type UsageRow } from './usage.ts';
import type { UsageDimension } from './usageTotals.ts';
import { userNameFault, userNameOf } from '../userName.ts';

const lockTimeoutMs = 15_000;
/** Longest wait for another process's commit. */
const busyTimeoutMs = 5_000;
/** Bytes of the journal per commit: about a second of work. */
const stepBytes = 32 * 2 ** 20;
/** Pages up to this row don't need all matches. */
const firstRows = 1000;
const cacheKilobytes = 4_000;
/** A number of the dictionary that no call has. */
const nobody = 2 ** 32;

export interface CatchUpOptions {
  signal?: AbortSignal | undefined;
  /** Gets the journal bytes in the index, and the total. */
  onProgress?: ((bytes: number, total: number) => void) | undefined;
  /** Gets the ledger's fault; the answer then covers the records before it. Without this callback the fault is thrown. */
  onFailure?: ((error: GatewayError) => void) | undefined;
}

/** The number of calls that match a filter. */
export interface Matches {
  total: number;
  /** Of the filter without its outcomes. */
  outcomes: Record<CallOutcome, number>;
}

export interface CallPage {
  calls: HistoryCall[];
  /** Sequence number of this page's last call if more follow; null at the end. */
  next: number | null;
}

/** A record about the ledger, not about one call. */
export interface LedgerEventEntry {
  kind: string;
  time: string;
  place: StoredPlace;
}

/** The filter values of a ledger's calls, most used first. */
export interface Facets {
  users: string[];
  models: string[];
  workspaces: string[];
  branches: string[];
}

/** Where a ledger's index is: in the state directory, beside the folder of the ledgers. */
export function indexPath(ledgerDirectory: string): string {
  return join(dirname(dirname(ledgerDirectory)), 'index', `${basename(ledgerDirectory)}.db`);
}

/** The open database; the lock is null if it is in memory. */
interface Files {
  database: DatabaseSync;
  lock: KernelLock | null;
  inode: number;
  statements: Map<string, StatementSync>;
}

/** The finished calls that match a filter, among the first `read` ones. */
interface Selection {
  key: string;
  read: number;
  /** Their numbers, oldest first. */
  chosen: number[];
  /** By number of the outcome, of the filter without its outcomes. */
  outcomes: number[];
}

/** The index's file can't be used here: the answers come from memory. */
class IndexUnusable extends Error {}

/**
 * Answers queries about a ledger's history. The index is an SQLite database that the processes of a user
 * share. It has no authority: if it is faulty, it is rebuilt from the journal, in memory
 * if it can't be written. Queries run inside `ask`, which brings it up to date.
 */
export class HistoryIndex {
  readonly #directory: string;
  readonly #path: string;
  #files: Files | null = null;
  #inMemory = false;
  #loaded: IndexWriter | null = null;
  #selection: Selection | null = null;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(ledgerDirectory: string) {
    this.#directory = ledgerDirectory;
    this.#path = indexPath(ledgerDirectory);
  }

  /**
   * Brings the index up to the journal's end and then runs `work`, which sees every current record.
   * Throws `ledger_damaged`, with the records before the fault in the index, and `ledger_unavailable`.
   */
  ask<T>(work: () => T, options: CatchUpOptions = {}): Promise<T> {
    const answer = this.#queue.then(() => this.#ask(work, options));
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  async #ask<T>(work: () => T, options: CatchUpOptions): Promise<T> {
    // First as is, then rebuilt, then in memory.
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.#catchUpOrTell(options);
        return work();
      } catch (error) {
        if (!isIndexFault(error) || this.#inMemory) throw error;
        const deleted = attempt === 0 && !(error instanceof IndexUnusable) && (await this.#delete());
        this.close();
        this.#inMemory = !deleted;
      }
    }
  }

  /** How many calls match. */
  matches(filter: HistoryFilter): Matches {
    const { chosen, outcomes } = this.#select(filter);
    const open = this.#openMatches(filter);
    const counts = callOutcomes.map((outcome, number): [CallOutcome, number] => [
      outcome,
      outcome === 'pending' ? open.ofAnyOutcome : (outcomes[number] ?? 0),
    ]);
    return {
      total: chosen.length + open.calls.length,
      outcomes: Object.fromEntries(counts) as Matches['outcomes'],
    };
  }

  /** Calls that match, newest first: as many as `limit` from the row `offset` on. */
  rows(filter: HistoryFilter, offset: number, limit: number): HistoryCall[] {
    const chosen = this.#newest(filter, offset + limit);
    // Running calls are few; each precedes those that ended before it was opened.
    const open = new Map(
      this.#openMatches(filter).calls.map((call, index) => [
        index + this.#countAfter(chosen, call.sequence),
        call,
      ]),
    );
    let openBefore = [...open.keys()].filter((row) => row < offset).length;
    const end = Math.min(offset + limit, chosen.length + open.size);
    const calls: HistoryCall[] = [];
    for (let row = offset; row < end; row += 1) {
      const call = open.get(row);
      if (call) openBefore += 1;
      calls.push(call ?? this.#call(chosen[chosen.length - 1 - (row - openBefore)] as number));
    }
    return calls;
  }

  /** Matches counted from the oldest, so that later calls don't move them; newest first. */
  rowsFromOldest(
    filter: HistoryFilter,
    first: number,
    limit: number,
  ): { total: number; calls: HistoryCall[] } {
    const { total } = this.matches(filter);
    const end = Math.min(first + limit, total);
    return { total, calls: this.rows(filter, total - end, Math.max(0, end - first)) };
  }

  /** A page of calls after the one with sequence number `cursor`; from the newest if null. */
  page(filter: HistoryFilter, limit: number, cursor: number | null): CallPage {
    const offset = cursor === null ? 0 : this.rowOf(filter, cursor - 1);
    const calls = this.rows(filter, offset, limit + 1);
    const next = calls.length > limit ? (calls[limit - 1]?.sequence ?? null) : null;
    return { calls: calls.slice(0, limit), next };
  }

  /** The row of the call with this sequence number, or where it would be. */
  rowOf(filter: HistoryFilter, sequence: number): number {
    const open = this.#openMatches(filter).calls.filter((call) => call.sequence > sequence);
    return this.#countAfter(this.#select(filter).chosen, sequence) + open.length;
  }

  /** A call by its id or the sequence number of any of its records. */
  find(id: string): HistoryCall | null {
    const sequence = /^\d{1,15}$/.test(id) ? Number(id) : null;
    const has = (call: HistoryCall): boolean =>
      call.callId === id || call.records.some((record) => record.sequence === sequence);
    const open = this.#open().find(has);
    if (open) return open;
    const ending = this.#statement('SELECT n FROM call WHERE sequence = ?').get(sequence);
    if (ending) return this.#call(ending['n'] as number);
    const where =
      sequence === null
        ? 'call_id = ?1'
        : '(opened <= ?1 AND sequence >= ?1) OR call_id = (SELECT call_id FROM event WHERE sequence = ?1)';
    const candidates = this.#statement(`SELECT n FROM call WHERE ${where} ORDER BY n DESC`).all(
      sequence ?? id,
    ) as unknown as { n: number }[];
    return candidates.map(({ n }) => this.#call(n)).find(has) ?? null;
  }

  /** The record about the ledger with this sequence number; null if it isn't one. */
  findEvent(sequence: number): LedgerEventEntry | null {
    return this.#event('sequence = ?', sequence);
  }

  /** The header of the segment after a record's, whose checkpoint covers it; null until there is one. */
  headerAfter(sequence: number): LedgerEventEntry | null {
    return this.#event(`kind = 'header' AND sequence > ?`, sequence);
  }

  /** Records about the ledger of one kind, newest first. */
  events(kind: RecordKind, limit: number): LedgerEventEntry[] {
    const rows = this.#statement(
      'SELECT kind, time, place FROM event WHERE kind = ? ORDER BY sequence DESC LIMIT ?',
    ).all(kind, limit) as unknown as StoredEvent[];
    return rows.flatMap(eventOf);
  }

  /** Usage by a property: days and hours in order, all else by spend. */
  usage(by: UsageDimension, days: UsageDays = {}): UsageRow[] {
    return readUsage(this.#database, (number) => this.#writer.strings.text(number), by, days);
  }

  /** The spend in each hour of each day. */
  hours(days: UsageDays): HourSpending[] {
    return readHours(this.#database, (number) => this.#writer.strings.text(number), days);
  }

  /** Successful calls that the cache answered, those that a model answered, and what the first had cost, micro-USD. */
  cacheUse(): { hits: number; misses: number; saved: bigint } {
    const row = this.#statement(
      `SELECT count(saved) AS hits, count(*) - count(saved) AS misses, CAST(coalesce(sum(saved), 0) AS TEXT) AS saved
       FROM call WHERE outcome = ?`,
    ).get(callOutcomes.indexOf('success')) as { hits: number; misses: number; saved: string };
    return { ...row, saved: BigInt(row.saved) };
  }

  /** What finished calls came to, by back-end and model, most calls first. */
  modelUse(days: UsageDays = {}): ModelUse[] {
    return readModelUse(this.#database, (number) => this.#writer.strings.text(number), days);
  }

  /**
   * Gives `use` everything that is accounted for on some policy days, as tables of one moment, to be read before it
   * returns.
   */
  tables<T>(days: UsageDays, use: (tables: HistoryTables) => T): T {
    this.#database.exec('BEGIN');
    try {
      // Another process may have added calls and texts since the index was asked.
      this.#load();
      const text = (number: number): string | null => this.#writer.strings.text(number);
      return use(readTables({ database: this.#database, text, open: this.#openInZone() }, days));
    } finally {
      this.#database.exec('COMMIT');
    }
  }

  facets(): Facets {
    const known = (by: UsageDimension, ofCall: (call: HistoryCall) => string | null): string[] => {
      const rows = this.usage(by).sort((a, b) => b.calls + b.refusals - a.calls - a.refusals);
      const keys = [...rows.map(({ key }) => key), ...this.#open().map(ofCall)];
      return [...new Set(keys)].filter((key) => key !== null);
    };
    return {
      users: known('user', (call) => call.userId),
      models: known('model', (call) => call.modelId ?? call.model),
      workspaces: known('workspace', (call) => call.workspace),
      branches: known('branch', (call) => call.branch),
    };
  }

  close(): void {
    this.#forget();
    this.#files?.database.close();
    this.#files?.lock?.close();
    this.#files = null;
  }

  async #catchUpOrTell(options: CatchUpOptions): Promise<void> {
    try {
      await this.#catchUp(options);
    } catch (error) {
      if (!options.onFailure || !GatewayError.is(error)) throw error;
      this.#load();
      options.onFailure(error);
    }
  }

  async #catchUp(options: CatchUpOptions): Promise<void> {
    for (;;) {
      await this.#makeFit();
      const { position } = this.#writer.progress;
      if (!isBehind(this.#directory, position)) return;
      await this.#locked(() => this.#step(options));
      // After the last complete record a write is in progress.
      if (this.#writer.progress.position?.sequence === position?.sequence) return;
    }
  }

  /** Opens the index or follows changes by other processes, and empties the index of another journal. */
  async #makeFit(): Promise<void> {
    if (this.#files?.lock && inodeOf(this.#path) !== this.#files.inode) this.close();
    this.#files ??= this.#openFiles();
    const fits = (): boolean =>
      IndexWriter.fits(this.#database) && isOf(this.#directory, IndexWriter.progress(this.#database));
    if (!fits()) {
      await this.#locked(() => {
        // Another process may have done it already.
        if (!fits()) this.#transaction(() => IndexWriter.create(this.#database));
        return Promise.resolve();
      });
    }
    this.#load();
  }

  #load(): void {
    const { made, position } = IndexWriter.progress(this.#database);
    const known = this.#loaded?.progress;
    if (known?.made === made && known.position?.sequence === position?.sequence) return;
    if (known?.made !== made) this.#forget();
    this.#loaded = new IndexWriter(this.#database);
  }

  /** Adds new records of the journal, at most a second's work, so that others get their turn. */
  async #step({ signal, onProgress }: CatchUpOptions): Promise<void> {
    const sizes = segmentSizes(this.#directory);
    const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    let failure: unknown = null;
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      this.#load();
      const writer = this.#writer;
      const before = bytesRead(sizes, writer.progress.position);
      let position: JournalPosition | null = null;
      try {
        for await (const batch of readFrom(this.#directory, writer.progress.position, signal)) {
          for (const placed of batch.records) this.#take(placed);
          ({ position } = batch);
          const read = bytesRead(sizes, position);
          onProgress?.(read, Math.max(read, total));
          if (read - before >= stepBytes) break;
        }
      } catch (error) {
        if (isIndexFault(error) || error instanceof UnreadableRecord) throw error;
        // Records before the fault are kept.
        failure = error;
      }
      if (position) writer.save(position);
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#forget();
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error instanceof UnreadableRecord ? error.damage(this.#directory) : error;
    }
    if (failure !== null) throw failure as Error;
  }

  #take(placed: PlacedRecord): void {
    try {
      this.#writer.take(placed);
    } catch (error) {
      throw systemCodeOf(error) === 'ERR_SQLITE_ERROR' ? error : new UnreadableRecord(placed, error);
    }
  }

  #transaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } finally {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    }
  }

  /** Runs work while no other process writes to the index or replaces its file. */
  async #locked(work: () => Promise<void>): Promise<void> {
    const lock = this.#files?.lock;
    if (!lock) return work();
    try {
      await lock.acquire(lockTimeoutMs);
    } catch (error) {
      throw new IndexUnusable(messageOf(error), { cause: error });
    }
    try {
      await work();
    } finally {
      lock.release();
    }
  }

  #openFiles(): Files {
    if (this.#inMemory) {
      const database = new (requireSqlite().DatabaseSync)(':memory:');
      return { database, lock: null, inode: 0, statements: new Map() };
    }
    let lock: KernelLock | null = null;
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      lock = new KernelLock(this.#lockPath);
      createEmpty(this.#path);
      const database = new (requireSqlite().DatabaseSync)(this.#path, { timeout: busyTimeoutMs });
      database.exec(
        `PRAGMA page_size = 8192; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -${cacheKilobytes}`,
      );
      return { database, lock, inode: inodeOf(this.#path), statements: new Map() };
    } catch (error) {
      lock?.close();
      throw isIndexFault(error) ? error : new IndexUnusable(messageOf(error), { cause: error });
    }
  }

  /** Deletes a damaged file, unless another process has done so. False if that fails. */
  async #delete(): Promise<boolean> {
    const inode = this.#files?.inode ?? inodeOf(this.#path);
    this.close();
    let lock: KernelLock | null = null;
    try {
      lock = new KernelLock(this.#lockPath);
      await lock.acquire(lockTimeoutMs);
      if (inodeOf(this.#path) === inode)
        for (const path of [this.#path, `${this.#path}-journal`]) rmSync(path, { force: true });
      return true;
    } catch {
      return false;
    } finally {
      lock?.release();
      lock?.close();
    }
  }

  get #lockPath(): string {
    return this.#path.replace(/\.db$/, '.lock.db');
  }

  #forget(): void {
    this.#loaded = null;
    this.#selection = null;
  }

  get #database(): DatabaseSync {
    if (!this.#files) throw new Error('the index is closed');
    return this.#files.database;
  }

  get #writer(): IndexWriter {
    if (!this.#loaded) throw new Error('the index was not asked for');
    return this.#loaded;
  }

  #statement(sql: string): StatementSync {
    const statements = this.#files?.statements;
    const statement = statements?.get(sql) ?? this.#database.prepare(sql);
    statements?.set(sql, statement);
    return statement;
  }

  /** Running calls, newest first. */
  #open(): HistoryCall[] {
    return this.#openInZone().map(({ timeZone, runId, comparisonId, ...call }) => call);
  }

  #openInZone(): CallInZone[] {
    return [...this.#writer.open.values()].sort((a, b) => b.sequence - a.sequence);
  }

  #openMatches(filter: HistoryFilter): { calls: HistoryCall[]; ofAnyOutcome: number } {
    const compiled = this.#compile(filter);
    const calls = this.#open().filter((call) => {
      const block = new CallBlock();
      block.add(filterValues(call, (text) => this.#writer.strings.find(text) ?? 0));
      return block.matches(compiled);
    });
    const chosen = filter.outcomes?.includes('pending') ?? true;
    return { calls: chosen ? calls : [], ofAnyOutcome: calls.length };
  }

  /** At least that many of the newest finished calls that match, or all, oldest first. */
  #newest(filter: HistoryFilter, wanted: number): readonly number[] {
    const { count } = this.#writer;
    const known = this.#selection?.key === JSON.stringify(filter) && this.#selection.read === count;
    if (known || wanted > firstRows) return this.#select(filter).chosen;
    const compiled = this.#compile(filter);
    const found: number[][] = [];
    let total = 0;
    for (const { before, block } of this.#blocks(compiled, 0, 'DESC')) {
      const chosen: number[] = [];
      block.eachMatch(compiled, 0, (at) => {
        if (compiled.outcomes?.[block.outcome[at] as number] ?? true) chosen.push(before + at + 1);
      });
      found.push(chosen);
      total += chosen.length;
      if (total >= wanted) break;
    }
    return found.reverse().flat();
  }

  /** The finished calls that match; a repeated filter reads only new ones. */
  #select(filter: HistoryFilter): Selection {
    const key = JSON.stringify(filter);
    const { count } = this.#writer;
    if (this.#selection?.key !== key)
      this.#selection = { key, read: 0, chosen: [], outcomes: callOutcomes.map(() => 0) };
    const selection = this.#selection;
    if (selection.read === count) return selection;
    const compiled = this.#compile(filter);
    const { chosen, outcomes, read } = selection;
    for (const { before, block } of this.#blocks(compiled, Math.floor(read / blockCapacity), 'ASC')) {
      block.eachMatch(compiled, Math.max(0, read - before), (at) => {
        const outcome = block.outcome[at] as number;
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        if (compiled.outcomes?.[outcome] ?? true) chosen.push(before + at + 1);
      });
    }
    selection.read = count;
    return selection;
  }

  /** Blocks from a number on, with the number of calls before each. */
  *#blocks(
    filter: CompiledFilter,
    first: number,
    order: 'ASC' | 'DESC',
  ): Generator<{ before: number; block: CallBlock }> {
    const [columns, from] =
      filter.text === null
        ? [columnsFor(filter), 'block']
        : [[...columnsFor(filter), 'reasons'], 'block JOIN block_reasons USING (number)'];
    const stored = this.#database
      .prepare(
        `SELECT number, size, ${columns.join(', ')} FROM ${from} WHERE number >= ? ORDER BY number ${order}`,
      )
      .iterate(first) as unknown as Iterable<StoredBlock>;
    for (const row of stored) {
      const before = row.number * blockCapacity;
      // Another process may have added calls meanwhile.
      const size = Math.max(0, Math.min(row.size, this.#writer.count - before));
      yield { before, block: new CallBlock(size, row, row.reasons) };
    }
  }

  #compile(filter: HistoryFilter): CompiledFilter {
    const number = (text: string | undefined): number =>
      text === undefined ? 0 : (this.#writer.strings.find(text) ?? nobody);
    const { outcomes } = filter;
    return {
      from: filter.from ?? -Infinity,
      until: filter.until ?? Infinity,
      fromDay: filter.fromDay === undefined ? 0 : dayNumber(filter.fromDay),
      untilDay: filter.untilDay === undefined ? Infinity : dayNumber(filter.untilDay),
      user: this.#user(filter.userId),
      model: number(filter.model),
      workspace: number(filter.workspace),
      branch: number(filter.branch),
      outcomes: outcomes ? callOutcomes.map((outcome) => outcomes.includes(outcome)) : null,
      text: filter.text ? Buffer.from(searchForm(filter.text), 'utf8') : null,
    };
  }

  /** Spellings of a user in the records: unchanged in earlier versions, now in one form. */
  #user(name: string | undefined): number {
    if (name === undefined) return 0;
    const written = this.#writer.strings.find(name);
    if (written !== undefined || userNameFault(name) !== null) return written ?? nobody;
    return this.#writer.strings.find(userNameOf(name)) ?? nobody;
  }

  /** How many of the selected calls have a higher sequence number. */
  #countAfter(chosen: readonly number[], sequence: number): number {
    let low = 0;
    let high = chosen.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = this.#statement('SELECT sequence FROM call WHERE n = ?').get(chosen[middle] as number);
      if (!row) throw new RangeError('a block of the index names a call that is not there');
      if ((row['sequence'] as number) > sequence) high = middle;
      else low = middle + 1;
    }
    return chosen.length - low;
  }

  #call(n: number): HistoryCall {
    const row = this.#statement(`SELECT ${callColumns}, records FROM call WHERE n = ?`).get(n) as
      (StoredCall & { records: string }) | undefined;
    if (!row) throw new RangeError('a block of the index names a call that is not there');
    const { runId, comparisonId, ...call } = callOf(row, (number) => this.#writer.strings.text(number));
    return { ...call, records: unpackPlaces(row.records) };
  }

  #event(where: string, sequence: number): LedgerEventEntry | null {
    const row = this.#statement(
      `SELECT kind, time, place FROM event WHERE ${where} ORDER BY sequence LIMIT 1`,
    ).get(sequence) as StoredEvent | undefined;
    return (row && eventOf(row)[0]) ?? null;
  }
}

interface StoredEvent {
  kind: string;
  time: string;
  place: string;
}

function eventOf({ kind, time, place }: StoredEvent): LedgerEventEntry[] {
  return unpackPlaces(place).map((one) => ({ kind, time, place: one }));
}

interface StoredBlock extends StoredColumns {
  number: number;
  size: number;
  reasons?: Uint8Array;
}

/** A record that is in the chain but doesn't match its kind. */
class UnreadableRecord extends Error {
  readonly #placed: PlacedRecord;

  constructor(placed: PlacedRecord, cause: unknown) {
    super(messageOf(cause), { cause });
    this.#placed = placed;
  }

  damage(directory: string): GatewayError {
    const { segment, line, record } = this.#placed;
    const detail = `the record is not what its kind says: ${this.message}`;
    return ledgerDamaged(directory, { segment, line, sequence: record.seq, kind: 'inconsistent', detail });
  }
}

/** Whether the index, not the ledger, is at fault: it can't be used, or its tables are inconsistent. */
function isIndexFault(error: unknown): boolean {
  return (
    error instanceof IndexUnusable ||
    error instanceof RangeError ||
    error instanceof TypeError ||
    error instanceof SyntaxError ||
    systemCodeOf(error) === 'ERR_SQLITE_ERROR'
  );
}

/** Whether an index belongs to this journal: its last record and its oldest segment are unchanged. */
function isOf(directory: string, { position, firstSegment, lastOffset }: Progress): boolean {
  if (position === null) return true;
  try {
    if (segmentNames(directory)[0] !== firstSegment) return false;
    const descriptor = openFileSync(join(directory, segmentName(position.segment)));
    try {
      const hash = Buffer.alloc(position.hash.length);
      readSync(descriptor, hash, 0, hash.length, lastOffset);
      return hash.toString('latin1') === position.hash;
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT' || error instanceof NoOrdinaryFile) return false;
    throw error;
  }
}

function isBehind(directory: string, position: JournalPosition | null): boolean {
  const sizes = segmentSizes(directory);
  const last = [...sizes.keys()].at(-1);
  if (last === undefined || position === null) return last !== undefined;
  const read = segmentName(position.segment);
  return last > read || (sizes.get(read) ?? 0) > position.offset;
}

/** Bytes of each segment, oldest first. */
function segmentSizes(directory: string): Map<string, number> {
  try {
    return new Map(segmentNames(directory).map((name) => [name, statSync(join(directory, name)).size]));
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return new Map();
    throw error;
  }
}

function bytesRead(sizes: ReadonlyMap<string, number>, position: JournalPosition | null): number {
  if (position === null) return 0;
  const current = segmentName(position.segment);
  return [...sizes].reduce((sum, [name, size]) => sum + (name < current ? size : 0), position.offset);
}

/** Creates a private file if missing. SQLite opens it later; it must not be opened twice. */
function createEmpty(path: string): void {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error;
  }
}

function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
}
