import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import { ledgerIdHex, recordHash } from '../../src/ledger/chain.ts';
import { ChainFault } from '../../src/ledger/fault.ts';
import { segmentName, segmentNames, segmentNumber } from '../../src/ledger/journal.ts';
import { LedgerState } from '../../src/ledger/ledgerState.ts';
import type { PolicyChangeRecord } from '../../src/ledger/records.ts';
import { enrolmentText, keyIdOf, policyText, signCheckpoint, Signer } from '../../src/ledger/signing.ts';

/** A record as somebody may have made it who doesn't keep to what a record is. */
export type AnyRecord = Record<string, unknown>;

interface Line {
  record: AnyRecord;
  /** The hash that it had, which its ending names. */
  was: string;
  /** Fields that were chosen, and are written so. */
  chosen: Set<string>;
  /** What becomes of its canonical text. */
  spelled?: (body: string) => string | Buffer;
}

interface Segment {
  name: string;
  lines: Line[];
}

/** A ledger in the hands of somebody who has all its keys, and one of his own. */
export class ForgedLedger {
  readonly segments: Segment[];
  readonly forger = Signer.generate();
  readonly #signers: readonly Signer[];
  readonly #ledgerId: string;

  constructor(folder: string, signers: readonly Signer[]) {
    this.segments = segmentNames(folder).map((name) => ({ name, lines: linesOf(join(folder, name)) }));
    this.#signers = [...signers, this.forger];
    this.#ledgerId = ledgerIdHex(String(this.segments[0]?.lines[0]?.record['ledger_id']));
  }

  get lines(): Line[] {
    return this.segments.flatMap(({ lines }) => lines);
  }

  /** The records of a kind, for whoever wants to change one. */
  ofKind(kind: string): AnyRecord[] {
    return this.lines.flatMap(({ record }) => (record['kind'] === kind ? [record] : []));
  }

  /** Puts a record at the end, whose fields are mended but for those that are chosen. */
  add(record: AnyRecord, chosen: readonly string[] = []): void {
    const lines = this.segments.at(-1)?.lines ?? [];
    const time = lines.at(-1)?.record['time'];
    lines.push({ record: { ...record, time }, was: '', chosen: new Set(chosen) });
  }

  /** Makes it one of a version that asked no key for its consent to another. */
  ofEarlierVersion(): this {
    for (const header of this.ofKind('header')) delete header['endorsed_keys'];
    return this;
  }

  /** Enrols a key by nobody's leave but its own, at the end. */
  enrol({ publicKey }: Signer, keyId: string): void {
    const record = { ...this.ofKind('key')[0], key_id: keyId, public_key: publicKey };
    this.add({ ...record, replaces: null, endorsement: null });
  }

  keyId(signer: Signer): string {
    return keyIdOf(this.#ledgerId, signer.publicKey);
  }

  /** Writes it with a chain, signatures and headers that fit, as far as they weren't chosen. */
  write(folder: string): void {
    for (const name of segmentNames(folder)) rmSync(join(folder, name));
    const first = this.lines[0]?.record;
    const chain: Chain = {
      previous: typeof first?.['prev'] === 'string' ? first['prev'] : '0'.repeat(64),
      sequence: (Number(first?.['seq']) || 1) - 1,
      hashes: new Map(),
      state: null,
      begun: false,
    };
    for (const { name, lines } of this.segments) {
      const written = lines.map((line, index) => this.#written(line, index === 0, chain));
      writeFileSync(join(folder, name), Buffer.concat(written));
    }
  }

  #written(line: Line, first: boolean, chain: Chain): Buffer {
    const record = this.#linked(line, chain);
    chain.sequence += 1;
    const text = canonicalize(record) ?? '';
    const body = Buffer.from(line.spelled?.(text) ?? text);
    const hash = recordHash(this.#ledgerId, chain.previous, body);
    const stored = Buffer.concat([Buffer.from(`${hash} `), body]);
    chain.hashes.set(line.was, hash);
    chain.previous = hash;
    try {
      if (!chain.begun) chain.state = LedgerState.before(stored, null);
      chain.state?.take(stored, first);
    } catch (error) {
      if (!(error instanceof ChainFault)) throw error;
      // What comes behind a fault is never looked at.
      chain.state = null;
    }
    chain.begun = true;
    return Buffer.concat([stored, Buffer.of(0x0a)]);
  }

  /** A record as it has to be where it stands, but for what was chosen. */
  #linked({ record, chosen }: Line, { previous, sequence, hashes, state }: Chain): AnyRecord {
    const linked = { ...record };
    const set = (field: string, value: () => unknown): void => {
      if (field in record && !chosen.has(field)) linked[field] = value();
    };
    set('seq', () => sequence + 1);
    set('prev', () => previous);
    set('opening_hash', () => hashes.get(String(record['opening_hash'])) ?? record['opening_hash']);
    if (record['kind'] === 'header' && record['carried'] !== null && state) {
      const signer = this.#signers.findLast((one) => state.keyState(this.keyId(one)) === 'enrolled');
      set('carried', () => carriedBy(state) ?? record['carried']);
      if (signer) set('checkpoint', () => signCheckpoint(this.#ledgerId, state.checkpoint, signer));
    } else if (record['kind'] === 'policy_change') {
      const signed = policyText(this.#ledgerId, linked as unknown as PolicyChangeRecord);
      set('signature', () => this.#signer(linked['key_id'])?.sign(signed) ?? record['signature']);
    } else if (record['kind'] === 'key') {
      const text = enrolmentText(this.#ledgerId, String(linked['key_id']));
      set('proof', () => this.#signer(linked['key_id'])?.sign(text) ?? record['proof']);
      if (linked['endorsement'] !== null)
        set('endorsement', () => this.#signer(linked['replaces'])?.sign(text) ?? record['endorsement']);
    }
    return linked;
  }

  #signer(keyId: unknown): Signer | undefined {
    return this.#signers.find((signer) => this.keyId(signer) === keyId);
  }
}

interface Chain {
  previous: string;
  sequence: number;
  hashes: Map<string, string>;
  /** Null once there was a fault. */
  state: LedgerState | null;
  begun: boolean;
}

function linesOf(path: string): Line[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => ({
      record: JSON.parse(line.slice(65)) as AnyRecord,
      was: line.slice(0, 64),
      chosen: new Set(),
    }));
}

function carriedBy(state: LedgerState): unknown {
  try {
    // Only who signs it differs.
    const draft = state.nextHeader('', 'live', Signer.generate());
    return draft.kind === 'header' ? draft.carried : null;
  } catch (error) {
    if (error instanceof ChainFault) return null;
    throw error;
  }
}

type Random = () => number;
const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;

/** A value of a field as another record has it, or one that can't be. */
function another(random: Random, value: unknown, field: string, lines: readonly Line[]): unknown {
  const others = lines.flatMap(({ record }) => (field in record ? [record[field]] : []));
  const dice = random();
  if (dice < 0.4 && others.length > 0) return pick(random, others);
  if (typeof value === 'number' && dice < 0.8) return value + pick(random, [-1, 1, 0.5, 1e15]);
  if (typeof value === 'string' && dice < 0.8) return anotherText(random, value);
  if (Array.isArray(value) && dice < 0.8) return value.slice(1);
  return pick(random, [null, true, false, 0, 1, -1, 2 ** 53, '', '0', '1', 'x', [], {}, { a: 1 }]);
}

function anotherText(random: Random, value: string): string {
  if (/^\d+$/.test(value))
    return pick(random, [
      `${BigInt(value) + 1n}`,
      `${BigInt(value) * 2n}`,
      `0${value}`,
      `-${value}`,
      '9'.repeat(19),
    ]);
  if (/^\d{4}-\d\d-\d\d/.test(value)) {
    const moment = Date.parse(value);
    const moved = Number.isNaN(moment)
      ? value
      : new Date(moment + pick(random, [-1, 1, 40]) * 86_400_000).toISOString();
    return pick(random, [
      moved.slice(0, value.length),
      value.replace(/\d$/, '9'),
      value.replace(/-\d\d/, '-99'),
      value.replace(/\d\d\.\d/, '99.9'),
    ]);
  }
  return pick(random, [`${value}x`, value.slice(1), value.toUpperCase(), `${value}\u0000`]);
}

/** A place in a record: the object or list, and the name in it. */
function somewhere(random: Random, record: AnyRecord): [of: AnyRecord, name: string] {
  let of = record;
  for (;;) {
    const name = pick(random, Object.keys(of));
    const value = of[name];
    const deeper = value !== null && typeof value === 'object' && Object.keys(value).length > 0;
    if (!deeper || random() < 0.15) return [of, name];
    of = value as AnyRecord;
  }
}

function copy(line: Line): Line {
  return { ...line, record: structuredClone(line.record), chosen: new Set(line.chosen) };
}

type Forgery = (ledger: ForgedLedger, random: Random) => void;

function inSomeSegment(
  change: (lines: Line[], at: number, random: Random, ledger: ForgedLedger) => void,
): Forgery {
  return (ledger, random) => {
    const { lines } = pick(random, ledger.segments);
    change(lines, Math.floor(random() * lines.length), random, ledger);
  };
}

/** Changes a record of some kind, as far as there is one. */
function ofKind(kind: string, change: (line: Line, random: Random, ledger: ForgedLedger) => void): Forgery {
  return (ledger, random) => {
    const found = ledger.lines.filter(({ record }) => record['kind'] === kind);
    if (found.length > 0) change(pick(random, found), random, ledger);
  };
}

const spellings: ((body: string) => string | Buffer)[] = [
  (body) => body.replace(':', ': '),
  (body) => body.replace(/:"([a-z])/, String.raw`:"\ud800$1`),
  (body) => body.replace('{', '{"aaa":1,'),
  (body) => `${body} `,
  (body) => body.replace(/"([a-z])/, (_all, letter: string) => `"\\u00${letter.charCodeAt(0).toString(16)}`),
  (body) => body.replace(/"seq":(\d+)/, '"seq":$1.0'),
  (body) => body.replace(/"time":("[^"]*")/, '"time":$1,"time":$1'),
  (body) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(body) as object).reverse())),
  (body) => Buffer.concat([Buffer.from(body.slice(0, -1)), Buffer.of(0xc3), Buffer.from('}')]),
  (body) => `\ufeff${body}`,
  (body) => body.slice(0, -1),
  () => '',
  () => '[]',
  () => 'null',
  () => '7',
  () => '{"v":1}',
];

/** A name that is still one of a segment. */
function renumbered(name: string, by: number): string {
  return segmentName(Math.max(0, segmentNumber(name) + by));
}

/** The last is not dropped: no ledger is none that is forged. */
function dropSegment({ segments }: ForgedLedger, at: number): void {
  if (segments.length > 1) segments.splice(at, 1);
}

/** What somebody may do to a ledger, each as often as it stands here. */
const forgeries: Forgery[] = [
  ...Array.from({ length: 8 }, () =>
    inSomeSegment((lines, at, random, ledger) => {
      const line = lines[at];
      if (!line) return;
      const [of, name] = somewhere(random, line.record);
      of[name] = another(random, of[name], name, ledger.lines);
      if (of === line.record) line.chosen.add(name);
      else for (const field of ['carried', 'tokens', 'flow', 'unit_prices', 'cap']) line.chosen.add(field);
    }),
  ),
  inSomeSegment((lines, at, random) => {
    const record = lines[at]?.record ?? {};
    Reflect.deleteProperty(record, pick(random, Object.keys(record)));
  }),
  inSomeSegment((lines, at, random, ledger) => {
    const from = pick(random, ledger.lines).record;
    const name = pick(random, [...Object.keys(from), 'more', '__proto__']);
    const record = lines[at]?.record ?? {};
    Object.defineProperty(record, name, {
      value: from[name] ?? 1,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }),
  inSomeSegment((lines, at) => lines.splice(at, 1)),
  inSomeSegment((lines, at) => lines.splice(at, 1)),
  inSomeSegment((lines, at, random, ledger) => lines.splice(at, 0, copy(pick(random, ledger.lines)))),
  inSomeSegment((lines, at) => lines.splice(at, 2, ...lines.slice(at, at + 2).reverse())),
  inSomeSegment((lines, at, random) =>
    lines.splice(Math.floor(random() * lines.length), 0, ...lines.splice(at, 1)),
  ),
  inSomeSegment((lines, at, random) => {
    if (lines[at]) lines[at].spelled = pick(random, spellings);
  }),
  (ledger, random) => dropSegment(ledger, Math.floor(random() * ledger.segments.length)),
  (ledger) => dropSegment(ledger, 0),
  (ledger, random) => {
    const segment = pick(random, ledger.segments);
    segment.name = renumbered(segment.name, pick(random, [-1, 1, 5]));
  },
  (ledger, random) => {
    const up = pick(random, [-1, 1]);
    for (const segment of ledger.segments) segment.name = renumbered(segment.name, up);
  },
  (ledger, random) => {
    // A key that enrols itself, in the place of one that says nothing, and perhaps one that exists.
    const found = ledger.lines.filter(({ record }) => record['kind'] === 'key');
    if (found.length === 0) return;
    const enrolment = copy(pick(random, found));
    Object.assign(enrolment.record, {
      key_id: ledger.keyId(ledger.forger),
      public_key: ledger.forger.publicKey,
    });
    const replaced = pick(random, found).record['key_id'];
    const how = pick(random, [
      { replaces: null, endorsement: null },
      { replaces: replaced, endorsement: 'AAAA' },
      { replaces: replaced, endorsement: null },
    ]);
    Object.assign(enrolment.record, how);
    const { lines } = pick(random, ledger.segments);
    lines.splice(1 + Math.floor(random() * lines.length), 0, enrolment);
  },
  ofKind('note', ({ record }, random) =>
    Object.assign(record, { topic: anotherText(random, String(record['topic'])) }),
  ),
  ofKind('note', ({ record }, random) =>
    Object.assign(record, {
      data: pick(random, [{ a: 0.1 }, { time: 1 }, { a: [[[[]]]] }, { a: 'x'.repeat(4_089) }]),
    }),
  ),
  ofKind('note', ({ record }, random, ledger) =>
    Object.assign(record, { data: structuredClone(pick(random, ledger.lines).record) }),
  ),
  ofKind('key', ({ record }) => Object.assign(record, { replaces: null, endorsement: null })),
  ofKind('policy_change', ({ record }, _random, ledger) =>
    Object.assign(record, { key_id: ledger.keyId(ledger.forger), to_micro_usd: '900000000000' }),
  ),
  ofKind('policy_change', ({ record }) => Object.assign(record, { to_micro_usd: '900' })),
  ofKind('RESERVE', ({ record }, random) =>
    Object.assign(record, { day: anotherText(random, String(record['day'])) }),
  ),
  ofKind('RESERVE', ({ record }) => Object.assign(record, { reserved_micro_usd: '699' })),
  ofKind('SETTLE', ({ record }) => Object.assign(record, { cost_micro_usd: '5000' })),
  ofKind('OVERRUN', ({ record }) => Object.assign(record, { cost_micro_usd: '1' })),
];

/** Does one to three things to a ledger. */
export function forge(ledger: ForgedLedger, random: Random): void {
  for (let times = 1 + Math.floor(random() * 3); times > 0; times -= 1)
    pick(random, forgeries)(ledger, random);
}
