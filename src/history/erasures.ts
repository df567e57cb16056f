import { readRecordAt } from '../ledger/readJournal.ts';
import type { LedgerEventEntry } from './historyIndex.ts';

/** Number of newest erasures that are searched. */
export const tombstonesRead = 10_000;

/** When a subject was erased after a record, from the ledger's tombstones, newest first; null if it wasn't. */
export async function erasedAfter(
  directory: string,
  tombstones: readonly LedgerEventEntry[],
  subjectSha256: string,
  after: number,
): Promise<string | null> {
  for (const { place } of tombstones) {
    if (place.sequence <= after) return null;
    const { record } = await readRecordAt(directory, place);
    if (record.kind === 'tombstone' && record.subject_sha256 === subjectSha256) return record.time;
  }
  return null;
}
