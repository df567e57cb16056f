import { readdirSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ReserveInput, StartRunInput } from '../../../src/ledger/contract.ts';
import { verifyLedger } from '../../../src/ledger/verifyLedger.ts';
import { endRunInput, reserveInput, settleInput, startRunInput } from '../../support/inputs.ts';
import { independently } from '../../support/independentVerifier.ts';
import { capsOf, openLedger, storedRecords } from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

function callOf(runId: string, amount: bigint): ReserveInput {
  const flow = { run_id: runId, agreement: 'cost_check', cost_limit_micro_usd: '1000' };
  return { ...reserveInput(amount), flow };
}

function ofAgreement(agreement: string, amount: bigint): StartRunInput {
  return { ...startRunInput(amount), agreement };
}

describe('a run', () => {
  it('holds what it may cost until it ends, and its calls take theirs from it', async () => {
    const ledger = openLedger(temporaryFolder());
    const run = randomUUID();
    expect(await ledger.startRun(run, startRunInput(1000n))).toMatchObject({ refusal: null });
    expect(await ledger.budget()).toMatchObject({ spent: 0n, reserved: 1000n });
    expect(await ledger.reserve('a', callOf(run, 600n))).toMatchObject({ granted: true });
    expect(await ledger.budget()).toMatchObject({ spent: 0n, reserved: 1000n });
    await ledger.settle('a', settleInput(250n));
    expect(await ledger.budget()).toMatchObject({ spent: 250n, reserved: 750n });
    expect(await ledger.endRun(run, endRunInput())).toMatchObject({ calls: 1, cost: 250n });
    expect(await ledger.budget()).toMatchObject({ spent: 250n, reserved: 0n });
  });

  it('refuses a call that may cost more than it has left, and says how much that is', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    const run = randomUUID();
    await ledger.startRun(run, startRunInput(1000n));
    await ledger.reserve('a', callOf(run, 600n));
    expect(await ledger.reserve('b', callOf(run, 401n))).toMatchObject({ granted: false, leftOfRun: 400n });
    expect(storedRecords(folder).at(-1)).toMatchObject({
      ...{ kind: 'REFUSE', error_code: 'cost_limit_exceeded', cap: null },
      flow: { run_id: run, agreement: 'cost_check', cost_limit_micro_usd: '1000' },
    });
    expect(await ledger.reserve('c', callOf(run, 400n))).toMatchObject({ granted: true });
  });

  it('leaves its money to its calls when everything else is used up', async () => {
    const ledger = openLedger(temporaryFolder());
    const run = randomUUID();
    await ledger.startRun(run, startRunInput(400_000n));
    expect(await ledger.reserve('other', reserveInput(600_000n))).toMatchObject({ granted: true });
    expect(await ledger.reserve('more', reserveInput(1n))).toMatchObject({ granted: false, left: 0n });
    expect(await ledger.reserve('own', callOf(run, 400_000n))).toMatchObject({ granted: true });
  });

  it('is refused when it doesn’t fit under a cap of the ledger, its user or its workspace', async () => {
    const capOf = capsOf(1_000_000n, { scope: 'user', key: 'ada', limit: 499n });
    const ledger = openLedger(temporaryFolder(), { capOf });
    const { refusal } = await ledger.startRun(randomUUID(), startRunInput(500n));
    expect(refusal).toMatchObject({ cap: { scope: 'user', key: 'ada' }, left: 499n });
    expect(await ledger.budget()).toMatchObject({ reserved: 0n });
  });

  it('holds its calls to the cap of their model all the same', async () => {
    const model = { scope: 'model', key: 'us.anthropic.claude-sonnet-4-6', limit: 500n } as const;
    const ledger = openLedger(temporaryFolder(), { capOf: capsOf(1_000_000n, model) });
    const run = randomUUID();
    await ledger.startRun(run, startRunInput(1000n));
    expect(await ledger.reserve('a', callOf(run, 600n))).toMatchObject({
      granted: false,
      cap: { scope: 'model' },
      left: 500n,
    });
  });

  it('runs once at a time for its agreement, in every process, unless it says otherwise', async () => {
    const folder = temporaryFolder();
    const [one, two] = [openLedger(folder), openLedger(folder)];
    const first = randomUUID();
    await one.startRun(first, startRunInput(0n));
    expect((await two.startRun(randomUUID(), startRunInput(0n))).refusal).toEqual({ running: true });
    expect((await two.startRun(randomUUID(), { ...startRunInput(0n), concurrent: true })).refusal).toBeNull();
    expect((await two.startRun(randomUUID(), ofAgreement('another', 0n))).refusal).toBeNull();
  });

  it('runs again once it has ended', async () => {
    const ledger = openLedger(temporaryFolder());
    const first = randomUUID();
    await ledger.startRun(first, startRunInput(0n));
    await ledger.endRun(first, endRunInput());
    expect((await ledger.startRun(randomUUID(), startRunInput(0n))).refusal).toBeNull();
  });

  it('gives its money back, and charges its calls, when its process dies', async () => {
    const folder = temporaryFolder();
    const dead = openLedger(folder);
    const run = randomUUID();
    await dead.startRun(run, startRunInput(1000n));
    await dead.reserve('a', callOf(run, 300n));
    // Closed without an ending, as when the process was killed: its liveness lock is free.
    await dead.dispose();
    const next = openLedger(folder);
    await next.recover();
    expect(await next.budget()).toMatchObject({ spent: 300n, reserved: 0n });
    expect(storedRecords(folder).slice(-2)).toMatchObject([
      { kind: 'EXPIRED_CHARGED', call_id: 'a' },
      { kind: 'flow_end', run_id: run, outcome: 'orphaned', calls: 1, cost_micro_usd: '300' },
    ]);
    expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true });
  });

  it('charges a call that costs more than it reserved to what is left, and blocks the day', async () => {
    const ledger = openLedger(temporaryFolder());
    const run = randomUUID();
    await ledger.startRun(run, startRunInput(1000n));
    await ledger.reserve('a', callOf(run, 300n));
    await ledger.settle('a', settleInput(500n));
    expect(await ledger.budget()).toMatchObject({ spent: 500n, reserved: 500n, overruns: 1 });
    expect(await ledger.reserve('b', callOf(run, 1n))).toMatchObject({ granted: false, overruns: 1 });
    await ledger.endRun(run, endRunInput());
    expect(await ledger.budget()).toMatchObject({ spent: 500n, reserved: 0n });
  });

  it('goes on over midnight and over the end of a segment, and verifies', async () => {
    let now = Date.parse('2026-05-01T23:59:59Z');
    const folder = temporaryFolder();
    const ledger = openLedger(folder, { now: () => now });
    const run = randomUUID();
    await ledger.startRun(run, startRunInput(1000n));
    await ledger.reserve('a', callOf(run, 300n));
    now += 2000;
    await ledger.settle('a', settleInput(100n));
    await ledger.reserve('b', callOf(run, 900n));
    await ledger.settle('b', settleInput(900n));
    expect(await openLedger(folder, { now: () => now }).budget()).toMatchObject({
      ...{ day: '2026-05-02', spent: 900n, reserved: 0n },
    });
    await ledger.endRun(run, endRunInput());
    expect(readdirSync(folder).filter((name) => name.endsWith('.journal'))).toHaveLength(2);
    expect(storedRecords(folder).find(({ kind, seq }) => kind === 'header' && seq > 1)).toMatchObject({
      carried: {
        open: [{ call_id: 'a', run_id: run }],
        runs: [{ run_id: run, left_micro_usd: '700', spent_micro_usd: '0', calls: 0 }],
      },
    });
    expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true });
    expect(independently(folder)).toMatch(
      /records intact[^]*2026-05-01: 100 micro-USD spent, 0 reserved\n2026-05-02: 900 micro-USD spent, 0 reserved/,
    );
  });

  it('has no calls of another user, and none after its end', async () => {
    const ledger = openLedger(temporaryFolder());
    const run = randomUUID();
    await ledger.startRun(run, startRunInput(1000n));
    await expect(ledger.reserve('a', { ...callOf(run, 1n), user_id: 'bob' })).rejects.toThrow(/no such run/);
    await ledger.endRun(run, endRunInput());
    await expect(ledger.reserve('b', callOf(run, 1n))).rejects.toThrow(/no open reservation/);
    expect(await ledger.budget()).toMatchObject({ spent: 0n, reserved: 0n });
  });

  it('has only calls of its own agreement, and no outcome that its mode contradicts', async () => {
    const ledger = openLedger(temporaryFolder());
    const run = randomUUID();
    await ledger.startRun(run, startRunInput(1000n));
    const flow = { run_id: run, agreement: 'another', cost_limit_micro_usd: '1000' };
    await expect(ledger.reserve('a', { ...reserveInput(1n), flow })).rejects.toThrow(/no such run/);
    const wrong = { ...endRunInput(), outcome: 'refused' as const };
    await expect(ledger.endRun(run, wrong)).rejects.toThrow(/does not fit its mode/);
    expect(await ledger.endRun(run, endRunInput())).toMatchObject({ calls: 0 });
  });

  it('doesn’t end before its calls have', async () => {
    const ledger = openLedger(temporaryFolder());
    const run = randomUUID();
    await ledger.startRun(run, startRunInput(1000n));
    await ledger.reserve('a', callOf(run, 1n));
    await expect(ledger.endRun(run, endRunInput())).rejects.toThrow(/ends before its calls/);
    await ledger.void('a', { outcome: 'cancelled', processing_time_ms: 1, error_code: 'cancelled' });
    expect(await ledger.endRun(run, endRunInput())).toMatchObject({ calls: 1, cost: 0n });
  });
});
