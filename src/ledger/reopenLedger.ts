import { GatewayError } from '../errors.ts';
import type { Anchoring } from './anchors.ts';
import { closureOf } from './closure.ts';
import type { LedgerAdministration, LedgerReader, ReopeningFound, ReopeningReceipt } from './contract.ts';
import { damageError, firstSequence, type LedgerLocation } from './readJournal.ts';
import { verifyLedger } from './verifyLedger.ts';

interface LedgerInUse {
  ledger: Pick<LedgerReader, 'budget'>;
  /** Where its records lie. */
  journal: LedgerLocation;
  anchoring: Anchoring;
}

/** Why the ledger takes no calls, or holds its clock; null where neither is so. */
export async function undecidedOf({
  ledger,
  journal,
  anchoring,
}: LedgerInUse): Promise<ReopeningFound | null> {
  // Finds a fault that was not found before.
  await anchoring.compare();
  const closure = closureOf(journal.directory);
  if (closure) {
    const { segment, line, kind, detail } = closure.fault;
    return { kind, detail: line > 0 ? `${segment}:${line}: ${detail}` : detail };
  }
  const { clockAheadMs } = await ledger.budget();
  return clockAheadMs > 0 ? { kind: 'clock_ahead', detail: clockText(clockAheadMs) } : null;
}

/**
 * A person's decision: a closed ledger continues if all its records now match each other and the anchors;
 * otherwise only a new ledger can replace it. A held clock is accepted as right. Throws `invalid_request` when
 * there is nothing to decide, and `ledger_damaged`.
 */
export async function reopenLedger(
  inUse: LedgerInUse & { ledger: Pick<LedgerAdministration, 'reopen'> },
  by: { userId: string; reason: string },
  { newLedger }: { newLedger: boolean },
): Promise<ReopeningReceipt> {
  const { ledger, journal, anchoring } = inUse;
  const undecided = await undecidedOf(inUse);
  if (undecided === null)
    throw new GatewayError('invalid_request', 'The ledger is open: there is nothing to decide.', {
      hint: 'See "tidyllm audit verify".',
    });
  const setAside = newLedger && undecided.kind !== 'clock_ahead';
  if (!setAside) {
    // Checkpoints of records that are not there can't be compared; the person has been told.
    const first = firstSequence(journal.directory);
    const anchors = (await anchoring.ownCheckpoints()).filter(({ size }) => size >= first - 1);
    const { firstFault } = await verifyLedger(journal, { anchors });
    if (firstFault) throw damageError(journal.directory, firstFault);
  }
  const anchored = await anchoring.latest();
  const reopened = await ledger.reopen(undecided, by, { setAside, anchored });
  // From here on the anchors know this ledger; one that can't be reached says so in its status.
  await anchoring.publish().catch(() => undefined);
  return reopened;
}

/** Why a clock is held. */
export function clockText(aheadMs: number): string {
  const minutes = Math.round(aheadMs / 60_000);
  return `the clock is ${minutes} minutes ahead of the time that this computer has been running; days begin by that time`;
}
