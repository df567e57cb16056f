import type { RecordPlace } from '../ledger/readJournal.ts';
import type { CallOutcome, TokenCounts } from '../ledger/records.ts';
import { microToUsd } from '../pricing/cost.ts';

/** The place of one of a call's records. */
export interface StoredPlace extends RecordPlace {
  sequence: number;
}

/** One call in the audit history. */
export interface HistoryCall {
  callId: string;
  outcome: CallOutcome;
  /** Sequence number of the record that ended the call, or of the first while it runs. */
  sequence: number;
  /** Lower-case hex, of the same record. */
  hash: string;
  /** When the call began, ISO 8601. */
  time: string;
  /** Policy day, YYYY-MM-DD. */
  day: string;
  userId: string;
  reason: string;
  /** The requested name. */
  model: string;
  modelId: string | null;
  backend: string | null;
  workspace: string | null;
  branch: string | null;
  command: string | null;
  /** The operating-system account and the caller's AWS ARN; null if not recorded. */
  account: string | null;
  callerArn: string | null;
  /** Micro-USD; the reservation while the call runs. */
  cost: bigint;
  costEstimated: boolean;
  /** What the cached answer had cost when a model gave it, micro-USD; null if no cached answer was used. */
  saved: bigint | null;
  /** Number of the attempt at its request, from 1. */
  attempt: number;
  /** Null if nothing was counted. */
  tokens: TokenCounts | null;
  processingTimeMs: number | null;
  timeToFirstTokenMs: number | null;
  errorCode: string | null;
  /** Every record of the call, oldest first. */
  records: StoredPlace[];
}

/** A call, the IANA zone of its policy day, and what it belongs to. */
export interface CallInZone extends HistoryCall {
  timeZone: string;
  /** The FLOW run, or the comparison of models; null for none. */
  runId: string | null;
  comparisonId: string | null;
}

/** Which calls to show. Omitted properties don't restrict. */
export interface HistoryFilter {
  /** When the call began, milliseconds since the epoch: from this instant on … */
  from?: number | undefined;
  /** … and before this one. */
  until?: number | undefined;
  /** Policy days, both included. */
  fromDay?: string | undefined;
  untilDay?: string | undefined;
  userId?: string | undefined;
  /** The requested name, or the model id. */
  model?: string | undefined;
  workspace?: string | undefined;
  branch?: string | undefined;
  outcomes?: readonly CallOutcome[] | undefined;
  /** A part of the reason, ignoring case. */
  text?: string | undefined;
}

export const callOutcomes = [
  'success',
  'refused',
  'failed',
  'cancelled',
  'incomplete',
  'orphaned',
  'pending',
] as const satisfies readonly CallOutcome[];

/** The search form of a text. */
export function searchForm(text: string): string {
  return text.normalize('NFC').toUpperCase().replaceAll('\n', ' ');
}

/** The document of a call in `audit list` and `audit export`. */
export function callJson(call: HistoryCall): Record<string, unknown> {
  const { tokens } = call;
  const input = tokens?.input_tokens ?? 0;
  const output = tokens?.output_tokens ?? 0;
  const cacheRead = tokens?.cache_read_input_tokens ?? 0;
  const cacheWrite = (tokens?.cache_write_5m_input_tokens ?? 0) + (tokens?.cache_write_1h_input_tokens ?? 0);
  return {
    call_id: call.callId,
    sequence: call.sequence,
    time: call.time,
    user_id: call.userId,
    model: call.modelId ?? call.model,
    backend: call.backend,
    reason: call.reason,
    outcome: call.outcome,
    token_usage: {
      input_tokens: input,
      output_tokens: output,
      cache_read_input_tokens: cacheRead,
      cache_write_input_tokens: cacheWrite,
      total_tokens: input + output + cacheRead + cacheWrite,
    },
    cost_usd: microToUsd(call.cost),
    cost_estimated: call.costEstimated,
    processing_time_ms: call.processingTimeMs,
    cache_hit: call.saved !== null,
    workspace: call.workspace,
    branch: call.branch,
    account: call.account,
    caller_arn: call.callerArn,
    hash: call.hash,
  };
}
