import { countsInWords } from '../compliance/words.ts';
import type { LlmResponse } from '../gateways/modelCalls.ts';
import { shortfallOf, type Shortfall } from '../gateways/shortfall.ts';
import { contextTokens, formatUsd } from '../pricing/cost.ts';
import type { ChatResponse } from './chatMode.ts';
import type { Failure, TurnResult } from './turn.ts';

/** How a call ended, for a view; its error is already worded. */
export function turnResultOf(response: ChatResponse, failure: Failure | null): TurnResult {
  const { status, processingTimeMs, tokenUsage, cost, costEstimated, auditTrail, error, attemptGroup } =
    response;
  const { trail = [] } = response;
  const shortfall = error ? null : shortfallOf(response.stopReason, response.content);
  return {
    status,
    processingTimeMs,
    tokens: { input: contextTokens(tokenUsage), output: tokenUsage.output },
    cost: formatUsd(cost),
    costMicro: cost.toString(),
    costEstimated,
    estimatedBecause: response.costEstimatedBecause,
    ...redactedIn(response),
    ...(response.cacheHit && { cached: true }),
    ...(response.fallbackFrom !== null && response.success && { answeredBy: response.modelUsed }),
    ...(shortfall && { shortfall: shownShortfall(shortfall, response) }),
    record:
      response.gatewayTracked && auditTrail
        ? { ledger: auditTrail.ledger, callId: auditTrail.callId, sequence: auditTrail.sequence }
        : null,
    ...(attemptGroup !== null && attemptGroup !== auditTrail?.callId && { firstCallId: attemptGroup }),
    ...(trail.length > 1 && { sequences: trail.map(({ sequence }) => sequence) }),
    failure,
  };
}

function redactedIn({ compliance }: LlmResponse): Pick<TurnResult, 'redacted'> {
  return compliance?.decision === 'redact' ? { redacted: countsInWords(compliance.findings) } : {};
}

/** Only an answer cut at its token limit can continue: a full context has no room. */
function shownShortfall(
  { message, hint }: Shortfall,
  { stopReason, content }: LlmResponse,
): TurnResult['shortfall'] {
  const cut = stopReason === 'max_tokens';
  return { message, hint, goOn: cut ? (content.trim() === '' ? 'longer' : 'continue') : null };
}
