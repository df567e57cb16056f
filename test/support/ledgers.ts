import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { segmentNames } from '../../src/ledger/journal.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { LedgerOptions } from '../../src/ledger/ledgerOptions.ts';
import { signingKeyFile, type SigningKeyStore } from '../../src/ledger/signingKey.ts';
import { Signer } from '../../src/ledger/signing.ts';
import type { LedgerRecord } from '../../src/ledger/records.ts';

import { capsOf } from './inputs.ts';

export { capsOf, reserveInput, settleInput } from './inputs.ts';

/** One key for all tests: making one costs more than a test. */
export const testSigner = Signer.generate();

/** A key store; `older` are what the installation had before. */
export function keysInMemory(signer = Signer.generate(), older: readonly Signer[] = []): SigningKeyStore {
  let kept = signer;
  let prepared: Signer[] = [];
  return {
    load: () => Promise.resolve(kept),
    prepare: (next) => {
      prepared = [next];
      return Promise.resolve();
    },
    replace: (next) => {
      kept = next;
      prepared = [];
      return Promise.resolve();
    },
    others: () => Promise.resolve([...prepared, ...older]),
  };
}

/** The keys of the installation whose state folder a ledger lies in. */
export function installedKeys(directory: string): SigningKeyStore {
  return signingKeyFile(join(directory, '..', '..'));
}

export const ledgerDefaults = {
  mode: 'live',
  user: 'ada',
  timeZone: 'UTC',
  capOf: capsOf(1_000_000n),
  signingKeys: keysInMemory(testSigner),
  retentionDays: 400,
} satisfies Partial<LedgerOptions>;

export function openLedger(directory: string, options: Partial<LedgerOptions> = {}): Ledger {
  const ledger = new Ledger({ ...ledgerDefaults, directory, ...options });
  onTestFinished(() => ledger.dispose());
  return ledger;
}

export function journalPath(directory: string): string {
  return join(directory, '00000001.journal');
}

/** The records as they stand in the files, unchecked. */
export function storedRecords(directory: string): LedgerRecord[] {
  return segmentNames(directory)
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line.slice(65)) as LedgerRecord);
}
