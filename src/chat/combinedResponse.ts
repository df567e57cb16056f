import { addTokens } from '../pricing/cost.ts';
import type { ChatResponse } from './chatMode.ts';

/** The last of the responses to one question, with the money, time and tokens of all. */
export function combinedResponse(responses: readonly ChatResponse[]): ChatResponse {
  const last = responses.at(-1);
  if (!last) throw new Error('There is no response.');
  const estimated = responses.find(({ costEstimated }) => costEstimated);
  return {
    ...last,
    trail: responses.flatMap(
      (one) => one.trail ?? (one.gatewayTracked && one.auditTrail ? [one.auditTrail] : []),
    ),
    processingTimeMs: responses.reduce((sum, one) => sum + one.processingTimeMs, 0),
    attempts: responses.reduce((sum, one) => sum + one.attempts, 0),
    tokenUsage: responses.map(({ tokenUsage }) => tokenUsage).reduce(addTokens),
    cost: responses.reduce((sum, { cost }) => sum + cost, 0n),
    costEstimated: estimated !== undefined,
    costEstimatedBecause: estimated?.costEstimatedBecause ?? null,
  };
}
