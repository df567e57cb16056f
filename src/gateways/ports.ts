import type { RequestContent } from '../content/messages.ts';
import type { ServiceTier, TokenUsage } from '../pricing/cost.ts';
import type { Model } from '../pricing/modelCatalogue.ts';
import type { Health } from './gateway.ts';
import type { AnswerDelta, BackendId } from './modelCalls.ts';

/** One attempt at a model, as handed to a back-end: already admitted, priced and recorded. */
export interface ModelCall {
  callId: string;
  /** Model id, inference-profile id or ARN. */
  modelId: string;
  /** What the model is asked, as the back-end's rules want it. */
  content: RequestContent;
  /** Names that the service would not take, by the alias that it gets in their place. */
  toolNames: Readonly<Record<string, string>>;
  /** Null where the model refuses sampling parameters. */
  temperature: number | null;
  maxTokens: number;
  stream: boolean;
  /** How the provider is to serve the call. */
  serviceTier: ServiceTier;
  /** Sent along for the provider's own invocation log: call id and user, never the reason's text. */
  metadata: Record<string, string>;
}

/** Adjustments of a temperature, which nobody needs to be told of where it was only the default. */
export const noTemperature = 'The model takes no temperature; it was left out.';
export const noTemperatureBesideReasoning = 'A model that reasons takes no temperature; it was left out.';

/** A call as the service takes it, with what was changed for that, each in one sentence. */
export interface ConformedCall {
  call: ModelCall;
  adjustments: readonly string[];
}

/** What a back-end reports while it answers. `usage` and `stop` come once each in a complete answer. */
export type ModelEvent =
  | AnswerDelta
  | { type: 'block_end'; index: number }
  /** Output of a kind that isn't known here; it is billed. */
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
  /**
   * Brings a call into the form that the service takes for this model, before it is priced. Throws `invalid_request`,
   * naming the rule, for one that the service would refuse and that can't be mended without changing what it means.
   */
  conform(call: ModelCall, model: Model): ConformedCall;
  /** Settles everything that can fail before money is reserved: credentials above all. */
  prepare(signal: AbortSignal): Promise<void>;
  converse(call: ModelCall, signal: AbortSignal): AsyncIterable<ModelEvent>;
  checkHealth(signal: AbortSignal): Promise<Health>;
  dispose(): void;
}

/** A back-end without the way to a model. */
export type BackendInfo = Pick<ModelBackend, 'id' | 'simulated' | 'location' | 'region' | 'checkHealth'>;
