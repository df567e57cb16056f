import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { verifyLedger } from '../../src/ledger/readJournal.ts';
import { verifyLedger as verifyIndependently } from '../../tools/verify-ledger.mjs';
import { forge, ForgedLedger } from '../support/forgedLedger.ts';
import { report, times } from '../support/nightly.ts';
import { randomFrom, testSeed } from '../support/random.ts';
import { randomLedger } from '../support/randomLedger.ts';

/** How many forgeries are made of one ledger: to write one takes longer. */
const forgeriesOfEach = 20;

/** What the program and the auditor's script find first, and where; null for nothing. */
async function found(folder: string): Promise<{ built: string | null; alone: string | null; why: string }> {
  const { firstFault } = await verifyLedger({ directory: folder, mode: null });
  const { fault } = verifyIndependently(folder);
  return {
    built: firstFault && `${firstFault.segment}:${firstFault.line}`,
    alone: fault?.place ?? null,
    why: `${firstFault?.kind ?? 'intact'}: ${firstFault?.detail ?? ''} | ${fault?.what ?? 'intact'}`,
  };
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'tidyllm-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('both verifiers find the same fault at the same place in forged ledgers, or none', async () => {
  const seed = testSeed();
  const ledgers = Math.ceil(times(400, 8_000) / forgeriesOfEach);
  const kinds = new Map<string, number>();
  for (let ledger = 0; ledger < ledgers; ledger += 1)
    await inFolder(async (folder) => {
      const signers = await randomLedger(folder, randomFrom(seed + ledger));
      expect(await found(folder)).toMatchObject({ built: null, alone: null });
      for (let forgery = 0; forgery < forgeriesOfEach; forgery += 1) {
        const forged = new ForgedLedger(folder, signers);
        forge(forged, randomFrom((seed + ledger) * forgeriesOfEach + forgery));
        await inFolder(async (other) => {
          forged.write(other);
          const { built, alone, why } = await found(other);
          const of = `seed ${seed + ledger}, forgery ${forgery}`;
          expect({ of, place: alone, why }).toEqual({ of, place: built, why });
          const kind = why.slice(0, why.indexOf(':'));
          kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        });
      }
    });
  const all = [...kinds].sort().map(([kind, count]) => `${kind} ${count}`);
  report('two verifiers', `${ledgers * forgeriesOfEach} forged ledgers, seed ${seed}: ${all.join(', ')}`);
}, 3_600_000);
