import type { GatewayError } from '../errors.ts';
import { noTokens } from '../pricing/cost.ts';
import type { LlmResponse } from './modelCalls.ts';
import type { BackendInfo } from './ports.ts';

/** The response to a request that never reached a gateway: nothing was sent, and nothing is recorded. */
export function unreachable(
  error: GatewayError,
  modelUsed: string,
  backend: Pick<BackendInfo, 'id' | 'simulated'>,
): LlmResponse {
  const status = error.code === 'cancelled' ? 'cancelled' : 'failed';
  return { ...withoutCall('', modelUsed, backend), success: false, status, error };
}

/** The response to a request that is answered without a model: nothing was sent, and nothing is recorded. */
export function withoutCall(
  content: string,
  modelUsed: string,
  { id: backend, simulated }: Pick<BackendInfo, 'id' | 'simulated'>,
): LlmResponse {
  return {
    content,
    message: null,
    success: true,
    status: 'success',
    modelUsed,
    backend,
    processingTimeMs: 0,
    timeToFirstTokenMs: null,
    stages: null,
    tokenUsage: noTokens,
    cost: 0n,
    costEstimated: false,
    costEstimatedBecause: null,
    adjustments: [],
    stopReason: null,
    simulated,
    attempts: 0,
    attemptGroup: null,
    fallbackFrom: null,
    cacheHit: false,
    compliance: null,
    error: null,
    auditTrail: null,
    gatewayTracked: false,
  };
}
