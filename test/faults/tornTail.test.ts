import { beforeEach, expect, it, vi } from 'vitest';
import { isNightly, report } from '../support/nightly.ts';
import { disk } from '../support/simulatedDisk.ts';
import {
  directory,
  killAll,
  noCalls,
  noFaults,
  openSimulated,
  reserve,
  settle,
  verifiedRecords,
} from '../support/simulation.ts';

vi.mock('node:fs', async (importOriginal) => {
  const { disk: simulated } = await import('../support/simulatedDisk.ts');
  const real = await importOriginal<typeof import('node:fs')>();
  return { ...real, ...simulated.over(real) };
});
vi.mock('../../src/ledger/kernelLock.ts', () => import('../support/simulatedLock.ts'));

beforeEach(() => {
  noFaults();
  disk.load(new Map());
  killAll();
});

const segment = `${directory}/00000001.journal`;

/** A journal of 200 records, and with `days` of as many segments. */
async function journalOf(records: number, days: number): Promise<ReadonlyMap<string, Buffer>> {
  let now = Date.parse('2026-01-31T10:00:00Z');
  const ledger = openSimulated({ now: () => now });
  const made = noCalls();
  for (let call = 0; verifiedRecords().length < records; call += 1) {
    if (call > 0 && call % Math.ceil(records / 3 / days) === 0) now += 86_400_000;
    await reserve(made, ledger, `call-${call}`, 100n);
    await settle(made, ledger, `call-${call}`, 90n);
  }
  await ledger.dispose();
  return disk.files();
}

/** Cuts the last segment to `length` bytes, opens the ledger anew and checks what is left. */
async function cutAt(files: ReadonlyMap<string, Buffer>, path: string, length: number): Promise<void> {
  const whole = files.get(path) ?? Buffer.alloc(0);
  const cut = whole.subarray(0, length);
  disk.load(new Map(files).set(path, cut));
  const ledger = openSimulated({ now: () => Date.parse('2026-02-20T10:00:00Z') });
  await ledger.recover();
  await ledger.dispose();
  const kept = cut.lastIndexOf(0x0a) + 1;
  const after = disk.files().get(path) ?? Buffer.alloc(0);
  expect(after.subarray(0, kept).equals(whole.subarray(0, kept))).toBe(true);
  const recoveries = verifiedRecords().filter(({ kind }) => kind === 'recovery');
  const completed = length > kept && whole[length] === 0x0a;
  expect(recoveries).toHaveLength(length > kept && !completed ? 1 : 0);
}

/** Every byte at night; otherwise around each end of a record, and every byte of the last ten. */
function cutsOf(content: Buffer): number[] {
  const all = Array.from({ length: content.length + 1 }, (_, length) => length);
  if (isNightly) return all;
  const ends = all.filter((length) => content[length - 1] === 0x0a);
  const near = new Set(ends.flatMap((end) => [end - 1, end, end + 1]));
  return all.filter((length) => near.has(length) || length > (ends.at(-11) ?? 0));
}

it('a journal cut anywhere verifies after recovery and keeps every record before the cut', async () => {
  const files = await journalOf(200, 1);
  const content = files.get(segment) ?? Buffer.alloc(0);
  const cuts = cutsOf(content);
  for (const length of cuts) await cutAt(files, segment, length);
  report('truncated at every byte', `200 records, ${cuts.length} cuts of ${content.length + 1}`);
}, 3_600_000);

it.runIf(isNightly)(
  'a journal of two segments cut at any byte of its last does so too',
  async () => {
    const files = await journalOf(200, 2);
    const last = [...files.keys()].sort().at(-1) ?? '';
    const bytes = files.get(last)?.length ?? 0;
    for (let length = 0; length <= bytes; length += 1) await cutAt(files, last, length);
    report('truncated at every byte, two segments', `${bytes} cuts of the last`);
  },
  3_600_000,
);
