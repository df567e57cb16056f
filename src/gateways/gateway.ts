import type { GatewayError } from '../errors.ts';

export const gatewayIds = ['corporate_llm', 'ai_processing', 'workflow_optimizer'] as const;
export type GatewayId = (typeof gatewayIds)[number];

/** What a health check found, with the evidence for it. */
export interface Health {
  state: 'healthy' | 'degraded' | 'failed' | 'not_configured' | 'not_installed';
  /** Duration of the check itself, in milliseconds; null where nothing was called. */
  latencyMs: number | null;
  /** One sentence on what was seen. */
  evidence: string;
  error: GatewayError | null;
  /** ISO 8601 time of the check. */
  checkedAt: string;
}

/** One of the three levels a call passes through. */
export interface Gateway {
  readonly id: GatewayId;
  checkHealth(signal: AbortSignal): Promise<Health>;
}
