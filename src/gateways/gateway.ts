import type { GatewayError } from '../errors.ts';
import type { ModelCalls } from './modelCalls.ts';

export const gatewayIds = ['corporate_llm', 'ai_processing', 'workflow_optimizer'] as const;
export type GatewayId = (typeof gatewayIds)[number];

/** The result of a health check, with its evidence. */
export interface Health {
  state: 'healthy' | 'degraded' | 'failed' | 'not_configured' | 'not_installed';
  /** Duration of the check, in milliseconds; null if nothing was called. */
  latencyMs: number | null;
  /** One sentence on the observation. */
  evidence: string;
  error: GatewayError | null;
  /** ISO 8601 time of the check. */
  checkedAt: string;
  /** How far this computer's clock is behind the server's, in milliseconds; negative if it is ahead. */
  clockOffsetMs?: number;
}

/** A FLOW run as each gateway sees it before the start. */
export interface AgreementContext {
  /** Id of the agreement. */
  agreement: string;
  /** Trigger and expanded meaning: the audit reason of its calls. */
  reason: string;
  /** Models that it names; calls to others are checked when they are made. */
  models: readonly string[];
  /** The most that it can spend, and the agreement's limit, in micro-USD. */
  worstCase: bigint;
  costLimit: bigint;
}

/** One of the three levels that a call passes through. */
export interface Gateway extends ModelCalls {
  readonly id: GatewayId;
  checkHealth(signal: AbortSignal): Promise<Health>;
  /** Throws `GatewayError` if this level would refuse the agreement's calls. */
  validateAgreement(context: AgreementContext): Promise<void>;
}
