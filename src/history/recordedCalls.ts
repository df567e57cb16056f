import { segmentNames, segmentNumber } from '../ledger/journal.ts';
import { headerIn, positionBefore, readFrom, type JournalPosition } from '../ledger/readJournal.ts';
import type {
  ExpiredChargedRecord,
  LedgerRecord,
  NoteRecord,
  RefuseRecord,
  ReserveRecord,
  SettleRecord,
  VoidRecord,
} from '../ledger/records.ts';

/**
 * A call with its opening record and its ending; a refused call has only the refusal. `saved` is what a cached answer had
 * cost, micro-USD; null if no cached answer was used.
 */
export type RecordedCall =
  | { opening: ReserveRecord; ending: SettleRecord | VoidRecord | ExpiredChargedRecord; saved: bigint | null }
  | { opening: RefuseRecord; ending: null; saved: null };

/** Journal content since the start of a day: calls as they end, and records without a call. */
export type JournalEntry = { call: RecordedCall } | { event: LedgerRecord };

export interface ScanOptions {
  signal?: AbortSignal | undefined;
  /** Gets the number of records read. */
  onProgress?: ((records: number) => void) | undefined;
}

/**
 * Reads the journal from the segment in which a policy day (YYYY-MM-DD) may begin. Calls of earlier days and
 * running calls are omitted. Throws like `readFrom`.
 */
export async function* entriesSince(
  directory: string,
  day: string,
  options: ScanOptions = {},
): AsyncGenerator<JournalEntry> {
  const open = new Map<string, ReserveRecord>();
  const saved = new Map<string, bigint>();
  for await (const records of recordsSince(directory, day, options)) {
    for (const record of records) {
      switch (record.kind) {
        case 'RESERVE':
          open.set(record.call_id, record);
          break;
        case 'SETTLE':
        case 'VOID':
        case 'EXPIRED_CHARGED': {
          const opening = open.get(record.call_id);
          open.delete(record.call_id);
          const savedByCall = saved.get(record.call_id) ?? null;
          saved.delete(record.call_id);
          if (opening && opening.day >= day) yield { call: { opening, ending: record, saved: savedByCall } };
          break;
        }
        case 'REFUSE':
          if (record.day >= day) yield { call: { opening: record, ending: null, saved: null } };
          break;
        case 'note': {
          const amount = savedBy(record);
          if (amount !== null && record.call_id !== null) saved.set(record.call_id, amount);
          break;
        }
        case 'DISPATCH':
        case 'header':
          break;
        default:
          // A day begins in no zone later than this.
          if (record.time.slice(0, 10) >= dayBefore(day)) yield { event: record };
      }
    }
  }
}

/**
 * All records from the segment in which a policy day (YYYY-MM-DD) may begin, in pieces: those of earlier days too, for
 * calls that began before. Throws like `readFrom`.
 */
export async function* recordsSince(
  directory: string,
  day: string,
  { signal, onProgress }: ScanOptions = {},
): AsyncGenerator<LedgerRecord[]> {
  let read = 0;
  for await (const { records } of readFrom(directory, positionBeforeDay(directory, day), signal)) {
    yield records.map(({ record }) => record);
    read += records.length;
    onProgress?.(read);
  }
}

/** What a cached answer had cost, micro-USD; null for notes on anything else. */
export function savedBy({ topic, data }: NoteRecord): bigint | null {
  const saved = topic === 'call.cached' ? data['saved_micro_usd'] : null;
  return typeof saved === 'string' && /^\d{1,15}$/.test(saved) ? BigInt(saved) : null;
}

/** The start of the last segment that began before the day began in any zone; null for the first one. */
export function positionBeforeDay(directory: string, day: string): JournalPosition | null {
  const first = dayBefore(day);
  for (const name of segmentNames(directory).reverse()) {
    const header = headerIn(directory, name);
    if (header && header.time.slice(0, 10) < first && header.sequence > 1)
      return positionBefore(segmentNumber(name), header);
  }
  return null;
}

function dayBefore(day: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() - 1);
  return date.toISOString().slice(0, 10);
}

/** The first of that many policy days ending with `today`. */
export function firstOfDays(today: string, days: number): string {
  const date = new Date(`${today}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() - (days - 1));
  return date.toISOString().slice(0, 10);
}
