import { ChainFault } from './chain.ts';
import type { CallDescription, LedgerRecord, TokenCounts, UnitPrices } from './records.ts';

type Check = (value: unknown) => boolean;
type Shape<T> = { readonly [Field in keyof T]-?: Check };
type Fields<Kind extends LedgerRecord['kind']> = Omit<
  Extract<LedgerRecord, { kind: Kind }>,
  'kind' | 'v' | 'seq'
>;

const string: Check = (value) => typeof value === 'string';
const boolean: Check = (value) => typeof value === 'boolean';
const nothing: Check = (value) => value === null;
const number: Check = (value) => typeof value === 'number';
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const matching =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);

const time = matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const day = matching(/^\d{4}-\d\d-\d\d$/);
const microUsd = matching(/^\d{1,18}$/);
const sha256 = matching(/^[0-9a-f]{64}$/);
const uuid = matching(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);

const tokens: Shape<TokenCounts> = {
  input_tokens: count,
  output_tokens: count,
  cache_read_input_tokens: count,
  cache_write_5m_input_tokens: count,
  cache_write_1h_input_tokens: count,
};

const unitPrices: Shape<UnitPrices> = {
  above_input_tokens: count,
  input: orNull(string),
  output: orNull(string),
  cache_read: orNull(string),
  cache_write_5m: orNull(string),
  cache_write_1h: orNull(string),
};

const description: Shape<CallDescription> = {
  user_id: string,
  reason: string,
  model: string,
  model_id: orNull(string),
  backend: orNull(string),
  priority: string,
  workspace: orNull(string),
  branch: orNull(string),
  command: orNull(string),
};

const ending = { time, call_id: string, day, opening_hash: sha256 };

/** What each field of each kind must be. The types make it complete. */
const shapes: { readonly [Kind in LedgerRecord['kind']]: Shape<Fields<Kind>> } = {
  header: {
    time,
    call_id: nothing,
    ledger_id: uuid,
    prev: sha256,
    segment: count,
    mode: oneOf('live', 'simulated'),
  },
  RESERVE: {
    ...description,
    time,
    call_id: string,
    instance: string,
    day,
    timezone: string,
    reserved_micro_usd: microUsd,
    limit_micro_usd: microUsd,
    region: orNull(string),
    price_key: string,
    input_tokens_bound: count,
    max_tokens: count,
    temperature: orNull(number),
    request_hmac: orNull(sha256),
  },
  DISPATCH: { time, call_id: string },
  SETTLE: {
    ...ending,
    outcome: oneOf('success', 'failed', 'cancelled', 'incomplete'),
    cost_micro_usd: microUsd,
    estimated: boolean,
    tokens: shapeOf(tokens),
    unit_prices: orNull(shapeOf(unitPrices)),
    processing_time_ms: count,
    time_to_first_token_ms: orNull(count),
    stop_reason: orNull(string),
    error_code: orNull(string),
    response_hmac: orNull(sha256),
  },
  VOID: {
    ...ending,
    outcome: oneOf('failed', 'cancelled', 'orphaned'),
    processing_time_ms: count,
    error_code: orNull(string),
  },
  EXPIRED_CHARGED: {
    ...ending,
    outcome: oneOf('orphaned'),
    cost_micro_usd: microUsd,
    estimated: oneOf(true),
  },
  REFUSE: {
    ...description,
    time,
    call_id: string,
    day,
    timezone: string,
    outcome: oneOf('refused', 'failed', 'cancelled'),
    error_code: string,
  },
  recovery: { time, call_id: nothing, bytes: count, sha256, quarantine: string },
};

function shapeOf<T>(shape: Shape<T>): Check {
  const fields = Object.entries<Check>(shape);
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).length === fields.length &&
    fields.every(([field, check]) => check((value as Record<string, unknown>)[field]));
}

/** Throws `ChainFault` for a kind this program doesn't know, or a field that is not what its kind says. */
export function requireShape(record: LedgerRecord): void {
  const kind: string = record.kind;
  if (!Object.hasOwn(shapes, kind))
    throw new ChainFault('unknown_version', `record kind "${kind}" is not known`);
  const shape: Readonly<Record<string, Check>> = shapes[record.kind];
  const fields = record as unknown as Record<string, unknown>;
  const wrong = Object.keys(shape).find((field) => !shape[field]?.(fields[field]));
  if (wrong !== undefined) throw new ChainFault('inconsistent', `${kind} has no valid "${wrong}"`);
  const known = Object.keys(shape).length + ['kind', 'v', 'seq'].length;
  if (Object.keys(fields).length !== known)
    throw new ChainFault('inconsistent', `${kind} has fields that are not known`);
}
