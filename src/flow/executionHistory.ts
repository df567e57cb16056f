import { GatewayError } from '../errors.ts';
import type { LedgerEventEntry } from '../history/historyIndex.ts';
import { readProven } from '../history/recordProof.ts';
import { ledgerDamaged, type PlacedRecord, type RecordPlace } from '../ledger/readJournal.ts';
import type {
  ExecutionMode,
  FlowEndRecord,
  FlowStartRecord,
  RecordKind,
  RunOutcome,
} from '../ledger/records.ts';

/** One run of an agreement, from its records. */
export interface FlowExecutionEntry {
  runId: string;
  /** When it started, ISO 8601. */
  timestamp: string;
  agreement: string;
  trigger: string;
  implementation: string;
  userId: string;
  workspace: string | null;
  confidence: number;
  /** Null while the run is in progress. */
  mode: ExecutionMode | null;
  outcome: RunOutcome | 'running';
  durationMs: number | null;
  calls: number;
  /** Spent, micro-USD. */
  cost: bigint;
  reserved: bigint;
  summary: string | null;
  problems: number;
  warnings: number;
  errorCode: string | null;
  fallback: string | null;
  reportSha256: string | null;
  /** Sequence number of the record that ended it, or started it while it is in progress. */
  sequence: number;
  hash: string;
}

/** A query of the ledger's index: its newest records of a kind, newest first. */
export type EventsOf = (kind: RecordKind, limit: number) => Promise<readonly LedgerEventEntry[]>;

/** Extra ends to read: those of other runs that were in progress at the time. */
const underWay = 64;

/** The last runs, newest first, each record verified by its hash. Throws `ledger_damaged`. */
export async function executionHistory(
  directory: string,
  eventsOf: EventsOf,
  limit: number,
): Promise<FlowExecutionEntry[]> {
  const starts = await eventsOf('flow_start', limit);
  const ends = await eventsOf('flow_end', limit + underWay);
  const byStart = new Map<string, PlacedRecord>();
  const oldest = starts.at(-1)?.place.sequence ?? Infinity;
  for (const { place } of ends) {
    if (place.sequence < oldest) break;
    const end = await proven(directory, place);
    if (end.record.kind === 'flow_end') byStart.set(end.record.opening_hash, end);
  }
  const entries: FlowExecutionEntry[] = [];
  for (const { place } of starts) {
    const start = await proven(directory, place);
    if (start.record.kind === 'flow_start') entries.push(entryOf(start, byStart.get(start.hash)));
  }
  return entries;
}

async function proven(directory: string, place: RecordPlace): Promise<PlacedRecord> {
  const found = await readProven(directory, place);
  if (found.fits) return found;
  const { segment, line, record } = found;
  const detail = 'the hash does not fit the record and the one before it';
  throw ledgerDamaged(directory, { segment, line, sequence: record.seq, kind: 'hash_mismatch', detail });
}

function entryOf(start: PlacedRecord, end: PlacedRecord | undefined): FlowExecutionEntry {
  const begun = start.record as FlowStartRecord;
  const ended = end ? (end.record as FlowEndRecord) : null;
  return {
    runId: begun.run_id,
    timestamp: begun.time,
    agreement: begun.agreement,
    trigger: begun.trigger,
    implementation: begun.implementation,
    userId: begun.user_id,
    workspace: begun.workspace,
    confidence: begun.confidence,
    mode: ended?.execution_mode ?? null,
    outcome: ended?.outcome ?? 'running',
    durationMs: ended?.duration_ms ?? null,
    calls: ended?.calls ?? 0,
    cost: BigInt(ended?.cost_micro_usd ?? '0'),
    reserved: BigInt(begun.reserved_micro_usd),
    summary: ended?.summary ?? null,
    problems: ended?.problems ?? 0,
    warnings: ended?.warnings ?? 0,
    errorCode: ended?.error_code ?? null,
    fallback: ended?.fallback ?? null,
    reportSha256: ended?.report_sha256 ?? null,
    sequence: (end ?? start).record.seq,
    hash: (end ?? start).hash,
  };
}

/** The run with an id. Throws `invalid_request` if it isn't among the last runs. */
export function runById(entries: readonly FlowExecutionEntry[], runId: string): FlowExecutionEntry {
  const found = entries.find((entry) => entry.runId === runId);
  if (found) return found;
  throw new GatewayError('invalid_request', `The ledger has no run ${runId}.`, {
    hint: 'Find it with "tidyllm flow history".',
  });
}
