import { describe, expect, it } from 'vitest';
import { encodeRecord, ledgerIdHex } from '../../../src/ledger/chain.ts';
import { ChainFault } from '../../../src/ledger/fault.ts';
import { LedgerState } from '../../../src/ledger/ledgerState.ts';
import type { LedgerRecord, RecordDraft } from '../../../src/ledger/records.ts';
import { enrolmentText, keyIdOf, policyText, Signer } from '../../../src/ledger/signing.ts';
import { reserveInput, settleInput, testSigner } from '../../support/ledgers.ts';

const time = '2026-01-31T10:00:00.000Z';
const ledgerId = ledgerIdHex('00112233-4455-6677-8899-aabbccddeeff');
const header: RecordDraft = {
  kind: 'header',
  call_id: null,
  ledger_id: '00112233-4455-6677-8899-aabbccddeeff',
  prev: '0'.repeat(64),
  segment: 1,
  mode: 'live',
  carried: null,
  checkpoint: null,
};
const { amount: _amount, ...described } = reserveInput(0n);
const reserve: RecordDraft = {
  ...described,
  kind: 'RESERVE',
  call_id: 'a',
  instance: 'i',
  day: '2026-01-31',
  timezone: 'UTC',
  reserved_micro_usd: '600',
};

const keyId = keyIdOf(ledgerId, testSigner.publicKey);
const enrolment: RecordDraft = {
  kind: 'key',
  call_id: null,
  key_id: keyId,
  public_key: testSigner.publicKey,
  user_id: 'ada',
  proof: testSigner.sign(enrolmentText(ledgerId, keyId)),
  replaces: null,
  endorsement: null,
};

const event = { call_id: null, user_id: 'ada', reason: 'a test' };
const retention = (first_segment: number) => ({
  ...{ kind: 'retention', call_id: null, first_segment, retention_days: 400 },
});

const other = Signer.generate();
const otherId = keyIdOf(ledgerId, other.publicKey);
const otherEnrolment = {
  ...enrolment,
  key_id: otherId,
  public_key: other.publicKey,
  proof: other.sign(enrolmentText(ledgerId, otherId)),
};

/** A signed change of the ledger's cap. */
function capOf(limit: string, from: string | null = null): Extract<RecordDraft, { kind: 'policy_change' }> {
  const change = {
    scope: 'ledger' as const,
    key: '',
    day: null,
    from_micro_usd: from,
    to_micro_usd: limit,
    user_id: 'ada',
    reason: 'a test',
    key_id: keyId,
  };
  const signature = testSigner.sign(policyText(ledgerId, change));
  return { ...change, kind: 'policy_change', call_id: null, signature };
}

/** A state after the header and a reservation, and the reservation's hash. */
function afterReserve(): { state: LedgerState; openingHash: string } {
  const state = new LedgerState('live');
  state.add(header, time);
  state.add(enrolment, time);
  state.add(capOf('1000'), time);
  state.add(reserve, time);
  return { state, openingHash: state.head.hash };
}

/** Takes a record whose hash is right, whatever it says: what a forger with the ledger's id can write. */
function forge(state: LedgerState, record: object, firstOfSegment = false): string {
  const full = { v: 1, seq: state.head.sequence + 1, time, ...record } as unknown as LedgerRecord;
  const { line } = encodeRecord(ledgerId, state.head, full);
  try {
    state.take(line.subarray(0, -1), firstOfSegment);
  } catch (error) {
    if (error instanceof ChainFault) return error.kind;
    throw error;
  }
  return 'taken';
}

describe('a record with a right hash is still refused when it', () => {
  const settle = { ...settleInput(250n), kind: 'SETTLE', call_id: 'a', day: '2026-01-31' };

  it.each<[string, (openingHash: string) => object, string]>([
    ['names another reservation', () => ({ ...settle, opening_hash: '1'.repeat(64) }), 'inconsistent'],
    [
      'is settled on another day',
      (opening_hash) => ({ ...settle, opening_hash, day: '2026-02-01' }),
      'inconsistent',
    ],
    [
      'ends a call that is not open',
      (opening_hash) => ({ ...settle, opening_hash, call_id: 'b' }),
      'inconsistent',
    ],
    [
      'has a negative cost',
      (opening_hash) => ({ ...settle, opening_hash, cost_micro_usd: '-1' }),
      'inconsistent',
    ],
    [
      'has a cost that is a number',
      (opening_hash) => ({ ...settle, opening_hash, cost_micro_usd: 1 }),
      'inconsistent',
    ],
    ['has no tokens', (opening_hash) => ({ ...settle, opening_hash, tokens: undefined }), 'inconsistent'],
    ['has a field more', (opening_hash) => ({ ...settle, opening_hash, extra: 1 }), 'inconsistent'],
    ['is of an unknown kind', () => ({ kind: 'GIFT', call_id: null }), 'unknown_version'],
    [
      'is before the last one',
      (opening_hash) => ({ ...settle, opening_hash, time: '2026-01-31T09:59:59.000Z' }),
      'inconsistent',
    ],
    ['has no time', (opening_hash) => ({ ...settle, opening_hash, time: 'zzz' }), 'inconsistent'],
    ['is reserved twice', () => reserve, 'inconsistent'],
    [
      'is reserved on a day that isn’t its time’s',
      () => ({ ...reserve, call_id: 'b', day: '2026-01-30' }),
      'inconsistent',
    ],
    [
      'is reserved in no zone',
      () => ({ ...reserve, call_id: 'b', timezone: 'Mars/Olympus' }),
      'inconsistent',
    ],
    [
      'is reserved above the cap',
      () => ({ ...reserve, call_id: 'b', reserved_micro_usd: '401' }),
      'inconsistent',
    ],
    [
      'raises a cap without a signature',
      () => ({ ...capOf('2000', '1000'), signature: 'AAAA' }),
      'bad_signature',
    ],
    [
      'raises a cap by more than was signed',
      () => ({ ...capOf('2000', '1000'), to_micro_usd: '3000' }),
      'bad_signature',
    ],
    ['raises a cap from another than it was', () => capOf('2000', '500'), 'inconsistent'],
    ['enrols a key twice', () => enrolment, 'inconsistent'],
    ['enrols a key without proof', () => ({ ...enrolment, proof: 'AAAA' }), 'bad_signature'],
    [
      'replaces a key that did not agree',
      () => ({ ...otherEnrolment, replaces: keyId, endorsement: 'AAAA' }),
      'bad_signature',
    ],
    [
      'acknowledges what was not',
      () => ({ ...event, kind: 'acknowledgement', day: '2026-01-31' }),
      'inconsistent',
    ],
    ['drops segments that were not there', () => retention(2), 'inconsistent'],
    ['is a second header', () => ({ ...header, segment: 2 }), 'bad_header'],
  ])('%s', (_name, record, kind) => {
    const { state, openingHash } = afterReserve();
    expect(forge(state, record(openingHash))).toBe(kind);
  });

  it('is a header that names another hash than the one it follows', () => {
    const { state } = afterReserve();
    const next = state.nextHeader('', 'live', testSigner);
    expect(forge(state, { ...next, prev: '0'.repeat(64) }, true)).toBe('bad_header');
    expect(forge(state, next, true)).toBe('taken');
  });

  it('is the header to begin with, and carries what is no state', () => {
    const { state } = afterReserve();
    const line = state.add(state.nextHeader('', 'live', testSigner), time);
    const forged = line.toString().replace(/"carried":\{.*?\},"checkpoint"/, '"carried":{},"checkpoint"');
    expect(forged).not.toBe(line.toString());
    expect(() => LedgerState.before(Buffer.from(forged).subarray(0, -1), 'live')).toThrow(ChainFault);
  });

  it('has a key twice', () => {
    const state = new LedgerState('live');
    const line = state.add(header, time);
    const twice = Buffer.from(line.toString().replace('"v":1', '"v":1,"v":1'));
    expect(() => new LedgerState('live').take(twice.subarray(0, -1), true)).toThrow(ChainFault);
  });

  it('and is taken when it says what it must', () => {
    const { state, openingHash } = afterReserve();
    expect(forge(state, { ...settle, opening_hash: openingHash })).toBe('taken');
    expect(state.fold.day('2026-01-31')).toMatchObject({ spent: 250n, reserved: 0n });
  });
});
