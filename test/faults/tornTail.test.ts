import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import { verifyLedger } from '../../src/ledger/readJournal.ts';
import {
  journalPath,
  ledgerDefaults,
  openLedger,
  reserveInput,
  settleInput,
  storedRecords,
} from '../support/ledgers.ts';
import { temporaryFolder } from '../support/temporary.ts';

it('a journal cut at any byte verifies after recovery and keeps every record before the cut', async () => {
  const source = temporaryFolder();
  const ledger = openLedger(source);
  await ledger.reserve('a', reserveInput(600n));
  await ledger.settle('a', settleInput(250n));
  await ledger.dispose();
  const whole = readFileSync(journalPath(source));
  const lengths = Array.from({ length: whole.length + 1 }, (_, length) => length);
  const cutAt = async (length: number): Promise<void> => {
    const folder = join(source, `cut-${length}`);
    mkdirSync(folder);
    const cut = whole.subarray(0, length);
    writeFileSync(journalPath(folder), cut);
    const next = new Ledger({ ...ledgerDefaults, directory: folder });
    await next.recover();
    await next.dispose();
    const after = readFileSync(journalPath(folder));
    const kept = cut.lastIndexOf(0x0a) + 1;
    expect(after.subarray(0, kept).equals(whole.subarray(0, kept))).toBe(true);
    expect(await verifyLedger({ directory: folder, mode: null })).toMatchObject({ ok: true });
    const torn = length - kept;
    const recoveries = storedRecords(folder).filter(({ kind }) => kind === 'recovery');
    const completed = torn > 0 && whole[length] === 0x0a;
    expect(recoveries).toHaveLength(torn > 0 && !completed ? 1 : 0);
    rmSync(folder, { recursive: true });
  };
  // Eight at once: each waits for the disk most of the time.
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let length = lengths.pop(); length !== undefined; length = lengths.pop()) await cutAt(length);
    }),
  );
});
