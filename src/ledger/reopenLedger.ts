import { GatewayError } from '../errors.ts';
import type { Anchoring } from './anchors.ts';
import { closureOf } from './closure.ts';
import type { Ledger, Receipt } from './ledger.ts';
import { damageError, verifyLedger } from './readJournal.ts';

/** A ledger that takes calls again. */
export interface Reopened extends Receipt {
  /** Folder that the ledger before was moved to; null where it goes on. */
  setAside: string | null;
}

/**
 * A person's decision on a ledger that was closed: it goes on when every record of it, and of its anchors, fits now;
 * otherwise only a new one in its place does. Throws `invalid_request` when it is open, and `ledger_damaged`.
 */
export async function reopenLedger(
  { ledger, anchoring }: { ledger: Ledger; anchoring: Anchoring },
  by: { userId: string; reason: string },
  { newLedger }: { newLedger: boolean },
): Promise<Reopened> {
  // A fault that nobody has met yet is found here.
  await anchoring.compare();
  const closure = closureOf(ledger.directory);
  if (closure === null)
    throw new GatewayError('invalid_request', 'The ledger is open: there is nothing to decide.', {
      hint: 'See "tidyllm audit verify".',
    });
  if (!newLedger) {
    const { firstFault } = await verifyLedger(ledger, { anchors: await anchoring.ownCheckpoints() });
    if (firstFault) throw damageError(ledger.directory, firstFault);
  }
  const reopened = await ledger.reopen(closure.fault, by, { setAside: newLedger });
  // From here on the anchors know this ledger; one that can't be reached says so in its status.
  await anchoring.publish().catch(() => undefined);
  return reopened;
}
