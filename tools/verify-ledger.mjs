#!/usr/bin/env node
// Verifies a TidyLLM ledger on its own: node verify-ledger.mjs [--key KEY] FOLDER [CHECKPOINTS]
// FOLDER holds the *.journal files; CHECKPOINTS is a file of signed checkpoints that were kept elsewhere. KEY, an id of
// 8 digits or 32 bytes in base64, is the key that has to have signed, or that those have to descend from who did.
// Each line is `hash SP body LF`, hash = SHA-256(0x00 ‖ ledger id ‖ previous hash ‖ body), body a record in canonical
// JSON (RFC 8785). The hashes are the leaves of an RFC 6962 tree; checkpoints are C2SP signed notes of its root.
// Checked are the chain, the form of every record, sequence and times, keys, signatures and checkpoints, and the money:
// that what is reserved is below every cap, that each call and run ends once, as it began, and that what a segment's
// header carries is what the records before it come to. Shares no code with `tidyllm audit verify`, and accepts the
// same ledgers, but no folder without records. Without CHECKPOINTS a truncated end can't be detected, nor one
// rewritten and signed with the same key. No dependencies.
import { isUtf8 } from 'node:buffer';
import { createHash, createPublicKey, verify as verifySignature } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const byName = (one, other) => (one[0] < other[0] ? -1 : 1);

class Fault extends Error {}
function must(holds, what) {
  if (!holds) throw new Fault(what);
}

/** Canonical JSON; two values that are the same have the same. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).sort(byName);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join()}}`;
}

// What each field of a record must be.
const text = (value) => typeof value === 'string' && value.isWellFormed();
const like = (form) => (value) => typeof value === 'string' && form.test(value);
const oneOf = (...values) => values.includes.bind(values);
const orNull = (check) => (value) => value === null || check(value);
const count = (value) => Number.isInteger(value) && value >= 0 && value < 1e15;
const share = (value) => typeof value === 'number' && value >= 0 && value <= 1;
const boolean = oneOf(true, false);
const date = String.raw`\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])`;
const day = like(new RegExp(`^${date}$`));
const time = like(new RegExp(String.raw`^${date}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$`));
const money = like(/^(?:0|[1-9]\d{0,17})$/);
const signed = like(/^(?:0|-?[1-9]\d{0,17})$/);
const hash = like(/^[\da-f]{64}$/);
const uuid = like(/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/);
const keyId = like(/^[\da-f]{8}$/);
const base64 = like(/^[A-Za-z\d+/]+={0,2}$/);
const listOf = (check) => (value) => Array.isArray(value) && value.every(check);
/** An object of exactly these fields, and perhaps of the optional ones. */
const object = (fields, optional = {}) => {
  const fits = (value, [name, check]) => Object.hasOwn(value, name) && check(value[name]);
  return (value) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
    const more = Object.entries(optional).filter(([name]) => Object.hasOwn(value, name));
    const expected = [...Object.entries(fields), ...more];
    return expected.every((field) => fits(value, field)) && Object.keys(value).length === expected.length;
  };
};
const all = (check, ...names) => Object.fromEntries(names.map((name) => [name, check]));

const scope = oneOf('ledger', 'user', 'model', 'workspace');
const description = {
  ...all(text, 'user_id', 'reason', 'model', 'priority'),
  ...all(orNull(text), 'model_id', 'backend', 'workspace', 'branch', 'command'),
};
/** Who acted, beyond the claimed name. */
const caller = all(text, 'account', 'caller_arn');
/** What the call is about, besides. */
const about = { file: text };
const flow = object({ run_id: uuid, agreement: text, cost_limit_micro_usd: money });
const by = { user_id: text, reason: text };
const dated = { day, timezone: text };
const call = { call_id: text };
const ending = { ...call, day, opening_hash: hash };
const tokens = object(
  all(
    count,
    ...['input_tokens', 'output_tokens', 'cache_read_input_tokens'],
    ...['cache_write_5m_input_tokens', 'cache_write_1h_input_tokens'],
  ),
);
const prices = object({
  above_input_tokens: count,
  ...all(orNull(text), 'input', 'output', 'cache_read', 'cache_write_5m', 'cache_write_1h'),
});
const tokenClass = oneOf('input', 'output', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'cache_write');

/** What a header carries: the state after the records before it. */
const capRecord = object({ scope, key: text, limit_micro_usd: money });
const totals = { name: text, calls: count, tokens: count, spent_micro_usd: signed };
const carriedDay = object({
  ...{ day, spent_micro_usd: signed, scopes: listOf(object({ scope, key: text, ...totals })) },
  ...{ raised: listOf(capRecord), overruns: listOf(text) },
});
const carriedCall = object(
  {
    ...{ ...call, opening_hash: hash, dispatched: boolean, day, reserved_micro_usd: money },
    ...{ ...all(text, 'instance', 'user_id', 'model'), ...all(orNull(text), 'model_id', 'workspace') },
  },
  { ...caller, model_key: text, run_id: uuid },
);
const carriedRun = object(
  {
    ...{ run_id: uuid, opening_hash: hash, day, calls: count, workspace: orNull(text) },
    ...{
      ...all(text, 'agreement', 'instance', 'user_id'),
      ...all(money, 'left_micro_usd', 'spent_micro_usd'),
    },
  },
  caller,
);
const carried = object(
  {
    ...{ tree: listOf(hash), days: listOf(carriedDay), open: listOf(carriedCall), policy: listOf(capRecord) },
    ...{ last_day: orNull(object(dated)), first_segment: count },
    enrolled: listOf(object({ key_id: keyId, public_key: orNull(base64) })),
  },
  { runs: listOf(carriedRun) },
);

/** What a note holds: at most 4 levels and 4,096 bytes, without floats, and no member is called time. */
const noteValue = (depth) => (value) => {
  if (value === null || boolean(value) || text(value)) return true;
  if (typeof value === 'number') return Number.isSafeInteger(value);
  if (typeof value !== 'object' || depth === 0) return false;
  if (Array.isArray(value)) return value.every(noteValue(depth - 1));
  return Object.entries(value).every(
    ([name, member]) =>
      /^[a-z][a-z0-9_]{0,63}$/.test(name) && name !== 'time' && noteValue(depth - 1)(member),
  );
};
const noteData = (value) =>
  value !== null &&
  typeof value === 'object' &&
  !Array.isArray(value) &&
  noteValue(4)(value) &&
  Buffer.byteLength(canonical(value)) <= 4096;

const clockReading = { boot: uuid, running_ms: count };
const finding = oneOf(
  ...['malformed_line', 'hash_mismatch', 'sequence_gap', 'unknown_version', 'bad_header', 'bad_signature'],
  ...[
    'inconsistent',
    'missing_segment',
    'unterminated_tail',
    'anchor_mismatch',
    'unreadable',
    'wrong_key',
    'clock_ahead',
  ],
);

/** Each kind's fields besides those that all have, and those that it may leave out. */
const kinds = {
  header: [
    {
      ...{ ledger_id: uuid, prev: hash, segment: count, mode: oneOf('live', 'simulated') },
      ...{ carried: orNull(carried), checkpoint: orNull(text) },
    },
    { endorsed_keys: oneOf(true), clock: object(clockReading) },
  ],
  RESERVE: [
    {
      ...{ ...call, ...description, ...dated, ...all(text, 'instance', 'price_key') },
      ...{ reserved_micro_usd: money, region: orNull(text), temperature: orNull(share) },
      ...{ ...all(count, 'input_tokens_bound', 'max_tokens'), request_hmac: orNull(hash) },
    },
    { ...caller, ...about, flow, model_key: text },
  ],
  DISPATCH: [call],
  SETTLE: [
    {
      ...{ ...ending, outcome: oneOf('success', 'failed', 'cancelled', 'incomplete'), tokens },
      ...{ cost_micro_usd: money, estimated: boolean, unit_prices: orNull(prices) },
      ...{ processing_time_ms: count, time_to_first_token_ms: orNull(count), response_hmac: orNull(hash) },
      ...all(orNull(text), 'stop_reason', 'error_code'),
    },
    { estimated_because: text },
  ],
  VOID: [
    {
      ...{ ...ending, outcome: oneOf('failed', 'cancelled', 'orphaned') },
      ...{ processing_time_ms: count, error_code: orNull(text) },
    },
  ],
  EXPIRED_CHARGED: [{ ...ending, outcome: oneOf('orphaned'), cost_micro_usd: money, estimated: oneOf(true) }],
  REFUSE: [
    {
      ...{ ...call, ...description, ...dated, outcome: oneOf('refused', 'failed', 'cancelled') },
      ...{ error_code: text, cap: orNull(capRecord) },
    },
    { ...caller, ...about, flow },
  ],
  OVERRUN: [{ ...call, day, reserved_micro_usd: money, cost_micro_usd: money }],
  acknowledgement: [{ ...by, day }],
  policy_change: [
    {
      ...{ ...by, scope, key: text, day: orNull(day), key_id: keyId, signature: base64 },
      ...all(orNull(money), 'from_micro_usd', 'to_micro_usd'),
    },
  ],
  ADJUST: [
    {
      ...{ ...by, day, model_id: text, token_class: tokenClass, source: text, source_sha256: hash },
      ...all(signed, 'recorded_micro_usd', 'billed_micro_usd', 'difference_micro_usd'),
    },
    { model_key: text, billed_spans: text },
  ],
  clock_anomaly: [{ wall_time: time }],
  clock_reading: [clockReading],
  override: [{ variables: listOf(text), user_id: text }],
  reopening: [
    { ...by, finding, detail: text, anchored: listOf(text), ...all(orNull(text), 'set_aside', 'replaces') },
  ],
  key: [
    {
      ...{ key_id: keyId, public_key: base64, user_id: text, proof: base64 },
      ...{ replaces: orNull(keyId), endorsement: orNull(base64) },
    },
  ],
  tombstone: [{ ...by, subject_sha256: hash, items: count }],
  retention: [all(count, 'first_segment', 'retention_days')],
  flow_start: [
    {
      ...{ ...by, ...dated, run_id: uuid, definition_sha256: hash, confidence: share },
      ...all(text, 'agreement', 'trigger', 'flow_encoding', 'implementation', 'instance'),
      ...all(orNull(text), 'source', 'backend', 'workspace', 'branch', 'command'),
      ...{ approved: orNull(boolean), reserved_micro_usd: money },
    },
    { ...caller, ...about },
  ],
  flow_end: [
    {
      ...{ run_id: uuid, opening_hash: hash, day, execution_mode: oneOf('real', 'simulated', 'failed') },
      ...{ outcome: oneOf('success', 'failed', 'cancelled', 'refused', 'orphaned') },
      ...{ fallback_outcome: oneOf(null, 'success', 'failed'), validated_by: listOf(text) },
      ...all(orNull(text), 'error_code', 'fallback', 'summary'),
      ...all(count, 'duration_ms', 'calls', 'problems', 'warnings'),
      ...{ cost_micro_usd: money, report_sha256: orNull(hash) },
    },
  ],
  recovery: [{ bytes: count, sha256: hash, quarantine: text }],
  // Its content is ignored: no budget, cap, key or run depends on it.
  note: [{ call_id: orNull(text), topic: like(/^[a-z][a-z0-9_.]{0,63}$/), data: noteData }],
};
const checks = new Map(
  Object.entries(kinds).map(([kind, [fields, optional]]) => {
    const common = { v: oneOf(1), seq: count, time, kind: oneOf(kind), call_id: oneOf(null) };
    return [kind, object({ ...common, ...fields }, optional)];
  }),
);

function parse(bytes) {
  must(isUtf8(bytes), 'the record is not UTF-8');
  const body = bytes.toString();
  let record;
  try {
    record = JSON.parse(body);
  } catch {
    throw new Fault('the record is not JSON');
  }
  const check = checks.get(record?.kind);
  must(record?.v === 1 && check, 'a record of another version');
  must(check(record), `the fields are not those of a ${record.kind}`);
  must(canonical(record) === body, 'the record is not canonical JSON');
  return record;
}

/** The day of a time in a zone; null for a zone or a time that there is not. */
const formatters = new Map();
function dayIn(zone, when) {
  try {
    if (!formatters.has(zone)) {
      /** @type {Intl.DateTimeFormatOptions} */
      const parts = { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' };
      formatters.set(zone, new Intl.DateTimeFormat('en-CA', parts));
    }
    return formatters.get(zone).format(new Date(when));
  } catch {
    return null;
  }
}

function isSigned(publicKey, words, signature) {
  try {
    const x = Buffer.from(publicKey, 'base64').toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return verifySignature(null, Buffer.from(words), key, Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
}

const noteForm = /^(tidyllm\/ledger\/[\da-f]{32})\n(0|[1-9]\d{0,14})\n([A-Za-z\d+/]{43}=)\n$/;
/** A signed note; null if the text isn't one. */
function parseNote(note) {
  const end = note.indexOf('\n\n');
  const [words, origin, size, root] = noteForm.exec(note.slice(0, end + 1)) ?? [];
  if (words === undefined) return null;
  const signatures = note
    .slice(end + 2)
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([dash, name, blob]) => dash === '\u2014' && name === origin && blob !== undefined)
    .map(([, , blob]) => Buffer.from(blob, 'base64'))
    .map((blob) => ({ keyId: blob.toString('hex', 0, 4), signature: blob.subarray(4).toString('base64') }));
  return { words, origin, size: Number(size), root: Buffer.from(root, 'base64').toString('hex'), signatures };
}

/** The notes in the text of a file, or in a document of `tidyllm audit head --json`. */
function notesIn(file) {
  const whole = readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
  const words = whole.trimStart().startsWith('{') ? `${JSON.parse(whole).checkpoint}` : whole;
  return words.match(/^tidyllm\/ledger\/[^\n]*\n[^\n]*\n[^\n]*\n\n(?:\u2014 [^\n]*(?:\n|$))+/gm) ?? [];
}

/** Who acted, beyond the claimed name, as far as known. */
const callerIn = ({ account, caller_arn }) => ({
  ...(account !== undefined && { account }),
  ...(caller_arn !== undefined && { caller_arn }),
});

/** The money: what is spent and held, by whom, under which caps, in micro-USD. */
class Books {
  days = new Map();
  /** Days that no longer count. */
  past = new Map();
  open = new Map();
  runs = new Map();
  policy = new Map();
  unrecorded = new Map();
  lastDay = null;

  static id = (/** @type {any} */ { scope, key }) => `${scope}\0${key}`;

  day(name) {
    const fresh = { spent: 0n, reserved: 0n, scopes: new Map(), raised: new Map(), overruns: new Set() };
    if (!this.days.has(name)) this.days.set(name, fresh);
    return this.days.get(name);
  }

  /** A scope's totals on a day. */
  totals(day, scope, key, name = key) {
    const { scopes } = this.day(day);
    const id = Books.id({ scope, key });
    if (!scopes.has(id)) scopes.set(id, { scope, key, name, calls: 0, tokens: 0, spent: 0n, reserved: 0n });
    return scopes.get(id);
  }

  /**
   * What it counts towards, besides everybody.
   * @param {any} counted a call or a run
   */
  scopesOf({ day, user_id, account, caller_arn, model, model_id, model_key, workspace }) {
    const role = /^(arn:[^:]*:sts::\d*:assumed-role\/[^/]+)\/./.exec(caller_arn ?? '')?.[1];
    const users = [user_id, account === undefined ? undefined : `account:${account}`, caller_arn, role];
    return [
      ...users.filter((key) => key !== undefined).map((key) => this.totals(day, 'user', key)),
      ...(model === undefined ? [] : [this.totals(day, 'model', model_key ?? model_id ?? model, model)]),
      ...(workspace === null ? [] : [this.totals(day, 'workspace', workspace)]),
    ];
  }

  hold({ day, scopes }, amount) {
    for (const totals of [this.day(day), ...scopes]) totals.reserved += amount;
  }

  /** Takes an amount from what a run holds; a negative one is returned. */
  take(run, amount) {
    must(amount <= run.left, 'a call reserves more than its run holds');
    run.left -= amount;
    this.hold(run, -amount);
  }

  requireRoom({ day, scopes }, amount) {
    const { raised, overruns } = this.day(day);
    const everybody = { scope: 'ledger', key: '', ...this.day(day) };
    for (const { spent, reserved, ...one } of [everybody, ...scopes]) {
      const cap = raised.get(Books.id(one)) ?? this.policy.get(Books.id(one));
      must(cap !== undefined || one.scope !== 'ledger', 'money is reserved under no cap');
      must(
        cap === undefined || spent + reserved + amount <= cap,
        `more is reserved than the cap of its ${one.scope}`,
      );
    }
    must(overruns.size === 0, 'money is reserved on a day that an overrun blocks');
  }

  requireDay({ day, timezone, time }) {
    must(dayIn(timezone, time) === day, 'money is reserved on another day than its own');
    const last = this.lastDay;
    if (last && (last.day !== day || last.timezone !== timezone)) {
      must(day >= last.day, 'money is reserved on a day that is over');
      const ended = last.timezone === timezone || (dayIn(last.timezone, time) ?? '') > last.day;
      must(ended, 'the time zone changes before the day has ended');
    }
    this.lastDay = { day, timezone };
  }

  RESERVE(record, hash) {
    must(!this.open.has(record.call_id), 'a call is reserved twice');
    this.requireDay(record);
    const { call_id, flow, user_id, workspace } = record;
    const run = flow && this.runs.get(flow.run_id);
    const isOfRun =
      run?.agreement === flow?.agreement &&
      (!run || (run.user_id === user_id && run.workspace === workspace));
    must(isOfRun, 'a call is a part of no such run');
    const amount = BigInt(record.reserved_micro_usd);
    const call = { ...record, hash, dispatched: false, amount, run, scopes: this.scopesOf(record) };
    const { model, model_id, model_key } = record;
    this.totals(record.day, 'model', model_key ?? model_id ?? model).name = model;
    if (run) this.take(run, amount);
    this.requireRoom(call, amount);
    this.hold(call, amount);
    this.open.set(call_id, call);
  }

  DISPATCH({ call_id }) {
    must(this.open.has(call_id), 'a call is dispatched that was not reserved');
    this.open.get(call_id).dispatched = true;
  }

  close({ call_id, day, opening_hash, cost_micro_usd = '0', tokens = {} }) {
    const call = this.open.get(call_id);
    must(call?.hash === opening_hash && call.day === day, 'an ending without its reservation');
    const cost = BigInt(cost_micro_usd);
    this.hold(call, -call.amount);
    this.day(day).spent += cost;
    for (const totals of call.scopes) {
      totals.spent += cost;
      totals.calls += 1;
      totals.tokens += Object.values(tokens).reduce((sum, one) => sum + one, 0);
    }
    this.open.delete(call_id);
    const { run, amount } = call;
    if (run) {
      run.spent += cost;
      run.calls += 1;
      this.take(run, cost - amount > run.left ? run.left : cost - amount);
    }
    if (cost <= amount) return;
    this.day(day).overruns.add(call_id);
    this.unrecorded.set(call_id, `${day} ${amount} ${cost}`);
  }
  SETTLE = this.close;
  VOID = this.close;
  EXPIRED_CHARGED = this.close;

  OVERRUN({ call_id, day, reserved_micro_usd, cost_micro_usd }) {
    const fits = this.unrecorded.get(call_id) === `${day} ${reserved_micro_usd} ${cost_micro_usd}`;
    must(fits, 'a call did not cost what its OVERRUN says');
    this.unrecorded.delete(call_id);
  }

  acknowledgement({ day }) {
    must(this.days.get(day)?.overruns.size > 0, 'an overrun is acknowledged that there is not');
    this.day(day).overruns.clear();
  }

  policy_change({ day, from_micro_usd, to_micro_usd, ...one }) {
    const id = Books.id(one);
    const caps = day === null ? this.policy : this.day(day).raised;
    const before = caps.get(id) ?? this.policy.get(id);
    must((before?.toString() ?? null) === from_micro_usd, 'the cap before a change is not what it says');
    if (to_micro_usd === null) caps.delete(id);
    else caps.set(id, BigInt(to_micro_usd));
  }

  ADJUST({ day, model_id, model_key = model_id, ...record }) {
    const difference = BigInt(record.difference_micro_usd);
    const [billed, recorded] = [BigInt(record.billed_micro_usd), BigInt(record.recorded_micro_usd)];
    must(billed - recorded === difference, 'a difference is not that of its amounts');
    // Days that were forgotten take no more calls.
    if (!this.days.has(day)) return;
    this.day(day).spent += difference;
    this.totals(day, 'model', model_key, model_id).spent += difference;
  }

  flow_start(record, hash) {
    must(!this.runs.has(record.run_id), 'a run is started twice');
    this.requireDay(record);
    const { run_id, agreement, instance, day, user_id, workspace } = record;
    const left = BigInt(record.reserved_micro_usd);
    const of = { run_id, agreement, instance, day, user_id, workspace, ...callerIn(record) };
    const run = { ...of, scopes: this.scopesOf(of), hash, left, spent: 0n, calls: 0 };
    if (left > 0n) this.requireRoom(run, left);
    this.hold(run, left);
    this.runs.set(run_id, run);
  }

  flow_end({ run_id, opening_hash, day, calls, cost_micro_usd, execution_mode, outcome, error_code }) {
    const run = this.runs.get(run_id);
    must(run?.hash === opening_hash && run.day === day, 'a run ends that was not started');
    const failed = execution_mode === 'failed';
    const fits = failed === (outcome !== 'success') && (failed || error_code === null);
    must(fits, 'the outcome of a run does not fit its mode');
    must(`${run.spent}` === cost_micro_usd, 'a run cost something else than its calls');
    must(run.calls === calls, 'a run made other calls than it says');
    must(
      [...this.open.values()].every((call) => call.run !== run),
      'a run ends before its calls',
    );
    this.hold(run, -run.left);
    this.runs.delete(run_id);
  }

  /** Begins with what a header carries. */
  restore({ days, open, runs = [], policy, last_day }) {
    this.lastDay = last_day;
    for (const cap of policy) this.policy.set(Books.id(cap), BigInt(cap.limit_micro_usd));
    for (const { opening_hash: hash, left_micro_usd, spent_micro_usd, ...carried } of runs) {
      const run = { ...carried, hash, left: BigInt(left_micro_usd), spent: BigInt(spent_micro_usd) };
      this.runs.set(run.run_id, { ...run, scopes: this.scopesOf(run) });
      this.hold(this.runs.get(run.run_id), run.left);
    }
    for (const { opening_hash: hash, run_id, ...carried } of open) {
      const call = {
        ...carried,
        hash,
        amount: BigInt(carried.reserved_micro_usd),
        run: this.runs.get(run_id),
      };
      this.open.set(call.call_id, { ...call, scopes: this.scopesOf(call) });
      this.hold(this.open.get(call.call_id), call.amount);
    }
    for (const { day, spent_micro_usd, scopes, raised, overruns } of days) {
      this.day(day).spent = BigInt(spent_micro_usd);
      for (const { scope, key, name, calls, tokens, spent_micro_usd: spent } of scopes)
        Object.assign(this.totals(day, scope, key), { name, calls, tokens, spent: BigInt(spent) });
      for (const cap of raised) this.day(day).raised.set(Books.id(cap), BigInt(cap.limit_micro_usd));
      for (const callId of overruns) this.day(day).overruns.add(callId);
    }
  }

  forget(name) {
    this.past.set(name, this.day(name));
    this.days.delete(name);
  }

  /** What a header carries: of days the last two, and those of calls that are open or cost too much. */
  carry() {
    must(this.unrecorded.size === 0, 'the OVERRUN of a call is missing before the header');
    const latest = [...this.days.keys()].sort().slice(-2);
    const held = [...this.open.values(), ...this.runs.values()].map(({ day }) => day);
    for (const [name, { overruns }] of this.days)
      if (![...latest, ...held].includes(name) && overruns.size === 0) this.forget(name);
    const caps = (of) =>
      [...of].sort(byName).map(([id, limit]) => {
        const [scope, key] = [id.slice(0, id.indexOf('\0')), id.slice(id.indexOf('\0') + 1)];
        return { scope, key, limit_micro_usd: `${limit}` };
      });
    const days = [...this.days].sort(byName).map(([day, { spent, scopes, raised, overruns }]) => ({
      ...{ day, spent_micro_usd: `${spent}`, raised: caps(raised), overruns: [...overruns].sort() },
      scopes: [...scopes].sort(byName).map(([, { spent: ofScope, reserved, ...totals }]) => ({
        ...{ ...totals, spent_micro_usd: `${ofScope}` },
      })),
    }));
    const open = [...this.open].sort(byName).map(([, call]) => {
      const { call_id, hash, dispatched, instance, day, amount, user_id, model, model_id, model_key } = call;
      return {
        ...{ call_id, opening_hash: hash, dispatched, instance, day, reserved_micro_usd: `${amount}` },
        ...{ user_id, model, model_id, ...(model_key !== undefined && { model_key }), ...callerIn(call) },
        ...{ workspace: call.workspace, ...(call.run && { run_id: call.run.run_id }) },
      };
    });
    const runs = [...this.runs].sort(byName).map(([, { hash, left, spent, scopes, ...run }]) => ({
      ...{ ...run, opening_hash: hash, left_micro_usd: `${left}`, spent_micro_usd: `${spent}` },
    }));
    return {
      days,
      open,
      ...(runs.length > 0 && { runs }),
      last_day: this.lastDay,
      policy: caps(this.policy),
    };
  }
}

/** A ledger as far as it was read. */
class Ledger {
  books = new Books();
  /** By id: the public key, null for one that was replaced, and whether it descends from the first, or the pinned. */
  keys = new Map();
  /** Whether each key but the first has to be endorsed. */
  endorsedKeys = false;
  /** Roots of complete subtrees with their sizes, largest first. */
  tree = [];
  id = '';
  mode = '';
  time = '';
  hash = Buffer.alloc(32);
  sequence = 0;
  segment = 0;
  firstSegment = 1;
  records = 0;
  fitting = 0;

  /** `anchors` are notes that were kept elsewhere, `pinnedKey` is null for any. */
  constructor(anchors, pinnedKey) {
    this.anchors = anchors;
    this.pinnedKey = pinnedKey;
  }

  get origin() {
    return `tidyllm/ledger/${this.id}`;
  }

  addLeaf(root, size = 1) {
    if (this.tree.at(-1)?.size !== size) this.tree.push({ root, size });
    else this.addLeaf(sha256(Buffer.of(1), this.tree.pop().root, root), size * 2);
  }

  /** Begins with the first header that there is, which carries the state where segments before it were dropped. */
  begin({ ledger_id, mode, carried, seq, prev, segment }, segmentNumber) {
    [this.id, this.mode, this.segment] = [ledger_id.replaceAll('-', ''), mode, segment - 1];
    must(segment === segmentNumber, `the header is that of segment ${segment}`);
    must((carried === null) === (segment === 1), 'the first header carries what can not be');
    if (carried === null) return;
    [this.sequence, this.hash, this.firstSegment] = [
      seq - 1,
      Buffer.from(prev, 'hex'),
      carried.first_segment,
    ];
    try {
      const bits = (seq - 1).toString(2).split('');
      const sizes = bits.map((bit, index) => Number(bit) * 2 ** (bits.length - 1 - index)).filter(Boolean);
      this.tree = sizes.map((size, index) => ({ size, root: Buffer.from(carried.tree[index], 'hex') }));
      this.books.restore(carried);
    } catch {
      throw new Fault('the state that the header carries can not be read');
    }
    for (const { key_id, public_key } of carried.enrolled) {
      must(public_key === null || this.keyId(public_key) === key_id, 'the header carries another key');
      this.keys.set(key_id, { public_key, endorsed: this.isPinned(key_id, public_key) });
    }
    const trusted = [...this.keys.values()].some(
      ({ public_key, endorsed }) => endorsed && public_key !== null,
    );
    must(this.pinnedKey === null || trusted, `key ${this.pinnedKey} may not sign where the records begin`);
    this.compareAnchors();
  }

  isPinned(id, key) {
    return this.pinnedKey === null || this.pinnedKey === id || this.pinnedKey === key;
  }

  /** 0x01 is Ed25519 in signed notes. */
  keyId(key) {
    return sha256(`${this.origin}\n`, Buffer.of(1), Buffer.from(key, 'base64')).toString('hex', 0, 4);
  }

  compareAnchors() {
    for (const anchor of this.anchors) {
      must(anchor.origin === this.origin, 'the checkpoint is of another ledger');
      if (anchor.size !== this.sequence) continue;
      this.requireNote(anchor);
      this.fitting += 1;
    }
  }

  /** Takes a line without its LF. */
  take(line, first, segmentNumber) {
    must(line.length > 65, 'the line is not a hash, a space and a record');
    const body = line.subarray(65);
    const record = parse(body);
    must(first === (record.kind === 'header'), 'a header is missing or stands inside a segment');
    if (this.records === 0) this.begin(record, segmentNumber);
    const hash = sha256(Buffer.of(0), Buffer.from(this.id, 'hex'), this.hash, body);
    const stored = line.toString('latin1', 0, 65);
    must(stored === `${hash.toString('hex')} `, 'the record was changed, or one before it removed');
    must(record.seq === this.sequence + 1, 'a record is missing');
    must(record.time >= this.time, 'the time goes back');
    if (record.kind === 'header') this.header(record);
    else if (record.kind === 'key') this.key(record);
    else if (record.kind === 'retention') this.retention(record);
    else if (record.kind === 'policy_change') this.requireSignature(record);
    this.books[record.kind]?.(record, hash.toString('hex'));
    [this.hash, this.sequence, this.time] = [hash, record.seq, record.time];
    this.records += 1;
    this.addLeaf(hash);
    this.compareAnchors();
  }

  header({ ledger_id, prev, segment, mode, carried, checkpoint, endorsed_keys = false }) {
    must(endorsed_keys || !this.endorsedKeys, 'the header no longer asks that keys are endorsed');
    must(ledger_id.replaceAll('-', '') === this.id, 'the header is of another ledger');
    must(mode === this.mode, 'the header is of another kind of ledger');
    must(prev === this.hash.toString('hex'), 'the header does not name the hash it follows');
    must(segment === this.segment + 1, 'a segment is missing');
    if (this.sequence > 0) {
      const enrolled = [...this.keys]
        .sort(byName)
        .map(([key_id, { public_key }]) => ({ key_id, public_key }));
      const tree = this.tree.map(({ root }) => root.toString('hex'));
      const expected = { tree, first_segment: this.firstSegment, enrolled, ...this.books.carry() };
      must(
        canonical(carried) === canonical(expected),
        'the header carries another state than the records give',
      );
      this.requireNote(parseNote(checkpoint ?? ''));
    } else must(carried === null && checkpoint === null, 'the first header carries what can not be');
    this.endorsedKeys = endorsed_keys;
    this.segment = segment;
  }

  requireNote(note) {
    const { root } = this.tree.reduceRight((right, left) => ({
      root: sha256(Buffer.of(1), left.root, right.root),
    }));
    must(note?.origin === this.origin, 'the checkpoint is none of this ledger');
    must(
      note.size === this.sequence && note.root === root.toString('hex'),
      `the checkpoint at ${note.size} is of other records`,
    );
    const isByKey = ({ keyId, signature }) =>
      this.isTrusted(keyId) && this.isSignedBy(keyId, note.words, signature);
    must(note.signatures.some(isByKey), `no enrolled key signed the checkpoint at ${note.size}`);
  }

  isSignedBy(id, words, signature) {
    const key = this.keys.get(id)?.public_key ?? null;
    return key !== null && isSigned(key, words, signature);
  }

  isTrusted(id) {
    return this.pinnedKey === null || this.keys.get(id)?.endorsed === true;
  }

  key({ key_id, public_key, proof, replaces, endorsement }) {
    const words = `${this.origin}\nenrols key ${key_id}\n`;
    must(this.keyId(public_key) === key_id && isSigned(public_key, words, proof), 'a key without proof');
    must(!this.keys.has(key_id), 'a key is enrolled again');
    must((replaces === null) === (endorsement === null), 'a key replaces another without its consent');
    if (replaces !== null) {
      must(this.isSignedBy(replaces, words, endorsement), 'the key that is replaced did not sign');
      const { endorsed } = this.keys.get(replaces);
      this.keys.set(replaces, { public_key: null, endorsed });
      this.keys.set(key_id, { public_key, endorsed });
      return;
    }
    const first = this.keys.size === 0;
    must(first || !this.endorsedKeys, 'no key before it endorsed a key');
    must(!first || this.isPinned(key_id, public_key), `the first key is ${key_id}, not ${this.pinnedKey}`);
    this.keys.set(key_id, { public_key, endorsed: first });
  }

  requireSignature({ v, seq, time, kind, call_id, signature, ...change }) {
    const words = `${this.origin}\npolicy_change ${canonical(change)}\n`;
    must(this.isSignedBy(change.key_id, words, signature), 'a cap was changed without a signature');
    must(
      this.isTrusted(change.key_id),
      `key ${change.key_id}, which signed, does not descend from ${this.pinnedKey}`,
    );
  }

  retention({ first_segment }) {
    must(
      first_segment > this.firstSegment && first_segment <= this.segment,
      'segments are dropped that were not there',
    );
    this.firstSegment = first_segment;
  }
}

/**
 * Verifies the ledger in a folder, and that it has what the notes anchored. `fault` says what is wrong first, and
 * where: `00000002.journal:17`; null for a ledger that is whole.
 * @param {string} folder
 * @param {string[]} notes
 * @param {string | null} pinnedKey
 */
export function verifyLedger(folder, notes = [], pinnedKey = null) {
  const anchors = notes.map(parseNote);
  const ledger = new Ledger(anchors, pinnedKey);
  let place = folder;
  /** @type {{ place: string, what: string } | null} */
  let fault = null;
  try {
    must(!anchors.includes(null), 'a checkpoint of the file is none');
    const segments = readdirSync(folder)
      .filter((name) => /^\d{8}\.journal$/.test(name))
      .sort();
    must(segments.length > 0, 'there is no journal here');
    for (const [index, segment] of segments.entries()) {
      const number = Number.parseInt(segments[0]) + index;
      place = `${nameOf(number)}:1`;
      must(segment === nameOf(number), 'the segment is missing');
      const bytes = readFileSync(join(folder, segment));
      must(bytes.length > 0 || index === segments.length - 1, 'the segment is empty');
      for (let [line, start, end] = [1, 0, 0]; start < bytes.length; line += 1, start = end + 1) {
        place = `${segment}:${line}`;
        end = bytes.indexOf(0x0a, start);
        must(end !== -1, 'the last record is cut short');
        ledger.take(bytes.subarray(start, end), line === 1, number);
      }
    }
    place = `${nameOf(ledger.firstSegment)}:1`;
    must(Number.parseInt(segments[0]) <= ledger.firstSegment, 'the segment is missing');
    place = segments.at(-1);
    const missing = anchors.find(({ size }) => size > ledger.sequence);
    must(!missing, `record ${missing?.size} was anchored, but the ledger ends at ${ledger.sequence}`);
    must(notes.length === 0 || ledger.fitting > 0, 'no checkpoint could be compared with this ledger');
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    fault = { place, what: error.message };
  }
  const { records, sequence, fitting, books } = ledger;
  const days = [...books.past, ...books.days].sort(byName);
  const unendorsed = [...ledger.keys].filter(([, { endorsed }]) => !endorsed).map(([id]) => id);
  return { fault, records, sequence, hash: ledger.hash.toString('hex'), fitting, days, unendorsed };
}

const nameOf = (segment) => `${String(segment).padStart(8, '0')}.journal`;

/** Words of the ledger in one line, as a terminal may show them: what it would act on or hide is named. */
const hidden = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/gu;
const shown = (words) => words.replace(hidden, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);

function main(parameters) {
  const { values, positionals } = parseArgs({
    ...{ args: parameters, allowPositionals: true, options: { key: { type: 'string' } } },
  });
  const [folder = '.', anchorFile] = positionals;
  const notes = anchorFile === undefined ? [] : notesIn(anchorFile);
  must(anchorFile === undefined || notes.length > 0, `there is no checkpoint in ${anchorFile}`);
  const found = verifyLedger(folder, notes, values.key ?? null);
  const { fault, records, sequence, hash, fitting, days, unendorsed } = found;
  must(fault === null, `${fault?.place}: ${fault?.what}`);
  console.log(`${records} records intact, head #${sequence} ${hash}, ${fitting} anchors fit`);
  for (const id of unendorsed) console.log(`key ${id} enrolled itself: no key before it endorsed it`);
  for (const [name, { spent, reserved }] of days)
    console.log(`${name}: ${spent} micro-USD spent, ${reserved} reserved`);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === import.meta.filename) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error(`DAMAGED ${shown(error.message)}`);
    process.exitCode = 1;
  }
}
