import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { segmentNames } from '../../../src/ledger/journal.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { verifyLedger, type VerificationOptions } from '../../../src/ledger/verifyLedger.ts';
import { verifiedByThreads } from '../../../src/ledger/verifyThreads.ts';
import { parseCheckpoint, Signer, type SignedCheckpoint } from '../../../src/ledger/signing.ts';
import { forge, ForgedLedger } from '../../support/forgedLedger.ts';
import { keysInMemory, openLedger, reserveInput, settleInput } from '../../support/ledgers.ts';
import { randomFrom, testSeed } from '../../support/random.ts';
import { randomLedger } from '../../support/randomLedger.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const dayMs = 86_400_000;
const firstDay = Date.parse('2026-01-01T10:00:00Z');
const signer = Signer.generate();

/** Calls on days from one on, each of which begins a segment. A call is open while its day ends. */
async function callsOn(folder: string, days: readonly number[], cost = 250n): Promise<SignedCheckpoint[]> {
  const clock = { now: firstDay };
  const ledger: Ledger = openLedger(folder, { now: () => clock.now, signingKeys: keysInMemory(signer) });
  const checkpoints: SignedCheckpoint[] = [];
  for (const day of days) {
    clock.now = firstDay + day * dayMs;
    await ledger.reserve(`day-${day}`, reserveInput(600n));
    if (day !== days[0]) await ledger.settle(`day-${day - 1}`, settleInput(cost));
    const checkpoint = parseCheckpoint((await ledger.head())?.checkpoint ?? '');
    if (checkpoint) checkpoints.push(checkpoint);
  }
  await ledger.dispose();
  return checkpoints;
}

const location = (directory: string, pinnedKey: string | null = null) =>
  ({ directory, mode: 'live', pinnedKey }) as const;

/** What three threads find, which has to be all that one finds. */
async function verified(
  directory: string,
  options: VerificationOptions = {},
  pinnedKey: string | null = null,
) {
  const alone = await verifyLedger(location(directory, pinnedKey), { ...options, threads: 1 });
  const shared = await verifyLedger(location(directory, pinnedKey), { ...options, threads: 3 });
  expect(shared).toEqual(alone);
  return shared;
}

/** Whether threads find the ledger intact by themselves. */
async function byThreads(
  directory: string,
  anchors: SignedCheckpoint[] = [],
  pinnedKey: string | null = null,
) {
  const names = segmentNames(directory);
  return verifiedByThreads(location(directory, pinnedKey), names, 0, { anchors, threads: 3 });
}

describe('threads that share a ledger', () => {
  it('find all records, the head and every anchor of one that is intact', async () => {
    const folder = temporaryFolder();
    const anchors = await callsOn(folder, [0, 1, 2, 3, 4, 5]);
    expect(anchors).toHaveLength(6);
    const found = await verified(folder, { anchors });
    expect(found).toMatchObject({ ok: true, segments: 6, anchors: 6 });
    expect(await byThreads(folder, anchors, signer.publicKey)).toMatchObject({
      records: found.records,
      anchors: 6,
      head: found.head,
    });
  });

  it('count the bytes of all of them', async () => {
    const folder = temporaryFolder();
    await callsOn(folder, [0, 1, 2, 3]);
    const bytes = segmentNames(folder).reduce(
      (sum, name) => sum + readFileSync(join(folder, name)).length,
      0,
    );
    const told: number[] = [];
    await verifyLedger(location(folder), { threads: 3, onProgress: (read) => told.push(read) });
    expect(told.at(-1)).toBe(bytes);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
  });

  it('find what is wrong in any record at its place', async () => {
    const folder = temporaryFolder();
    await callsOn(folder, [0, 1, 2, 3, 4, 5]);
    for (const name of ['00000001.journal', '00000003.journal', '00000006.journal']) {
      const path = join(folder, name);
      const before = readFileSync(path, 'latin1');
      const lines = before.split('\n').slice(0, -1);
      for (const line of [0, lines.length - 1]) {
        const changed = lines.map((text, index) => (index === line ? text.replace('"v":1', '"v":2') : text));
        writeFileSync(path, `${changed.join('\n')}\n`, 'latin1');
        expect((await verified(folder)).firstFault).toMatchObject({ segment: name, line: line + 1 });
      }
      writeFileSync(path, before, 'latin1');
    }
    expect(await verified(folder)).toMatchObject({ ok: true });
  });

  it('find that segments were put in from another course of the same ledger', async () => {
    const [folder, other] = [temporaryFolder(), temporaryFolder()];
    await callsOn(folder, [0, 1]);
    cpSync(folder, other, { recursive: true });
    await callsOn(folder, [2, 3, 4, 5]);
    await callsOn(other, [2, 3, 4, 5], 251n);
    for (const name of segmentNames(folder).slice(4)) cpSync(join(other, name), join(folder, name));
    expect((await verified(folder)).firstFault).toMatchObject({ segment: '00000005.journal', line: 1 });
  });

  it('find that a segment or the end is missing', async () => {
    const folder = temporaryFolder();
    const anchors = await callsOn(folder, [0, 1, 2, 3, 4, 5]);
    rmSync(join(folder, '00000006.journal'));
    expect((await verified(folder, { anchors })).firstFault).toMatchObject({ kind: 'anchor_mismatch' });
    expect(await verified(folder)).toMatchObject({ ok: true });
    rmSync(join(folder, '00000003.journal'));
    expect((await verified(folder)).firstFault).toMatchObject({ kind: 'missing_segment' });
    rmSync(join(folder, '00000001.journal'));
    expect((await verified(folder)).firstFault).toMatchObject({ kind: 'missing_segment' });
  });

  it('refuse an anchor of other records, and one of another ledger', async () => {
    const folder = temporaryFolder();
    const anchors = await callsOn(folder, [0, 1, 2, 3, 4, 5]);
    const elsewhere = await callsOn(temporaryFolder(), [0, 1, 2, 3]);
    const wrong = anchors.map((anchor, index) =>
      index === 3 ? { ...anchor, root: 'ab'.repeat(32) } : anchor,
    );
    expect((await verified(folder, { anchors: wrong })).firstFault?.kind).toBe('anchor_mismatch');
    expect((await verified(folder, { anchors: elsewhere })).firstFault?.kind).toBe('anchor_mismatch');
  });

  it('stop with the reason of who stops them', async () => {
    const folder = temporaryFolder();
    await callsOn(folder, [0, 1, 2, 3]);
    const stopped = new AbortController();
    const verification = verifyLedger(location(folder), {
      threads: 3,
      signal: stopped.signal,
      onProgress: () => stopped.abort(new Error('enough')),
    });
    await expect(verification).rejects.toThrow('enough');
  });

  it('find what one finds in forged ledgers of any version, with any key pinned', async () => {
    const seed = testSeed();
    let [intact, faults] = [0, 0];
    for (let made = 0; made < 2; made += 1) {
      const folder = temporaryFolder();
      const signers = await randomLedger(folder, randomFrom(seed + made));
      for (let forgery = 0; forgery < 12; forgery += 1) {
        const random = randomFrom(seed * 100 + made * 12 + forgery);
        const forged = new ForgedLedger(folder, signers);
        if (random() < 0.4) forged.ofEarlierVersion();
        if (random() < 0.7) forge(forged, random);
        const pin =
          random() < 0.5 ? null : (signers[Math.floor(random() * signers.length)]?.publicKey ?? null);
        const other = temporaryFolder();
        forged.write(other);
        const { ok } = await verified(other, {}, pin);
        if (ok) intact += 1;
        else faults += 1;
      }
    }
    expect(Math.min(intact, faults)).toBeGreaterThan(0);
  });
});
