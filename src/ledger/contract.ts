import type { Cap, ScopeTotals } from './budgetFold.ts';
import type { ReopeningFinding } from './fault.ts';
import type {
  AdjustRecord,
  FlowEndRecord,
  FlowStartRecord,
  LedgerMode,
  Note,
  RefuseRecord,
  ReserveRecord,
  SettleRecord,
  TombstoneRecord,
  VoidRecord,
} from './records.ts';

/*
 * What the rest of the program needs from a ledger, and what every ledger guarantees. MUST and MUST NOT are used as in
 * RFC 2119. For every port:
 *
 * - A ledger MUST NOT acknowledge a record before it is durable: what resolves is recorded, whatever happens next.
 * - A ledger in doubt about its records MUST refuse with `ledger_damaged`, and MUST NOT guess.
 * - A write that failed MUST be refused with `ledger_unavailable`, and MUST NOT grant anything.
 * - Errors MUST be `GatewayError`s, and MUST NOT carry what a call sent or got.
 */

/** Calls: each is reserved or refused, and each that was reserved ends once. */
export interface CallLedger {
  /**
   * Holds the worst case of a call and marks the call as dispatched.
   *
   * - It MUST be atomic over all caps of ledger, user, model and workspace, in every process: held under all or none.
   * - spent + reserved MUST NOT pass a cap, and a day that an overrun blocks MUST NOT grant.
   * - Reservation, dispatch and notes MUST be durable before it resolves as granted.
   * - A call that doesn't fit MUST be recorded as refused, and MUST NOT hold anything; its notes are left out.
   * - A reason that is too short MUST be refused with `audit_reason_missing`, a note that breaks the rules with
   *   `invalid_request`, before anything is recorded.
   */
  reserve(callId: string, input: ReserveInput, notes?: readonly Note[]): Promise<Reservation>;

  /**
   * Records what a call cost, and releases its reservation.
   *
   * - It MUST be durable before it resolves: only then may the caller learn how the call ended.
   * - It MUST be idempotent: a second ending of a call, of whatever kind, returns the receipt of the first.
   * - A cost above the reservation MUST be recorded in full, and MUST block its day until someone acknowledges it.
   * - An ending that could not be written MUST be kept, and written before anything else once that is possible.
   * - A note that breaks the rules MUST be refused with `invalid_request` before anything is recorded.
   */
  settle(callId: string, input: SettleInput, notes?: readonly Note[]): Promise<Receipt>;

  /**
   * Records a call that cost nothing because no model was asked: its beginning, its notes and its end, in one step.
   *
   * - It MUST check reason, caps and overruns as `reserve` does; a call that doesn't fit MUST be recorded as refused.
   * - All of it MUST be durable before it resolves.
   */
  recordFree(
    callId: string,
    input: Omit<ReserveInput, 'amount'>,
    ending: Omit<SettleInput, 'cost_micro_usd' | 'estimated' | 'unit_prices'>,
    notes: readonly Note[],
  ): Promise<Reservation>;

  /** Releases a reservation: nothing was spent. It MUST be durable and idempotent as `settle` is. */
  void(callId: string, input: VoidInput): Promise<Receipt>;

  /** Records a call that was refused, or failed, before any reservation, with notes. It MUST be durable before it resolves. */
  refuse(callId: string, input: RefuseInput, notes?: readonly Note[]): Promise<Receipt>;
}

/** Runs of FLOW agreements, which hold money for their calls. */
export interface RunLedger {
  /**
   * Records that an agreement begins to run, and holds what it may cost.
   *
   * - It MUST be atomic over all caps as `reserve` is, except those of models, which apply to each call.
   * - When it doesn't fit, or its agreement runs already and may not twice, it MUST NOT hold anything, and MUST say why:
   *   then the run has started and must be ended as refused.
   * - Its calls MUST take what they reserve out of what it holds.
   */
  startRun(runId: string, input: StartRunInput): Promise<{ receipt: Receipt; refusal: RunRefusal | null }>;

  /** What the calls of a running run have cost so far; nothing for an ended one. */
  runTotals(runId: string): Promise<{ calls: number; cost: bigint }>;

  /**
   * Records how a run ended, and releases what it still holds. Its calls must have ended. It MUST be durable and
   * idempotent as `settle` is.
   */
  endRun(runId: string, input: EndRunInput): Promise<RunReceipt>;
}

/** Reading a ledger. Nothing here changes it. */
export interface LedgerReader {
  readonly mode: LedgerMode;
  /** IANA zone in which policy days begin, by the settings. */
  readonly timeZone: string;

  /** Which ledger it is: `Receipt.ledgerId`; null before its first record. It MUST change when another replaces it. */
  identity(): Promise<string | null>;

  /** Today's money. It MUST count what every process has recorded so far. */
  budget(): Promise<DayBudget>;

  /** The time that a record would get now, ISO 8601. It MUST NOT be before that of any record. */
  time(): Promise<string>;

  /** The chain's head; null while there is no record. It MUST be of every process's records so far. */
  head(): Promise<LedgerHead | null>;

  /**
   * Throws `ledger_unavailable` where nothing can be recorded now, although all can be read. It MUST NOT record
   * anything, and MUST NOT wait for others.
   */
  requireRecordable(): Promise<void>;

  /**
   * Calls back after records were added, by this process or another. It MAY call back without a change, and MUST NOT
   * once the result was called.
   */
  onDidChange(listener: () => void): () => void;
}

/** Decisions of a person, and maintenance. Each that takes a `By` MUST be recorded with who and why. */
export interface LedgerAdministration {
  /**
   * Sets a cap for today above the one before, signed. It MUST hold for this day only. Throws `audit_reason_missing`,
   * and `invalid_request` for one that is not above it.
   */
  raiseCap(cap: Cap, asked: By): Promise<Receipt>;

  /**
   * Lets today take calls again after some cost more than they reserved. Throws `audit_reason_missing`, and
   * `invalid_request` when none did.
   */
  acknowledgeOverruns(asked: By): Promise<Receipt>;

  /**
   * Records where a bill differs from what calls were settled at, as compared when the ledger had `comparedTo` records.
   * It MUST record all of them or none. Throws `audit_reason_missing`, and `invalid_request` when another comparison
   * was recorded since, or a difference is not that of its figures.
   */
  adjust(inputs: readonly AdjustInput[], comparedTo: number): Promise<Receipt>;

  /**
   * Records something about a call that has ended, or without a call about the ledger itself, in the ledger with this id.
   * It MUST NOT move money. Throws `invalid_request` for a note that breaks the rules, and where another ledger has taken
   * that one's place.
   */
  note(about: { callId: string | null; ledgerId: string }, note: Note): Promise<Receipt>;

  /** Records that a subject's content was erased. */
  tombstone(input: TombstoneInput): Promise<Receipt>;

  /** Enrols a new key in place of this installation's, which endorses it and MUST NOT sign from here on. */
  rotateKey(): Promise<Receipt>;

  /**
   * Lets a closed ledger take calls again. With `setAside` the ledger is kept elsewhere and a new one begins, which MUST
   * NOT take calls before its record of that is durable. Throws `invalid_request` while calls of this process are under
   * way.
   */
  reopen(found: ReopeningFound, asked: By, how: ReopeningWay): Promise<ReopeningReceipt>;

  /**
   * Makes the ledger ready for calls: ends what dead processes left open. It MUST NOT end calls of processes that live,
   * and MUST charge the worst case of what was dispatched.
   */
  recover(): Promise<void>;
}

/** Proof that a record is durable. */
export interface Receipt {
  sequence: number;
  /** Lower-case hex. */
  hash: string;
  /** Identifies the ledger: lower-case hex of its UUID. */
  ledgerId: string;
}

/** What a ledger adds to every record of a call, or about itself. */
type Placed = 'kind' | 'v' | 'seq' | 'time' | 'call_id';
type PlacedByDay = Placed | 'day' | 'timezone';
type PlacedEnding = PlacedByDay | 'opening_hash';

export interface ReserveInput extends Omit<ReserveRecord, PlacedByDay | 'instance' | 'reserved_micro_usd'> {
  /** Worst case, micro-USD. */
  amount: bigint;
}
export type SettleInput = Omit<SettleRecord, PlacedEnding>;
export type VoidInput = Omit<VoidRecord, PlacedEnding>;
export type RefuseInput = Omit<RefuseRecord, PlacedByDay | 'cap'>;
export type AdjustInput = Omit<AdjustRecord, Placed>;
export type TombstoneInput = Omit<TombstoneRecord, Placed>;

export interface StartRunInput extends Omit<
  FlowStartRecord,
  PlacedByDay | 'run_id' | 'instance' | 'reserved_micro_usd'
> {
  /** The most that its calls may cost together, micro-USD. */
  amount: bigint;
  /** Whether it may run while another run of its agreement does. */
  concurrent: boolean;
}
export type EndRunInput = Omit<FlowEndRecord, PlacedEnding | 'run_id' | 'calls' | 'cost_micro_usd'>;

export type Reservation =
  /** With the policy day of the RESERVE. */
  { granted: true; receipt: Receipt; day: string } | ({ granted: false; receipt: Receipt } & CallRefusal);

/** Why a call is refused: a cap, an unacknowledged overrun, or its run's remaining micro-USD. */
export type CallRefusal = CapRefusal | { overruns: number } | { leftOfRun: bigint };

/** The tightest cap a call doesn't fit under, in micro-USD. */
export interface CapRefusal {
  cap: Cap;
  left: bigint;
  /** What the caps other than the model's would leave for a call of another model. */
  leftForOtherModels: bigint;
}

/** Why a run that was started holds no money, and may only be ended. */
export type RunRefusal = CapRefusal | { overruns: number } | { running: true };

/** How a run ended, with the cost of its calls in micro-USD. */
export interface RunReceipt extends Receipt {
  calls: number;
  cost: bigint;
}

/** The chain's end. */
export interface LedgerHead extends Receipt {
  /** Null while it can't be verified: this installation's key is not enrolled. */
  checkpoint: string | null;
  /** What signed the checkpoint. */
  key: { id: string; publicKey: string } | null;
  /** Checkpoints that a person accepted when the ledger was reopened. */
  accepted: readonly string[];
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
  /** How far the clock is ahead of the held time, in milliseconds; 0 when it is not held. */
  clockAheadMs: number;
}

/** Who decides something, and why. */
export interface By {
  userId: string;
  reason: string;
}

/** A finding for a person to decide on, or decided, with its place. */
export interface ReopeningFound {
  kind: ReopeningFinding;
  detail: string;
}

export interface ReopeningWay {
  /** Whether a new ledger begins. */
  setAside: boolean;
  /** The last checkpoint of each ledger that the anchors had, which are accepted with it. */
  anchored?: readonly string[];
}

export interface ReopeningReceipt extends Receipt {
  /** Where the old ledger is kept, for people; null where it continues. */
  setAside: string | null;
}
