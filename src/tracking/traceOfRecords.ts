import type { LedgerRecord } from '../ledger/records.ts';

/** The call that a call's trace has its id from: the first attempt, of which the records of later ones know. */
export function tracedCallId(records: readonly LedgerRecord[], callId: string): string {
  for (const record of records) {
    if (record.kind !== 'note' || record.topic !== 'call.attempt') continue;
    const { first_call_id: first } = record.data;
    if (typeof first === 'string') return first;
  }
  return callId;
}
