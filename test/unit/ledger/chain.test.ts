import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeRecord, emptyHead, encodeRecord, ledgerIdHex } from '../../../src/ledger/chain.ts';
import { ChainFault } from '../../../src/ledger/fault.ts';
import type { LedgerRecord } from '../../../src/ledger/records.ts';

const ledgerId = ledgerIdHex('00112233-4455-6677-8899-aabbccddeeff');
const header: LedgerRecord = {
  v: 1,
  seq: 1,
  time: '2026-01-31T00:00:00.000Z',
  kind: 'header',
  call_id: null,
  ledger_id: '00112233-4455-6677-8899-aabbccddeeff',
  prev: '0'.repeat(64),
  segment: 1,
  mode: 'live',
  carried: null,
  checkpoint: null,
};

function faultOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof ChainFault) return error.kind;
    throw error;
  }
  return 'none';
}

describe('a journal line', () => {
  it('is the hash of 0x00, ledger id, previous hash and body, a space, canonical JSON and LF', () => {
    const { line, head } = encodeRecord(ledgerId, emptyHead, header);
    const body =
      '{"call_id":null,"carried":null,"checkpoint":null,"kind":"header","ledger_id":"00112233-4455-6677-8899-aabbccddeeff","mode":"live","prev":"' +
      `${'0'.repeat(64)}","segment":1,"seq":1,"time":"2026-01-31T00:00:00.000Z","v":1}`;
    const digest = createHash('sha256')
      .update(Buffer.of(0))
      .update(Buffer.from('00112233445566778899aabbccddeeff', 'hex'))
      .update(Buffer.alloc(32))
      .update(body)
      .digest('hex');
    expect(line.toString()).toBe(`${digest} ${body}\n`);
    expect(head.hash).toBe(digest);
  });

  it('reads back what was written', () => {
    const { line, head } = encodeRecord(ledgerId, emptyHead, header);
    const decoded = decodeRecord(null, emptyHead, line.subarray(0, -1));
    expect(decoded).toMatchObject({ head, ledgerId });
    const { kind, seq, time, prev, mode } = header;
    expect(decoded.record).toMatchObject({ kind, seq, time, prev, mode });
  });

  it('is refused when any of its bytes is changed', () => {
    const { line } = encodeRecord(ledgerId, emptyHead, header);
    for (let index = 0; index < line.length - 1; index += 1) {
      const changed = Buffer.from(line.subarray(0, -1));
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(faultOf(() => decodeRecord(ledgerId, emptyHead, changed))).not.toBe('none');
    }
  });

  it('is refused after another record than the one it followed', () => {
    const { line } = encodeRecord(ledgerId, emptyHead, header);
    const elsewhere = { ...emptyHead, hash: '1'.repeat(64) };
    expect(faultOf(() => decodeRecord(ledgerId, elsewhere, line.subarray(0, -1)))).toBe('hash_mismatch');
  });

  it('is refused in another ledger', () => {
    const { line } = encodeRecord(ledgerId, emptyHead, header);
    const other = ledgerIdHex('ffffffff-4455-6677-8899-aabbccddeeff');
    expect(faultOf(() => decodeRecord(other, emptyHead, line.subarray(0, -1)))).toBe('hash_mismatch');
  });

  it('is refused with a version that this program does not know', () => {
    const { line } = encodeRecord(ledgerId, emptyHead, { ...header, v: 2 });
    expect(faultOf(() => decodeRecord(ledgerId, emptyHead, line.subarray(0, -1)))).toBe('unknown_version');
  });

  it('is refused out of sequence', () => {
    const { line } = encodeRecord(ledgerId, emptyHead, { ...header, seq: 3 });
    expect(faultOf(() => decodeRecord(ledgerId, emptyHead, line.subarray(0, -1)))).toBe('sequence_gap');
  });
});
