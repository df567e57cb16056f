import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  type FSWatcher,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import {
  callerIn,
  capRecord,
  idOf,
  runScopesOf,
  scopesOf,
  type Cap,
  type OpenCall,
  type OpenRun,
  type ScopeTotals,
} from './budgetFold.ts';
import type { CapOf, CapSetting } from './capSettings.ts';
import { closeLedger, closureOf, forgetClosure } from './closure.ts';
import { dayOf } from './day.ts';
import { ChainFault, type Fault, type ReopeningFinding } from './fault.ts';
import { Journal, JournalDamaged, journalExists, segmentName, syncDirectory } from './journal.ts';
import { isReleased, KernelLock } from './kernelLock.ts';
import { aheadToleranceMs, LedgerClock, systemRunningTime, type RunningTime } from './ledgerClock.ts';
import type { LedgerState } from './ledgerState.ts';
import { requireLocalDisk } from './localDisk.ts';
import { damageError, faultAround, ledgerIdIn } from './readJournal.ts';
import type {
  AdjustRecord,
  CallDescription,
  FlowEndRecord,
  FlowStartRecord,
  LedgerMode,
  Note,
  PolicyChangeRecord,
  RecordDraft,
  RefuseRecord,
  ReserveRecord,
  ScopeKey,
  SettleRecord,
  TombstoneRecord,
  VoidRecord,
} from './records.ts';
import { requireNotes } from './note.ts';
import { requireReason } from './reason.ts';
import { oldestToKeep, removeSegmentsBefore } from './retention.ts';
import type { SigningKeyStore } from './signingKey.ts';
import { enrolmentText, keyIdOf, policyText, signCheckpoint, Signer } from './signing.ts';

const lockTimeoutMs = 15_000;
const watchDelayMs = 50;
/** Endings of this many calls are remembered, so that ending a call twice gives the first receipt. */
const endingsKept = 1000;
/** A clock that is ahead is looked up elsewhere this often at most. */
const confirmEveryMs = 60_000;
const dayMs = 86_400_000;

export interface LedgerOptions {
  directory: string;
  mode: LedgerMode;
  /** Who works here, for records that no call brings. */
  user: string;
  /** IANA zone in which policy days begin. */
  timeZone: string;
  /** The daily caps of the settings: asked anew for each call and run. */
  capOf: CapOf;
  /** Variables that govern more loosely than the files, as `NAME=value`. */
  overrides?: readonly string[];
  /** Where this installation's key is, which signs checkpoints and changes of policy. */
  signingKeys: SigningKeyStore;
  /** Characters that a reason has at least; one in any case. */
  minReasonLength?: number;
  /** The key that the ledger must be of, as in `LedgerState`; null takes any. */
  pinnedKey?: string | null;
  /** Closed segments older than this are dropped when the next begins. */
  retentionDays: number;
  /** Called after segments were dropped, with the first policy day that is kept. */
  onRetention?: (firstDay: string) => void;
  /** Compares the ledger with its anchors, before money is held. Throws `ledger_damaged`. */
  compareAnchors?: () => Promise<void>;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** How long the computer has been running; of the system where the clock is, too. */
  running?: () => RunningTime | null;
  /** How far another clock is ahead of this computer's, in milliseconds; null where none can be asked. Never rejects. */
  clockOffset?: () => Promise<number | null>;
}

/** The chain's end. */
export interface LedgerHead extends Receipt {
  /** Null while nobody could verify it. */
  checkpoint: string | null;
  /** What signed the checkpoint. */
  key: { id: string; publicKey: string } | null;
  /** Checkpoints that a person has accepted when the ledger was let go on. */
  accepted: readonly string[];
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

export interface ReserveInput extends Omit<
  ReserveRecord,
  PlacedByLedger | 'instance' | 'reserved_micro_usd'
> {
  /** Worst case, micro-USD. */
  amount: bigint;
}
export type SettleInput = Omit<SettleRecord, PlacedByLedger>;
export type VoidInput = Omit<VoidRecord, PlacedByLedger>;
export type RefuseInput = Omit<RefuseRecord, PlacedByLedger | 'cap'>;
export type AdjustInput = Omit<AdjustRecord, 'kind' | 'v' | 'seq' | 'time' | 'call_id'>;
export type TombstoneInput = Omit<TombstoneRecord, 'kind' | 'v' | 'seq' | 'time' | 'call_id'>;

/** The part of a record about the ledger that the ledger itself knows. */
type PlacedEvent = 'kind' | 'v' | 'seq' | 'time' | 'call_id' | 'day' | 'timezone';

export interface StartRunInput extends Omit<
  FlowStartRecord,
  PlacedEvent | 'run_id' | 'instance' | 'reserved_micro_usd'
> {
  /** The most that its calls may cost together, micro-USD. */
  amount: bigint;
  /** Whether it may run while another run of its agreement does. */
  concurrent: boolean;
}
export type EndRunInput = Omit<
  FlowEndRecord,
  PlacedEvent | 'run_id' | 'opening_hash' | 'calls' | 'cost_micro_usd'
>;

/** Why a run that was started holds no money, and may only be ended. */
export type RunRefusal = CapRefusal | { overruns: number } | { running: true };

/** How a run ended, with what its calls came to, micro-USD. */
export interface RunReceipt extends Receipt {
  calls: number;
  cost: bigint;
}

export type Reservation =
  /** With the policy day of the RESERVE. */
  | { granted: true; receipt: Receipt; day: string }
  /** The tightest cap it doesn't fit under, or an overrun nobody has acknowledged. */
  | ({ granted: false; receipt: Receipt } & CapRefusal)
  | { granted: false; receipt: Receipt; overruns: number }
  /** More than the run that it is a part of has left, micro-USD. */
  | { granted: false; receipt: Receipt; leftOfRun: bigint };

/** The tightest cap a call doesn't fit under, in micro-USD. */
export interface CapRefusal {
  cap: Cap;
  left: bigint;
  /** What all other caps than the model's would leave a call of another model. */
  leftForOtherModels: bigint;
}

/** A day's money, in micro-USD. */
export interface DayBudget {
  day: string;
  /** IANA zone of the day: that of the settings, or the one before until the day has ended in both. */
  timeZone: string;
  spent: bigint;
  reserved: bigint;
  /** By user, model and workspace. */
  scopes: readonly Readonly<ScopeTotals>[];
  /** Caps that hold for this day instead of those of the settings. */
  raised: readonly Cap[];
  /** Calls that cost more than they reserved; the day takes no calls until they are acknowledged. */
  overruns: number;
  /** How far the clock is ahead of the time that is held, in milliseconds; 0 where it is taken as it is. */
  clockAheadMs: number;
}

/** Who decides something, and why. */
export interface By {
  userId: string;
  reason: string;
}

/** One step under the lock: looks at the state, says what to record, and learns how that went. */
interface Step {
  plan: (journal: Journal, time: string, signer: Signer) => RecordDraft[];
  /** Called once the step's records are durable, with the last one's place in the chain. */
  done: (receipt: Receipt) => void;
  /** Called when there is nothing to write: the plan failed. */
  refused: (error: GatewayError) => void;
  /** Called when the records could not be made durable. */
  unwritten: (error: GatewayError) => void;
}

/** What ends a call or a run; null when that is not open. */
type DraftEnding = (state: LedgerState) => RecordDraft[] | null;

/**
 * Audit journal and budget in one. Every step is written and synced under a lock that all processes
 * share, so the budget is exact across windows and the terminal; steps that wait together share one
 * write. Any doubt about the file closes the ledger: calls are refused, nothing is guessed.
 */
export class Ledger {
  // Another extension of the same process could put its own in the place of what decides.
  static {
    Object.freeze(this.prototype);
  }

  readonly #options: LedgerOptions;
  readonly #clock: LedgerClock;
  readonly #running: () => RunningTime | null;
  #confirmedAt = -Infinity;
  /** Loaded with the first step, and again when another process has rotated it. */
  #signer: Signer | null = null;
  readonly #instance = randomUUID();
  readonly #steps: Step[] = [];
  /** Calls and runs of this process that are reserved, acknowledged and not ended. */
  readonly #inFlight = new Set<string>();
  /** Endings that could not be written; they go first when the ledger can be written again. */
  readonly #owed = new Map<string, DraftEnding>();
  readonly #endings = new Map<string, Promise<Receipt>>();
  readonly #listeners = new Set<() => void>();
  #journal: Journal | null = null;
  #recovered = false;
  /** The segment at whose beginning old ones were last looked for. */
  #checkedForRetention = 0;
  #lock: { kernel: KernelLock; inode: number } | null = null;
  #alive: KernelLock | null = null;
  /** Whether a person's decision is being recorded in a ledger that is closed until then. */
  #reopening = false;
  /** Id of the ledger this process began with; another one in its place is not accepted. */
  #ledgerId: string | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #draining = false;
  #watcher: FSWatcher | null = null;
  /** Inode of the folder that is watched. */
  #watched = 0;
  #watchTimer: NodeJS.Timeout | null = null;

  constructor(options: LedgerOptions) {
    this.#options = options;
    const { timeZone, mode, now } = options;
    // Simulated money is no reason to distrust a clock.
    this.#running = options.running ?? (now || mode === 'simulated' ? () => null : systemRunningTime);
    this.#clock = new LedgerClock({ timeZone, now: now ?? Date.now, running: this.#running });
  }

  get directory(): string {
    return this.#options.directory;
  }

  get mode(): LedgerMode {
    return this.#options.mode;
  }

  get pinnedKey(): string | null {
    return this.#options.pinnedKey ?? null;
  }

  get timeZone(): string {
    return this.#options.timeZone;
  }

  /**
   * Holds the worst case of a call under every cap it is under and marks the call as dispatched, in one
   * durable write. When it doesn't fit, the refusal is recorded instead, without the notes.
   */
  async reserve(callId: string, input: ReserveInput, notes: readonly Note[] = []): Promise<Reservation> {
    this.#requireReason(input.reason);
    requireNotes(notes);
    await this.#beforeMoney();
    const { amount, ...record } = input;
    const { user_id: userId, model_id: modelId, model_key: modelKey } = record;
    const scopes = scopesOf({ userId, modelId, modelKey, ...record, caller: callerIn(record) });
    const caps = this.#capsOf(scopes);
    let refusal: CapRefusal | { overruns: number } | { leftOfRun: bigint } | null = null;
    let reservedOn = '';
    return this.#enqueue(
      ({ state }, time, signer) => {
        const day = this.#clock.dayOf(time, state);
        const policy = policyDrafts(state, scopes, caps, { userId: record.user_id, signer });
        const run = record.flow ? openRun(state, record.flow.run_id) : null;
        const beyond = run && amount > run.left ? { leftOfRun: run.left } : null;
        refusal = beyond ?? refusalOf(state, { scopes, amount, caps, day: day.day, run });
        reservedOn = day.day;
        if (refusal) {
          const refused = { ...describe(record), outcome: 'refused' as const, ...refusedBy(refusal) };
          return [...policy, { ...refused, ...day, kind: 'REFUSE', call_id: callId }];
        }
        const held = { instance: this.#instance, reserved_micro_usd: amount.toString() };
        return [
          ...policy,
          { ...record, ...held, ...day, kind: 'RESERVE', call_id: callId },
          { kind: 'DISPATCH', call_id: callId },
          ...notesOf(callId, notes),
        ];
      },
      (receipt): Reservation => {
        if (refusal) return { granted: false, receipt, ...refusal };
        this.#inFlight.add(callId);
        return { granted: true, receipt, day: reservedOn };
      },
    );
  }

  /**
   * Records that an agreement begins to run, and holds what it may cost. When that doesn't fit, or it runs
   * already, nothing is held and the result says why: then it has to be ended as refused.
   */
  async startRun(
    runId: string,
    input: StartRunInput,
  ): Promise<{ receipt: Receipt; refusal: RunRefusal | null }> {
    this.#requireReason(input.reason);
    await this.#beforeMoney();
    const { amount, concurrent, ...record } = input;
    const { user_id: userId, workspace } = record;
    const scopes = runScopesOf({ userId, workspace, caller: callerIn(record) });
    const caps = this.#capsOf(scopes);
    let refusal: RunRefusal | null = null;
    return this.#enqueue(
      ({ state }, time, signer) => {
        const day = this.#clock.dayOf(time, state);
        const running = [...state.fold.runs.values()].some(({ agreement }) => agreement === record.agreement);
        if (running && !concurrent) refusal = { running };
        else if (amount > 0n) refusal = refusalOf(state, { scopes, amount, caps, day: day.day, run: null });
        const held = { instance: this.#instance, reserved_micro_usd: (refusal ? 0n : amount).toString() };
        return [
          ...policyDrafts(state, scopes, caps, { userId: record.user_id, signer }),
          { ...record, ...held, ...day, kind: 'flow_start', call_id: null, run_id: runId },
        ];
      },
      (receipt) => {
        this.#inFlight.add(runId);
        return { receipt, refusal };
      },
    );
  }

  /** What the calls of a run that goes on have come to; nothing for one that doesn't. */
  async runTotals(runId: string): Promise<{ calls: number; cost: bigint }> {
    const journal = await this.#exclusive(() => this.#refresh());
    const run = journal?.state.fold.runs.get(runId);
    return { calls: run?.calls ?? 0, cost: run?.spent ?? 0n };
  }

  /** Records how a run ended and releases what it still holds. Its calls must have ended. */
  async endRun(runId: string, input: EndRunInput): Promise<RunReceipt> {
    let totals = { calls: 0, cost: 0n };
    const receipt = await this.#end(runId, ({ fold }) => {
      const run = fold.runs.get(runId);
      if (!run) return null;
      totals = { calls: run.calls, cost: run.spent };
      return [{ ...input, ...endOfRun(run) }];
    });
    return { ...receipt, ...totals };
  }

  /** Records what a call cost. A second ending of the same call returns the first one's receipt. */
  async settle(callId: string, input: SettleInput, notes: readonly Note[] = []): Promise<Receipt> {
    requireNotes(notes);
    return this.#endCall(callId, (call) => [
      { ...input, ...endingOf(call), kind: 'SETTLE' },
      ...(BigInt(input.cost_micro_usd) > call.reserved ? [overrunOf(call, input.cost_micro_usd)] : []),
      ...notesOf(callId, notes),
    ]);
  }

  /** Releases a reservation: nothing was spent. */
  void(callId: string, input: VoidInput): Promise<Receipt> {
    return this.#endCall(callId, (call) => [{ ...input, ...endingOf(call), kind: 'VOID' }]);
  }

  /** Records a call that was refused, or failed, before any reservation. */
  refuse(callId: string, input: RefuseInput): Promise<Receipt> {
    return this.#enqueue(
      ({ state }, time) => [
        { ...input, ...this.#clock.dayOf(time, state), kind: 'REFUSE', call_id: callId, cap: null },
      ],
      (receipt) => receipt,
    );
  }

  /**
   * Sets a cap for today above that of the settings, signed. `limit` in micro-USD. Throws `audit_reason_missing`, and
   * `invalid_request` for one that is not above it.
   */
  async raiseCap({ scope, key, limit }: Cap, asked: By): Promise<Receipt> {
    const by = this.#by(asked);
    return this.#enqueue(
      ({ state }, time, signer) => {
        const { day } = this.#clock.dayOf(time, state);
        const id = idOf({ scope, key });
        const from = state.fold.day(day).raised.get(id) ?? state.fold.policy.get(id) ?? null;
        if (limit <= (from?.limit ?? 0n))
          throw new GatewayError('invalid_request', 'A cap that is raised has to be above the one before.');
        return [policyChange(state, { scope, key }, { day, from, to: limit }, by, signer)];
      },
      (receipt) => receipt,
    );
  }

  /**
   * Lets today take calls again after some cost more than they reserved. Throws `audit_reason_missing`, and
   * `invalid_request` when none did.
   */
  async acknowledgeOverruns(asked: By): Promise<Receipt> {
    const by = this.#by(asked);
    return this.#enqueue(
      ({ state }, time) => {
        const { day } = this.#clock.dayOf(time, state);
        if (state.fold.day(day).overruns.size === 0)
          throw new GatewayError('invalid_request', `No call of ${day} cost more than it had reserved.`);
        return [{ kind: 'acknowledgement', call_id: null, day, user_id: by.userId, reason: by.reason }];
      },
      (receipt) => receipt,
    );
  }

  /**
   * Records where a bill differs from what calls were settled at, as compared when the ledger had `comparedTo`
   * records. Throws `audit_reason_missing`, and `invalid_request` when another comparison was recorded since, or a
   * difference is not that of its figures.
   */
  async adjust(inputs: readonly AdjustInput[], comparedTo: number): Promise<Receipt> {
    for (const input of inputs) this.#requireAdjustment(input);
    return this.#enqueue(
      ({ state }) => {
        if (state.fold.lastAdjustment > comparedTo)
          throw new GatewayError('invalid_request', 'Another reconciliation was recorded meanwhile.', {
            hint: 'Nothing was recorded; run it again to see what is left.',
            retryable: true,
          });
        return inputs.map((input) => ({ ...input, kind: 'ADJUST', call_id: null }));
      },
      (receipt) => receipt,
    );
  }

  /** Records that a subject's content was erased. */
  async tombstone(input: TombstoneInput): Promise<Receipt> {
    this.#requireReason(input.reason);
    return this.#enqueue(
      () => [{ ...input, kind: 'tombstone', call_id: null }],
      (receipt) => receipt,
    );
  }

  /** Enrols a new key in place of this installation's, which endorses it and signs nothing from here on. */
  async rotateKey(): Promise<Receipt> {
    const next = Signer.generate();
    await this.#options.signingKeys.prepare(next);
    const receipt = await this.#enqueue(
      (journal, _time, signer) => [this.#enrolment(journal.state, next, signer)],
      (written) => {
        this.#signer = next;
        return written;
      },
    );
    await this.#options.signingKeys.replace(next);
    return receipt;
  }

  /**
   * Lets a closed ledger take calls again, and records who decided so and why. With `setAside` it goes to a folder of
   * its own, and a new ledger begins. Throws `invalid_request` while calls of this process are under way.
   */
  async reopen(
    { kind, detail }: { kind: ReopeningFinding; detail: string },
    asked: By,
    { setAside, anchored = [] }: { setAside: boolean; anchored?: readonly string[] },
  ): Promise<Receipt & { setAside: string | null }> {
    const by = this.#by(asked);
    const replaces = setAside ? ledgerIdIn(this.#options.directory) : null;
    const folder = setAside ? await this.#exclusive(() => this.#setAside(kind, detail)) : null;
    this.#reopening = true;
    if (kind === 'clock_ahead') this.#clock.confirm();
    const decided = { set_aside: folder, replaces, anchored: [...anchored] };
    const record = { finding: kind, detail, ...decided, user_id: by.userId, reason: by.reason };
    try {
      const receipt = await this.#enqueue(
        () => [{ ...record, kind: 'reopening', call_id: null }],
        (written) => {
          forgetClosure(this.#options.directory);
          return written;
        },
      );
      return { ...receipt, setAside: folder };
    } finally {
      this.#reopening = false;
    }
  }

  /** What the settings put on these scopes. */
  #capsOf(scopes: readonly ScopeKey[]): CapSetting[] {
    return scopes.flatMap((scope) => this.#options.capOf(scope) ?? []);
  }

  /** Throws `audit_reason_missing`, whoever asks. */
  #requireReason(reason: string): string {
    return requireReason(reason, { minReasonLength: this.#options.minReasonLength ?? 1 });
  }

  #by({ userId, reason }: By): By {
    return { userId, reason: this.#requireReason(reason) };
  }

  #requireAdjustment(input: AdjustInput): void {
    this.#requireReason(input.reason);
    const [recorded, billed] = [BigInt(input.recorded_micro_usd), BigInt(input.billed_micro_usd)];
    if (billed < 0n || billed - recorded !== BigInt(input.difference_micro_usd))
      throw new GatewayError('invalid_request', 'An adjustment is what a bill has less what was recorded.');
  }

  /** What may take a while and needs no lock. */
  async #beforeMoney(): Promise<void> {
    const { compareAnchors, clockOffset } = this.#options;
    await compareAnchors?.();
    if (!clockOffset) return;
    const journal = this.#journal ?? (await this.#exclusive(() => this.#refresh()));
    const ahead = this.#clock.aheadMs(journal?.state ?? null);
    if (ahead === 0 || performance.now() - this.#confirmedAt < confirmEveryMs) return;
    this.#confirmedAt = performance.now();
    const offset = await clockOffset();
    // A virtual machine that was asleep didn't run, and its clock is right.
    if (offset === null || Math.abs(offset) > aheadToleranceMs) return;
    this.#clock.confirm();
    await this.recover();
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

  /** Today's money as the journal has it now, other processes' included. */
  async budget(): Promise<DayBudget> {
    const journal = await this.#exclusive(() => this.#refresh());
    const state = journal?.state ?? null;
    const { day, timezone } = this.#clock.dayOf(this.#clock.time(state), state);
    const totals = state?.fold.day(day);
    return {
      day,
      timeZone: timezone,
      spent: totals?.spent ?? 0n,
      reserved: totals?.reserved ?? 0n,
      scopes: [...(totals?.scopes.values() ?? [])].map((scope) => ({ ...scope })),
      raised: [...(totals?.raised.values() ?? [])],
      overruns: totals?.overruns.size ?? 0,
      clockAheadMs: this.#clock.aheadMs(state),
    };
  }

  /**
   * The chain's head as the journal has it now; null while there is no record. Its checkpoint is null while
   * this installation's key is not enrolled: nobody could verify it. `key` is what signed it.
   */
  async head(): Promise<LedgerHead | null> {
    const journal = await this.#exclusive(() => this.#refresh());
    if (!journal || journal.state.head.sequence === 0) return null;
    const signer = (this.#signer ??= await this.#options.signingKeys.load());
    const { state } = journal;
    const accepted = state.reopened?.anchored ?? [];
    const id = keyIdOf(state.ledgerId, signer.publicKey);
    if (state.keyState(id) !== 'enrolled')
      return { ...receiptOf(state), checkpoint: null, key: null, accepted };
    const checkpoint = signCheckpoint(state.ledgerId, state.checkpoint, signer);
    return { ...receiptOf(state), checkpoint, key: { id, publicKey: signer.publicKey }, accepted };
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
    if (this.#inFlight.size > 0) return;
    try {
      rmSync(this.#alivePath(this.#instance), { force: true });
    } catch (error) {
      // The folder may be gone or in other hands; a lock that is free is removed by the next process.
      if (systemCodeOf(error) === undefined) throw error;
    }
  }

  #endCall(callId: string, draft: (call: OpenCall) => RecordDraft[]): Promise<Receipt> {
    return this.#end(callId, ({ fold }) => {
      const call = fold.open.get(callId);
      return call ? draft(call) : null;
    });
  }

  #end(id: string, draft: DraftEnding): Promise<Receipt> {
    const first = this.#endings.get(id);
    if (first) return first;
    const receipt = this.#enqueue(
      ({ state }) => draft(state) ?? throwNotOpen(id),
      (written) => this.#ended(id, written),
      () => this.#owed.set(id, draft),
    );
    this.#endings.set(id, receipt);
    receipt.catch(() => this.#endings.delete(id));
    const oldest = this.#endings.keys().next();
    if (this.#endings.size > endingsKept && !oldest.done) this.#endings.delete(oldest.value);
    return receipt;
  }

  #ended(id: string, receipt: Receipt): Receipt {
    this.#owed.delete(id);
    this.#inFlight.delete(id);
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
        await this.#locked(async (journal, signer) => {
          batch = this.#steps.splice(0);
          await this.#writeBatch(journal, batch, signer);
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

  async #writeBatch(journal: Journal, batch: readonly Step[], signer: Signer): Promise<void> {
    const time = this.#clock.time(journal.state);
    await journal.rotate(time, this.#clock.dayOf(time, journal.state).timezone, signer);
    await this.#dropOldSegments(journal);
    journal.stage([...this.#clock.records(journal.state), ...this.#overrides(journal.state)], time);
    const staged: { step: Step; receipt: Receipt }[] = [];
    for (const step of batch) {
      try {
        // Staged at once, so that the next plan of the batch sees what this one holds.
        staged.push({ step, receipt: stage(journal, step.plan(journal, time, signer), time) });
      } catch (error) {
        step.refused(this.#explain(error));
      }
    }
    await journal.flush();
    for (const { step, receipt } of staged) step.done(receipt);
  }

  /** Runs `work` under the lock with a journal that is up to date, whole at its end, and writable. */
  async #locked<T>(work: (journal: Journal, signer: Signer) => Promise<T>): Promise<T> {
    const kernel = await this.#acquireLock();
    try {
      await this.#requireOpen();
      this.#holdAlive();
      this.#journal ??= this.#openJournal(true);
      const journal = this.#journal;
      const torn = journal.catchUp() > 0 || !journal.begun;
      const signer = await this.#usableSigner(journal.state);
      const endorser = await this.#endorserOf(signer, journal.state);
      if (torn) await journal.repairTail(this.#clock.time(journal.state), endorser ?? signer);
      this.#requireSameLedger(journal);
      await this.#enrol(journal, signer, endorser);
      if (!this.#recovered) {
        await journal.sync();
        journal.stage(this.#recoveryDrafts(journal), this.#clock.time(journal.state));
        // What a run cost is known once its calls have ended.
        journal.stage(this.#orphanRuns(journal.state), this.#clock.time(journal.state));
        await journal.flush();
        this.#removeDeadLocks();
        this.#recovered = true;
      }
      await this.#writeOwed(journal);
      return await work(journal, signer);
    } finally {
      kernel.release();
    }
  }

  /** Endings that could not be written earlier; one that did reach the disk is not written twice. */
  async #writeOwed(journal: Journal): Promise<void> {
    const written: [id: string, receipt: Receipt][] = [];
    for (const [id, draft] of this.#owed) {
      const drafts = draft(journal.state);
      written.push([id, stage(journal, drafts ?? [], this.#clock.time(journal.state))]);
    }
    await journal.flush();
    for (const [id, receipt] of written) this.#endings.set(id, Promise.resolve(this.#ended(id, receipt)));
  }

  /** This installation's key. Another process may have rotated it, or died while it did. */
  async #usableSigner(state: LedgerState): Promise<Signer> {
    const { signingKeys } = this.#options;
    let signer = (this.#signer ??= await signingKeys.load());
    if (stateOf(signer, state) !== 'enrolled') signer = await signingKeys.load();
    if (stateOf(signer, state) === 'replaced') {
      const rotated = (await signingKeys.others()).find((other) => stateOf(other, state) === 'enrolled');
      if (rotated) await signingKeys.replace(rotated);
      signer = rotated ?? signer;
    }
    this.#signer = signer;
    return signer;
  }

  /**
   * The key that vouches for a signer which is about to be enrolled; null where none has to. Throws
   * `ledger_unavailable` where none does: a key that nobody endorsed signs nothing.
   */
  async #endorserOf(signer: Signer, state: LedgerState): Promise<Signer | null> {
    const own = stateOf(signer, state);
    if (own === 'enrolled' || !state.hasKeys) return null;
    const others = own === 'replaced' ? [] : await this.#options.signingKeys.others();
    const endorser = others.find((other) => stateOf(other, state) === 'enrolled');
    if (endorser) return endorser;
    const message = `The signing key of this installation is not one of the ledger in ${this.directory}.`;
    throw new GatewayError('ledger_unavailable', message, { hint: notEnrolledHint });
  }

  async #enrol(journal: Journal, signer: Signer, endorser: Signer | null): Promise<void> {
    const { state } = journal;
    if (stateOf(signer, state) === 'enrolled') return;
    const pinned = this.#options.pinnedKey ?? null;
    const isPinned = [keyIdOf(state.ledgerId, signer.publicKey), signer.publicKey].includes(pinned ?? '');
    if (!state.hasKeys && pinned !== null && !isPinned) throw this.#notPinned(pinned);
    journal.stage([this.#enrolment(state, signer, endorser)], this.#clock.time(state));
    await journal.flush();
  }

  #notPinned(pinned: string): GatewayError {
    const message = `The ledger in ${this.directory} is not one of the key ${pinned}, which the settings ask for.`;
    return new GatewayError('ledger_damaged', message, {
      hint: 'Put the ledger and its signing.pem back from a backup, or change audit.pinned_key if the key is meant to be another.',
    });
  }

  /** What a torn write left out, and endings of calls that nobody will end. */
  #recoveryDrafts({ state }: Journal): RecordDraft[] {
    return [
      ...[...state.fold.unrecordedOverruns.values()].map(
        ({ call_id, day, reserved_micro_usd, cost_micro_usd }): RecordDraft => ({
          ...{ kind: 'OVERRUN', call_id, day, reserved_micro_usd, cost_micro_usd },
        }),
      ),
      ...this.#orphanEndings(state),
    ];
  }

  #enrolment(state: LedgerState, signer: Signer, replaced: Signer | null): RecordDraft {
    const { ledgerId } = state;
    const key_id = keyIdOf(ledgerId, signer.publicKey);
    const text = enrolmentText(ledgerId, key_id);
    return {
      kind: 'key',
      call_id: null,
      key_id,
      public_key: signer.publicKey,
      user_id: this.#options.user,
      proof: signer.sign(text),
      replaces: replaced && keyIdOf(ledgerId, replaced.publicKey),
      endorsement: replaced && replaced.sign(text),
    };
  }

  /** Recorded where a segment doesn't say so yet, or another process began without them. */
  #overrides({ overrides: recorded }: LedgerState): RecordDraft[] {
    const { overrides = [], user } = this.#options;
    if (overrides.join('\n') === recorded.join('\n')) return [];
    return [{ kind: 'override', call_id: null, variables: [...overrides], user_id: user }];
  }

  /** Drops closed segments that policy no longer keeps: first the record of it, then the files. */
  async #dropOldSegments(journal: Journal): Promise<void> {
    const { directory, retentionDays, timeZone, onRetention } = this.#options;
    const { state } = journal;
    if (state.segment === this.#checkedForRetention) return;
    this.#checkedForRetention = state.segment;
    const now = Date.parse(state.head.time);
    const current = { segment: state.segment, began: state.segmentBegan };
    const kept = oldestToKeep(directory, current, now - retentionDays * dayMs);
    if (kept && kept.segment > state.firstSegment) {
      const retention = { first_segment: kept.segment, retention_days: retentionDays };
      journal.stage([{ ...retention, kind: 'retention', call_id: null }], this.#clock.time(journal.state));
      await journal.flush();
    }
    removeSegmentsBefore(directory, state.firstSegment);
    if (kept) onRetention?.(dayOf(new Date(kept.began), timeZone));
  }

  /** Endings of calls whose process is gone, and of own reservations that were never acknowledged. */
  #orphanEndings(state: LedgerState): RecordDraft[] {
    return this.#orphans(state.fold.open).map((call): RecordDraft => {
      const ending = { ...endingOf(call), outcome: 'orphaned' as const };
      const own = call.instance === this.#instance;
      // An own reservation without acknowledgement was never handed to a back-end.
      return call.dispatched && !own
        ? {
            ...ending,
            kind: 'EXPIRED_CHARGED',
            cost_micro_usd: call.reserved.toString(),
            estimated: true,
          }
        : { ...ending, kind: 'VOID', processing_time_ms: 0, error_code: null };
    });
  }

  #orphanRuns(state: LedgerState): RecordDraft[] {
    return this.#orphans(state.fold.runs).map((run) => ({ ...unknownEnd, ...endOfRun(run) }));
  }

  /** What is open although its process is gone, or this one never heard that it is. */
  #orphans<Open extends { instance: string }>(open: ReadonlyMap<string, Open>): Open[] {
    const dead = new Map<string, boolean>();
    const isOrphan = (id: string, { instance }: Open): boolean => {
      if (instance === this.#instance) return !this.#inFlight.has(id) && !this.#owed.has(id);
      const gone = dead.get(instance) ?? this.#isGone(instance);
      dead.set(instance, gone);
      return gone;
    };
    return [...open].filter(([id, one]) => isOrphan(id, one)).map(([, one]) => one);
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
    this.#watchAgain();
    const closure = closureOf(this.#options.directory);
    if (closure?.certain) throw damageError(this.#options.directory, closure.fault);
    // What may have been half a write is looked at again under the lock.
    if (closure) return this.#locked((journal) => Promise.resolve(journal)).catch(this.#rethrow);
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

  /** Throws `ledger_damaged` while the ledger is closed. Under the lock. */
  async #requireOpen(): Promise<void> {
    const { directory } = this.#options;
    const closure = closureOf(directory);
    if (closure === null || this.#reopening) return;
    const fault = closure.certain ? closure.fault : await faultAround(this.#options, closure.fault);
    if (fault) {
      closeLedger(directory, fault, true);
      throw damageError(directory, fault);
    }
    forgetClosure(directory);
  }

  /**
   * Renames the ledger's folder, so that another can begin; null when there is none. The other is closed until its
   * record of that is written: a process that dies in between leaves no budget that nobody gave a reason for.
   */
  async #setAside(kind: ReopeningFinding, detail: string): Promise<string | null> {
    const { directory } = this.#options;
    if (this.#inFlight.size > 0)
      throw new GatewayError('invalid_request', 'Calls of this window are under way.', {
        hint: 'Wait for them to end, or stop them.',
        retryable: true,
      });
    if (!existsSync(directory)) return null;
    await this.#acquireLock();
    this.#alive?.close();
    this.#alive = null;
    this.#ledgerId = null;
    // Where files can be moved while they are open, the lock is held until the new folder is closed.
    if (process.platform === 'win32') this.#closeFiles();
    const folder = `${directory}-set-aside-${this.#clock.wall().toISOString().replaceAll(/[-:.]/g, '')}`;
    const fault = { segment: basename(folder), line: 0, sequence: 0, detail };
    try {
      renameSync(directory, folder);
      if (kind !== 'clock_ahead') closeLedger(directory, { ...fault, kind }, true);
    } catch (error) {
      throw this.#explain(error);
    } finally {
      this.#closeFiles();
    }
    syncDirectory(dirname(directory));
    return folder;
  }

  #openJournal(create: boolean): Journal {
    const { directory, mode } = this.#options;
    return new Journal({ directory, mode, running: this.#running }, create);
  }

  #requireSameLedger(journal: Journal): void {
    const { ledgerId, reopened, head } = journal.state;
    if (ledgerId === '') return;
    const { pinnedKey = null } = this.#options;
    if (pinnedKey !== null && journal.state.hasKeys && !journal.state.knowsKey(pinnedKey))
      throw this.#notPinned(pinnedKey);
    // A person may have set the one before aside.
    const wasReplaced = reopened?.replaces === this.#ledgerId;
    if (this.#ledgerId === null || wasReplaced) this.#ledgerId = ledgerId;
    if (this.#ledgerId === ledgerId || this.#reopening) return;
    const detail = `another ledger, ${ledgerId}, was put in the place of ${this.#ledgerId} while it was in use`;
    const segment = segmentName(journal.state.segment);
    const fault: Fault = { segment, line: 1, sequence: head.sequence, kind: 'inconsistent', detail };
    closeLedger(this.#options.directory, fault, true);
    throw damageError(this.#options.directory, fault);
  }

  /** The ledger's lock, held. The folder may be renamed, with the lock in it, while it is waited for. */
  async #acquireLock(): Promise<KernelLock> {
    for (;;) {
      const kernel = this.#openLock();
      await kernel.acquire(lockTimeoutMs);
      if (this.#openLock() === kernel) return kernel;
    }
  }

  #openLock(): KernelLock {
    const path = join(this.#options.directory, 'lock.db');
    if (this.#lock && statSync(path, { throwIfNoEntry: false })?.ino !== this.#lock.inode) this.#closeFiles();
    if (!this.#lock) {
      requireLocalDisk(this.#options.directory);
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
      this.#watched = statSync(this.#options.directory).ino;
    } catch {
      // A folder that can't be watched is named by the first call that uses it.
      this.#watcher = null;
    }
  }

  /** Where a ledger was set aside, another folder is in its place. */
  #watchAgain(): void {
    if (!this.#watcher) return;
    const inode = statSync(this.#options.directory, { throwIfNoEntry: false })?.ino ?? this.#watched;
    if (inode === this.#watched) return;
    this.#watcher.close();
    this.#watcher = null;
    this.#watch();
  }

  #notify(): void {
    this.#watchAgain();
    for (const listener of this.#listeners) listener();
  }

  #explain(error: unknown): GatewayError {
    if (GatewayError.is(error)) return error;
    const { directory } = this.#options;
    if (error instanceof JournalDamaged) {
      // Seen under the lock, so that it was nobody's half write.
      closeLedger(directory, error.fault, true);
      return damageError(directory, error.fault);
    }
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

const notEnrolledHint =
  'Put signing.pem back from a backup. If this ledger was begun by VS Code, open a window of VS Code once: its key vouches for the command’s. Otherwise move the ledger’s folder away to begin another; the old one can still be verified.';

function stateOf({ publicKey }: Signer, state: LedgerState): ReturnType<LedgerState['keyState']> {
  return state.keyState(keyIdOf(state.ledgerId, publicKey));
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

function endingOf({ callId, day, hash }: OpenCall): Ending {
  return { call_id: callId, day, opening_hash: hash };
}

/** What every record that ends a run has from its beginning. */
function endOfRun({ runId, hash, day, calls, spent }: OpenRun) {
  return {
    kind: 'flow_end' as const,
    call_id: null,
    run_id: runId,
    opening_hash: hash,
    day,
    calls,
    cost_micro_usd: spent.toString(),
  };
}

/** Of a run whose process is gone. */
const unknownEnd: EndRunInput = {
  execution_mode: 'failed',
  outcome: 'orphaned',
  error_code: null,
  fallback: null,
  fallback_outcome: null,
  validated_by: [],
  duration_ms: 0,
  summary: null,
  problems: 0,
  warnings: 0,
  report_sha256: null,
};

function overrunOf({ callId, day, reserved }: OpenCall, cost: string): RecordDraft {
  return {
    kind: 'OVERRUN',
    call_id: callId,
    day,
    reserved_micro_usd: reserved.toString(),
    cost_micro_usd: cost,
  };
}

/** Changes of the standing caps that bring them to what the settings say for these scopes. */
function policyDrafts(
  state: LedgerState,
  scopes: readonly ScopeKey[],
  caps: readonly CapSetting[],
  { userId, signer }: { userId: string; signer: Signer },
): RecordDraft[] {
  const wanted = new Map(caps.map((cap) => [idOf(cap), cap]));
  const drafts: RecordDraft[] = [];
  for (const scope of scopes) {
    const id = idOf(scope);
    const from = state.fold.policy.get(id) ?? null;
    const to = wanted.get(id) ?? null;
    if (from?.limit === to?.limit) continue;
    const by = { userId, reason: to ? `set by ${to.origin}` : 'no longer set' };
    drafts.push(policyChange(state, scope, { day: null, from, to: to?.limit ?? null }, by, signer));
  }
  return drafts;
}

function policyChange(
  state: LedgerState,
  { scope, key }: ScopeKey,
  { day, from, to }: { day: string | null; from: Cap | null; to: bigint | null },
  by: { userId: string; reason: string },
  signer: Signer,
): RecordDraft {
  const change = {
    scope,
    key,
    day,
    from_micro_usd: from && from.limit.toString(),
    to_micro_usd: to === null ? null : to.toString(),
    user_id: by.userId,
    reason: by.reason,
    key_id: keyIdOf(state.ledgerId, signer.publicKey),
  } satisfies Partial<PolicyChangeRecord>;
  const signature = signer.sign(policyText(state.ledgerId, change));
  return { ...change, kind: 'policy_change', call_id: null, signature };
}

interface Wanted {
  scopes: readonly ScopeKey[];
  amount: bigint;
  caps: readonly Cap[];
  day: string;
  /** The run whose money it takes. */
  run: OpenRun | null;
}

/** Why an amount may not be held now: the cap with the least left, among those it doesn't fit under. */
function refusalOf(
  { fold }: LedgerState,
  { scopes, amount, caps, day, run }: Wanted,
): CapRefusal | { overruns: number } | null {
  const { overruns, raised } = fold.day(day);
  if (overruns.size > 0) return { overruns: overruns.size };
  const standing = new Map(caps.map((cap) => [idOf(cap), cap]));
  // What the run holds for this call already counts, except under the caps of models.
  const held = (cap: Cap): bigint => (run?.day === day && cap.scope !== 'model' ? amount : 0n);
  const [tightest, ...looser] = scopes
    .flatMap((scope) => raised.get(idOf(scope)) ?? standing.get(idOf(scope)) ?? [])
    .map((cap) => ({ cap, left: fold.left(cap, day) + held(cap) }))
    .sort((a, b) => (a.left < b.left ? -1 : 1));
  if (!tightest || amount <= tightest.left) return null;
  const forOthers = tightest.cap.scope === 'model' ? looser[0] : tightest;
  return { ...tightest, leftForOtherModels: forOthers?.left ?? 0n };
}

function refusedBy(
  refusal: { cap: Cap } | { overruns: number } | { leftOfRun: bigint },
): Pick<RefuseRecord, 'error_code' | 'cap'> {
  if ('cap' in refusal) return { error_code: 'budget_exceeded', cap: capRecord(refusal.cap) };
  return { error_code: 'overruns' in refusal ? 'budget_blocked' : 'cost_limit_exceeded', cap: null };
}

function openRun({ fold }: LedgerState, runId: string): OpenRun {
  return fold.runs.get(runId) ?? throwNotOpen(runId);
}

function throwNotOpen(id: string): never {
  throw new GatewayError('ledger_damaged', `The ledger has no open reservation for ${id}.`, {
    hint: 'Another process has ended it; its record is in the audit history.',
  });
}

/** Stages what happened, then its notes, and gives the place of what happened. */
function stage(journal: Journal, drafts: readonly RecordDraft[], time: string): Receipt {
  const [happened, noted] = [
    drafts.filter(({ kind }) => kind !== 'note'),
    drafts.filter(({ kind }) => kind === 'note'),
  ];
  journal.stage(happened, time);
  const receipt = receiptOf(journal.state);
  journal.stage(noted, time);
  return receipt;
}

function notesOf(callId: string, notes: readonly Note[]): RecordDraft[] {
  return notes.map(({ topic, data }) => ({ kind: 'note', call_id: callId, topic, data }));
}

function receiptOf({ head, ledgerId }: LedgerState): Receipt {
  return { sequence: head.sequence, hash: head.hash, ledgerId };
}

function describe(record: CallDescription): CallDescription {
  const { user_id, reason, model, model_id, backend, priority, workspace, branch, command, file, flow } =
    record;
  const described = { user_id, reason, model, model_id, backend, priority, workspace, branch, command };
  return { ...described, ...callerIn(record), ...(file !== undefined && { file }), ...(flow && { flow }) };
}
