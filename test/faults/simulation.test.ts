import { beforeEach, expect, it, vi } from 'vitest';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { capsOf } from '../support/inputs.ts';
import { report, times } from '../support/nightly.ts';
import { randomFrom, testSeed } from '../support/random.ts';
import { disk, type Fault } from '../support/simulatedDisk.ts';
import {
  expectIntact,
  killAll,
  losePower,
  noCalls,
  endRun,
  noFaults,
  openSimulated,
  refusedOr,
  reserve,
  settle,
  startRun,
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
  /** Calls that may be settled, with what they hold, and the process and run they are of. */
  running: Map<string, { amount: bigint; run: Run | null }>;
  runs: Set<Run>;
  calls: number;
}

/** A run of an agreement. What a process has begun, it ends. */
interface Run {
  id: string;
  ledger: Ledger;
  /** Calls that are being reserved or settled just now. */
  busy: number;
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
    runs: new Set(),
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
  if (dice < 0.1) {
    await runStep(world, ledger);
  } else if (dice < 0.4) {
    const id = `call-${(world.calls += 1)}`;
    const amount = BigInt(1 + Math.floor(random() * 400));
    const run = world.runs.size > 0 && random() < 0.5 ? pick(random, [...world.runs]) : null;
    await during(run, reserve(made, run?.ledger ?? ledger, id, amount, run ? { run: run.id } : {}));
    if (made.granted.has(id)) running.set(id, { amount, run });
  } else if (dice < 0.75 && running.size > 0) {
    const [id, { amount, run }] = pick(random, [...running]);
    running.delete(id);
    const over = random() < 0.05 ? 50n : 0n;
    const cost = (amount * BigInt(Math.floor(random() * 100))) / 100n + over;
    await during(run, settle(made, run?.ledger ?? ledger, id, cost));
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

async function during(run: Run | null, work: Promise<void>): Promise<void> {
  if (run) run.busy += 1;
  await work;
  if (run) run.busy -= 1;
}

/** Starts a run, or ends one whose calls have ended. */
async function runStep(world: World, ledger: Ledger): Promise<void> {
  const { made, random, runs, running } = world;
  const idle = [...runs].filter(
    (run) => run.busy === 0 && [...running.values()].every((call) => call.run !== run),
  );
  if (idle.length > 0 && random() < 0.6) {
    const run = pick(random, idle);
    runs.delete(run);
    await endRun(made, run.ledger, run.id);
    return;
  }
  const amount = BigInt(Math.floor(random() * 600));
  const id = `00000000-0000-4000-8000-${String((world.calls += 1)).padStart(12, '0')}`;
  if (await startRun(made, ledger, id, amount)) runs.add({ id, ledger, busy: 0 });
}

/** Processes come, work side by side on a disk that may fail, and end well, by a kill or by a power loss. */
async function simulate(seed: number): Promise<number> {
  const world = worldOf(seed);
  const { random, clock, timeZone, made } = world;
  const options = { now: () => clock.now, timeZone, capOf: capsOf(1_000n) };
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
    world.runs.clear();
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
}, 7_200_000);

it('a clock that jumps anywhere never begins a day twice or leaves one', async () => {
  const seed = testSeed();
  const schedules = times(200, 20_000);
  for (let schedule = 0; schedule < schedules; schedule += 1) {
    const world = worldOf(seed + schedule);
    const { made, random, clock, timeZone } = world;
    const options = { now: () => clock.now, timeZone, capOf: capsOf(1_000n) };
    let ledger = openSimulated(options);
    for (let call = 0; call < 12; call += 1) {
      clock.now += (random() < 0.5 ? -1 : 1) * Math.floor(random() * pick(random, jumps));
      await reserve(made, ledger, `call-${call}`, 100n);
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
