import { recordedStep } from '../gateways/callOrigin.ts';
import { recordsSince } from '../history/recordedCalls.ts';
import type { RunLine } from './runLine.ts';

/** Where the journal has a step of a run. */
export interface StepRecord {
  /** Of the record that opened the step's last call, or the run of its agreement. */
  sequence: number;
  /** Id of the call; null for an agreement. */
  call: string | null;
}

/** The last record of a step; null if there is none. Throws what reading the journal throws. */
export async function stepRecord(
  directory: string,
  { runId, step }: { runId: string; step: string },
  lines: readonly RunLine[],
): Promise<StepRecord | null> {
  const first = lines.find((line) => line.kind === 'opened');
  if (!first) return null;
  const agreements = new Set(
    lines.flatMap((line) => (line.kind === 'agreement' && line.step === step ? line.ledger_run : [])),
  );
  const opened = new Map<string, number>();
  let found: StepRecord | null = null;
  for await (const records of recordsSince(directory, first.at.slice(0, 10)))
    for (const record of records) {
      if (record.kind === 'RESERVE' || record.kind === 'REFUSE') opened.set(record.call_id, record.seq);
      else if (record.kind === 'flow_start' && agreements.has(record.run_id))
        found = { sequence: record.seq, call: null };
      else if (record.kind === 'note' && record.topic === 'call.step' && record.call_id !== null) {
        const { workflow_run_id: of, step: named } = record.data;
        const sequence = opened.get(record.call_id);
        if (of === runId && named === recordedStep(step) && sequence !== undefined)
          found = { sequence, call: record.call_id };
      }
    }
  return found;
}
