import { GatewayError } from '../errors.ts';
import {
  callerIn,
  idOf,
  runScopesOf,
  scopesOf,
  type Cap,
  type OpenCall,
  type OpenRun,
} from './budgetFold.ts';
import { policyChange, policyDrafts, refusalOf, refusedBy } from './capDecisions.ts';
import type { CapSetting } from './capSettings.ts';
import { forgetClosure } from './closure.ts';
import type {
  AdjustInput,
  By,
  CallLedger,
  CallRefusal,
  DayBudget,
  EndRunInput,
  LedgerAdministration,
  LedgerHead,
  LedgerReader,
  Receipt,
  RefuseInput,
  ReopeningFound,
  ReopeningReceipt,
  ReopeningWay,
  Reservation,
  ReserveInput,
  RunLedger,
  RunReceipt,
  RunRefusal,
  SettleInput,
  StartRunInput,
  TombstoneInput,
  VoidInput,
} from './contract.ts';
import { describe, endingOf, endOfRun, notesOf, overrunOf } from './drafts.ts';
import { Endings, type DraftEnding } from './endings.ts';
import { FolderWatch } from './folderWatch.ts';
import { InstallationKey } from './installationKey.ts';
import { aheadToleranceMs, LedgerClock, systemRunningTime } from './ledgerClock.ts';
import { LedgerFolder } from './ledgerFolder.ts';
import type { LedgerOptions } from './ledgerOptions.ts';
import type { LedgerState } from './ledgerState.ts';
import { LockedJournal } from './lockedJournal.ts';
import { requireNotes } from './note.ts';
import { requireReason } from './reason.ts';
import { ledgerIdIn } from './readJournal.ts';
import type { LedgerMode, Note, RecordDraft, ScopeKey } from './records.ts';
import { keyIdOf, signCheckpoint } from './signing.ts';
import { StepQueue } from './stepQueue.ts';

/** The least interval between comparisons of a clock that is ahead with another clock. */
const confirmEveryMs = 60_000;

/**
 * Audit journal and budget in one, in a folder. Every step is written and synced under a lock that all processes
 * share, so the budget is exact across windows and the terminal; steps that wait together share one write. Any doubt
 * about the file closes the ledger: calls are refused, nothing is guessed.
 */
export class Ledger implements CallLedger, RunLedger, LedgerReader, LedgerAdministration {
  // Another extension in the same process must not replace these methods.
  static {
    Object.freeze(this.prototype);
  }

  readonly mode: LedgerMode;
  readonly timeZone: string;
  readonly #options: LedgerOptions;
  readonly #clock: LedgerClock;
  readonly #folder: LedgerFolder;
  readonly #key: InstallationKey;
  readonly #endings = new Endings();
  readonly #locked: LockedJournal;
  readonly #steps: StepQueue;
  readonly #watch: FolderWatch;
  #confirmedAt = -Infinity;

  constructor(options: LedgerOptions) {
    const { directory, timeZone, mode, now } = options;
    this.#options = options;
    this.mode = mode;
    this.timeZone = timeZone;
    // Simulated money is no reason to distrust a clock.
    const running = options.running ?? (now || mode === 'simulated' ? () => null : systemRunningTime);
    this.#clock = new LedgerClock({ timeZone, now: now ?? Date.now, running });
    this.#folder = new LedgerFolder(directory, mode, running);
    this.#key = new InstallationKey(options);
    this.#watch = new FolderWatch(directory);
    const parts = { folder: this.#folder, clock: this.#clock };
    this.#locked = new LockedJournal({
      ...parts,
      location: options,
      key: this.#key,
      endings: this.#endings,
      onOrphanedRuns: options.onOrphanedRuns,
    });
    this.#steps = new StepQueue({
      ...parts,
      options,
      locked: this.#locked,
      written: () => this.#watch.notify(),
    });
  }

  async reserve(callId: string, input: ReserveInput, notes: readonly Note[] = []): Promise<Reservation> {
    await this.#beforeReserving(input, notes);
    return this.#enqueueReservation(callId, input, [
      { kind: 'DISPATCH', call_id: callId },
      ...notesOf(callId, notes),
    ]);
  }

  async recordFree(
    callId: string,
    input: Omit<ReserveInput, 'amount'>,
    ending: Omit<SettleInput, 'cost_micro_usd' | 'estimated' | 'unit_prices'>,
    notes: readonly Note[],
  ): Promise<Reservation> {
    await this.#beforeReserving(input, notes);
    // Queued one after the other without a pause, so that both are in one write.
    const reserving = this.#enqueueReservation(callId, { ...input, amount: 0n }, notesOf(callId, notes));
    const free = { cost_micro_usd: '0', estimated: false, unit_prices: null };
    const ended = this.#steps.enqueue(
      ({ fold }) => {
        const call = fold.open.get(callId);
        return call ? [{ ...ending, ...free, ...endingOf(call), kind: 'SETTLE' }] : [];
      },
      (receipt) => this.#endings.ended(callId, receipt),
    );
    const [reserved, receipt] = await Promise.all([reserving, ended]);
    return reserved.granted ? { ...reserved, receipt } : reserved;
  }

  async #beforeReserving({ reason }: Pick<ReserveInput, 'reason'>, notes: readonly Note[]): Promise<void> {
    this.#requireReason(reason);
    requireNotes(notes);
    await this.#beforeMoney();
  }

  /** Holds a call's money under its caps, with the records that follow it. */
  #enqueueReservation(
    callId: string,
    { amount, ...record }: ReserveInput,
    following: readonly RecordDraft[],
  ): Promise<Reservation> {
    const { user_id: userId, model_id: modelId, model_key: modelKey } = record;
    const scopes = scopesOf({ userId, modelId, modelKey, ...record, caller: callerIn(record) });
    const caps = this.#capsOf(scopes);
    let refusal: CallRefusal | null = null;
    let reservedOn = '';
    return this.#steps.enqueue(
      (state, time, signer) => {
        const day = this.#clock.dayOf(time, state);
        const policy = policyDrafts(state, scopes, caps, { userId, signer });
        const run = record.flow ? openRun(state, record.flow.run_id) : null;
        const beyond = run && amount > run.left ? { leftOfRun: run.left } : null;
        refusal = beyond ?? refusalOf(state, { scopes, amount, caps, day: day.day, run });
        reservedOn = day.day;
        if (refusal) {
          const refused = { ...describe(record), outcome: 'refused' as const, ...refusedBy(refusal) };
          return [...policy, { ...refused, ...day, kind: 'REFUSE', call_id: callId }];
        }
        const held = { instance: this.#folder.instance, reserved_micro_usd: amount.toString() };
        return [...policy, { ...record, ...held, ...day, kind: 'RESERVE', call_id: callId }, ...following];
      },
      (receipt): Reservation => {
        if (refusal) return { granted: false, receipt, ...refusal };
        this.#endings.begin(callId);
        return { granted: true, receipt, day: reservedOn };
      },
    );
  }

  async settle(callId: string, input: SettleInput, notes: readonly Note[] = []): Promise<Receipt> {
    requireNotes(notes);
    return this.#endCall(callId, (call) => [
      { ...input, ...endingOf(call), kind: 'SETTLE' },
      ...(BigInt(input.cost_micro_usd) > call.reserved ? [overrunOf(call, input.cost_micro_usd)] : []),
      ...notesOf(callId, notes),
    ]);
  }

  void(callId: string, input: VoidInput): Promise<Receipt> {
    return this.#endCall(callId, (call) => [{ ...input, ...endingOf(call), kind: 'VOID' }]);
  }

  refuse(callId: string, input: RefuseInput, notes: readonly Note[] = []): Promise<Receipt> {
    requireNotes(notes);
    return this.#record((state, time) => [
      { ...input, ...this.#clock.dayOf(time, state), kind: 'REFUSE', call_id: callId, cap: null },
      ...notesOf(callId, notes),
    ]);
  }

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
    return this.#steps.enqueue(
      (state, time, signer) => {
        const day = this.#clock.dayOf(time, state);
        const running = [...state.fold.runs.values()].some(({ agreement }) => agreement === record.agreement);
        if (running && !concurrent) refusal = { running };
        else if (amount > 0n) refusal = refusalOf(state, { scopes, amount, caps, day: day.day, run: null });
        const reserved_micro_usd = (refusal ? 0n : amount).toString();
        const held = { instance: this.#folder.instance, reserved_micro_usd };
        return [
          ...policyDrafts(state, scopes, caps, { userId, signer }),
          { ...record, ...held, ...day, kind: 'flow_start', call_id: null, run_id: runId },
        ];
      },
      (receipt) => {
        this.#endings.begin(runId);
        return { receipt, refusal };
      },
    );
  }

  async runTotals(runId: string): Promise<{ calls: number; cost: bigint }> {
    const run = (await this.#read())?.fold.runs.get(runId);
    return { calls: run?.calls ?? 0, cost: run?.spent ?? 0n };
  }

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

  #endCall(callId: string, draft: (call: OpenCall) => RecordDraft[]): Promise<Receipt> {
    return this.#end(callId, ({ fold }) => {
      const call = fold.open.get(callId);
      return call ? draft(call) : null;
    });
  }

  #end(id: string, draft: DraftEnding): Promise<Receipt> {
    const write = () =>
      this.#steps.enqueue(
        (state) => draft(state) ?? throwNotOpen(id),
        (receipt) => this.#endings.ended(id, receipt),
        () => this.#endings.owe(id, draft),
      );
    return this.#endings.first(id) ?? this.#endings.remember(id, write());
  }

  async raiseCap({ scope, key, limit }: Cap, asked: By): Promise<Receipt> {
    const by = this.#by(asked);
    return this.#record((state, time, signer) => {
      const { day } = this.#clock.dayOf(time, state);
      const id = idOf({ scope, key });
      const from = state.fold.day(day).raised.get(id) ?? state.fold.policy.get(id) ?? null;
      if (limit <= (from?.limit ?? 0n))
        throw new GatewayError('invalid_request', 'A cap that is raised has to be above the one before.');
      return [policyChange(state, { scope, key }, { day, from, to: limit }, by, signer)];
    });
  }

  async acknowledgeOverruns(asked: By): Promise<Receipt> {
    const by = this.#by(asked);
    return this.#record((state, time) => {
      const { day } = this.#clock.dayOf(time, state);
      if (state.fold.day(day).overruns.size === 0)
        throw new GatewayError('invalid_request', `No call of ${day} cost more than it had reserved.`);
      return [{ kind: 'acknowledgement', call_id: null, day, user_id: by.userId, reason: by.reason }];
    });
  }

  async adjust(inputs: readonly AdjustInput[], comparedTo: number): Promise<Receipt> {
    for (const input of inputs) this.#requireAdjustment(input);
    return this.#record((state) => {
      if (state.fold.lastAdjustment > comparedTo)
        throw new GatewayError('invalid_request', 'Another reconciliation was recorded meanwhile.', {
          hint: 'Nothing was recorded; run it again to see what is left.',
          retryable: true,
        });
      return inputs.map((input) => ({ ...input, kind: 'ADJUST', call_id: null }));
    });
  }

  async note(
    { callId, ledgerId }: { callId: string | null; ledgerId: string },
    note: Note,
  ): Promise<Receipt> {
    requireNotes([note]);
    return this.#record((state) => {
      if (state.ledgerId !== ledgerId)
        throw new GatewayError(
          'invalid_request',
          `${callId === null ? 'The record' : `The call ${callId}`} belongs to another ledger than the one in use.`,
          {
            hint: 'Choose the back-end and the state folder with which it was made.',
          },
        );
      return notesOf(callId, [note]);
    });
  }

  async tombstone(input: TombstoneInput): Promise<Receipt> {
    this.#requireReason(input.reason);
    return this.#record(() => [{ ...input, kind: 'tombstone', call_id: null }]);
  }

  rotateKey(): Promise<Receipt> {
    return this.#key.rotate((draft, done) =>
      this.#steps.enqueue(
        (state, _time, signer) => [draft(state, signer)],
        (receipt) => {
          done();
          return receipt;
        },
      ),
    );
  }

  async reopen(
    found: ReopeningFound,
    asked: By,
    { setAside, anchored = [] }: ReopeningWay,
  ): Promise<ReopeningReceipt> {
    const by = this.#by(asked);
    const { directory } = this.#options;
    const replaces = setAside ? ledgerIdIn(directory) : null;
    const folder = setAside ? await this.#steps.exclusive(() => this.#setAside(found)) : null;
    if (found.kind === 'clock_ahead') this.#clock.confirm();
    const decided = { set_aside: folder, replaces, anchored: [...anchored] };
    const record = {
      finding: found.kind,
      detail: found.detail,
      ...decided,
      user_id: by.userId,
      reason: by.reason,
    };
    const receipt = await this.#locked.reopening(() =>
      this.#steps.enqueue(
        () => [{ ...record, kind: 'reopening', call_id: null }],
        (written) => {
          forgetClosure(directory);
          return written;
        },
      ),
    );
    return { ...receipt, setAside: folder };
  }

  async #setAside(found: ReopeningFound): Promise<string | null> {
    if (this.#endings.underWay)
      throw new GatewayError('invalid_request', 'Calls of this window are under way.', {
        hint: 'Wait for them to end, or stop them.',
        retryable: true,
      });
    return this.#locked.setAside(found);
  }

  recover(): Promise<void> {
    // Before the next batch is planned, so that no new reservation is mistaken for an orphan.
    this.#locked.recoverAgain();
    return this.#steps.enqueue(
      () => [],
      () => undefined,
    );
  }

  async identity(): Promise<string | null> {
    return (await this.#read())?.ledgerId || null;
  }

  async budget(): Promise<DayBudget> {
    const state = await this.#read();
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

  async time(): Promise<string> {
    return this.#clock.time(await this.#read());
  }

  async head(): Promise<LedgerHead | null> {
    const state = await this.#read();
    if (!state || state.head.sequence === 0) return null;
    const signer = await this.#key.current();
    const accepted = state.reopened?.anchored ?? [];
    const id = keyIdOf(state.ledgerId, signer.publicKey);
    if (state.keyState(id) !== 'enrolled') return { ...state.receipt, checkpoint: null, key: null, accepted };
    const checkpoint = signCheckpoint(state.ledgerId, state.checkpoint, signer);
    return { ...state.receipt, checkpoint, key: { id, publicKey: signer.publicKey }, accepted };
  }

  requireRecordable(): Promise<void> {
    return this.#steps.exclusive(() => {
      this.#folder.requireLock();
      return Promise.resolve();
    });
  }

  onDidChange(listener: () => void): () => void {
    return this.#watch.add(listener);
  }

  /** Waits for what is being written, then closes every file. */
  async dispose(): Promise<void> {
    this.#watch.dispose();
    await this.#steps.idle();
    // The last chance of endings that could not be written: after this they count as orphans.
    if (this.#endings.owed.size > 0) await this.recover().catch(() => undefined);
    this.#folder.close();
    this.#folder.endLife(this.#endings.underWay);
  }

  /** The journal's current state, with other processes' records; null while there is none. */
  async #read(): Promise<LedgerState | null> {
    const journal = await this.#steps.exclusive(() => {
      this.#watch.again();
      return this.#locked.refresh();
    });
    return journal?.state ?? null;
  }

  /** A step that has nothing to add to its receipt. */
  #record(plan: Parameters<StepQueue['enqueue']>[0]): Promise<Receipt> {
    return this.#steps.enqueue(plan, (receipt) => receipt);
  }

  /** What the settings put on these scopes. */
  #capsOf(scopes: readonly ScopeKey[]): CapSetting[] {
    return scopes.flatMap((scope) => this.#options.capOf(scope) ?? []);
  }

  /** Throws `audit_reason_missing`. */
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
    const state = this.#folder.journal?.state ?? (await this.#read());
    if (this.#clock.aheadMs(state) === 0 || performance.now() - this.#confirmedAt < confirmEveryMs) return;
    this.#confirmedAt = performance.now();
    const offset = await clockOffset();
    // A suspended virtual machine didn't run, yet its clock is right.
    if (offset === null || Math.abs(offset) > aheadToleranceMs) return;
    this.#clock.confirm();
    await this.recover();
  }
}

function openRun({ fold }: LedgerState, runId: string): OpenRun {
  return fold.runs.get(runId) ?? throwNotOpen(runId);
}

function throwNotOpen(id: string): never {
  throw new GatewayError('ledger_damaged', `The ledger has no open reservation for ${id}.`, {
    hint: 'Another process has ended it; its record is in the audit history.',
  });
}
