import { describe, expect, it } from 'vitest';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import type { LedgerOptions } from '../../../src/ledger/ledgerOptions.ts';
import { verifyLedger } from '../../../src/ledger/verifyLedger.ts';
import { capsOf, openLedger, reserveInput, settleInput, storedRecords } from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const morning = Date.parse('2026-03-02T10:00:00Z');
const boot = '00000000-0000-4000-8000-000000000001';

/** A computer whose clock can be set, and which runs all the same. */
class Computer {
  wall = morning;
  ran = 3 * hour;
  boot = boot;
  readonly folder = temporaryFolder();

  pass(ms: number): void {
    this.wall += ms;
    this.ran += ms;
  }

  restart(): void {
    this.boot = '00000000-0000-4000-8000-000000000002';
    this.ran = minute;
  }

  /** A process. */
  open(options: Partial<LedgerOptions> = {}): Ledger {
    return openLedger(this.folder, {
      now: () => this.wall,
      running: () => ({ boot: this.boot, running_ms: this.ran }),
      capOf: capsOf(1_000n),
      ...options,
    });
  }
}

let calls = 0;
/** A call of the whole day's budget of 1,000 micro-USD: whether it was made. */
async function spend(ledger: Ledger): Promise<boolean> {
  calls += 1;
  const { granted } = await ledger.reserve(`call-${calls}`, reserveInput(1_000n));
  if (granted) await ledger.settle(`call-${calls}`, settleInput(1_000n));
  return granted;
}

describe('a clock that is set forward', () => {
  it.each([day, 2 * day, 40 * day, 366 * day, 14 * hour + minute])(
    'by %i ms gives no second budget, to the same process or another, and is recorded once each',
    async (jump) => {
      const computer = new Computer();
      const ledger = computer.open();
      expect(await spend(ledger)).toBe(true);
      computer.wall += jump;
      expect(await spend(ledger)).toBe(false);
      expect(await spend(ledger)).toBe(false);
      expect(await spend(computer.open())).toBe(false);
      expect((await ledger.budget()).day).toBe('2026-03-02');
      expect((await ledger.budget()).clockAheadMs).toBe(jump);
      const anomalies = storedRecords(computer.folder).filter(({ kind }) => kind === 'clock_anomaly');
      expect(anomalies).toHaveLength(2);
      expect(anomalies[0]).toMatchObject({ wall_time: new Date(computer.wall).toISOString() });
      // Set right again it is as if nothing had been.
      computer.wall -= jump;
      computer.pass(15 * hour);
      expect((await ledger.budget()).clockAheadMs).toBe(0);
      expect(await spend(ledger)).toBe(true);
      expect(await verifyLedger({ directory: computer.folder, mode: 'live' })).toMatchObject({ ok: true });
    },
  );

  it('many times a day gives one budget for each day that passes', async () => {
    const computer = new Computer();
    let made = (await spend(computer.open())) ? 1 : 0;
    for (let step = 0; step < 60; step += 1) {
      computer.wall += 30 * hour;
      made += (await spend(computer.open())) ? 1 : 0;
      computer.wall -= 30 * hour - (step % 3) * minute;
      computer.pass(hour);
    }
    // 60 hours from ten in the morning touch three days.
    expect(made).toBe(3);
  });

  it('is held until the running time has caught up, and the next day begins then', async () => {
    const computer = new Computer();
    const ledger = computer.open();
    await spend(ledger);
    computer.wall += 3 * day;
    computer.pass(13 * hour);
    expect(await spend(ledger)).toBe(false);
    computer.pass(2 * hour);
    expect(await spend(ledger)).toBe(true);
    expect((await ledger.budget()).day).toBe('2026-03-03');
  });
});

describe('what isn’t held', () => {
  it.each([
    ['a night', 20 * hour],
    ['a weekend asleep', 64 * hour],
    ['a year', 366 * day],
  ])('%s that passes', async (_name, ms) => {
    const computer = new Computer();
    const ledger = computer.open();
    await spend(ledger);
    computer.pass(ms);
    // Clocks drift apart by a second an hour.
    computer.wall += ms / 3_600;
    expect(await spend(ledger)).toBe(true);
    expect(await spend(computer.open())).toBe(false);
    expect((await ledger.budget()).clockAheadMs).toBe(0);
  });

  it('a clock that is set right by minutes', async () => {
    const computer = new Computer();
    const ledger = computer.open();
    await spend(ledger);
    computer.wall += 9 * minute;
    expect((await ledger.budget()).clockAheadMs).toBe(0);
  });

  it('a computer that was started again, of which nobody can tell', async () => {
    const computer = new Computer();
    await spend(computer.open());
    computer.wall += day;
    computer.restart();
    const again = computer.open();
    expect(await spend(again)).toBe(true);
    const readings = storedRecords(computer.folder).flatMap((record) =>
      record.kind === 'header' ? (record.clock ?? []) : [],
    );
    expect(readings.map((reading) => reading.boot)).toEqual([boot, computer.boot]);
    // From here on it is measured again.
    computer.wall += day;
    expect(await spend(again)).toBe(false);
  });
});

describe('a virtual machine that was asleep', () => {
  it('has its day once AWS confirms the clock', async () => {
    const computer = new Computer();
    let asked = 0;
    const clockOffset = (): Promise<number> => {
      asked += 1;
      return Promise.resolve(1_500);
    };
    const ledger = computer.open({ clockOffset });
    await spend(ledger);
    expect(asked).toBe(0);
    computer.wall += 15 * hour;
    expect(await spend(ledger)).toBe(true);
    expect(asked).toBe(1);
    expect((await computer.open().budget()).day).toBe('2026-03-03');
  });

  it.each([
    ['says that it is as far ahead as it seems', -15 * hour],
    ['says that it is ahead by less', -7 * hour],
    ['can’t be asked', null],
  ])('is held where AWS %s', async (_name, offset) => {
    const computer = new Computer();
    const ledger = computer.open({ clockOffset: () => Promise.resolve(offset) });
    await spend(ledger);
    computer.wall += 15 * hour;
    expect(await spend(ledger)).toBe(false);
  });

  it('has its day once a person has decided, which is recorded', async () => {
    const computer = new Computer();
    const ledger = computer.open();
    await spend(ledger);
    computer.wall += 15 * hour;
    expect(await spend(ledger)).toBe(false);
    const by = { userId: 'ada', reason: 'JIRA-3 it slept' };
    await ledger.reopen({ kind: 'clock_ahead', detail: 'ahead' }, by, { setAside: false });
    expect(await spend(ledger)).toBe(true);
    expect(storedRecords(computer.folder).filter(({ kind }) => kind === 'reopening')).toMatchObject([
      { finding: 'clock_ahead', reason: 'JIRA-3 it slept', set_aside: null, replaces: null },
    ]);
    expect(await verifyLedger({ directory: computer.folder, mode: 'live' })).toMatchObject({ ok: true });
  });
});
