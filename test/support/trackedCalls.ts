import { randomUUID } from 'node:crypto';
import type { TrackedCall } from '../../src/tracking/trackedCall.ts';

/** A call that was answered, as the spool keeps it. */
export function trackedCallFor(changes: Partial<TrackedCall>): TrackedCall {
  const id = randomUUID();
  const ended = Date.now();
  const started = ended - 120;
  return {
    kind: 'call',
    id,
    level: 'ai_processing',
    started,
    ended,
    user: 'ada',
    reason: 'JIRA-1 test',
    model: 'claude-haiku',
    backend: 'mock',
    simulated: true,
    workspace: null,
    branch: null,
    command: 'cli',
    conversation: null,
    agreement: null,
    run_id: null,
    comparison_id: null,
    outcome: 'success',
    error_code: null,
    cache_hit: false,
    fallback_from: null,
    cost_micro_usd: '700',
    cost_estimated: false,
    compliance: null,
    compliance_findings: null,
    attempts: [
      {
        call_id: id,
        started,
        ended,
        outcome: 'success',
        error_code: null,
        sequence: 3,
        hash: '0'.repeat(64),
        ledger: '1'.repeat(32),
        day: '2026-01-31',
        model: {
          started: started + 10,
          ended: ended - 10,
          model_id: 'anthropic.claude-haiku-4-5-20251001-v1:0',
          embedding: false,
          max_tokens: 100,
          temperature: 0.7,
          stream: true,
          first_token_ms: 20,
          stop_reason: 'end_turn',
          input: 10,
          output: 20,
          cache_read: 5,
          cache_write: 2,
          cost_micro_usd: '700',
          output_cost_micro_usd: '600',
          cost_estimated: false,
        },
      },
    ],
    ...changes,
  };
}
