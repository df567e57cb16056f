import { callerIn, type OpenCall, type OpenRun } from './budgetFold.ts';
import type { CallDescription, Note, RecordDraft, SettleRecord } from './records.ts';

/** What every record that ends a call has from its beginning. */
export function endingOf({
  callId,
  day,
  hash,
}: OpenCall): Pick<SettleRecord, 'call_id' | 'day' | 'opening_hash'> {
  return { call_id: callId, day, opening_hash: hash };
}

/** What every record that ends a run has from its beginning. */
export function endOfRun({ runId, hash, day, calls, spent }: OpenRun) {
  return {
    kind: 'flow_end' as const,
    call_id: null,
    run_id: runId,
    opening_hash: hash,
    day,
    calls,
    cost_micro_usd: spent.toString(),
  };
}

/** A call that cost more than it had reserved. */
export function overrunOf({ callId, day, reserved }: OpenCall, cost: string): RecordDraft {
  return {
    kind: 'OVERRUN',
    call_id: callId,
    day,
    reserved_micro_usd: reserved.toString(),
    cost_micro_usd: cost,
  };
}

export function notesOf(callId: string | null, notes: readonly Note[]): RecordDraft[] {
  return notes.map(({ topic, data }) => ({ kind: 'note', call_id: callId, topic, data }));
}

/** The part of a record that says what a call is. */
export function describe(record: CallDescription): CallDescription {
  const { user_id, reason, model, model_id, backend, priority, workspace, branch, command } = record;
  const { file, flow } = record;
  const described = { user_id, reason, model, model_id, backend, priority, workspace, branch, command };
  return { ...described, ...callerIn(record), ...(file !== undefined && { file }), ...(flow && { flow }) };
}
