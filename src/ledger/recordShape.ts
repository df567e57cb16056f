import { ChainFault } from './fault.ts';
import type { CallDescription, CapRecord, RecordKind, RecordOf, TokenCounts, UnitPrices } from './records.ts';
import { recordVersion } from './records.ts';

/** A regular expression's source for one JSON value in canonical form (RFC 8785). Groups don't capture. */
type Form = string;
type Forms<T> = { readonly [Field in keyof T]-?: Form };
type FieldForms<Kind extends RecordKind> = Forms<Omit<RecordOf<Kind>, 'kind' | 'v' | 'seq'>>;

/** Canonical JSON escapes a quote, a backslash and controls, each in one way, and nothing else. */
const plain = String.raw`[^"\\\u0000-\u001f]*`;
const string: Form = String.raw`"${plain}(?:\\(?:["\\bfnrt]|u00(?:0[0-7be-f]|1[0-9a-f]))${plain})*"`;
const boolean: Form = 'true|false';
const nothing: Form = 'null';
/** A count below 10^15, which a JavaScript number holds exactly. */
const count: Form = '0|[1-9][0-9]{0,14}';
/** A number from 0 to 1. */
const share: Form = String.raw`0|1|0\.[0-9]*[1-9]|[1-9](?:\.[0-9]*[1-9])?e-[1-9][0-9]*`;
const time: Form = String.raw`"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"`;
const day: Form = '"[0-9]{4}-[0-9]{2}-[0-9]{2}"';
const microUsd: Form = '"(?:0|[1-9][0-9]{0,17})"';
const signedMicroUsd: Form = '"(?:0|-?[1-9][0-9]{0,17})"';
const sha256: Form = '"[0-9a-f]{64}"';
const uuid: Form = '"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"';
const keyId: Form = '"[0-9a-f]{8}"';
const base64: Form = '"[A-Za-z0-9+/]+={0,2}"';

const orNull = (form: Form): Form => `null|${form}`;
const oneOf = (...values: readonly (string | boolean)[]): Form =>
  values.map((value) => JSON.stringify(value)).join('|');
function object(fields: Readonly<Record<string, Form>>, captured: readonly string[] = []): Form {
  const members = Object.keys(fields)
    .sort()
    .map((name) => `"${name}":(${captured.includes(name) ? '' : '?:'}${fields[name] ?? ''})`);
  return String.raw`\{${members.join(',')}\}`;
}

const scope: Form = oneOf('ledger', 'user', 'model', 'workspace');
const cap: Forms<CapRecord> = { scope, key: string, limit_micro_usd: microUsd };

const tokens: Forms<TokenCounts> = {
  input_tokens: count,
  output_tokens: count,
  cache_read_input_tokens: count,
  cache_write_5m_input_tokens: count,
  cache_write_1h_input_tokens: count,
};

const unitPrices: Forms<UnitPrices> = {
  above_input_tokens: count,
  input: orNull(string),
  output: orNull(string),
  cache_read: orNull(string),
  cache_write_5m: orNull(string),
  cache_write_1h: orNull(string),
};

const description: Forms<CallDescription> = {
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

const call = { time, call_id: string };
const event = { time, call_id: nothing };
const ending = { ...call, day, opening_hash: sha256 };

/** What each field of each kind must be. The types make it complete. */
const forms: { readonly [Kind in RecordKind]: FieldForms<Kind> } = {
  header: {
    ...event,
    ledger_id: uuid,
    prev: sha256,
    segment: count,
    mode: oneOf('live', 'simulated'),
    // Compared with the state that the records before come to, character by character.
    carried: String.raw`null|\{.*\}`,
    checkpoint: orNull(string),
  },
  RESERVE: {
    ...call,
    ...description,
    instance: string,
    day,
    timezone: string,
    reserved_micro_usd: microUsd,
    region: orNull(string),
    price_key: string,
    input_tokens_bound: count,
    max_tokens: count,
    temperature: orNull(share),
    request_hmac: orNull(sha256),
  },
  DISPATCH: call,
  SETTLE: {
    ...ending,
    outcome: oneOf('success', 'failed', 'cancelled', 'incomplete'),
    cost_micro_usd: microUsd,
    estimated: boolean,
    tokens: object(tokens),
    unit_prices: orNull(object(unitPrices)),
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
    ...call,
    ...description,
    day,
    timezone: string,
    outcome: oneOf('refused', 'failed', 'cancelled'),
    error_code: string,
    cap: orNull(object(cap)),
  },
  OVERRUN: { ...call, day, reserved_micro_usd: microUsd, cost_micro_usd: microUsd },
  acknowledgement: { ...event, day, user_id: string, reason: string },
  policy_change: {
    ...event,
    scope,
    key: string,
    day: orNull(day),
    from_micro_usd: orNull(microUsd),
    to_micro_usd: orNull(microUsd),
    user_id: string,
    reason: string,
    key_id: keyId,
    signature: base64,
  },
  ADJUST: {
    ...event,
    day,
    model_id: string,
    token_class: oneOf('input', 'output', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'cache_write'),
    recorded_micro_usd: signedMicroUsd,
    billed_micro_usd: signedMicroUsd,
    difference_micro_usd: signedMicroUsd,
    source: string,
    source_sha256: sha256,
    user_id: string,
    reason: string,
  },
  clock_anomaly: { ...event, wall_time: time },
  key: {
    ...event,
    key_id: keyId,
    public_key: base64,
    user_id: string,
    proof: base64,
    replaces: orNull(keyId),
    endorsement: orNull(base64),
  },
  tombstone: { ...event, subject_sha256: sha256, items: count, user_id: string, reason: string },
  retention: { ...event, first_segment: count, retention_days: count },
  recovery: { ...event, bytes: count, sha256, quarantine: string },
};

/** Fields that every record is taken apart for. */
const common = ['seq', 'time'] as const;

/** Fields that the ledger's state is made of, by kind: all else is for readers. */
const folded = {
  header: ['carried', 'checkpoint', 'ledger_id', 'mode', 'prev', 'segment'],
  RESERVE: [
    ...['call_id', 'day', 'instance', 'model', 'model_id'],
    ...['reserved_micro_usd', 'timezone', 'user_id', 'workspace'],
  ],
  DISPATCH: ['call_id'],
  SETTLE: ['call_id', 'cost_micro_usd', 'day', 'opening_hash', 'tokens'],
  VOID: ['call_id', 'day', 'opening_hash'],
  EXPIRED_CHARGED: ['call_id', 'cost_micro_usd', 'day', 'opening_hash'],
  REFUSE: [],
  OVERRUN: ['call_id', 'cost_micro_usd', 'day', 'reserved_micro_usd'],
  acknowledgement: ['day'],
  policy_change: [
    ...['day', 'from_micro_usd', 'key', 'key_id', 'reason'],
    ...['scope', 'signature', 'to_micro_usd', 'user_id'],
  ],
  ADJUST: ['billed_micro_usd', 'day', 'difference_micro_usd', 'model_id', 'recorded_micro_usd'],
  clock_anomaly: [],
  key: ['endorsement', 'key_id', 'proof', 'public_key', 'replaces'],
  tombstone: [],
  retention: ['first_segment'],
  recovery: [],
} as const satisfies { readonly [Kind in RecordKind]: readonly (keyof RecordOf<Kind>)[] };

export type FoldedFields<Kind extends RecordKind> = Pick<
  RecordOf<Kind>,
  Extract<(typeof folded)[Kind][number], keyof RecordOf<Kind>> | 'seq' | 'time'
>;

/** A record as far as the ledger's state needs it. */
export type FoldedRecord = {
  [Kind in RecordKind]: { kind: Kind } & FoldedFields<Kind>;
}[RecordKind];

interface Pattern {
  expression: RegExp;
  /** A view of a record: reads a field out of the match when it is asked for. */
  View: new (match: RegExpExecArray) => FoldedRecord;
}

const patterns = new Map<string, Pattern>(
  (Object.keys(forms) as RecordKind[]).map((kind) => {
    const fields: Readonly<Record<string, Form>> = {
      ...forms[kind],
      kind: oneOf(kind),
      v: String(recordVersion),
      seq: count,
    };
    const names = [...folded[kind], ...common].sort();
    const expression = new RegExp(`^${object(fields, names)}$`);
    return [kind, { expression, View: viewOf(kind, fields, names) }];
  }),
);

function viewOf(
  kind: RecordKind,
  fields: Readonly<Record<string, Form>>,
  names: readonly string[],
): Pattern['View'] {
  class View {
    readonly match: RegExpExecArray;

    constructor(match: RegExpExecArray) {
      this.match = match;
    }
  }
  Object.defineProperty(View.prototype, 'kind', { value: kind });
  for (const [index, name] of names.entries()) {
    const read = readerOf(fields[name] ?? '');
    const get = function (this: View): unknown {
      return read(this.match[index + 1] as string);
    };
    Object.defineProperty(View.prototype, name, { get });
  }
  return View as unknown as Pattern['View'];
}

/** Most values are strings, and most of those can't have escapes: only the rest is left to the parser. */
function readerOf(form: Form): (json: string) => unknown {
  if (form === count) return Number;
  if (!form.startsWith('"') || form === orNull(string)) return textOrJson;
  return form === string ? textOrJson : (json) => json.slice(1, -1);
}

function textOrJson(json: string): unknown {
  return json.startsWith('"') && !json.includes('\\') ? json.slice(1, -1) : JSON.parse(json);
}

const kindMark = '"kind":"';

/**
 * Takes the canonical text of a record apart. One pass over the text checks that it is what its kind says,
 * field by field, in canonical form: no second key of a name, no other spelling, nothing unknown.
 *
 * Throws `ChainFault`: `unknown_version` for a kind or version this program doesn't know.
 */
export function foldedRecord(text: string): FoldedRecord {
  // No string of a record can contain this mark unescaped, so the first is the record's own.
  const start = text.indexOf(kindMark) + kindMark.length;
  const pattern = patterns.get(text.slice(start, text.indexOf('"', start)));
  const match = pattern?.expression.exec(text);
  if (!pattern || !match) throw unfit(text);
  return new pattern.View(match);
}

/** Why a text is no record. */
function unfit(text: string): ChainFault {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return new ChainFault('malformed_line', 'the record is not JSON');
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed))
    return new ChainFault('malformed_line', 'the record is not an object');
  const fields = parsed as Record<string, unknown>;
  if (fields['v'] !== recordVersion) {
    const detail = `record version ${String(fields['v'])} is not one this program knows`;
    return new ChainFault('unknown_version', detail);
  }
  const name = fields['kind'];
  if (typeof name !== 'string' || !Object.hasOwn(forms, name))
    return new ChainFault('unknown_version', `record kind "${String(name)}" is not known`);
  const kind = name as RecordKind;
  const known: Readonly<Record<string, Form>> = { ...forms[kind], kind: oneOf(kind), v: count, seq: count };
  const wrong = Object.keys(known).find(
    (field) =>
      !(field in fields) || !new RegExp(`^(?:${known[field] ?? ''})$`).test(JSON.stringify(fields[field])),
  );
  if (wrong !== undefined) return new ChainFault('inconsistent', `${kind} has no valid "${wrong}"`);
  if (Object.keys(fields).length !== Object.keys(known).length)
    return new ChainFault('inconsistent', `${kind} has fields that are not known`);
  return new ChainFault('malformed_line', 'the record is not canonical JSON');
}
