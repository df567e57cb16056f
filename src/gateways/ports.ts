import type { ServiceTier, TokenUsage } from '../pricing/cost.ts';
import type { Health } from './gateway.ts';

export const backendIds = ['bedrock', 'mock'] as const;
export type BackendId = (typeof backendIds)[number];

export interface ChatMessage {
  role: 'user' | 'assistant';
  content: string;
}

/** One attempt at a model, as handed to a back-end: already admitted, priced and recorded. */
export interface ModelCall {
  callId: string;
  /** Model id, inference-profile id or ARN. */
  modelId: string;
  system: string | null;
  messages: ChatMessage[];
  /** Null where the model refuses sampling parameters. */
  temperature: number | null;
  maxTokens: number;
  stream: boolean;
  /** How the provider is to serve the call. */
  serviceTier: ServiceTier;
  /** Sent along for the provider's own invocation log: call id and user, never the reason's text. */
  metadata: Record<string, string>;
}

/** What a back-end reports while it answers. `usage` and `stop` come once each in a complete answer. */
export type ModelEvent =
  | { type: 'text'; text: string }
  /** Output that isn't shown but is billed, such as reasoning. */
  | { type: 'hidden'; bytes: number }
  | { type: 'stop'; reason: string }
  /** With the sum of it that the provider gives, and the service tier it says it used, where it says so. */
  | { type: 'usage'; usage: TokenUsage; total?: number | undefined; serviceTier?: ServiceTier | undefined };

/**
 * A provider of models. Only the corporate gateway calls `converse`, inside a reservation.
 * Failures are `GatewayError`s whose `billing` says what the provider may charge.
 */
export interface ModelBackend {
  readonly id: BackendId;
  /** True when answers and money are not real. */
  readonly simulated: boolean;
  /** Where calls go: region and endpoint, in one line. */
  readonly location: string;
  readonly region: string;
  /** Settles everything that can fail before money is reserved: credentials above all. */
  prepare(signal: AbortSignal): Promise<void>;
  converse(call: ModelCall, signal: AbortSignal): AsyncIterable<ModelEvent>;
  checkHealth(signal: AbortSignal): Promise<Health>;
  dispose(): void;
}

/** A back-end without the way to a model. */
export type BackendInfo = Pick<ModelBackend, 'id' | 'simulated' | 'location' | 'region' | 'checkHealth'>;
