import type { GatewayError } from '../errors.ts';
import type { Capabilities } from './capabilities.ts';
import type { LlmRequest, ModelCalls } from './modelCalls.ts';

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

/** Whether calls to a model go through (`closed`), are paused (`open`), or one tests it (`half_open`). */
export type CircuitState = 'closed' | 'open' | 'half_open';

/** What calls of one back-end and model came to, since this process started. */
export interface ServiceMetrics {
  /** Back-end and model id. */
  service: string;
  attempts: number;
  failures: number;
  cacheHits: number;
  /** Share of answers from the cache; null before the first answer. */
  hitRate: number | null;
  /** Means over the answers, in milliseconds; null before the first answer. */
  processingTimeMs: number | null;
  timeToFirstTokenMs: number | null;
  /** Time spent waiting for a turn or before a retry, in milliseconds. */
  waitedMs: number;
  circuit: CircuitState;
}

/** A FLOW run as each gateway sees it before the start. */
export interface AgreementContext {
  /** Id of the agreement. */
  agreement: string;
  /** Trigger and expanded meaning: the audit reason of its calls. */
  reason: string;
  /** What it is known to send; its other calls are checked when they are made. */
  requests: readonly LlmRequest[];
  /** The most that it can spend, and the agreement's limit, in micro-USD. */
  worstCase: bigint;
  costLimit: bigint;
}

/** One of the three levels that a call passes through. */
export interface Gateway extends ModelCalls {
  readonly id: GatewayId;
  getCapabilities(): Capabilities;
  /** What calls of this process came to, by back-end and model, if this level counts them. */
  metrics?(): ServiceMetrics[];
  checkHealth(signal: AbortSignal): Promise<Health>;
  /** What policy would change in the agreement's calls, in sentences. Throws `GatewayError` if this level would refuse them. */
  validateAgreement(context: AgreementContext): Promise<readonly string[]>;
}
