import type { Anchoring } from './anchors.ts';
import { certainFault } from './closure.ts';
import type { LedgerLocation } from './readJournal.ts';
import type { VerificationResult } from './verifyLedger.ts';
import type { SignedCheckpoint } from './signing.ts';

/**
 * Verifies a ledger by its records, its configured anchors and earlier findings of any process: every front door
 * gives this result. `verify` checks the records. Throws `ledger_unavailable`.
 */
export async function verifyTrail<Result extends VerificationResult | null>(
  { journal, anchoring }: { journal: LedgerLocation; anchoring: Anchoring },
  verify: (anchors: readonly SignedCheckpoint[]) => Promise<Result>,
): Promise<Result> {
  await anchoring.compare();
  const result = await verify(await anchoring.ownCheckpoints());
  const found = certainFault(journal.directory);
  return result && found && !result.firstFault ? { ...result, ok: false, firstFault: found } : result;
}
