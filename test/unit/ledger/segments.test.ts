import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import { segmentNames } from '../../../src/ledger/journal.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import type { LedgerOptions } from '../../../src/ledger/ledgerOptions.ts';
import { readRecords } from '../../../src/ledger/readJournal.ts';
import { verifyLedger } from '../../../src/ledger/verifyLedger.ts';
import { parseCheckpoint, type SignedCheckpoint } from '../../../src/ledger/signing.ts';
import {
  capsOf,
  keysInMemory,
  openLedger,
  reserveInput,
  settleInput,
  storedRecords,
} from '../../support/ledgers.ts';
import { independently } from '../../support/independentVerifier.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const dayMs = 86_400_000;
const firstDay = Date.parse('2026-01-01T10:00:00Z');

async function call(ledger: Ledger, id: string, cost = 250n): Promise<void> {
  await ledger.reserve(id, reserveInput(600n));
  await ledger.settle(id, settleInput(cost));
}

/** A ledger of some days with a call on each; its clock can be moved on. */
async function ledgerOfDays(days: number, options: Partial<LedgerOptions> = {}) {
  const folder = temporaryFolder();
  const clock = { now: firstDay };
  const ledger = openLedger(folder, { now: () => clock.now, ...options });
  for (let day = 0; day < days; day += 1) {
    clock.now = firstDay + day * dayMs;
    await call(ledger, `call-${day}`);
  }
  return { folder, ledger, clock };
}

const verify = (directory: string, anchors: SignedCheckpoint[] = []) =>
  verifyLedger({ directory, mode: 'live' }, { anchors });

function parsed(note: string | null | undefined): SignedCheckpoint {
  const checkpoint = parseCheckpoint(note ?? '');
  if (!checkpoint) throw new Error('this is not a checkpoint');
  return checkpoint;
}

function edit(path: string, change: (lines: string[]) => (string | undefined)[]): void {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  writeFileSync(
    path,
    change(lines)
      .map((line) => `${line ?? ''}\n`)
      .join(''),
  );
}

describe('segments', () => {
  it('begin with each policy day, carry the state of those before and are signed', async () => {
    const { folder } = await ledgerOfDays(3);
    expect(segmentNames(folder)).toEqual(['00000001.journal', '00000002.journal', '00000003.journal']);
    const headers = storedRecords(folder).filter((record) => record.kind === 'header');
    expect(headers.map(({ carried }) => carried?.days.map(({ day }) => day))).toEqual([
      undefined,
      ['2026-01-01'],
      ['2026-01-01', '2026-01-02'],
    ]);
    expect(parsed(headers[2]?.checkpoint ?? undefined).size).toBe((headers[2]?.seq ?? 0) - 1);
    expect(await verify(folder)).toMatchObject({ ok: true, segments: 3 });
    expect(independently(folder)).toContain('2026-01-02: 250 micro-USD spent, 0 reserved');
  });

  it('begin anew before they outgrow what is read at the start', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    const { amount: _amount, ...input } = reserveInput(0n);
    const { user_id, model, model_id, backend, priority, workspace, branch, command } = input;
    const refusal = { user_id, model, model_id, backend, priority, workspace, branch, command };
    const reason = 'x'.repeat(6 << 20);
    for (const id of ['a', 'b', 'c', 'd'])
      await ledger.refuse(id, { ...refusal, reason, outcome: 'refused', error_code: 'price_unknown' });
    expect(segmentNames(folder)).toHaveLength(2);
    expect(await verify(folder)).toMatchObject({ ok: true, segments: 2 });
  });

  it('let a new process begin with the last one, with the same budget and the open calls', async () => {
    const { folder, ledger, clock } = await ledgerOfDays(2);
    await ledger.reserve('late', reserveInput(900n));
    clock.now += dayMs;
    await call(ledger, 'next');
    const opened = openLedger(folder, { now: () => clock.now });
    expect(await opened.budget()).toEqual(await ledger.budget());
    await ledger.settle('late', settleInput(700n));
    expect(storedRecords(folder).at(-1)).toMatchObject({ kind: 'SETTLE', day: '2026-01-02' });
    expect(await opened.head()).toMatchObject({ sequence: storedRecords(folder).length });
    expect(await verify(folder)).toMatchObject({ ok: true });
  });

  it('are followed by a process that has the one before open', async () => {
    const { folder, ledger, clock } = await ledgerOfDays(1);
    const other = openLedger(folder, { now: () => clock.now });
    await call(other, 'x');
    clock.now += dayMs;
    await call(ledger, 'y');
    await call(other, 'z');
    expect(await other.budget()).toMatchObject({ day: '2026-01-02', spent: 500n });
    expect(await verify(folder)).toMatchObject({ ok: true, segments: 2 });
  });

  it('go on where a process died between making one and writing its header', async () => {
    const { folder, clock } = await ledgerOfDays(1);
    writeFileSync(join(folder, '00000002.journal'), '');
    clock.now += dayMs;
    const next = openLedger(folder, { now: () => clock.now });
    await call(next, 'y');
    expect(await verify(folder)).toMatchObject({ ok: true, segments: 2 });
    expect(await openLedger(folder, { now: () => clock.now }).budget()).toMatchObject({ spent: 250n });
  });

  it.each<[string, (folder: string) => void, string, number, string]>([
    [
      'a record of a closed segment was changed',
      (folder) =>
        edit(join(folder, '00000002.journal'), (lines) =>
          lines.map((line) => line.replace('"cost_micro_usd":"250"', '"cost_micro_usd":"150"')),
        ),
      '00000002.journal',
      4,
      'hash_mismatch',
    ],
    [
      'the last record of a closed segment was removed',
      (folder) => edit(join(folder, '00000001.journal'), (lines) => lines.slice(0, -1)),
      '00000002.journal',
      1,
      'hash_mismatch',
    ],
    [
      'a segment was removed',
      (folder) => rmSync(join(folder, '00000002.journal')),
      '00000002.journal',
      1,
      'missing_segment',
    ],
    [
      'the oldest segment was removed without a record of it',
      (folder) => rmSync(join(folder, '00000001.journal')),
      '00000001.journal',
      1,
      'missing_segment',
    ],
    [
      'two segments were swapped',
      (folder) => {
        renameSync(join(folder, '00000002.journal'), join(folder, 'x'));
        renameSync(join(folder, '00000003.journal'), join(folder, '00000002.journal'));
        renameSync(join(folder, 'x'), join(folder, '00000003.journal'));
      },
      '00000002.journal',
      1,
      'hash_mismatch',
    ],
  ])('are found broken when %s', async (_name, damage, segment, line, kind) => {
    const { folder } = await ledgerOfDays(3);
    damage(folder);
    expect(await verify(folder)).toMatchObject({ ok: false, firstFault: { segment, line, kind } });
    expect(independently(folder)).toContain('DAMAGED');
  });

  it('that retention drops are named by a record, and what is left verifies with the budget intact', async () => {
    const { folder, ledger, clock } = await ledgerOfDays(3, { retentionDays: 200 });
    const before = await ledger.head();
    clock.now += 202 * dayMs;
    await call(ledger, 'much-later');
    expect(segmentNames(folder)).toHaveLength(4);
    clock.now += dayMs;
    await call(ledger, 'the-day-after');
    expect(segmentNames(folder)).toEqual(['00000003.journal', '00000004.journal', '00000005.journal']);
    expect(storedRecords(folder).find(({ kind }) => kind === 'retention')).toMatchObject({
      first_segment: 3,
    });
    expect(await verify(folder, [parsed(before?.checkpoint)])).toMatchObject({ ok: true, anchors: 1 });
    expect(independently(folder, before?.checkpoint)).toContain('1 anchors fit');
    expect(await openLedger(folder, { now: () => clock.now }).budget()).toMatchObject({ spent: 250n });
    rmSync(join(folder, '00000003.journal'));
    expect(await verify(folder)).toMatchObject({
      firstFault: { segment: '00000003.journal', kind: 'missing_segment' },
    });
  });

  it('can be verified from a day on', async () => {
    const { folder } = await ledgerOfDays(3);
    edit(join(folder, '00000001.journal'), (lines) =>
      lines.map((line) => line.replace('"cost_micro_usd":"250"', '"cost_micro_usd":"150"')),
    );
    const location = { directory: folder, mode: 'live' as const };
    expect(await verifyLedger(location, { from: '2026-01-03' })).toMatchObject({ ok: true, records: 8 });
    expect(await verifyLedger(location, { from: '2026-01-01' })).toMatchObject({ ok: false });
  });
});

describe('an anchor', () => {
  it('fits a ledger that only grew', async () => {
    const { folder, ledger } = await ledgerOfDays(2);
    const head = await ledger.head();
    await call(ledger, 'more');
    expect(await verify(folder, [parsed(head?.checkpoint)])).toMatchObject({ ok: true, anchors: 1 });
  });

  it('shows that the end was cut off, which nothing else does', async () => {
    const { folder, ledger } = await ledgerOfDays(2);
    const head = await ledger.head();
    await ledger.dispose();
    edit(join(folder, '00000002.journal'), (lines) => lines.slice(0, -3));
    expect(await verify(folder)).toMatchObject({ ok: true });
    expect(await verify(folder, [parsed(head?.checkpoint)])).toMatchObject({
      ok: false,
      firstFault: { kind: 'anchor_mismatch', detail: expect.stringContaining('cut off') as string },
    });
    expect(independently(folder, head?.checkpoint)).toContain('but the ledger ends at');
  });

  it('shows that records before it were written anew, with right hashes and the right key', async () => {
    const { folder, ledger, clock } = await ledgerOfDays(2);
    const head = await ledger.head();
    await ledger.dispose();
    const last = join(folder, '00000002.journal');
    edit(last, (lines) => lines.slice(0, -3));
    const forger = openLedger(folder, { now: () => clock.now });
    await call(forger, 'call-1', 1n);
    await call(forger, 'more');
    expect(await verify(folder)).toMatchObject({ ok: true });
    expect(await verify(folder, [parsed(head?.checkpoint)])).toMatchObject({
      firstFault: { segment: '00000002.journal', line: 4, kind: 'anchor_mismatch' },
    });
    expect(independently(folder, head?.checkpoint)).toContain('is of other records');
  });

  it('of another ledger, or signed by a key that the ledger does not know, is refused', async () => {
    const { folder, ledger } = await ledgerOfDays(1);
    const { ledger: other } = await ledgerOfDays(1);
    const foreign = parsed((await other.head())?.checkpoint);
    expect(await verify(folder, [foreign])).toMatchObject({ firstFault: { kind: 'anchor_mismatch' } });
    const own = parsed((await ledger.head())?.checkpoint);
    const forged = { ...own, signatures: [{ keyId: '00000000', signature: 'AAAA' }] };
    expect(await verify(folder, [forged])).toMatchObject({ firstFault: { kind: 'bad_signature' } });
  });
});

describe('an anchor that proves nothing', () => {
  it('because it is of records before the first that was checked, is said, not counted', async () => {
    const { folder, ledger, clock } = await ledgerOfDays(1, { retentionDays: 200 });
    const old = await ledger.head();
    for (const day of [20, 40, 260, 261]) {
      clock.now = firstDay + day * dayMs;
      await call(ledger, `day-${day}`);
      if (day === 260) {
        clock.now += 2 * dayMs;
        await call(ledger, 'soon after');
      }
    }
    expect(segmentNames(folder)[0]).not.toBe('00000001.journal');
    expect(await verify(folder)).toMatchObject({ ok: true });
    expect(await verify(folder, [parsed(old?.checkpoint)])).toMatchObject({
      ok: false,
      anchors: 0,
      firstFault: { kind: 'anchor_mismatch' },
    });
    expect(independently(folder, old?.checkpoint)).toContain('could be compared');
  });
});

describe('a signing key', () => {
  it('that was rotated signs nothing from there on', async () => {
    const { folder, ledger, clock } = await ledgerOfDays(1);
    const old = await ledger.head();
    await ledger.rotateKey();
    clock.now += dayMs;
    await call(ledger, 'x');
    const rotated = storedRecords(folder).findLast((record) => record.kind === 'key');
    expect(rotated).toMatchObject({ replaces: expect.any(String) as string });
    expect(await verify(folder, [parsed(old?.checkpoint)])).toMatchObject({ ok: true, anchors: 1 });
    expect(independently(folder)).toContain('records intact');
  });

  it('that another window rotated is taken up', async () => {
    const folder = temporaryFolder();
    const signingKeys = keysInMemory();
    const clock = { now: firstDay };
    const [one, two] = [0, 1].map(() => openLedger(folder, { now: () => clock.now, signingKeys }));
    if (!one || !two) throw new Error('there are two');
    await call(one, 'a');
    await call(two, 'b');
    const old = await signingKeys.load();
    await one.rotateKey();
    clock.now += dayMs;
    await call(two, 'c');
    expect((await signingKeys.load()).publicKey).not.toBe(old.publicKey);
    expect(storedRecords(folder).filter(({ kind }) => kind === 'key')).toHaveLength(2);
    expect(await verify(folder)).toMatchObject({ ok: true });
  });
});

describe('the day', () => {
  it('is not begun anew by a clock that was set back, which is recorded once', async () => {
    const { folder, ledger, clock } = await ledgerOfDays(2);
    clock.now -= 2 * dayMs;
    await call(ledger, 'x');
    await call(ledger, 'y');
    expect(await ledger.budget()).toMatchObject({ day: '2026-01-02', spent: 750n });
    expect(storedRecords(folder).filter(({ kind }) => kind === 'clock_anomaly')).toMatchObject([
      { wall_time: '2025-12-31T10:00:00.000Z', time: '2026-01-02T10:00:00.000Z' },
    ]);
    expect(segmentNames(folder)).toHaveLength(2);
    expect(await verify(folder)).toMatchObject({ ok: true });
  });
});

describe('retention', () => {
  it('drops nothing for a clock that has jumped ahead', async () => {
    const { folder, ledger, clock } = await ledgerOfDays(3);
    clock.now += 3_650 * dayMs;
    await call(ledger, 'jumped');
    expect(segmentNames(folder)).toHaveLength(4);
    expect(await verify(folder)).toMatchObject({ ok: true });
  });
});

describe('another time zone', () => {
  it('gives no second budget: it takes effect once the day has ended in both', async () => {
    const folder = temporaryFolder();
    const clock = { now: Date.parse('2026-01-01T20:00:00Z') };
    const inZone = (timeZone: string) => openLedger(folder, { now: () => clock.now, timeZone });
    await inZone('UTC').reserve('a', reserveInput(900_000n));
    const later = inZone('Pacific/Kiritimati');
    expect(await later.reserve('b', reserveInput(900_000n))).toMatchObject({ granted: false });
    expect(await later.budget()).toMatchObject({ day: '2026-01-01', timeZone: 'UTC' });
    clock.now = Date.parse('2026-01-02T00:30:00Z');
    expect(await later.reserve('c', reserveInput(900_000n))).toMatchObject({ granted: true });
    expect(await later.budget()).toMatchObject({ day: '2026-01-02', timeZone: 'Pacific/Kiritimati' });
    expect(await verify(folder)).toMatchObject({ ok: true });
  });
});

describe('a call that costs more than it reserved', () => {
  it('blocks its day until someone acknowledges it, and is recorded', async () => {
    const { folder, ledger } = await ledgerOfDays(1);
    await call(ledger, 'dear', 5_000n);
    expect(storedRecords(folder).at(-1)).toMatchObject({ kind: 'OVERRUN', reserved_micro_usd: '600' });
    expect(await ledger.reserve('next', reserveInput(1n))).toMatchObject({ granted: false, overruns: 1 });
    await ledger.acknowledgeOverruns({ userId: 'ada', reason: 'JIRA-9 seen' });
    expect(await ledger.reserve('next', reserveInput(1n))).toMatchObject({ granted: true });
    const again = await ledger
      .acknowledgeOverruns({ userId: 'ada', reason: 'again' })
      .catch((error: unknown) => error);
    expect(GatewayError.is(again, 'invalid_request')).toBe(true);
    expect(await verify(folder)).toMatchObject({ ok: true });
  });

  it('whose OVERRUN was torn off gets it from the next process', async () => {
    const { folder, ledger, clock } = await ledgerOfDays(1);
    await call(ledger, 'dear', 5_000n);
    await ledger.dispose();
    edit(join(folder, '00000001.journal'), (lines) => lines.slice(0, -1));
    const next = openLedger(folder, { now: () => clock.now });
    await next.recover();
    expect(storedRecords(folder).at(-1)).toMatchObject({ kind: 'OVERRUN', call_id: 'dear' });
    expect(await verify(folder)).toMatchObject({ ok: true });
  });
});

it('a reconciliation is not recorded over another that was recorded since it was compared', async () => {
  const { folder, ledger } = await ledgerOfDays(1);
  const compared = (await ledger.head())?.sequence ?? 0;
  const difference = {
    day: '2026-01-01',
    model_id: 'us.anthropic.claude-sonnet-4-6',
    token_class: 'input' as const,
    recorded_micro_usd: '250',
    billed_micro_usd: '240',
    difference_micro_usd: '-10',
    source: 'bill.csv',
    source_sha256: '0'.repeat(64),
    user_id: 'ada',
    reason: 'JIRA-4 bill',
  };
  await ledger.adjust([difference], compared);
  const again = await ledger.adjust([difference], compared).catch((error: unknown) => error);
  expect(GatewayError.is(again, 'invalid_request')).toBe(true);
  expect(await ledger.budget()).toMatchObject({ spent: 240n });
  expect(await verify(folder)).toMatchObject({ ok: true });
});

describe('caps', () => {
  const ofUser = (limit: bigint) => ({ scope: 'user', key: 'ada', limit }) as const;

  it('of ledger, user, model and workspace are checked and held together', async () => {
    const ledger = openLedger(temporaryFolder(), { capOf: capsOf(1_000_000n, ofUser(1_000n)) });
    await ledger.reserve('a', reserveInput(600n));
    expect(await ledger.reserve('b', reserveInput(600n))).toMatchObject({
      granted: false,
      cap: { scope: 'user', key: 'ada' },
      left: 400n,
    });
    const other = { ...reserveInput(600n), user_id: 'grace' };
    expect(await ledger.reserve('c', other)).toMatchObject({ granted: true });
    expect(await ledger.budget()).toMatchObject({ reserved: 1_200n });
  });

  it('of a model leave what the others leave to another model', async () => {
    const model = { scope: 'model', key: 'us.anthropic.claude-sonnet-4-6', limit: 100n } as const;
    const ledger = openLedger(temporaryFolder(), { capOf: capsOf(1_000_000n, ofUser(5_000n), model) });
    expect(await ledger.reserve('a', reserveInput(600n))).toMatchObject({
      granted: false,
      cap: { scope: 'model' },
      left: 100n,
      leftForOtherModels: 5_000n,
    });
  });

  it('that change are signed records, made when they are first used', async () => {
    const folder = temporaryFolder();
    let capOf = capsOf(1_000_000n, ofUser(1_000n));
    const ledger = openLedger(folder, { capOf: (scope) => capOf(scope) });
    await ledger.reserve('a', reserveInput(1n));
    capOf = capsOf(1_000_000n, ofUser(2_000n));
    await ledger.reserve('b', reserveInput(1n));
    capOf = capsOf(1_000_000n);
    await ledger.reserve('c', reserveInput(1n));
    const changes = storedRecords(folder).filter((record) => record.kind === 'policy_change');
    expect(
      changes.map(({ scope, from_micro_usd, to_micro_usd }) => [scope, from_micro_usd, to_micro_usd]),
    ).toEqual([
      ['ledger', null, '1000000'],
      ['user', null, '1000'],
      ['user', '1000', '2000'],
      ['user', '2000', null],
    ]);
    expect(await verify(folder)).toMatchObject({ ok: true });
  });

  it('raised for a day hold for that day only, with who and why', async () => {
    let capOf = capsOf(1_000_000n);
    const { folder, ledger, clock } = await ledgerOfDays(1, { capOf: (scope) => capOf(scope) });
    capOf = capsOf(700n);
    const small = (id: string) => ledger.reserve(id, reserveInput(600n));
    expect(await small('a')).toMatchObject({ granted: false });
    await ledger.raiseCap(
      { scope: 'ledger', key: '', limit: 5_000n },
      { userId: 'ada', reason: 'JIRA-2 release' },
    );
    expect(await small('b')).toMatchObject({ granted: true });
    clock.now += dayMs;
    expect(await small('c')).toMatchObject({ granted: true });
    expect(await small('d')).toMatchObject({ granted: false });
    expect(
      storedRecords(folder).find((record) => record.kind === 'policy_change' && record.day !== null),
    ).toMatchObject({
      day: '2026-01-01',
      from_micro_usd: '700',
      to_micro_usd: '5000',
      user_id: 'ada',
      reason: 'JIRA-2 release',
    });
    expect(await verify(folder)).toMatchObject({ ok: true });
  });
});

it('a ledger of many segments is read record by record', async () => {
  const { folder } = await ledgerOfDays(4);
  let records = 0;
  for await (const { record } of readRecords(folder)) {
    records += 1;
    expect(record.seq).toBe(records);
  }
  expect(records).toBe(storedRecords(folder).length);
  expect(existsSync(join(folder, 'lock.db')) && readdirSync(folder).length).toBeGreaterThan(4);
});

it('a record longer than a line may be is refused before it is written, and the ledger goes on', async () => {
  const folder = temporaryFolder();
  const ledger = openLedger(folder);
  const workspace = 'a'.repeat(17_000_000);
  await expect(ledger.reserve('long', { ...reserveInput(1n), workspace })).rejects.toThrow(
    'the line is longer than 16777216 bytes',
  );
  await call(ledger, 'after');
  expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true });
});
