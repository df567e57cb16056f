import { readRecords, type PlacedRecord } from './readJournal.ts';
import type {
  CallOutcome,
  ExpiredChargedRecord,
  RefuseRecord,
  ReserveRecord,
  SettleRecord,
  TokenCounts,
  VoidRecord,
} from './records.ts';

type Opening = ReserveRecord | RefuseRecord;
type Ending = SettleRecord | VoidRecord | ExpiredChargedRecord | RefuseRecord;

/** One call as the audit history shows it: its first record, and its last where it has ended. */
export interface CallEntry {
  callId: string;
  opening: Opening;
  ending: Ending | null;
  outcome: CallOutcome;
  /** Place and proof of the record that ended the call, or of the first while it runs. */
  sequence: number;
  hash: string;
  /** When the call began. */
  time: string;
  /** Micro-USD; what is held while the call runs. */
  cost: bigint;
  costEstimated: boolean;
  tokens: TokenCounts | null;
  processingTimeMs: number | null;
}

/** The calls of a ledger, newest first. `before` is the sequence of the last entry of the page before. */
export async function listCalls(
  directory: string,
  options: { limit: number; before?: number | undefined },
): Promise<{ calls: CallEntry[]; next: number | null }> {
  const calls = new Map<string, CallEntry>();
  for await (const placed of readRecords(directory)) note(calls, placed);
  const sorted = [...calls.values()]
    .filter((call) => options.before === undefined || call.sequence < options.before)
    .sort((a, b) => b.sequence - a.sequence);
  const page = sorted.slice(0, options.limit);
  return { calls: page, next: sorted.length > page.length ? (page.at(-1)?.sequence ?? null) : null };
}

/** A call by its id or the sequence number of any of its records, with all its records; null when there is none. */
export async function findCall(
  directory: string,
  id: string,
): Promise<{ call: CallEntry; records: PlacedRecord[] } | null> {
  const byCall = new Map<string, PlacedRecord[]>();
  const calls = new Map<string, CallEntry>();
  let wanted: string | null = null;
  for await (const placed of readRecords(directory)) {
    const callId = placed.record.call_id;
    if (callId === null) continue;
    note(calls, placed);
    const records = byCall.get(callId);
    if (records) records.push(placed);
    else byCall.set(callId, [placed]);
    if (callId === id || String(placed.record.seq) === id) wanted = callId;
  }
  const call = wanted === null ? undefined : calls.get(wanted);
  return call ? { call, records: byCall.get(call.callId) ?? [] } : null;
}

function note(calls: Map<string, CallEntry>, { record, hash }: PlacedRecord): void {
  switch (record.kind) {
    case 'RESERVE':
      calls.set(record.call_id, {
        callId: record.call_id,
        opening: record,
        ending: null,
        outcome: 'pending',
        sequence: record.seq,
        hash,
        time: record.time,
        cost: BigInt(record.reserved_micro_usd),
        costEstimated: true,
        tokens: null,
        processingTimeMs: null,
      });
      return;
    case 'REFUSE':
      calls.set(record.call_id, {
        callId: record.call_id,
        opening: record,
        ending: record,
        outcome: record.outcome,
        sequence: record.seq,
        hash,
        time: record.time,
        cost: 0n,
        costEstimated: false,
        tokens: null,
        processingTimeMs: null,
      });
      return;
    case 'SETTLE':
    case 'VOID':
    case 'EXPIRED_CHARGED': {
      const call = calls.get(record.call_id);
      if (!call) return;
      call.ending = record;
      call.outcome = record.outcome;
      call.sequence = record.seq;
      call.hash = hash;
      call.cost = record.kind === 'VOID' ? 0n : BigInt(record.cost_micro_usd);
      call.costEstimated = record.kind === 'VOID' ? false : record.estimated;
      call.tokens = record.kind === 'SETTLE' ? record.tokens : null;
      call.processingTimeMs = record.kind === 'EXPIRED_CHARGED' ? null : record.processing_time_ms;
      return;
    }
    case 'header':
    case 'DISPATCH':
    case 'recovery':
      return;
  }
}
