import { beforeEach, expect, it, vi } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { report, times } from '../support/nightly.ts';
import { randomFrom, testSeed } from '../support/random.ts';
import { disk, type Fault } from '../support/simulatedDisk.ts';
import {
  expectIntact,
  killAll,
  losePower,
  noCalls,
  noFaults,
  openSimulated,
  refusedOr,
  reserve,
  settle,
  verifiedRecords,
  type CallsMade,
} from '../support/simulation.ts';

vi.mock('node:fs', async (importOriginal) => {
  const { disk: simulated } = await import('../support/simulatedDisk.ts');
  const real = await importOriginal<typeof import('node:fs')>();
  return { ...real, ...simulated.over(real) };
});
vi.mock('../../src/ledger/kernelLock.ts', () => import('../support/simulatedLock.ts'));

const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'America/Sao_Paulo',
];
const faults: Fault[] = ['ENOSPC', 'EIO', 'EMFILE', 'short write'];
const second = 1_000;
const jumps = [
  second,
  60 * second,
  3_600 * second,
  86_400 * second,
  31 * 86_400 * second,
  3_650 * 86_400 * second,
];

beforeEach(() => {
  noFaults();
});

interface World {
  made: CallsMade;
  random: () => number;
  clock: { now: number };
  timeZone: string;
  /** Calls that may be settled, with what they hold. */
  running: Map<string, bigint>;
  calls: number;
}

function worldOf(seed: number): World {
  const random = randomFrom(seed);
  disk.load(new Map());
  killAll();
  noFaults();
  return {
    made: noCalls(),
    random,
    clock: { now: Date.parse('2026-03-28T12:00:00Z') + Math.floor(random() * 400) * 86_400 * second },
    timeZone: zones[Math.floor(random() * zones.length)] ?? 'UTC',
    running: new Map(),
    calls: 0,
  };
}

const pick = <T>(random: () => number, items: readonly T[]): T =>
  items[Math.floor(random() * items.length)] as T;

/** One thing that a process does. */
async function step(world: World, ledger: Ledger): Promise<void> {
  const { made, random, running } = world;
  const by = { userId: 'ada', reason: 'JIRA-3 simulated' };
  const dice = random();
  if (dice < 0.4) {
    const id = `call-${(world.calls += 1)}`;
    const amount = BigInt(1 + Math.floor(random() * 400));
    await reserve(made, ledger, id, amount, 1_000n);
    if (made.granted.has(id)) running.set(id, amount);
  } else if (dice < 0.75 && running.size > 0) {
    const [id, amount] = pick(random, [...running]);
    running.delete(id);
    const over = random() < 0.05 ? 50n : 0n;
    await settle(made, ledger, id, (amount * BigInt(Math.floor(random() * 100))) / 100n + over);
  } else if (dice < 0.8) {
    world.clock.now += (random() < 0.5 ? -1 : 1) * pick(random, jumps);
  } else if (dice < 0.85) {
    await refusedOr(
      ledger.raiseCap({ scope: 'ledger', key: '', limit: BigInt(Math.floor(1_000 + random() * 500)) }, by),
    );
  } else if (dice < 0.9) {
    await refusedOr(ledger.acknowledgeOverruns(by));
  } else if (dice < 0.95) {
    await refusedOr(ledger.recover());
  } else {
    world.clock.now += Math.floor(random() * 3_600 * second);
  }
}

/** Processes come, work side by side on a disk that may fail, and end well, by a kill or by a power loss. */
async function simulate(seed: number): Promise<number> {
  const world = worldOf(seed);
  const { random, clock, timeZone, made } = world;
  const options = { now: () => clock.now, timeZone };
  const epochs = 1 + Math.floor(random() * 3);
  let steps = 0;
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    const ledgers =
      random() < 0.4 ? [openSimulated(options), openSimulated(options)] : [openSimulated(options)];
    if (random() < 0.6) {
      const first = 1 + Math.floor(random() * 40);
      const fault = pick(random, faults);
      const sticky = random() < 0.5;
      disk.operations = 0;
      disk.fault = (operation) => ((sticky ? operation >= first : operation === first) ? fault : null);
    }
    world.running.clear();
    const rounds = 1 + Math.floor(random() * 6);
    for (let round = 0; round < rounds; round += 1) {
      const together = 1 + Math.floor(random() * 3);
      await Promise.all(Array.from({ length: together }, () => step(world, pick(random, ledgers))));
      steps += together;
    }
    const end = random();
    if (end < 0.4) for (const ledger of ledgers) await ledger.dispose();
    else if (end < 0.7) killAll();
    else losePower(random, random() < 0.5 ? 512 : 4096);
    killAll();
    noFaults();
  }
  await expectIntact(made, options);
  return steps;
}

it('simulated processes on a failing disk keep the books, whatever happens', async () => {
  const seed = testSeed();
  const runs = times(10_000, 1_000_000);
  let steps = 0;
  for (let run = 0; run < runs; run += 1) {
    steps += await simulate(seed + run).catch((error: unknown) => {
      throw new Error(`the simulation of seed ${seed + run} failed`, { cause: error });
    });
  }
  report('seeded simulation', `${runs} simulations, ${steps} steps, seed ${seed}`);
});

it('a clock that jumps anywhere never begins a day twice or leaves one', async () => {
  const seed = testSeed();
  const schedules = times(200, 20_000);
  for (let schedule = 0; schedule < schedules; schedule += 1) {
    const world = worldOf(seed + schedule);
    const { made, random, clock, timeZone } = world;
    const options = { now: () => clock.now, timeZone };
    let ledger = openSimulated(options);
    for (let call = 0; call < 12; call += 1) {
      clock.now += (random() < 0.5 ? -1 : 1) * Math.floor(random() * pick(random, jumps));
      await reserve(made, ledger, `call-${call}`, 100n, 1_000n);
      clock.now += (random() < 0.5 ? -1 : 1) * Math.floor(random() * pick(random, jumps));
      if (made.granted.has(`call-${call}`)) await settle(made, ledger, `call-${call}`, 90n);
      if (random() < 0.2) {
        await ledger.dispose();
        ledger = openSimulated(options);
      }
    }
    await ledger.dispose();
    await expectIntact(made, options);
    const days = verifiedRecords().flatMap((record) => (record.kind === 'RESERVE' ? [record.day] : []));
    expect(days).toEqual([...days].sort());
    const spent = new Map<string, number>();
    for (const day of days) spent.set(day, (spent.get(day) ?? 0) + 100);
    expect(Math.max(0, ...spent.values())).toBeLessThanOrEqual(1_100);
  }
  report('clock jumps of 1 s to 10 years, six zones', `${schedules} schedules of 24 jumps, seed ${seed}`);
});
