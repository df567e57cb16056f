import { dayOfRecord } from './day.ts';
import { ChainFault } from './fault.ts';
import type { FoldedFields, FoldedRecord, RunOfCall } from './recordShape.ts';
import type {
  BudgetScope,
  Caller,
  CapRecord,
  CarriedCall,
  CarriedDay,
  CarriedRun,
  CarriedState,
  ScopeKey,
  TokenCounts,
} from './records.ts';

/** A call that holds money: reserved, and not yet settled or released. */
export interface OpenCall extends CallScopes {
  callId: string;
  /** Lower-case hex of the RESERVE record's hash. */
  hash: string;
  dispatched: boolean;
  instance: string;
  day: string;
  /** Micro-USD. */
  reserved: bigint;
  /** Where it counts besides the ledger. */
  scopes: readonly ScopeTotals[];
  /** The FLOW run that it belongs to. */
  run: OpenRun | null;
}

/** A FLOW run that has not ended, with its own money. Micro-USD. */
export interface OpenRun extends RunScopes {
  runId: string;
  /** Lower-case hex of the flow_start record's hash. */
  hash: string;
  agreement: string;
  instance: string;
  day: string;
  /** The part of its money that none of its calls has taken. */
  left: bigint;
  /** What its calls cost. */
  spent: bigint;
  calls: number;
  /** Where it counts besides the ledger. */
  scopes: readonly ScopeTotals[];
}

/** What decides which caps a call is under. */
export interface CallScopes {
  userId: string;
  model: string;
  modelId: string | null;
  /** The key of its model's cap and totals, where that is not its id. */
  modelKey?: string | undefined;
  workspace: string | null;
  /** As in the record: who made the call, beyond the claimed name. */
  caller: Caller;
}

/** Money of one scope on one policy day, in micro-USD. */
export interface ScopeTotals extends ScopeKey {
  /** For people: for a model, the name last asked for. */
  name: string;
  calls: number;
  tokens: number;
  spent: bigint;
  reserved: bigint;
}

/** A cap, in micro-USD. */
export interface Cap extends ScopeKey {
  limit: bigint;
}

class Day {
  spent = 0n;
  reserved = 0n;
  readonly scopes = new Map<string, ScopeTotals>();
  readonly raised = new Map<string, Cap>();
  readonly overruns = new Set<string>();

  scope(scope: BudgetScope, key: string, name: string): ScopeTotals {
    const id = idOf({ scope, key });
    let totals = this.scopes.get(id);
    if (!totals) {
      totals = { scope, key, name, calls: 0, tokens: 0, spent: 0n, reserved: 0n };
      this.scopes.set(id, totals);
    }
    totals.name = name;
    return totals;
  }

  /** What a call counts towards besides the ledger. */
  scopesOf(call: CallScopes): ScopeTotals[] {
    const ofModel = this.scope('model', modelKeyOf(call), call.model);
    return [...this.scopesOfRun(call), ofModel];
  }

  /** What a run counts towards besides the ledger: its models are those of its calls. */
  scopesOfRun(run: RunScopes): ScopeTotals[] {
    return runScopesOf(run)
      .slice(1)
      .map(({ scope, key }) => this.scope(scope, key, key));
  }

  /** Holds an amount; a negative one is released. */
  hold(amount: bigint, scopes: readonly ScopeTotals[]): void {
    this.reserved += amount;
    for (const scope of scopes) scope.reserved += amount;
  }
}

/** What decides which caps a run is under. */
export type RunScopes = Pick<CallScopes, 'userId' | 'workspace' | 'caller'>;

/** A day's money as a reader sees it. */
export type DayTotals = Readonly<Pick<Day, 'spent' | 'reserved'>> & {
  readonly scopes: ReadonlyMap<string, Readonly<ScopeTotals>>;
  readonly raised: ReadonlyMap<string, Cap>;
  readonly overruns: ReadonlySet<string>;
};

/** The budget as a fold over the journal: the same records give the same state in every process. */
export class BudgetFold {
  readonly open = new Map<string, OpenCall>();
  /** Runs of FLOW agreements, by their id. */
  readonly runs = new Map<string, OpenRun>();
  /** Standing caps, as policy_change records set them. */
  readonly policy = new Map<string, Cap>();
  /** Calls that cost more than they reserved and whose OVERRUN is not written yet. */
  readonly unrecordedOverruns = new Map<string, FoldedFields<'OVERRUN'>>();
  /** The last policy day on which a call was reserved, and its zone. */
  lastDay: { day: string; timezone: string } | null = null;
  /** Sequence number of the last ADJUST that was read; 0 before the first. */
  lastAdjustment = 0;
  readonly #days = new Map<string, Day>();

  /** Begins with what a header carries. */
  restore(carried: CarriedState): void {
    this.lastDay = carried.last_day;
    for (const cap of carried.policy) this.policy.set(idOf(cap), capOf(cap));
    for (const run of carried.runs ?? []) {
      const day = this.#day(run.day);
      this.#holdRun(openRunOf(run, day.scopesOfRun(scopesOfCarried(run))));
    }
    for (const call of carried.open) {
      const day = this.#day(call.day);
      this.#hold(openCallOf(call, day, this.runs.get(call.run_id ?? '') ?? null), day);
    }
    // After the open calls, whose models others may have asked for by another name since.
    for (const { day, spent_micro_usd, scopes, raised, overruns } of carried.days) {
      const totals = this.#day(day);
      totals.spent = BigInt(spent_micro_usd);
      for (const { name, calls, tokens, spent_micro_usd: spent, ...key } of scopes)
        Object.assign(totals.scope(key.scope, key.key, name), { calls, tokens, spent: BigInt(spent) });
      for (const cap of raised) totals.raised.set(idOf(cap), capOf(cap));
      for (const callId of overruns) totals.overruns.add(callId);
    }
  }

  /**
   * What a header carries of it. Forgets days that no longer count: all but the last two and those of
   * calls that are open or cost too much.
   */
  carry(): Pick<CarriedState, 'days' | 'open' | 'runs' | 'policy' | 'last_day'> {
    if (this.unrecordedOverruns.size > 0)
      throw new ChainFault('inconsistent', 'the OVERRUN of a call is missing before the header');
    const latest = [...this.#days.keys()].sort().slice(-2);
    const held = new Set([...this.open.values(), ...this.runs.values()].map(({ day }) => day));
    for (const [day, { overruns }] of this.#days)
      if (!latest.includes(day) && !held.has(day) && overruns.size === 0) this.#days.delete(day);
    return {
      days: [...this.#days].sort(byName).map(([day, totals]) => carriedDay(day, totals)),
      open: [...this.open].sort(byName).map(([, call]) => carriedCall(call)),
      ...(this.runs.size > 0 && { runs: [...this.runs].sort(byName).map(([, run]) => carriedRun(run)) }),
      last_day: this.lastDay,
      policy: [...this.policy].sort(byName).map(([, cap]) => capRecord(cap)),
    };
  }

  day(day: string): DayTotals {
    return this.#days.get(day) ?? new Day();
  }

  /** A cap's remaining money on a day, in micro-USD; negative when more was spent. */
  left(cap: Cap, day: string): bigint {
    const totals = this.day(day);
    const counted = cap.scope === 'ledger' ? totals : totals.scopes.get(idOf(cap));
    return cap.limit - (counted?.spent ?? 0n) - (counted?.reserved ?? 0n);
  }

  /** Takes the next record and its hash. Throws `ChainFault` for one that can't follow those before it. */
  apply(record: FoldedRecord, hash: string): void {
    switch (record.kind) {
      case 'RESERVE':
        this.#reserve(record, hash);
        return;
      case 'DISPATCH':
        this.#opened(record.call_id, record.seq).dispatched = true;
        return;
      case 'SETTLE':
        this.#close(record, record.cost_micro_usd, countTokens(record.tokens));
        return;
      case 'EXPIRED_CHARGED':
        this.#close(record, record.cost_micro_usd, 0);
        return;
      case 'VOID':
        this.#close(record, '0', 0);
        return;
      case 'OVERRUN':
        this.#recordOverrun(record);
        return;
      case 'acknowledgement':
        if (this.day(record.day).overruns.size === 0)
          throw new ChainFault('inconsistent', `nothing to acknowledge on ${record.day}`);
        this.#day(record.day).overruns.clear();
        return;
      case 'policy_change':
        this.#changePolicy(record);
        return;
      case 'ADJUST':
        this.#adjust(record);
        return;
      case 'flow_start':
        this.#startRun(record, hash);
        return;
      case 'flow_end':
        this.#endRun(record);
        return;
      default:
        return;
    }
  }

  #day(day: string): Day {
    let totals = this.#days.get(day);
    if (!totals) {
      totals = new Day();
      this.#days.set(day, totals);
    }
    return totals;
  }

  #reserve(record: FoldedFields<'RESERVE'>, hash: string): void {
    const { call_id: callId, day } = record;
    if (this.open.has(callId)) throw inconsistent(`call ${callId}`, 'is reserved twice', record.seq);
    this.#requireDay(`call ${callId}`, record);
    const totals = this.#day(day);
    const { user_id: userId, model, model_id: modelId, model_key: modelKey, workspace } = record;
    const caller = callerIn(record);
    const run = record.flow ? this.#runOf(record.flow, record) : null;
    const call: OpenCall = {
      callId,
      hash,
      dispatched: false,
      instance: record.instance,
      day,
      reserved: BigInt(record.reserved_micro_usd),
      userId,
      model,
      modelId,
      modelKey,
      workspace,
      caller,
      scopes: totals.scopesOf({ userId, model, modelId, modelKey, workspace, caller }),
      run,
    };
    if (run) this.#take(run, call.reserved, record.seq);
    this.#requireRoom(`call ${callId}`, call.reserved, totals, call.scopes, record.seq);
    this.#hold(call, totals);
  }

  /** An amount may be held on a day only below every cap it is under, and while no overrun blocks the day. */
  #requireRoom(
    what: string,
    amount: bigint,
    day: Day,
    scopes: readonly ScopeTotals[],
    sequence: number,
  ): void {
    this.#requireBelow(this.#capOf(day, everybodyId), day, what, amount, sequence);
    // Most ledgers have no other cap.
    if (this.policy.size + day.raised.size > 1)
      for (const scope of scopes) {
        const cap = this.#capOf(day, idOf(scope));
        if (cap) this.#requireBelow(cap, scope, what, amount, sequence);
      }
    if (day.overruns.size > 0)
      throw inconsistent(what, 'is reserved while its day is blocked by an overrun', sequence);
  }

  #startRun(record: FoldedFields<'flow_start'>, hash: string): void {
    const { run_id: runId, agreement, instance, day, user_id: userId, workspace, seq } = record;
    const what = `run ${runId}`;
    if (this.runs.has(runId)) throw inconsistent(what, 'is started twice', seq);
    this.#requireDay(what, record);
    const totals = this.#day(day);
    const caller = callerIn(record);
    const scopes = totals.scopesOfRun({ userId, workspace, caller });
    const left = BigInt(record.reserved_micro_usd);
    // No cap applies to a call that holds nothing.
    if (left > 0n) this.#requireRoom(what, left, totals, scopes, seq);
    this.#holdRun({
      runId,
      hash,
      agreement,
      instance,
      day,
      userId,
      workspace,
      caller,
      left,
      scopes,
      spent: 0n,
      calls: 0,
    });
  }

  #holdRun(run: OpenRun): void {
    this.#day(run.day).hold(run.left, run.scopes);
    this.runs.set(run.runId, run);
  }

  #endRun(record: FoldedFields<'flow_end'>): void {
    const { run_id: runId, opening_hash, day, calls, cost_micro_usd: cost, seq } = record;
    const what = `run ${runId}`;
    const run = this.runs.get(runId);
    if (!run) throw inconsistent(what, 'has not been started', seq);
    if (run.hash !== opening_hash || run.day !== day)
      throw inconsistent(what, 'names another start than its own', seq);
    const failed = record.execution_mode === 'failed';
    if (failed !== (record.outcome !== 'success') || (record.error_code !== null && !failed))
      throw inconsistent(what, 'has an outcome that does not fit its mode', seq);
    if (run.spent.toString() !== cost || run.calls !== calls)
      throw inconsistent(what, 'did not make the calls that it says', seq);
    if ([...this.open.values()].some((call) => call.run === run))
      throw inconsistent(what, 'ends before its calls', seq);
    this.#day(run.day).hold(-run.left, run.scopes);
    this.runs.delete(runId);
  }

  /** The run that a call belongs to. */
  #runOf(
    { run_id: runId, agreement }: RunOfCall,
    { call_id: callId, user_id: userId, workspace, seq }: FoldedFields<'RESERVE'>,
  ): OpenRun {
    const run = this.runs.get(runId);
    if (run?.agreement !== agreement || run.userId !== userId || run.workspace !== workspace)
      throw inconsistent(`call ${callId}`, 'is a part of no such run', seq);
    return run;
  }

  /** Takes money from what a run holds; a negative amount is returned. */
  #take(run: OpenRun, amount: bigint, sequence: number): void {
    if (amount > run.left)
      throw inconsistent(`run ${run.runId}`, 'holds less than its call reserves', sequence);
    run.left -= amount;
    this.#day(run.day).hold(-amount, run.scopes);
  }

  #requireDay(what: string, record: FoldedFields<'RESERVE' | 'flow_start'>): void {
    if (dayOrNull(record.time, record.timezone) !== record.day)
      throw inconsistent(what, 'belongs to another day', record.seq);
    this.#requireLaterDay(what, record);
  }

  /** Days don't come back, and another zone begins only after the last day has ended in both. */
  #requireLaterDay(what: string, { seq, time, timezone, day }: FoldedFields<'RESERVE' | 'flow_start'>): void {
    const last = this.lastDay;
    if (last?.day === day && last.timezone === timezone) return;
    if (last && day < last.day) throw inconsistent(what, 'is reserved on a day that is over', seq);
    if (last && last.timezone !== timezone && (dayOrNull(time, last.timezone) ?? '') <= last.day)
      throw inconsistent(what, 'is reserved in another time zone before the day has ended', seq);
    this.lastDay = { day, timezone };
  }

  #capOf(day: Day, id: string): Cap | undefined {
    return day.raised.get(id) ?? this.policy.get(id);
  }

  #requireBelow(
    cap: Cap | undefined,
    { spent, reserved }: { spent: bigint; reserved: bigint },
    what: string,
    amount: bigint,
    sequence: number,
  ): void {
    if (!cap) throw inconsistent(what, 'is reserved under no cap', sequence);
    if (spent + reserved + amount > cap.limit)
      throw inconsistent(what, `is above the cap of its ${cap.scope}`, sequence);
  }

  #hold(call: OpenCall, day: Day): void {
    day.hold(call.reserved, call.scopes);
    this.open.set(call.callId, call);
  }

  #opened(callId: string, sequence: number): OpenCall {
    const call = this.open.get(callId);
    if (!call) throw inconsistent(`call ${callId}`, 'has no open reservation', sequence);
    return call;
  }

  #close(
    record: FoldedFields<'SETTLE' | 'VOID' | 'EXPIRED_CHARGED'> & { opening_hash: string },
    cost: string,
    tokens: number,
  ): void {
    const { call_id: callId, seq } = record;
    const call = this.#opened(callId, seq);
    if (record.opening_hash !== call.hash)
      throw inconsistent(`call ${callId}`, 'names another reservation than its own', seq);
    if (call.day !== record.day)
      throw inconsistent(`call ${callId}`, 'is settled on another day than it was reserved', seq);
    const spent = BigInt(cost);
    const day = this.#day(call.day);
    day.hold(-call.reserved, call.scopes);
    day.spent += spent;
    if (call.run) this.#giveBack(call.run, call.reserved, spent, seq);
    for (const scope of call.scopes) {
      scope.spent += spent;
      scope.calls += 1;
      scope.tokens += tokens;
    }
    this.open.delete(callId);
    if (spent <= call.reserved) return;
    day.overruns.add(callId);
    this.unrecordedOverruns.set(callId, {
      seq,
      time: record.time,
      call_id: callId,
      day: call.day,
      reserved_micro_usd: call.reserved.toString(),
      cost_micro_usd: cost,
    });
  }

  /** A run gets back what its call didn't cost, and pays what the call cost beyond its reservation. */
  #giveBack(run: OpenRun, reserved: bigint, spent: bigint, sequence: number): void {
    run.spent += spent;
    run.calls += 1;
    const above = spent - reserved;
    this.#take(run, above > run.left ? run.left : above, sequence);
  }

  #recordOverrun(record: FoldedFields<'OVERRUN'>): void {
    const expected = this.unrecordedOverruns.get(record.call_id);
    const fits =
      expected?.day === record.day &&
      expected.cost_micro_usd === record.cost_micro_usd &&
      expected.reserved_micro_usd === record.reserved_micro_usd;
    if (!fits) throw inconsistent(`call ${record.call_id}`, 'did not cost what its OVERRUN says', record.seq);
    this.unrecordedOverruns.delete(record.call_id);
  }

  #changePolicy(change: FoldedFields<'policy_change'>): void {
    const { day, from_micro_usd: from, to_micro_usd: to } = change;
    const id = idOf(change);
    const caps = day === null ? this.policy : this.#day(day).raised;
    const before = caps.get(id) ?? this.policy.get(id);
    if ((before?.limit.toString() ?? null) !== from)
      throw new ChainFault('inconsistent', `the cap before record ${change.seq} is not what it says`);
    if (to === null) caps.delete(id);
    else caps.set(id, { scope: change.scope, key: change.key, limit: BigInt(to) });
  }

  #adjust(record: FoldedFields<'ADJUST'>): void {
    this.lastAdjustment = record.seq;
    const difference = BigInt(record.difference_micro_usd);
    if (BigInt(record.billed_micro_usd) - BigInt(record.recorded_micro_usd) !== difference)
      throw new ChainFault(
        'inconsistent',
        `the difference in record ${record.seq} is not that of its amounts`,
      );
    // Forgotten days take no more calls, so their totals no longer matter.
    const day = this.#days.get(record.day);
    if (!day) return;
    day.spent += difference;
    const key = record.model_key ?? record.model_id;
    const known = day.scopes.get(idOf({ scope: 'model', key }));
    day.scope('model', key, known?.name ?? record.model_id).spent += difference;
  }
}

/** The key of a scope in the maps above. */
export function idOf({ scope, key }: ScopeKey): string {
  return `${scope}\0${key}`;
}

/** The ledger itself. */
export const everybody: ScopeKey = { scope: 'ledger', key: '' };

const everybodyId = idOf(everybody);

/** What a call counts towards, the ledger first. */
export function scopesOf(call: CallScopes): ScopeKey[] {
  return [...runScopesOf(call), { scope: 'model', key: modelKeyOf(call) }];
}

function modelKeyOf({ modelKey, modelId, model }: CallScopes): string {
  return modelKey ?? modelId ?? model;
}

/** What a run counts towards, the ledger first. */
export function runScopesOf({ userId, workspace, caller }: RunScopes): [ScopeKey, ScopeKey, ...ScopeKey[]] {
  const callers = callerKeys(caller).map((key): ScopeKey => ({ scope: 'user', key }));
  const inWorkspace: ScopeKey[] = workspace === null ? [] : [{ scope: 'workspace', key: workspace }];
  return [everybody, { scope: 'user', key: userId }, ...callers, ...inWorkspace];
}

/** What a caller counts under besides the claimed name: account, ARN, and the role behind a session's. */
function callerKeys({ account, caller_arn: arn }: Caller): string[] {
  const role = /^(arn:[^:]*:sts::\d*:assumed-role\/[^/]+)\/./.exec(arn ?? '')?.[1];
  return [
    ...(account === undefined ? [] : [`account:${account}`]),
    ...(arn === undefined ? [] : [arn]),
    ...(role === undefined ? [] : [role]),
  ];
}

/** Whether a user's key is that of an account or an ARN. */
export function isCallerKey({ scope, key }: ScopeKey): boolean {
  return scope === 'user' && /^(?:account:|arn:)/.test(key);
}

/** The part of a record that says who acted. */
export function callerIn({ account, caller_arn: arn }: Caller): Caller {
  return { ...(account !== undefined && { account }), ...(arn !== undefined && { caller_arn: arn }) };
}

function countTokens(tokens: TokenCounts): number {
  return (
    tokens.input_tokens +
    tokens.output_tokens +
    tokens.cache_read_input_tokens +
    tokens.cache_write_5m_input_tokens +
    tokens.cache_write_1h_input_tokens
  );
}

/** The day of a time; null in a zone that this runtime doesn't know. */
function dayOrNull(time: string, timezone: string): string | null {
  try {
    return dayOfRecord(time, timezone);
  } catch {
    return null;
  }
}

function inconsistent(subject: string, what: string, sequence: number): ChainFault {
  return new ChainFault('inconsistent', `${subject} ${what} (record ${sequence})`);
}

/** By UTF-16 code units, the order of canonical JSON: the same in every locale. */
function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

function capOf({ scope, key, limit_micro_usd }: CapRecord): Cap {
  return { scope, key, limit: BigInt(limit_micro_usd) };
}

export function capRecord({ scope, key, limit }: Cap): CapRecord {
  return { scope, key, limit_micro_usd: limit.toString() };
}

function carriedDay(day: string, { spent, scopes, raised, overruns }: Day): CarriedDay {
  return {
    day,
    spent_micro_usd: spent.toString(),
    scopes: [...scopes].sort(byName).map(([, { scope, key, name, calls, tokens, spent: ofScope }]) => ({
      scope,
      key,
      name,
      calls,
      tokens,
      spent_micro_usd: ofScope.toString(),
    })),
    raised: [...raised].sort(byName).map(([, cap]) => capRecord(cap)),
    overruns: [...overruns].sort(),
  };
}

function carriedCall(call: OpenCall): CarriedCall {
  return {
    call_id: call.callId,
    opening_hash: call.hash,
    dispatched: call.dispatched,
    instance: call.instance,
    day: call.day,
    reserved_micro_usd: call.reserved.toString(),
    user_id: call.userId,
    model: call.model,
    model_id: call.modelId,
    ...(call.modelKey !== undefined && { model_key: call.modelKey }),
    workspace: call.workspace,
    ...call.caller,
    ...(call.run && { run_id: call.run.runId }),
  };
}

function carriedRun(run: OpenRun): CarriedRun {
  return {
    run_id: run.runId,
    opening_hash: run.hash,
    agreement: run.agreement,
    instance: run.instance,
    day: run.day,
    user_id: run.userId,
    workspace: run.workspace,
    ...run.caller,
    left_micro_usd: run.left.toString(),
    spent_micro_usd: run.spent.toString(),
    calls: run.calls,
  };
}

function scopesOfCarried(run: CarriedRun): RunScopes {
  return { userId: run.user_id, workspace: run.workspace, caller: callerIn(run) };
}

function openRunOf(run: CarriedRun, scopes: readonly ScopeTotals[]): OpenRun {
  return {
    ...scopesOfCarried(run),
    runId: run.run_id,
    hash: run.opening_hash,
    agreement: run.agreement,
    instance: run.instance,
    day: run.day,
    left: BigInt(run.left_micro_usd),
    spent: BigInt(run.spent_micro_usd),
    calls: run.calls,
    scopes,
  };
}

function openCallOf(call: CarriedCall, day: Day, run: OpenRun | null): OpenCall {
  const scopes = {
    userId: call.user_id,
    model: call.model,
    modelId: call.model_id,
    modelKey: call.model_key,
    workspace: call.workspace,
    caller: callerIn(call),
  };
  return {
    ...scopes,
    callId: call.call_id,
    hash: call.opening_hash,
    dispatched: call.dispatched,
    instance: call.instance,
    day: call.day,
    reserved: BigInt(call.reserved_micro_usd),
    scopes: day.scopesOf(scopes),
    run,
  };
}
