import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HistoryIndex } from '../../../src/history/historyIndex.ts';
import { isTorn } from '../../../src/ledger/journal.ts';
import { verifyLedger } from '../../../src/ledger/verifyLedger.ts';
import type { Note } from '../../../src/ledger/records.ts';
import { verifyLedger as verifyIndependently } from '../../../tools/verify-ledger.mjs';
import { ForgedLedger, type AnyRecord } from '../../support/forgedLedger.ts';
import { independently } from '../../support/independentVerifier.ts';
import {
  journalPath,
  openLedger,
  reserveInput,
  settleInput,
  storedRecords,
  testSigner,
} from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const dayMs = 86_400_000;
const asked: Note = { topic: 'request.content', data: { images: 2, tools: ['search', 'read'] } };
const answered: Note = { topic: 'answer.content', data: { refused: false, cited: null } };

/** What a record of money has, in a note. */
const likeMoney: Note = {
  topic: 'of.a.later.version',
  data: {
    ...{ kind: 'SETTLE', call_id: 'open', cost_micro_usd: '999999', reserved_micro_usd: '999999', v: 2 },
    ...{ day: '2026-01-01', caps: [{ scope: 'ledger', key: '', limit_micro_usd: '1' }], seq: 1 },
    said: '","kind":"SETTLE","cost_micro_usd":"5',
  },
};

/** A note as another program may have written it, after a call. */
const noted: AnyRecord = { v: 1, seq: 0, kind: 'note', call_id: null, topic: 'a.b', data: { a: 1 } };

async function ledgerWith(notes: readonly Note[], folder = temporaryFolder()): Promise<string> {
  const clock = { now: Date.parse('2026-01-01T10:00:00Z') };
  const ledger = openLedger(folder, { now: () => clock.now });
  await ledger.reserve('first', reserveInput(600n), notes);
  await ledger.settle('first', settleInput(250n), notes);
  await ledger.reserve('open', reserveInput(600n), notes);
  clock.now += dayMs;
  await ledger.settle('open', settleInput(250n), notes);
  await ledger.reserve('second', reserveInput(600n), notes);
  return folder;
}

const last = (folder: string): string => readFileSync(journalPath(folder), 'utf8').trimEnd();

describe('notes', () => {
  it('stand behind what they belong to, which the receipt names', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    const { receipt } = await ledger.reserve('a', reserveInput(600n), [asked]);
    const settled = await ledger.settle('a', settleInput(250n), [answered, asked]);
    expect(await ledger.settle('a', settleInput(250n), [answered])).toEqual(settled);
    const of = storedRecords(folder).filter(({ call_id }) => call_id === 'a');
    const kinds = ['RESERVE', 'DISPATCH', 'note', 'SETTLE', 'note', 'note'];
    expect(of.map(({ kind }) => kind)).toEqual(kinds);
    expect(of[2]).toMatchObject(asked);
    expect(of[4]).toMatchObject(answered);
    expect(new Set(of.slice(0, 3).map(({ time }) => time)).size).toBe(1);
    expect([receipt.sequence, settled.sequence]).toEqual([of[1]!.seq, of[3]!.seq]);
  });

  it('may follow a call that has ended, in its own ledger only, and belong to its records', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    await ledger.reserve('a', reserveInput(600n));
    const { ledgerId } = await ledger.settle('a', settleInput(250n));
    await ledger.reserve('b', reserveInput(600n));
    const before = await ledger.budget();
    const receipt = await ledger.note({ callId: 'a', ledgerId }, answered);
    expect(storedRecords(folder).at(-1)).toMatchObject({ ...answered, call_id: 'a', seq: receipt.sequence });
    expect((await ledger.head())?.sequence).toBe(receipt.sequence);
    expect(await ledger.budget()).toEqual(before);
    await expect(ledger.note({ callId: 'a', ledgerId: '0'.repeat(32) }, answered)).rejects.toMatchObject({
      code: 'invalid_request',
    });
    await expect(ledger.note({ callId: 'a', ledgerId }, { topic: 'A', data: {} })).rejects.toMatchObject({
      code: 'invalid_request',
    });
    expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true });
    expect(independently(folder)).toContain('records intact');
    const index = new HistoryIndex(folder);
    const call = await index.ask(() => index.find('a'));
    index.close();
    expect(call?.records.at(-1)?.sequence).toBe(receipt.sequence);
  });

  it('move no money, whatever they hold, in either verifier', async () => {
    const [without, withNotes] = [await ledgerWith([]), await ledgerWith([likeMoney])];
    expect(verifyIndependently(withNotes)).toMatchObject({
      fault: null,
      days: verifyIndependently(without).days,
    });
    const budgets = [without, withNotes].map((folder) =>
      openLedger(folder, { now: () => Date.parse('2026-01-02T10:00:00Z') }).budget(),
    );
    expect(await budgets[1]).toEqual(await budgets[0]);
    expect(await verifyLedger({ directory: withNotes, mode: 'live' })).toMatchObject({
      ok: true,
      segments: 2,
    });
    const headers = [without, withNotes].map((folder) =>
      storedRecords(folder).findLast(({ kind }) => kind === 'header'),
    );
    const [plain, among] = headers.map((header) => (header?.kind === 'header' ? header.carried : null));
    expect([among!.days, among!.policy]).toEqual([plain!.days, plain!.policy]);
  });

  it('of unknown topics are passed over by a ledger that goes on, and by its history', async () => {
    const folder = await ledgerWith([likeMoney]);
    const ledger = openLedger(folder, { now: () => Date.parse('2026-01-03T10:00:00Z') });
    expect(await ledger.reserve('third', reserveInput(600n))).toMatchObject({ granted: true });
    await ledger.settle('third', settleInput(250n), [asked]);
    expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true, segments: 3 });
    expect(independently(folder)).toContain('records intact');
    const index = new HistoryIndex(folder);
    const found = await index.ask(() => ({
      calls: index.rows({}, 0, 100),
      third: index.find('third'),
      byNote: index.find(String(storedRecords(folder).at(-1)!.seq)),
      usage: index.usage('model'),
    }));
    index.close();
    expect(found.calls.map(({ cost }) => cost)).toEqual([250n, 600n, 250n, 250n]);
    expect(found.third?.records.length).toBe(4);
    expect(found.byNote).toEqual(found.third);
    expect(found.usage).toMatchObject([{ calls: 3, spent: 750n }]);
    const second = found.calls.find(({ callId }) => callId === 'second');
    expect(second?.records.length).toBe(3);
  });

  it('are told from a torn write by no word of theirs', async () => {
    const folder = await ledgerWith([likeMoney]);
    const line = Buffer.from(
      last(folder)
        .split('\n')
        .findLast((text) => text.includes('"note"'))!,
    );
    expect(isTorn('malformed_line', Buffer.concat([Buffer.alloc(512), line]), 0)).toBe(true);
  });

  it.each<[string, Note]>([
    ['a float', { topic: 'a', data: { a: 0.5 } }],
    ['a number beyond the exact ones', { topic: 'a', data: { a: 2 ** 53 } }],
    ['more than 4,096 bytes', { topic: 'a', data: { a: 'ä'.repeat(2_046) } }],
    ['a fifth level', { topic: 'a', data: { a: [[[[]]]] } }],
    ['a name that is none', { topic: 'a', data: { 'A b': 1 } }],
    ['a time', { topic: 'a', data: { a: { time: 'x' } } }],
    ['a topic in capitals', { topic: 'Request', data: {} }],
    ['a topic of a line', { topic: 'a\n', data: {} }],
    ['a topic that is too long', { topic: 'a'.repeat(65), data: {} }],
  ])('with %s are refused before anything is written, and by both verifiers', async (_what, note) => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    await ledger.reserve('a', reserveInput(600n));
    const records = storedRecords(folder).length;
    await expect(ledger.reserve('b', reserveInput(600n), [note])).rejects.toThrow('The note');
    await expect(ledger.settle('a', settleInput(250n), [note])).rejects.toThrow('The note');
    expect(storedRecords(folder).length).toBe(records);
    await ledger.settle('a', settleInput(250n));
    await ledger.dispose();
    await expectRefused(folder, { ...noted, ...note });
  });

  it.each<[string, AnyRecord]>([
    ['a field that nobody knows', { ...noted, day: '2026-01-01' }],
    ['no data', { ...noted, data: null }],
    ['a list of data', { ...noted, data: [] }],
    ['no topic', { ...noted, topic: null }],
    ['a call that is no name', { ...noted, call_id: 7 }],
    ['data of a prototype', { ...noted, data: JSON.parse('{"__proto__":1}') as unknown }],
  ])('with %s are refused by both verifiers', async (_what, record) => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    await ledger.reserve('a', reserveInput(600n));
    await ledger.dispose();
    await expectRefused(folder, record);
  });

  it('with half a character are refused before anything is written, and by both verifiers', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    const note = { topic: 'a', data: { a: '\ud800' } };
    await expect(ledger.reserve('a', reserveInput(600n), [note])).rejects.toThrow('The note');
    await ledger.reserve('a', reserveInput(600n));
    await ledger.dispose();
    await expectRefused(folder, { ...noted, data: { a: 'half' } }, (body) => body.replace('half', '\\ud800'));
  });

  it('at the bounds are taken', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    const data = { a: 'ä'.repeat(2_044), b: [[[]]] };
    const note = { topic: `${'a'.repeat(63)}.`, data: { ...data, a: data.a.slice(8) } };
    await ledger.reserve('a', reserveInput(600n), [note, { topic: 'a', data: {} }]);
    expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true });
    expect(independently(folder)).toContain('records intact');
  });
});

/** Expects that both verifiers refuse a note that stands at the end, at the same place. */
async function expectRefused(
  folder: string,
  record: AnyRecord,
  spelled = (body: string): string => body,
): Promise<void> {
  const forged = new ForgedLedger(folder, [testSigner]);
  forged.add(record);
  forged.lines.at(-1)!.spelled = spelled;
  forged.write(folder);
  const { firstFault } = await verifyLedger({ directory: folder, mode: 'live' });
  expect(firstFault?.line).toBeGreaterThan(1);
  expect(independently(folder)).toMatch(`DAMAGED ${firstFault?.segment}:${firstFault?.line}: `);
}

it('the file that a call is about stands in its record, and in that of its refusal', async () => {
  const folder = temporaryFolder();
  const ledger = openLedger(folder);
  const input = { ...reserveInput(600n), file: 'src/main.ts' };
  await ledger.reserve('a', input);
  await ledger.reserve('b', { ...input, amount: 10_000_000n });
  const files = storedRecords(folder).flatMap((record) =>
    'file' in record ? [[record.kind, record.file]] : [],
  );
  expect(files).toEqual([
    ['RESERVE', 'src/main.ts'],
    ['REFUSE', 'src/main.ts'],
  ]);
  expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true });
  expect(independently(folder)).toContain('records intact');
});

it('a segment can begin while a name with a line separator counts', async () => {
  const folder = temporaryFolder();
  const clock = { now: Date.parse('2026-01-01T10:00:00Z') };
  const ledger = openLedger(folder, { now: () => clock.now });
  await ledger.reserve('a', { ...reserveInput(600n), workspace: '/work/\u2028' });
  clock.now += dayMs;
  expect(await ledger.reserve('b', reserveInput(600n))).toMatchObject({ granted: true });
  expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true, segments: 2 });
});
