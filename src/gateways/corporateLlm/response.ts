import type { Exceptions, RuleCount, Screened } from '../../compliance/found.ts';
import { ComplianceBlocked } from '../../compliance/screening.ts';
import type { GatewayError } from '../../errors.ts';
import type { Receipt } from '../../ledger/contract.ts';
import type { CallDescription } from '../../ledger/records.ts';
import { noTokens } from '../../pricing/cost.ts';
import type { ComplianceResult, GovernedResponse, LlmRequest, StageTimes } from '../modelCalls.ts';
import type { BackendInfo, EndedAttempt, ModelCall } from '../ports.ts';
import { messageOf, type Answer } from './answer.ts';
import { outputCostOf, type Charge } from './charge.ts';

/** The common part of every response to one request. */
export interface Attempt {
  callId: string;
  request: LlmRequest;
  startedAt: number;
  description: CallDescription;
  adjustments: readonly string[];
  /** Why the reason isn't good enough; null if it is. */
  reasonFault: GatewayError | null;
  /** What was found in the request, once it was searched. */
  screened?: Screened;
  /** By which exceptions it may be made. */
  exceptions?: Exceptions;
  answerFindings?: readonly RuleCount[];
  /** End times of the stages before the dispatch. */
  admittedAt?: number;
  reservedAt?: number;
  /** When the answer ended. */
  answeredAt?: number;
  /** Policy day of its reservation. */
  day?: string;
  /** What is sent. */
  call?: ModelCall;
}

/** How a request ended; without a receipt its record isn't durable. */
export interface AttemptEnd {
  status: GovernedResponse['status'];
  error: GatewayError | null;
  receipt?: Receipt;
  /** The answer as it was received. */
  answer?: Answer;
  /** The answer with the values that were redacted in the request. */
  shown?: Answer;
  charge?: Charge;
}

export function responseTo(
  attempt: Attempt,
  { status, error, receipt, answer, shown = answer, charge }: AttemptEnd,
  { id: backend, simulated }: Pick<BackendInfo, 'id' | 'simulated'>,
): GovernedResponse {
  const { callId, startedAt, description } = attempt;
  const endedAt = performance.now();
  return {
    content: shown?.content ?? '',
    message: shown ? messageOf(shown) : null,
    received: answer ? messageOf(answer) : null,
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
    compliance: complianceOf(attempt, error),
    error,
    auditTrail: receipt
      ? { callId, sequence: receipt.sequence, hash: receipt.hash, ledger: receipt.ledgerId }
      : null,
    gatewayTracked: receipt !== undefined,
  };
}

function complianceOf(
  { screened, answerFindings = [], exceptions: used, request }: Attempt,
  error: GatewayError | null,
): ComplianceResult | null {
  const exceptions = [...new Set(used?.values())];
  const useClass = request.useClass ?? null;
  if (error instanceof ComplianceBlocked) {
    const { findings, late } = error;
    return { decision: 'block', findings, answerFindings, exceptions, useClass, late };
  }
  if (!screened) return null;
  const decision = error?.code === 'compliance_blocked' ? 'block' : screened.decision;
  const { findings, late } = screened;
  return { decision, findings, answerFindings, exceptions, useClass, late };
}

/** The same for tracking. */
export function endedAttempt(
  { adjustments: _adjustments, reasonFault: _fault, call, ...attempt }: Attempt,
  { charge }: AttemptEnd,
  response: GovernedResponse,
): EndedAttempt {
  return {
    ...attempt,
    ...(call && { sent: call }),
    outputCost: charge ? outputCostOf(charge) : null,
    response,
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
