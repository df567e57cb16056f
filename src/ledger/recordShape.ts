import { ChainFault, reopeningFindings } from './fault.ts';
import canonicalize from 'canonicalize';
import { isNoteData, noteTopic } from './note.ts';
import type {
  AdjustRecord,
  CallDescription,
  CallOfRun,
  Caller,
  CapRecord,
  ClockReading,
  HeaderRecord,
  CarriedCall,
  CarriedState,
  RecordKind,
  RecordOf,
  ReserveRecord,
  SettleRecord,
  TokenCounts,
  UnitPrices,
} from './records.ts';
import { executionModes, recordVersion, runOutcomes } from './records.ts';

/** A regular expression's source for one JSON value in canonical form (RFC 8785). Groups don't capture. */
type Form = string;
type Forms<T> = { readonly [Field in keyof T]-?: Form };
type FieldForms<Kind extends RecordKind> = Forms<Omit<RecordOf<Kind>, 'kind' | 'v' | 'seq'>>;

// Written out, because a regular expression that counts repetitions takes longer.
const digits = (length: number): Form => '[0-9]'.repeat(length);
const hex = (length: number): Form => '[0-9a-f]'.repeat(length);

/** Canonical JSON escapes a quote, a backslash and controls, each in one way, and nothing else. */
const plain = String.raw`[^"\\\u0000-\u001f]*`;
const string: Form = String.raw`"${plain}(?:\\(?:["\\bfnrt]|u00(?:0[0-7be-f]|1[0-9a-f]))${plain})*"`;
const boolean: Form = 'true|false';
const nothing: Form = 'null';
/** A count below 10^15, which a JavaScript number holds exactly. */
const count: Form = '0|[1-9][0-9]{0,14}';
/** A number from 0 to 1. */
const share: Form = String.raw`0|1|0\.[0-9]*[1-9]|[1-9](?:\.[0-9]*[1-9])?e-[1-9][0-9]*`;
const date: Form = `${digits(4)}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])`;
const time: Form = String.raw`"${date}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.${digits(3)}Z"`;
const day: Form = `"${date}"`;
const microUsd: Form = '"(?:0|[1-9][0-9]{0,17})"';
const signedMicroUsd: Form = '"(?:0|-?[1-9][0-9]{0,17})"';
const sha256: Form = `"${hex(64)}"`;
const uuid: Form = `"${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}"`;
const keyId: Form = `"${hex(8)}"`;
const base64: Form = '"[A-Za-z0-9+/]+={0,2}"';

/** Looked at by a function: a whole of many parts is more than an expression can take. */
const someObject: Form = String.raw`\{[^]*\}`;

const orNull = (form: Form): Form => `null|${form}`;
const oneOf = (...values: readonly (string | boolean)[]): Form =>
  values.map((value) => JSON.stringify(value)).join('|');
const list = (form: Form): Form => String.raw`\[(?:(?:${form})(?:,(?:${form}))*)?\]`;
function object(fields: Readonly<Record<string, Form>>, caught: readonly string[] = []): Form {
  let begun = false;
  const members = Object.keys(fields)
    .sort()
    .map((name) => {
      const form = fields[name] ?? '';
      const member = `"${name}":(?:${caught.includes(name) ? group(form) : form})`;
      const optional = optionalFields.has(name);
      // The first that must be there is the first without a comma before it.
      if (!begun) {
        begun = !optional;
        return optional ? `(?:${member},)?` : member;
      }
      return optional ? `(?:,${member})?` : `,${member}`;
    });
  return String.raw`\{${members.join('')}\}`;
}

/** Fields that a record leaves out where they say nothing. */
const optionalFields: ReadonlySet<string> = new Set<
  keyof CallDescription | keyof SettleRecord | keyof ReserveRecord | keyof AdjustRecord | keyof HeaderRecord
>([
  ...(['account', 'billed_spans', 'caller_arn', 'clock', 'endorsed_keys'] as const),
  ...(['estimated_because', 'file', 'flow', 'model_key'] as const),
]);

/** A form with a group around its value, without the quotes of a string; null is caught as nothing. */
function group(form: Form): Form {
  if (form.startsWith('null|')) return `null|${group(form.slice('null|'.length))}`;
  return form.startsWith('"') ? `"(${form.slice(1, -1)})"` : `(${form})`;
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

const clock: Forms<ClockReading> = { boot: uuid, running_ms: count };

const callOfRun: Forms<CallOfRun> = { run_id: uuid, agreement: string, cost_limit_micro_usd: microUsd };

const caller: Forms<Caller> = { account: string, caller_arn: string };

const description: Forms<CallDescription> = {
  ...caller,
  user_id: string,
  reason: string,
  model: string,
  model_id: orNull(string),
  backend: orNull(string),
  priority: string,
  workspace: orNull(string),
  branch: orNull(string),
  command: orNull(string),
  file: string,
  flow: object(callOfRun, ['agreement', 'run_id']),
};

const call = { time, call_id: string };
const event = { time, call_id: nothing };
const ending = { ...call, day, opening_hash: sha256 };

/**
 * The kinds that a ledger is full of, and what its state needs of them, in the order of their names: it is read
 * from what their expressions caught. The JSON parser reads the other kinds, and takes twice as long.
 */
const caught = {
  RESERVE: [
    ...([
      'account',
      'call_id',
      'caller_arn',
      'day',
      'agreement',
      'run_id',
      'instance',
      'model',
      'model_id',
      'model_key',
      'reserved_micro_usd',
    ] as const),
    ...(['seq', 'time', 'timezone', 'user_id', 'workspace'] as const),
  ],
  DISPATCH: ['call_id', 'seq', 'time'],
  SETTLE: [
    ...(['call_id', 'cost_micro_usd', 'day', 'opening_hash', 'seq', 'time'] as const),
    ...(['cache_read_input_tokens', 'cache_write_1h_input_tokens', 'cache_write_5m_input_tokens'] as const),
    ...(['input_tokens', 'output_tokens'] as const),
  ],
} as const;

type Caught = typeof caught;

/** What each field of each kind must be. The types make it complete. */
const forms: { readonly [Kind in RecordKind]: FieldForms<Kind> } = {
  header: {
    ...event,
    ledger_id: uuid,
    prev: sha256,
    segment: count,
    mode: oneOf('live', 'simulated'),
    // `isCarried` looks at it.
    carried: orNull(someObject),
    checkpoint: orNull(string),
    clock: object(clock),
    endorsed_keys: oneOf(true),
  },
  RESERVE: {
    ...call,
    ...description,
    model_key: string,
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
    estimated_because: string,
    tokens: object(tokens, caught.SETTLE),
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
    model_key: string,
    token_class: oneOf('input', 'output', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'cache_write'),
    recorded_micro_usd: signedMicroUsd,
    billed_micro_usd: signedMicroUsd,
    difference_micro_usd: signedMicroUsd,
    billed_spans: string,
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
  flow_start: {
    ...event,
    ...caller,
    run_id: uuid,
    agreement: string,
    trigger: string,
    flow_encoding: string,
    implementation: string,
    definition_sha256: sha256,
    source: orNull(string),
    confidence: share,
    approved: orNull(boolean),
    user_id: string,
    reason: string,
    backend: orNull(string),
    workspace: orNull(string),
    branch: orNull(string),
    command: orNull(string),
    file: string,
    instance: string,
    day,
    timezone: string,
    reserved_micro_usd: microUsd,
  },
  flow_end: {
    ...event,
    run_id: uuid,
    opening_hash: sha256,
    day,
    execution_mode: oneOf(...executionModes),
    outcome: oneOf(...runOutcomes),
    error_code: orNull(string),
    fallback: orNull(string),
    fallback_outcome: orNull(oneOf('success', 'failed')),
    validated_by: list(string),
    duration_ms: count,
    calls: count,
    cost_micro_usd: microUsd,
    summary: orNull(string),
    problems: count,
    warnings: count,
    report_sha256: orNull(sha256),
  },
  clock_reading: { ...event, ...clock },
  override: { ...event, variables: list(string), user_id: string },
  reopening: {
    ...event,
    finding: oneOf(...reopeningFindings),
    detail: string,
    set_aside: orNull(string),
    replaces: orNull(string),
    anchored: list(string),
    user_id: string,
    reason: string,
  },
  recovery: { ...event, bytes: count, sha256, quarantine: string },
  // `isNoteData` looks at what it holds.
  note: { time, call_id: orNull(string), topic: `"${noteTopic}"`, data: someObject },
};

/** What the ledger's state needs to know of the run that a call is of. */
export type RunOfCall = Pick<CallOfRun, 'agreement' | 'run_id'>;

/** A record's fields as far as the ledger's state needs them. */
export type FoldedFields<Kind extends RecordKind> = Kind extends keyof Caught
  ? Pick<RecordOf<Kind>, (Caught[Kind][number] | 'tokens') & keyof RecordOf<Kind>> &
      ('run_id' extends Caught[Kind][number] ? { flow?: RunOfCall } : unknown)
  : Omit<RecordOf<Kind>, 'kind' | 'v'>;

type Folded<Kind extends RecordKind> = { kind: Kind } & FoldedFields<Kind>;

/** A record as far as the ledger's state needs it. */
export type FoldedRecord = { [Kind in RecordKind]: Folded<Kind> }[RecordKind];

/** A record's text and what was caught of it. */
type Match<Kind extends keyof Caught> = readonly [text: string, ...Groups<Kind, Caught[Kind]>];
type Groups<Kind extends keyof Caught, Names> = {
  [Index in keyof Names]: Names[Index] extends keyof RunOfCall
    ? string | undefined
    : null extends RecordOf<Kind>[Names[Index] & keyof RecordOf<Kind>]
      ? string | undefined
      : undefined extends RecordOf<Kind>[Names[Index] & keyof RecordOf<Kind>]
        ? string | undefined
        : string;
};

const readers: { readonly [Kind in keyof Caught]: (match: Match<Kind>) => Folded<Kind> } = {
  RESERVE: (match) => ({
    kind: 'RESERVE',
    ...(match[1] !== undefined && { account: match[1] }),
    call_id: match[2],
    ...(match[3] !== undefined && { caller_arn: match[3] }),
    day: match[4],
    ...(match[5] !== undefined && { flow: { agreement: match[5], run_id: match[6] ?? '' } }),
    instance: match[7],
    model: match[8],
    model_id: match[9] ?? null,
    ...(match[10] !== undefined && { model_key: match[10] }),
    reserved_micro_usd: match[11],
    seq: Number(match[12]),
    time: match[13],
    timezone: match[14],
    user_id: match[15],
    workspace: match[16] ?? null,
  }),
  DISPATCH: (match) => ({ kind: 'DISPATCH', call_id: match[1], seq: Number(match[2]), time: match[3] }),
  SETTLE: (match) => ({
    kind: 'SETTLE',
    call_id: match[1],
    cost_micro_usd: match[2],
    day: match[3],
    opening_hash: match[4],
    seq: Number(match[5]),
    time: match[6],
    tokens: {
      cache_read_input_tokens: Number(match[7]),
      cache_write_1h_input_tokens: Number(match[8]),
      cache_write_5m_input_tokens: Number(match[9]),
      input_tokens: Number(match[10]),
      output_tokens: Number(match[11]),
    },
  }),
};

class Pattern {
  readonly #expression: RegExp;
  readonly #read: ((match: never) => FoldedRecord) | null;

  constructor(kind: RecordKind) {
    const fields = { ...forms[kind], kind: oneOf(kind), v: String(recordVersion), seq: count };
    const names: readonly string[] = kind in caught ? caught[kind as keyof Caught] : [];
    this.#expression = new RegExp(`^${object(fields, names)}$`);
    this.#read = kind in readers ? readers[kind as keyof Caught] : null;
  }

  /** The record that a text is; null when it is none of this kind. */
  read(text: string): FoldedRecord | null {
    const match = this.#expression.exec(text);
    if (!match) return null;
    if (!this.#read) return parsedOrNull(text);
    return this.#read((text.includes('\\') ? match.map(unescaped) : match) as never);
  }
}

/** What headers carry and notes hold has no pattern as a whole, and need not be JSON. */
function parsedOrNull(text: string): FoldedRecord | null {
  try {
    const record = JSON.parse(text) as FoldedRecord;
    if (record.kind === 'header')
      return isCarried(record.carried) && isCanonical(record, text) ? record : null;
    if (record.kind === 'note') return isNoteData(record.data) && isCanonical(record, text) ? record : null;
    return record;
  } catch {
    return null;
  }
}

function isCanonical(record: FoldedRecord, text: string): boolean {
  return canonicalize(record) === text;
}

type CarriedList = Exclude<keyof CarriedState, 'first_segment' | 'last_day'>;

const carriedScope = anchored(
  object({
    scope,
    key: string,
    name: string,
    calls: count,
    tokens: count,
    spent_micro_usd: signedMicroUsd,
  }),
);

const carriedCall: Forms<Omit<CarriedCall, 'run_id'>> = {
  call_id: string,
  opening_hash: sha256,
  dispatched: boolean,
  instance: string,
  day,
  reserved_micro_usd: microUsd,
  user_id: string,
  model: string,
  model_id: orNull(string),
  ...caller,
  model_key: string,
  workspace: orNull(string),
};

/** Each entry of a header's lists. Those of a day's scopes are looked at one by one as well. */
const carriedEntries: { readonly [List in CarriedList]: RegExp } = {
  tree: anchored(sha256),
  days: anchored(
    object({
      day,
      spent_micro_usd: signedMicroUsd,
      scopes: String.raw`\[\]`,
      raised: list(object(cap)),
      overruns: list(string),
    }),
  ),
  open: anchored(`${object(carriedCall)}|${object({ ...carriedCall, run_id: uuid })}`),
  runs: anchored(
    object({
      run_id: uuid,
      opening_hash: sha256,
      agreement: string,
      instance: string,
      day,
      user_id: string,
      ...caller,
      workspace: orNull(string),
      left_micro_usd: microUsd,
      spent_micro_usd: microUsd,
      calls: count,
    }),
  ),
  enrolled: anchored(object({ key_id: keyId, public_key: orNull(base64) })),
  policy: anchored(object(cap)),
};

const carriedRest = anchored(
  object({ first_segment: count, last_day: orNull(object({ day, timezone: string })) }),
);

function anchored(form: Form): RegExp {
  return new RegExp(`^(?:${form})$`);
}

/** Whether what a header carries has the form of a ledger's state. */
function isCarried(carried: CarriedState | null): boolean {
  if (carried === null) return true;
  const { tree, days, open, runs = [], enrolled, policy, ...rest } = carried;
  const lists: Record<CarriedList, readonly unknown[]> = { tree, open, runs, enrolled, policy, days };
  return (
    fits(carriedRest, rest) &&
    Object.entries(lists).every(([name, entries]) =>
      entries.every((entry) => fits(carriedEntries[name as CarriedList], withoutScopes(entry))),
    ) &&
    days.every(({ scopes }) => scopes.every((entry) => fits(carriedScope, entry)))
  );
}

function fits(form: RegExp, value: unknown): boolean {
  return form.test(canonicalize(value) ?? '');
}

function withoutScopes(entry: unknown): unknown {
  const isDay = entry !== null && typeof entry === 'object' && 'scopes' in entry;
  return isDay ? { ...entry, scopes: [] } : entry;
}

/** What was caught has the escapes of JSON. */
function unescaped(caughtText: string | undefined, index: number): string | undefined {
  return index > 0 && caughtText?.includes('\\') ? (JSON.parse(`"${caughtText}"`) as string) : caughtText;
}

const patterns = new Map<string, Pattern>(
  (Object.keys(forms) as RecordKind[]).map((kind) => [kind, new Pattern(kind)]),
);

const kindMark = 'kind":"';

/**
 * Takes the canonical text of a record apart. One pass over the text checks that it is what its kind says,
 * field by field, in canonical form: no second key of a name, no other spelling, nothing unknown.
 *
 * Throws `ChainFault`: `unknown_version` for a kind or version this program doesn't know.
 */
export function foldedRecord(text: string): FoldedRecord {
  // No string can contain this mark unescaped and no other name ends like it, so the first is the record's own, but
  // where a note holds another before it.
  const start = text.indexOf(kindMark) + kindMark.length;
  const kind = text.slice(start, text.indexOf('"', start));
  const record = patterns.get(kind)?.read(text) ?? patterns.get('note')?.read(text);
  if (!record) throw unfit(text);
  return record;
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
  const expected = Object.keys(known).filter((field) => field in fields || !optionalFields.has(field));
  const wrong = expected.find(
    (field) =>
      !(field in fields) || !hasForm(fields[field], known[field] ?? '') || isWrongNote(kind, field, fields),
  );
  if (wrong !== undefined) return new ChainFault('inconsistent', `${kind} has no valid "${wrong}"`);
  if (Object.keys(fields).length !== expected.length)
    return new ChainFault('inconsistent', `${kind} has fields that are not known`);
  return new ChainFault('malformed_line', 'the record is not canonical JSON');
}

function isWrongNote(kind: RecordKind, field: string, fields: Readonly<Record<string, unknown>>): boolean {
  return kind === 'note' && field === 'data' && !isNoteData(fields[field]);
}

function hasForm(value: unknown, form: Form): boolean {
  try {
    return new RegExp(`^(?:${form})$`).test(JSON.stringify(value));
  } catch {
    // Deeper than this runtime can write it.
    return false;
  }
}
