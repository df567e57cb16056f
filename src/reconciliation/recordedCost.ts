import { readRecords } from '../ledger/readJournal.ts';
import type { SettleRecord, TokenClass } from '../ledger/records.ts';
import { parseDecimal } from '../pricing/cost.ts';

/** When calls were made, milliseconds since the epoch, to the minute; `from-until`, each once. */
export type CallTimes = Set<string>;

/** Placeholder time of usage on an earlier bill without times. */
export const undated = 'undated';

/** Recorded cost of a model on a policy day, in micro-USD. */
export interface RecordedCost {
  /** Exact calls by class, with earlier reconciliations and their times. */
  byClass: Map<TokenClass, { micro: bigint; calls: CallTimes }>;
  /** Calls with an upper bound as cost, all classes together, by time. */
  bounds: Map<string, bigint>;
  /** Whether an earlier bill changed any of it. */
  adjusted: boolean;
}

export interface RecordedCosts {
  /** By policy day, then model id. */
  days: Map<string, Map<string, RecordedCost>>;
  modelIds: Set<string>;
  /** The key of a model's cap, if it isn't its id. */
  modelKeys: Map<string, string>;
}

const classFields = [
  ['input', 'input_tokens', 'input'],
  ['output', 'output_tokens', 'output'],
  ['cache_read', 'cache_read_input_tokens', 'cache_read'],
  ['cache_write_5m', 'cache_write_5m_input_tokens', 'cache_write_5m'],
  ['cache_write_1h', 'cache_write_1h_input_tokens', 'cache_write_1h'],
] as const;

/** Sums a ledger's endings and adjustments. Throws `ledger_damaged` if it doesn't verify. */
export async function readRecordedCosts(directory: string): Promise<RecordedCosts> {
  const days = new Map<string, Map<string, RecordedCost>>();
  const modelIds = new Set<string>();
  const modelKeys = new Map<string, string>();
  const callsOpen = new Map<string, { modelId: string; from: string }>();
  const entry = (day: string, modelId: string): RecordedCost => {
    const models = entryOf(days, day, () => new Map<string, RecordedCost>());
    return entryOf(models, modelId, () => ({ byClass: new Map(), bounds: new Map(), adjusted: false }));
  };
  for await (const { record } of readRecords(directory)) {
    if (record.kind === 'RESERVE') {
      const modelId = record.model_id ?? record.model;
      callsOpen.set(record.call_id, { modelId, from: record.time });
      if (record.model_key !== undefined) modelKeys.set(modelId, record.model_key);
    } else if (record.kind === 'ADJUST') {
      modelIds.add(record.model_id);
      const cost = entry(record.day, record.model_id);
      const { byClass } = cost;
      cost.adjusted = true;
      add(byClass, record.token_class, BigInt(record.difference_micro_usd));
      for (const span of (record.billed_spans ?? undated).split(','))
        add(byClass, record.token_class, 0n, span);
    } else if (record.kind === 'SETTLE' || record.kind === 'EXPIRED_CHARGED' || record.kind === 'VOID') {
      const call = callsOpen.get(record.call_id);
      callsOpen.delete(record.call_id);
      if (call === undefined || record.kind === 'VOID') continue;
      modelIds.add(call.modelId);
      const { byClass, bounds } = entry(record.day, call.modelId);
      const made = minutes(call.from, record.time);
      const classes = record.kind === 'SETTLE' ? costByClass(record) : null;
      if (classes) for (const [tokenClass, micro] of classes) add(byClass, tokenClass, micro, made);
      else bounds.set(made, (bounds.get(made) ?? 0n) + BigInt(record.cost_micro_usd));
    }
  }
  return { days, modelIds, modelKeys };
}

/** A call's cost by class, in micro-USD that add up to the total; null for an upper bound. */
function costByClass(record: SettleRecord): [TokenClass, bigint][] | null {
  const { unit_prices: prices, tokens } = record;
  if (record.estimated || prices === null) return null;
  const parts = classFields.flatMap(([tokenClass, field, price]) => {
    const scaled = BigInt(tokens[field]) * parseDecimal(prices[price] ?? '0');
    return scaled === 0n ? [] : [{ tokenClass, whole: scaled / scale, rest: scaled % scale }];
  });
  // The amount added by rounding up goes to the classes with the largest fractions.
  let missing = BigInt(record.cost_micro_usd) - parts.reduce((sum, { whole }) => sum + whole, 0n);
  for (const part of parts.toSorted((a, b) => (a.rest > b.rest ? -1 : 1))) {
    if (missing <= 0n) break;
    part.whole += 1n;
    missing -= 1n;
  }
  return missing === 0n ? parts.map(({ tokenClass, whole }) => [tokenClass, whole]) : null;
}

const scale = parseDecimal('1');

function add(byClass: RecordedCost['byClass'], tokenClass: TokenClass, micro: bigint, made?: string): void {
  const cost = entryOf(byClass, tokenClass, () => ({ micro: 0n, calls: new Set() }));
  cost.micro += micro;
  if (made !== undefined) cost.calls.add(made);
}

const minuteMs = 60_000;

function minutes(from: string, until: string): string {
  const first = Math.floor(Date.parse(from) / minuteMs) * minuteMs;
  return `${first}-${(Math.floor(Date.parse(until) / minuteMs) + 1) * minuteMs}`;
}

export function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  const present = map.get(key);
  if (present !== undefined) return present;
  const created = create();
  map.set(key, created);
  return created;
}
