import canonicalize from 'canonicalize';
import { describe, expect, it } from 'vitest';
import { ChainFault } from '../../../src/ledger/fault.ts';
import { foldedRecord } from '../../../src/ledger/recordShape.ts';
import { reserveInput, settleInput } from '../../support/ledgers.ts';

const { amount: _amount, ...described } = reserveInput(0n);
const common = { v: 1, seq: 7, time: '2026-01-31T10:00:00.000Z', call_id: 'a' };
const reserve = {
  ...{ ...described, ...common, kind: 'RESERVE', day: '2026-01-31', timezone: 'Europe/Berlin' },
  ...{ instance: 'process', user_id: 'ada', model: 'model', model_id: 'model-id', workspace: '/work' },
  reserved_micro_usd: '600',
};
const tokens = {
  ...{ input_tokens: 1, output_tokens: 2, cache_read_input_tokens: 3 },
  ...{ cache_write_5m_input_tokens: 4, cache_write_1h_input_tokens: 5 },
};
const settle = {
  ...{ ...settleInput(250n), ...common, kind: 'SETTLE', day: '2026-01-31', opening_hash: 'ab'.repeat(32) },
  tokens,
};

describe('what the state needs of a record is what the JSON parser reads', () => {
  it.each<[string, object]>([
    ['of a reservation', reserve],
    ['where it has nulls', { ...reserve, model_id: null, workspace: null }],
    [
      'where it has escapes',
      { ...reserve, workspace: 'C:\\work', user_id: '"ada"\n\u001f', reason: '"kind":"VOID"' },
    ],
    ['where it has other letters', { ...reserve, user_id: 'Zoë 🙂', model: '模型' }],
    ['of a dispatch', { ...common, kind: 'DISPATCH' }],
    ['of a settlement', settle],
    ['of a settlement with escapes', { ...settle, call_id: '\\a"' }],
  ])('%s', (_name, record) => {
    const folded = foldedRecord(canonicalize(record) ?? '');
    expect(Object.keys(folded).length).toBeGreaterThan(3);
    expect(record).toMatchObject(folded);
  });
});

it('a header that carries what is no state is a fault', () => {
  const carried = {
    tree: [],
    days: [],
    open: [],
    enrolled: [],
    policy: [],
    first_segment: 1,
    last_day: null,
  };
  const header = canonicalize({
    ...{ ...common, call_id: null, kind: 'header', ledger_id: '00112233-4455-6677-8899-aabbccddeeff' },
    ...{ prev: '0'.repeat(64), segment: 2, mode: 'live', carried, checkpoint: null },
  });
  expect(() => foldedRecord(header ?? '')).not.toThrow();
  for (const wrong of ['[', '{}', '[{}]', 'null', '[],"days":[]', ' []'])
    expect(() => foldedRecord((header ?? '').replace('[]', wrong))).toThrow(ChainFault);
});
