import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { CachedAnswer, CallPlan, GovernedResponse } from '../modelCalls.ts';
import type { CacheKey } from '../ports.ts';

/** Who may get an answer that someone else paid for: only its user, everybody in the workspace, or every user. */
export const cacheScopes = ['user', 'workspace', 'shared'] as const;
export type CacheScope = (typeof cacheScopes)[number];

/** Changing it makes every earlier answer unreachable. */
const formatVersion = 1;

/**
 * The key of a request. Everything in the plan counts, fields that only a model knows included; what names only the call
 * (its id, reason and priority, and whether it is streamed) is not part of a plan.
 */
export function cacheKeyOf(plan: CallPlan, scope: CacheScope): CacheKey {
  const { userId, workspace, ...asked } = plan;
  const within = { user: userId, workspace: workspace ?? userId, shared: null }[scope];
  const text = canonicalize({ version: formatVersion, scope, within, ...asked });
  const hash = createHash('sha256')
    .update(text ?? '')
    .digest('hex');
  return { model: plan.modelId, hash, subject: userId };
}

/** What is kept of an answer; null if it isn't whole, or was filtered. */
export function answerToKeep(response: GovernedResponse): CachedAnswer | null {
  const { success, received: message, stopReason, auditTrail, costEstimated } = response;
  const whole = stopReason === 'end_turn' || stopReason === 'stop_sequence' || stopReason === 'tool_use';
  if (!success || !message || !auditTrail || !whole || costEstimated) return null;
  const { modelUsed, tokenUsage, cost } = response;
  return { callId: auditTrail.callId, modelUsed, message, stopReason, tokenUsage, cost };
}
