import type { GatewayError } from '../errors.ts';
import type { ModelCalls } from './modelCalls.ts';

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
  /** How far this computer's clock is behind the server's, in milliseconds; negative where it is ahead. */
  clockOffsetMs?: number;
}

/** A run of a FLOW agreement as each gateway sees it before it begins. */
export interface AgreementContext {
  /** Id of the agreement. */
  agreement: string;
  /** Trigger and expanded meaning: the audit reason of its calls. */
  reason: string;
  /** Models that it names; calls of others are checked when they are made. */
  models: readonly string[];
  /** The most that it will spend, and that its agreement allows, micro-USD. */
  worstCase: bigint;
  costLimit: bigint;
}

/** One of the three levels a call passes through. */
export interface Gateway extends ModelCalls {
  readonly id: GatewayId;
  checkHealth(signal: AbortSignal): Promise<Health>;
  /** Throws `GatewayError` for an agreement whose calls this level would refuse. */
  validateAgreement(context: AgreementContext): Promise<void>;
}
