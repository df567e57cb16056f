import { readRecords } from '../../src/ledger/readJournal.ts';
import type { RecordKind, RecordOf } from '../../src/ledger/records.ts';

/** The verified records of one kind, oldest first. */
export async function recordsOf<Kind extends RecordKind>(
  { journal }: { journal: { directory: string } },
  kind: Kind,
): Promise<RecordOf<Kind>[]> {
  const found: RecordOf<Kind>[] = [];
  for await (const { record } of readRecords(journal.directory))
    if (record.kind === kind) found.push(record as RecordOf<Kind>);
  return found;
}
