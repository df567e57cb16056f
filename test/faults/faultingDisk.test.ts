import { beforeEach, expect, it, vi } from 'vitest';
import { isNightly, report, times } from '../support/nightly.ts';
import { randomFrom, testSeed } from '../support/random.ts';
import {
  expectIntact,
  failFrom,
  killAll,
  losePower,
  noCalls,
  noFaults,
  openSimulated,
  refusedOr,
  twoDays,
} from '../support/simulation.ts';
import { disk, type Fault } from '../support/simulatedDisk.ts';

vi.mock('node:fs', async (importOriginal) => {
  const { disk: simulated } = await import('../support/simulatedDisk.ts');
  const real = await importOriginal<typeof import('node:fs')>();
  return { ...real, ...simulated.over(real) };
});
vi.mock('../../src/ledger/kernelLock.ts', () => import('../support/simulatedLock.ts'));

const later = { now: () => Date.parse('2026-02-01T11:00:00Z') };
const kinds: Fault[] = ['ENOSPC', 'EIO', 'EMFILE', 'short write'];

beforeEach(() => {
  noFaults();
  disk.load(new Map());
  killAll();
});

async function operationsOf(work: () => Promise<unknown>): Promise<number> {
  noFaults();
  await work();
  return disk.operations;
}

it('a fault at every operation, once or from there on, loses nothing that was acknowledged', async () => {
  const operations = await operationsOf(() => twoDays(noCalls()));
  let runs = 0;
  for (const fault of kinds)
    for (const sticky of [false, true])
      for (let operation = 1; operation <= operations; operation += 1) {
        disk.load(new Map());
        const made = noCalls();
        failFrom(operation, fault, sticky);
        await twoDays(made);
        killAll();
        await expectIntact(made, later);
        runs += 1;
      }
  report(
    'I/O fault at every operation, once and sticky',
    `${operations} operations × 4 faults × 2 = ${runs} runs`,
  );
  expect(operations).toBeGreaterThan(25);
});

it.runIf(isNightly)('a fault at every operation of a recovery is survived by the next', async () => {
  const whole = noCalls();
  noFaults();
  await twoDays(whole);
  const files = disk.files();
  const last =
    [...files.keys()]
      .filter((path) => path.endsWith('.journal'))
      .sort()
      .at(-1) ?? '';
  let runs = 0;
  for (let cut = 1; cut < 400; cut += 13) {
    const torn = new Map(files).set(last, (files.get(last) ?? Buffer.alloc(0)).subarray(0, -cut));
    disk.load(torn);
    const operations = await operationsOf(async () => refusedOr(openSimulated(later).recover()));
    for (const fault of kinds)
      for (const sticky of [false, true])
        for (let operation = 1; operation <= operations; operation += 1) {
          disk.load(torn);
          killAll();
          failFrom(operation, fault, sticky);
          await refusedOr(openSimulated(later).recover());
          killAll();
          await expectIntact(noCalls(), later);
          runs += 1;
        }
  }
  report('I/O fault at every operation of a recovery', `${runs} runs`);
});

it('a power loss after every operation loses nothing that was acknowledged', async () => {
  const seed = testSeed();
  const operations = await operationsOf(() => twoDays(noCalls()));
  const repeats = times(10, 1_000);
  let runs = 0;
  for (let operation = 1; operation <= operations + 1; operation += 1)
    for (let repeat = 0; repeat < repeats; repeat += 1)
      for (const sector of [512, 4096]) {
        disk.load(new Map());
        const made = noCalls();
        failFrom(operation, 'EIO', true);
        await twoDays(made);
        losePower(randomFrom(seed + runs), sector);
        await expectIntact(made, later).catch((error: unknown) => {
          throw new Error(`seed ${seed}, operation ${operation}, run ${runs}, sectors of ${sector}`, {
            cause: error,
          });
        });
        runs += 1;
      }
  report(
    'power loss at every operation, 512 B and 4 KiB',
    `${operations} operations × ${repeats} × 2 = ${runs} runs`,
  );
});
