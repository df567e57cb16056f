import type { GatewayError } from '../../errors.ts';
import type { Receipt } from '../../ledger/contract.ts';
import type { CallDescription } from '../../ledger/records.ts';
import { noTokens } from '../../pricing/cost.ts';
import type { LlmResponse, StageTimes } from '../modelCalls.ts';
import type { BackendInfo } from '../ports.ts';
import { messageOf, type Answer } from './answer.ts';
import type { Charge } from './charge.ts';

/** The common part of every response to one request. */
export interface Attempt {
  callId: string;
  startedAt: number;
  description: CallDescription;
  adjustments: readonly string[];
  /** Why the reason isn't good enough; null if it is. */
  reasonFault: GatewayError | null;
  /** End times of the stages before the dispatch. */
  admittedAt?: number;
  reservedAt?: number;
  /** When the answer ended. */
  answeredAt?: number;
}

/** How a request ended; without a receipt its record isn't durable. */
export interface AttemptEnd {
  status: LlmResponse['status'];
  error: GatewayError | null;
  receipt?: Receipt;
  answer?: Answer;
  charge?: Charge;
}

export function responseTo(
  attempt: Attempt,
  { status, error, receipt, answer, charge }: AttemptEnd,
  { id: backend, simulated }: Pick<BackendInfo, 'id' | 'simulated'>,
): LlmResponse {
  const { callId, startedAt, description } = attempt;
  const endedAt = performance.now();
  return {
    content: answer?.content ?? '',
    message: answer ? messageOf(answer) : null,
    success: status === 'success',
    status,
    modelUsed: description.model_id ?? description.model,
    backend,
    processingTimeMs: endedAt - startedAt,
    timeToFirstTokenMs: answer?.firstTokenMs ?? null,
    stages: stagesOf(attempt, answer?.firstTokenMs ?? null, endedAt),
    adjustments: attempt.adjustments,
    stopReason: answer?.stopReason ?? null,
    tokenUsage: charge?.usage ?? noTokens,
    cost: charge?.cost ?? 0n,
    costEstimated: (charge?.estimatedBecause ?? null) !== null,
    costEstimatedBecause: charge?.estimatedBecause ?? null,
    simulated,
    attempts: answer ? 1 : 0,
    attemptGroup: receipt ? callId : null,
    fallbackFrom: null,
    cacheHit: false,
    error,
    auditTrail: receipt
      ? { callId, sequence: receipt.sequence, hash: receipt.hash, ledger: receipt.ledgerId }
      : null,
    gatewayTracked: receipt !== undefined,
  };
}

function stagesOf(attempt: Attempt, firstTokenMs: number | null, endedAt: number): StageTimes | null {
  const { startedAt, admittedAt, reservedAt, answeredAt } = attempt;
  if (admittedAt === undefined || reservedAt === undefined || answeredAt === undefined) return null;
  if (firstTokenMs === null) return null;
  const firstTokenAt = startedAt + firstTokenMs;
  return {
    admission: admittedAt - startedAt,
    reservation: reservedAt - admittedAt,
    firstToken: firstTokenAt - reservedAt,
    streaming: answeredAt - firstTokenAt,
    settlement: endedAt - answeredAt,
  };
}
