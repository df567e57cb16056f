import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import { verifyLedger as verifyIndependently } from '../../tools/verify-ledger.mjs';
import { forge, ForgedLedger } from '../support/forgedLedger.ts';
import { report, times } from '../support/nightly.ts';
import { randomFrom, testSeed } from '../support/random.ts';
import { randomLedger } from '../support/randomLedger.ts';

/** How many forgeries are made of one ledger: to write one takes longer. */
const forgeriesOfEach = 20;

/** What the program and the auditor's script find first, and where; null for nothing. */
async function found(
  folder: string,
  pinnedKey: string | null,
): Promise<{ built: object; alone: object; why: string }> {
  const { firstFault, unendorsedKeys } = await verifyLedger({ directory: folder, mode: null, pinnedKey });
  const { fault, unendorsed } = verifyIndependently(folder, [], pinnedKey);
  return {
    built: {
      place: firstFault && `${firstFault.segment}:${firstFault.line}`,
      unendorsed: firstFault ? [] : unendorsedKeys,
    },
    alone: { place: fault?.place ?? null, unendorsed: fault ? [] : unendorsed },
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
      expect(await found(folder, null)).toMatchObject({ built: { place: null }, alone: { place: null } });
      for (let forgery = 0; forgery < forgeriesOfEach; forgery += 1) {
        const forged = new ForgedLedger(folder, signers);
        const random = randomFrom((seed + ledger) * forgeriesOfEach + forgery);
        if (random() < 0.3) forged.ofEarlierVersion();
        const pins = [
          null,
          ...[...signers, forged.forger].flatMap((signer) => [signer.publicKey, forged.keyId(signer)]),
        ];
        const pinned = random() < 0.7 ? null : (pins[Math.floor(random() * pins.length)] ?? null);
        forge(forged, random);
        await inFolder(async (other) => {
          forged.write(other);
          const { built, alone, why } = await found(other, pinned);
          const of = `seed ${seed + ledger}, forgery ${forgery}`;
          expect({ of, ...alone, why }).toEqual({ of, ...built, why });
          const kind = why.slice(0, why.indexOf(':'));
          kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        });
      }
    });
  const all = [...kinds].sort().map(([kind, count]) => `${kind} ${count}`);
  report('two verifiers', `${ledgers * forgeriesOfEach} forged ledgers, seed ${seed}: ${all.join(', ')}`);
}, 3_600_000);
