import { ChainFault } from './chain.ts';
import { dayOf } from './day.ts';
import type {
  ExpiredChargedRecord,
  LedgerRecord,
  ReserveRecord,
  SettleRecord,
  TokenCounts,
  VoidRecord,
} from './records.ts';

/** A call that holds money: reserved and neither settled nor released. */
export interface OpenCall {
  reserve: ReserveRecord;
  /** Lower-case hex of the RESERVE record's hash. */
  hash: string;
  dispatched: boolean;
}

export interface Spending {
  calls: number;
  spent: bigint;
  tokens: number;
}

/** Money of one policy day, in micro-USD. */
export interface DayTotals {
  spent: bigint;
  reserved: bigint;
  /** By the name that was asked for. */
  byModel: Map<string, Spending>;
}

/** The budget as a fold over the journal: the same records give the same state in every process. */
export class BudgetFold {
  readonly open = new Map<string, OpenCall>();
  readonly #days = new Map<string, DayTotals>();

  day(day: string): DayTotals {
    let totals = this.#days.get(day);
    if (!totals) {
      totals = { spent: 0n, reserved: 0n, byModel: new Map() };
      this.#days.set(day, totals);
    }
    return totals;
  }

  /** Takes the next record and its hash. Throws `ChainFault` for one that can't follow those before it. */
  apply(record: LedgerRecord, hash: Buffer): void {
    switch (record.kind) {
      case 'RESERVE': {
        if (this.open.has(record.call_id)) throw inconsistent(record, 'is reserved twice');
        if (!isDayOf(record)) throw inconsistent(record, 'belongs to another day');
        this.day(record.day).reserved += BigInt(record.reserved_micro_usd);
        this.open.set(record.call_id, { reserve: record, hash: hash.toString('hex'), dispatched: false });
        return;
      }
      case 'DISPATCH':
        this.#opened(record.call_id, record).dispatched = true;
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
      case 'header':
      case 'REFUSE':
      case 'recovery':
        return;
    }
  }

  #opened(callId: string, record: LedgerRecord): OpenCall {
    const call = this.open.get(callId);
    if (!call) throw inconsistent(record, 'has no open reservation');
    return call;
  }

  #close(record: SettleRecord | VoidRecord | ExpiredChargedRecord, cost: string, tokens: number): void {
    const { reserve, hash } = this.#opened(record.call_id, record);
    if (record.opening_hash !== hash) throw inconsistent(record, 'names another reservation than its own');
    if (reserve.day !== record.day)
      throw inconsistent(record, 'is settled on another day than it was reserved');
    const spent = BigInt(cost);
    const day = this.day(reserve.day);
    day.reserved -= BigInt(reserve.reserved_micro_usd);
    day.spent += spent;
    this.open.delete(record.call_id);
    const model = day.byModel.get(reserve.model) ?? { calls: 0, spent: 0n, tokens: 0 };
    day.byModel.set(reserve.model, {
      calls: model.calls + 1,
      spent: model.spent + spent,
      tokens: model.tokens + tokens,
    });
  }
}

function countTokens(tokens: TokenCounts): number {
  return (Object.values(tokens) as number[]).reduce((sum, count) => sum + count, 0);
}

function isDayOf({ time, timezone, day }: ReserveRecord): boolean {
  try {
    return dayOf(new Date(time), timezone) === day;
  } catch {
    // The zone is not one that this runtime knows.
    return false;
  }
}

function inconsistent(record: LedgerRecord, what: string): ChainFault {
  return new ChainFault('inconsistent', `call ${String(record.call_id)} ${what} (record ${record.seq})`);
}
