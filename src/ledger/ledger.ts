import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import type { DayTotals, OpenCall } from './budgetFold.ts';
import { ChainFault } from './chain.ts';
import { dayOf } from './day.ts';
import { Journal, JournalDamaged, journalExists } from './journal.ts';
import { isReleased, KernelLock } from './kernelLock.ts';
import type { LedgerState } from './ledgerState.ts';
import { ledgerDamaged } from './readJournal.ts';
import type {
  CallDescription,
  LedgerMode,
  RecordDraft,
  RefuseRecord,
  ReserveRecord,
  SettleRecord,
  VoidRecord,
} from './records.ts';

const lockTimeoutMs = 15_000;
const watchDelayMs = 50;
/** Endings of this many calls are remembered, so that ending a call twice gives the first receipt. */
const endingsKept = 1000;

export interface LedgerOptions {
  directory: string;
  mode: LedgerMode;
  /** IANA zone in which policy days begin. */
  timeZone: string;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

/** Proof that a record is durable. */
export interface Receipt {
  sequence: number;
  /** Lower-case hex. */
  hash: string;
  /** Lower-case hex of the ledger's UUID. */
  ledgerId: string;
}

type PlacedByLedger = 'kind' | 'v' | 'seq' | 'time' | 'call_id' | 'day' | 'timezone' | 'opening_hash';
type HeldByLedger = 'instance' | 'reserved_micro_usd' | 'limit_micro_usd';

export interface ReserveInput extends Omit<ReserveRecord, PlacedByLedger | HeldByLedger> {
  /** Worst case, micro-USD. */
  amount: bigint;
  /** Daily limit of the ledger, micro-USD. */
  limit: bigint;
}
export type SettleInput = Omit<SettleRecord, PlacedByLedger>;
export type VoidInput = Omit<VoidRecord, PlacedByLedger>;
export type RefuseInput = Omit<RefuseRecord, PlacedByLedger>;

export type Reservation =
  { granted: true; receipt: Receipt } | { granted: false; receipt: Receipt; remaining: bigint };

/** A day's money, in micro-USD. */
export interface DayBudget {
  day: string;
  spent: bigint;
  reserved: bigint;
  byModel: DayTotals['byModel'];
}

/** One step under the lock: looks at the state, says what to record, and learns how that went. */
interface Step {
  plan: (journal: Journal, time: string) => RecordDraft[];
  /** Called once the step's records are durable, with the last one's place in the chain. */
  done: (receipt: Receipt) => void;
  /** Called when there is nothing to write: the plan failed. */
  refused: (error: GatewayError) => void;
  /** Called when the records could not be made durable. */
  unwritten: (error: GatewayError) => void;
}

type DraftEnding = (ending: Ending) => RecordDraft;

/**
 * Audit journal and budget in one. Every step is written and synced under a lock that all processes
 * share, so the budget is exact across windows and the terminal; steps that wait together share one
 * write. Any doubt about the file closes the ledger: calls are refused, nothing is guessed.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #instance = randomUUID();
  readonly #steps: Step[] = [];
  /** Calls of this process that are reserved, acknowledged and not ended. */
  readonly #inFlight = new Set<string>();
  /** Endings that could not be written; they go first when the ledger can be written again. */
  readonly #owed = new Map<string, DraftEnding>();
  readonly #endings = new Map<string, Promise<Receipt>>();
  readonly #listeners = new Set<() => void>();
  #journal: Journal | null = null;
  #recovered = false;
  #lock: { kernel: KernelLock; inode: number } | null = null;
  #alive: KernelLock | null = null;
  /** Id of the ledger this process began with; another one in its place is not accepted. */
  #ledgerId: string | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #draining = false;
  #watcher: FSWatcher | null = null;
  #watchTimer: NodeJS.Timeout | null = null;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  get directory(): string {
    return this.#options.directory;
  }

  get mode(): LedgerMode {
    return this.#options.mode;
  }

  get timeZone(): string {
    return this.#options.timeZone;
  }

  /**
   * Holds the worst case of a call in its day and marks the call as dispatched, in one durable write.
   * When it doesn't fit, the refusal is recorded instead.
   */
  reserve(callId: string, input: ReserveInput): Promise<Reservation> {
    const { amount, limit, ...record } = input;
    let remaining = 0n;
    return this.#enqueue(
      (journal, time) => {
        const day = this.#dayOf(time);
        const totals = journal.state.fold.day(day.day);
        remaining = limit - totals.spent - totals.reserved;
        if (amount > remaining) {
          const refused = { ...describe(record), outcome: 'refused' as const, error_code: 'budget_exceeded' };
          return [{ ...refused, ...day, kind: 'REFUSE', call_id: callId }];
        }
        const money = { reserved_micro_usd: amount.toString(), limit_micro_usd: limit.toString() };
        return [
          { ...record, ...money, ...day, kind: 'RESERVE', call_id: callId, instance: this.#instance },
          { kind: 'DISPATCH', call_id: callId },
        ];
      },
      (receipt): Reservation => {
        if (amount > remaining)
          return { granted: false, receipt, remaining: remaining > 0n ? remaining : 0n };
        this.#inFlight.add(callId);
        return { granted: true, receipt };
      },
    );
  }

  /** Records what a call cost. A second ending of the same call returns the first one's receipt. */
  settle(callId: string, input: SettleInput): Promise<Receipt> {
    return this.#end(callId, (ending) => ({ ...input, ...ending, kind: 'SETTLE' }));
  }

  /** Releases a reservation: nothing was spent. */
  void(callId: string, input: VoidInput): Promise<Receipt> {
    return this.#end(callId, (ending) => ({ ...input, ...ending, kind: 'VOID' }));
  }

  /** Records a call that was refused, or failed, before any reservation. */
  refuse(callId: string, input: RefuseInput): Promise<Receipt> {
    return this.#enqueue(
      (_journal, time) => [{ ...input, ...this.#dayOf(time), kind: 'REFUSE', call_id: callId }],
      (receipt) => receipt,
    );
  }

  /** Makes the ledger ready for calls: repairs a torn tail and ends what dead processes left open. */
  recover(): Promise<void> {
    // Done before the next batch is planned, where no new reservation can be taken for an orphan.
    this.#recovered = false;
    return this.#enqueue(
      () => [],
      () => undefined,
    );
  }

  /** A day's money as the journal has it now, other processes' included; today when no day is named. */
  async budget(day?: string): Promise<DayBudget> {
    const journal = await this.#exclusive(() => this.#refresh());
    const wanted = day ?? this.#dayOf(this.#time(journal)).day;
    const totals = journal?.state.fold.day(wanted);
    return {
      day: wanted,
      spent: totals?.spent ?? 0n,
      reserved: totals?.reserved ?? 0n,
      byModel: new Map(totals?.byModel),
    };
  }

  /** The chain's head as the journal has it now; null while there is no record. */
  async head(): Promise<Receipt | null> {
    const journal = await this.#exclusive(() => this.#refresh());
    return journal && journal.state.head.sequence > 0 ? receiptOf(journal.state) : null;
  }

  /** Calls back after records were added, by this process or another. Call the result to stop. */
  onDidChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#watch();
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Waits for what is being written, then closes every file. */
  async dispose(): Promise<void> {
    this.#listeners.clear();
    this.#watcher?.close();
    this.#watcher = null;
    if (this.#watchTimer) clearTimeout(this.#watchTimer);
    await this.#queue;
    // The last chance of endings that could not be written: after this they count as orphans.
    if (this.#owed.size > 0) await this.recover().catch(() => undefined);
    this.#closeFiles();
    if (!this.#alive) return;
    this.#alive.release();
    this.#alive.close();
    this.#alive = null;
    // While calls are open the file stays, for the next process to find released.
    if (this.#inFlight.size === 0) rmSync(this.#alivePath(this.#instance), { force: true });
  }

  #end(callId: string, draft: DraftEnding): Promise<Receipt> {
    const first = this.#endings.get(callId);
    if (first) return first;
    const receipt = this.#enqueue(
      (journal) => [draft(endingOf(openCall(journal, callId)))],
      (written) => this.#ended(callId, written),
      () => this.#owed.set(callId, draft),
    );
    this.#endings.set(callId, receipt);
    receipt.catch(() => this.#endings.delete(callId));
    const oldest = this.#endings.keys().next();
    if (this.#endings.size > endingsKept && !oldest.done) this.#endings.delete(oldest.value);
    return receipt;
  }

  #ended(callId: string, receipt: Receipt): Receipt {
    this.#owed.delete(callId);
    this.#inFlight.delete(callId);
    return receipt;
  }

  /** Queues a step. `result` runs as soon as its records are durable, `unwritten` when they could not be written. */
  #enqueue<T>(plan: Step['plan'], result: (receipt: Receipt) => T, unwritten?: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#steps.push({
        plan,
        done: (receipt) => {
          resolve(result(receipt));
        },
        refused: reject,
        unwritten: (error) => {
          unwritten?.();
          reject(error);
        },
      });
      if (this.#draining) return;
      this.#draining = true;
      void this.#exclusive(() => this.#drain());
    });
  }

  /** One thing at a time touches the files of this process. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work, work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** Writes everything that waits, batch by batch. Never rejects: each step learns of its own failure. */
  async #drain(): Promise<void> {
    while (this.#steps.length > 0) {
      // A batch is taken only once the lock is held, so that it has all that came while waiting.
      let batch: Step[] = [];
      try {
        await this.#locked(async (journal) => {
          batch = this.#steps.splice(0);
          await this.#writeBatch(journal, batch);
        });
      } catch (error) {
        this.#closeFiles();
        const explained = this.#explain(error);
        for (const step of batch.length > 0 ? batch : this.#steps.splice(0)) step.unwritten(explained);
      }
    }
    this.#draining = false;
    this.#notify();
  }

  async #writeBatch(journal: Journal, batch: readonly Step[]): Promise<void> {
    const time = this.#time(journal);
    const staged: { step: Step; receipt: Receipt }[] = [];
    for (const step of batch) {
      try {
        // Staged at once, so that the next plan of the batch sees what this one holds.
        journal.stage(step.plan(journal, time), time);
        staged.push({ step, receipt: receiptOf(journal.state) });
      } catch (error) {
        step.refused(this.#explain(error));
      }
    }
    await journal.flush();
    for (const { step, receipt } of staged) step.done(receipt);
  }

  /** Runs `work` under the lock with a journal that is up to date, whole at its end, and writable. */
  async #locked<T>(work: (journal: Journal) => Promise<T>): Promise<T> {
    const kernel = this.#openLock();
    await kernel.acquire(lockTimeoutMs);
    try {
      this.#holdAlive();
      this.#journal ??= this.#openJournal(true);
      const journal = this.#journal;
      if (journal.catchUp() > 0 || journal.state.head.sequence === 0)
        await journal.repairTail(this.#time(journal));
      this.#requireSameLedger(journal);
      if (!this.#recovered) {
        journal.stage(this.#orphanEndings(journal), this.#time(journal));
        await journal.flush();
        this.#removeDeadLocks();
        this.#recovered = true;
      }
      await this.#writeOwed(journal);
      return await work(journal);
    } finally {
      kernel.release();
    }
  }

  /** Endings that could not be written earlier; one that did reach the disk is not written twice. */
  async #writeOwed(journal: Journal): Promise<void> {
    const written: [callId: string, receipt: Receipt][] = [];
    for (const [callId, draft] of this.#owed) {
      const call = journal.state.fold.open.get(callId);
      if (call) journal.stage([draft(endingOf(call))], this.#time(journal));
      written.push([callId, receiptOf(journal.state)]);
    }
    await journal.flush();
    for (const [callId, receipt] of written)
      this.#endings.set(callId, Promise.resolve(this.#ended(callId, receipt)));
  }

  /** Endings of calls whose process is gone, and of own reservations that were never acknowledged. */
  #orphanEndings(journal: Journal): RecordDraft[] {
    const dead = new Map<string, boolean>();
    const drafts: RecordDraft[] = [];
    for (const [callId, call] of journal.state.fold.open) {
      const { reserve, dispatched } = call;
      const own = reserve.instance === this.#instance;
      if (own && (this.#inFlight.has(callId) || this.#owed.has(callId))) continue;
      if (!own) {
        const gone = dead.get(reserve.instance) ?? this.#isGone(reserve.instance);
        dead.set(reserve.instance, gone);
        if (!gone) continue;
      }
      const ending = { ...endingOf(call), outcome: 'orphaned' as const };
      // An own reservation without acknowledgement was never handed to a back-end.
      drafts.push(
        dispatched && !own
          ? {
              ...ending,
              kind: 'EXPIRED_CHARGED',
              cost_micro_usd: reserve.reserved_micro_usd,
              estimated: true,
            }
          : { ...ending, kind: 'VOID', processing_time_ms: 0, error_code: null },
      );
    }
    return drafts;
  }

  /** Liveness locks are made under the ledger's lock, so one that is free here belongs to nobody. */
  #removeDeadLocks(): void {
    for (const name of readdirSync(this.#options.directory)) {
      const instance = /^alive-(.+)\.db$/.exec(name)?.[1];
      if (instance === undefined || instance === this.#instance || !this.#isGone(instance)) continue;
      rmSync(this.#alivePath(instance), { force: true });
    }
  }

  #isGone(instance: string): boolean {
    const path = this.#alivePath(instance);
    return !existsSync(path) || isReleased(path);
  }

  /** The journal as it is now, without the lock; null while there is none. Throws `GatewayError`. */
  async #refresh(): Promise<Journal | null> {
    try {
      if (!this.#journal) {
        if (!journalExists(this.#options.directory)) return null;
        this.#journal = this.#openJournal(false);
      }
      this.#journal.catchUp();
      this.#requireSameLedger(this.#journal);
      return this.#journal;
    } catch (error) {
      this.#closeFiles();
      // A write may have been seen half done; only what is wrong under the lock is wrong.
      if (error instanceof JournalDamaged)
        return this.#locked((journal) => Promise.resolve(journal)).catch(this.#rethrow);
      throw this.#explain(error);
    }
  }

  readonly #rethrow = (error: unknown): never => {
    this.#closeFiles();
    throw this.#explain(error);
  };

  #openJournal(create: boolean): Journal {
    return new Journal(this.#options.directory, this.#options.mode, create);
  }

  #requireSameLedger(journal: Journal): void {
    const { ledgerId } = journal.state;
    if (ledgerId === '') return;
    this.#ledgerId ??= ledgerId;
    if (this.#ledgerId === ledgerId) return;
    throw new GatewayError(
      'ledger_damaged',
      `Another ledger was put in the place of ${this.#options.directory}.`,
      {
        hint: 'Put the folder back, or reload the window to begin with the new one.',
      },
    );
  }

  #openLock(): KernelLock {
    const path = join(this.#options.directory, 'lock.db');
    if (this.#lock && statSync(path, { throwIfNoEntry: false })?.ino !== this.#lock.inode) this.#closeFiles();
    if (!this.#lock) {
      mkdirSync(this.#options.directory, { recursive: true, mode: 0o700 });
      const kernel = new KernelLock(path);
      this.#lock = { kernel, inode: statSync(path).ino };
    }
    return this.#lock.kernel;
  }

  /** Held from the first write until the process ends: others tell by it whether calls are orphans. */
  #holdAlive(): void {
    if (this.#alive && existsSync(this.#alivePath(this.#instance))) return;
    this.#alive?.close();
    this.#alive = new KernelLock(this.#alivePath(this.#instance));
    if (!this.#alive.tryAcquire())
      throw new GatewayError('ledger_unavailable', 'The liveness lock of this process is taken.');
  }

  #alivePath(instance: string): string {
    return join(this.#options.directory, `alive-${instance}.db`);
  }

  #closeFiles(): void {
    this.#journal?.close();
    this.#journal = null;
    this.#recovered = false;
    this.#lock?.kernel.release();
    this.#lock?.kernel.close();
    this.#lock = null;
  }

  /** Follows what other processes write. */
  #watch(): void {
    if (this.#watcher) return;
    try {
      mkdirSync(this.#options.directory, { recursive: true, mode: 0o700 });
      this.#watcher = watch(this.#options.directory, { persistent: false }, () => {
        this.#watchTimer ??= setTimeout(() => {
          this.#watchTimer = null;
          this.#notify();
        }, watchDelayMs);
      });
      this.#watcher.on('error', () => undefined);
    } catch {
      // A folder that can't be watched is named by the first call that uses it.
      this.#watcher = null;
    }
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  #dayOf(time: string): { day: string; timezone: string } {
    const { timeZone } = this.#options;
    return { day: dayOf(new Date(time), timeZone), timezone: timeZone };
  }

  /** The clock, but never before the last record: a clock set back stays in the later day. */
  #time(journal: Journal | null): string {
    const wall = new Date((this.#options.now ?? Date.now)()).toISOString();
    const last = journal?.state.head.time ?? '';
    return wall > last ? wall : last;
  }

  #explain(error: unknown): GatewayError {
    if (GatewayError.is(error)) return error;
    const { directory } = this.#options;
    if (error instanceof JournalDamaged) return ledgerDamaged(directory, error.fault);
    if (error instanceof ChainFault) {
      return new GatewayError('ledger_damaged', `A record can't be written: ${error.message}.`, {
        cause: error,
      });
    }
    const [what, hint] = systemFailures[systemCodeOf(error) ?? ''] ?? [
      messageOf(error),
      'See the output for details.',
    ];
    return new GatewayError('ledger_unavailable', `The ledger in ${directory} can't be written: ${what}.`, {
      hint: `${hint} No call is made without its record.`,
      cause: error,
    });
  }
}

const systemFailures: Readonly<Record<string, [what: string, hint: string]>> = {
  ENOSPC: ['the disk is full', 'Free some space and try again; nothing recorded is lost.'],
  EDQUOT: ['the disk quota is used up', 'Free some space and try again; nothing recorded is lost.'],
  EACCES: [
    'permission denied',
    'Give this user read and write access to the folder, or set TIDYLLM_HOME to another.',
  ],
  EPERM: [
    'permission denied',
    'Give this user read and write access to the folder, or set TIDYLLM_HOME to another.',
  ],
  EROFS: ['the file system is read-only', 'Set TIDYLLM_HOME to a folder that can be written.'],
  ENOENT: ['the folder is missing', 'Put the folder back, or set TIDYLLM_HOME to another.'],
  ENOTDIR: ['a part of the path is not a folder', 'Set TIDYLLM_HOME to a folder that can be written.'],
  EMFILE: ['too many files are open', 'Close some windows and try again.'],
  EIO: ['the disk reports an error', 'Check the disk; nothing recorded is lost.'],
  ERR_SQLITE_ERROR: [
    'its lock file can’t be opened',
    'Check that the folder exists and that this user can write to it.',
  ],
};

/** What every record that ends a call has from its beginning. */
type Ending = Pick<SettleRecord, 'call_id' | 'day' | 'opening_hash'>;

function endingOf({ reserve, hash }: OpenCall): Ending {
  return { call_id: reserve.call_id, day: reserve.day, opening_hash: hash };
}

function openCall(journal: Journal, callId: string): OpenCall {
  const call = journal.state.fold.open.get(callId);
  if (call) return call;
  throw new GatewayError('ledger_damaged', `The ledger has no open reservation for call ${callId}.`, {
    hint: 'Another process has ended the call; its record is in the audit history.',
  });
}

function receiptOf({ head, ledgerId }: LedgerState): Receipt {
  return { sequence: head.sequence, hash: head.hash.toString('hex'), ledgerId };
}

function describe(record: CallDescription): CallDescription {
  const { user_id, reason, model, model_id, backend, priority, workspace, branch, command } = record;
  return { user_id, reason, model, model_id, backend, priority, workspace, branch, command };
}
