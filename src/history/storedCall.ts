import type { CallOutcome } from '../ledger/records.ts';
import { callOutcomes, type CallInZone } from './calls.ts';

/** A call without the places of its records. */
export type RecordedCall = Omit<CallInZone, 'records' | 'timeZone'>;

/** The columns of a call in the index that `callOf` reads. */
export const callColumns = `sequence, call_id, lower(hex(hash)) AS hash, time, day, outcome, user, model, model_id, backend,
  workspace, branch, command, account, caller_arn, error_code, CAST(cost AS TEXT) AS cost, estimated, input, output,
  cache_read, cache_write_5m, cache_write_1h, processing_ms, first_token_ms, reason, CAST(saved AS TEXT) AS saved, attempt,
  run_id, comparison_id`;

export interface StoredCall {
  sequence: number;
  call_id: string;
  hash: string;
  time: number;
  day: string;
  outcome: number;
  user: number;
  model: number;
  model_id: number;
  backend: number;
  workspace: number;
  branch: number;
  command: number;
  account: number;
  caller_arn: number;
  error_code: number;
  cost: string;
  estimated: number;
  /** Null with the other four. */
  input: number | null;
  output: number;
  cache_read: number;
  cache_write_5m: number;
  cache_write_1h: number;
  processing_ms: number | null;
  first_token_ms: number | null;
  reason: string;
  saved: string | null;
  attempt: number;
  run_id: string | null;
  comparison_id: string | null;
}

/** A finished call from its row; `text` reads the index's dictionary. */
export function callOf(row: StoredCall, text: (number: number) => string | null): RecordedCall {
  return {
    callId: row.call_id,
    outcome: callOutcomes[row.outcome] as CallOutcome,
    sequence: row.sequence,
    hash: row.hash,
    time: new Date(row.time).toISOString(),
    day: row.day,
    userId: text(row.user) ?? '',
    reason: row.reason,
    model: text(row.model) ?? '',
    modelId: text(row.model_id),
    backend: text(row.backend),
    workspace: text(row.workspace),
    branch: text(row.branch),
    command: text(row.command),
    account: text(row.account),
    callerArn: text(row.caller_arn),
    cost: BigInt(row.cost),
    costEstimated: row.estimated === 1,
    saved: row.saved === null ? null : BigInt(row.saved),
    attempt: row.attempt,
    tokens:
      row.input === null
        ? null
        : {
            input_tokens: row.input,
            output_tokens: row.output,
            cache_read_input_tokens: row.cache_read,
            cache_write_5m_input_tokens: row.cache_write_5m,
            cache_write_1h_input_tokens: row.cache_write_1h,
          },
    processingTimeMs: row.processing_ms,
    timeToFirstTokenMs: row.first_token_ms,
    errorCode: text(row.error_code),
    runId: row.run_id,
    comparisonId: row.comparison_id,
  };
}
