import type { RequestContent } from '../content/messages.ts';
import type { CallDescription } from '../ledger/records.ts';
import type { ServiceTier, TokenUsage } from '../pricing/cost.ts';
import type { Model } from '../pricing/modelCatalogue.ts';
import type { GatewayId, Health } from './gateway.ts';
import type { AnswerDelta, BackendId, CachedAnswer, LlmRequest, LlmResponse } from './modelCalls.ts';

/** One attempt at a model, passed to a back-end: already admitted, priced and recorded. */
export interface ModelCall {
  callId: string;
  /** Model id, inference-profile id or ARN. */
  modelId: string;
  /** The messages, in the form that the back-end's rules require. */
  content: RequestContent;
  /** Names that the service would refuse, by the alias that replaces them. */
  toolNames: Readonly<Record<string, string>>;
  /** Null if the model refuses sampling parameters. */
  temperature: number | null;
  maxTokens: number;
  stream: boolean;
  /** How the provider should serve the call. */
  serviceTier: ServiceTier;
  /** Sent for the provider's own invocation log: call id and user, never the text of the reason. */
  metadata: Record<string, string>;
}

/** Adjustments of the temperature, which aren't reported if it was only the default. */
export const noTemperature = 'The model takes no temperature; it was left out.';
export const noTemperatureBesideReasoning = 'With reasoning the model takes no temperature; it was left out.';

/** A call in the form that the service takes, with the changes made, each in one sentence. */
export interface ConformedCall {
  call: ModelCall;
  adjustments: readonly string[];
}

/** Events of a back-end while it answers. A complete answer has one `usage` and one `stop`. */
export type ModelEvent =
  | AnswerDelta
  | { type: 'block_end'; index: number }
  /** Output of an unknown kind, which is billed. */
  | { type: 'hidden'; bytes: number }
  | { type: 'stop'; reason: string }
  /** With the provider's total and service tier, if it reports them. */
  | {
      type: 'usage';
      usage: TokenUsage;
      total?: number | undefined;
      serviceTier?: ServiceTier | undefined;
      /** A decimal by which the published prices are multiplied, because of where the call was served. */
      priceFactor?: string | undefined;
    };

/**
 * A provider of models. Only the corporate gateway calls `converse`, inside a reservation.
 * Failures are `GatewayError`s whose `billing` says what the provider may charge.
 */
export interface ModelBackend {
  readonly id: BackendId;
  /** As people know it. */
  readonly name: string;
  /** True if answers and money are simulated. */
  readonly simulated: boolean;
  /** True if it makes embeddings. */
  readonly embeds?: boolean;
  /** Where calls go: region and endpoint, in one line. */
  readonly location: string;
  readonly region: string;
  /**
   * Converts a call to the form that the service takes for this model, before it is priced. Throws `invalid_request`,
   * naming the rule, if the service would refuse it and it can't be fixed without changing its meaning.
   */
  conform(call: ModelCall, model: Model): ConformedCall;
  /** Does everything that can fail before money is reserved, mainly resolving credentials. */
  prepare(signal: AbortSignal): Promise<void>;
  converse(call: ModelCall, signal: AbortSignal): AsyncIterable<ModelEvent>;
  checkHealth(signal: AbortSignal): Promise<Health>;
  dispose(): void;
}

/** A back-end without its way to call a model. */
export type BackendInfo = Pick<
  ModelBackend,
  'id' | 'name' | 'simulated' | 'location' | 'region' | 'checkHealth'
>;

/** Which answer a request asks for. */
export interface CacheKey {
  /** Model id, inference-profile id or ARN. */
  model: string;
  /** SHA-256 of everything that the answer depends on, lower-case hex. */
  hash: string;
  /** The user whose key seals it. */
  subject: string;
}

/**
 * Answers given before. Whatever can't be read, is too old, or was changed is not there; no method throws or rejects
 * because of a file.
 */
export interface AnswerCache {
  find(key: CacheKey): Promise<CachedAnswer | null>;
  /** MUST be whole or absent, also for readers in other processes. */
  put(key: CacheKey, answer: CachedAnswer): Promise<void>;
}

/** Time and chance, so that tests can replay a run. */
export interface Pacing {
  /** Milliseconds since the epoch, by a clock that never goes back while the process runs. */
  now(): number;
  /** Rejects with the signal's reason as soon as it aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** From 0 up to, not including, 1. */
  random(): number;
}

/** One attempt, as the corporate gateway ended it. Times are those of `performance.now()`. */
export interface EndedAttempt {
  callId: string;
  request: LlmRequest;
  description: CallDescription;
  startedAt: number;
  /** When the request was sent and when its answer ended; left out for what never reached a model. */
  reservedAt?: number;
  answeredAt?: number;
  /** Policy day under which its content is kept; left out where nothing is kept. */
  day?: string;
  /** What was sent; left out for what was refused before. */
  sent?: Pick<ModelCall, 'maxTokens' | 'temperature' | 'stream'>;
  /** The part of the cost that is the answer's, micro-USD; null where it isn't known. */
  outputCost: bigint | null;
  response: LlmResponse;
}

/** A FLOW run or a comparison, at its end. */
export interface EndedRun {
  kind: 'flow' | 'comparison';
  id: string;
  name: string;
  /** ISO 8601. */
  startedAt: string;
  failed: boolean;
  /** Whether its process ended before it did; left out if not. */
  killed?: boolean;
  parameters: Readonly<Record<string, string>>;
  metrics: Readonly<Record<string, number>>;
}

/** Follows calls for tracking. No method throws or waits: what can't be tracked must not disturb a call. */
export interface CallTracker {
  /** Whether calls are tracked in MLflow. */
  readonly mlflowEnabled: boolean;
  /** Makes a call of the highest level: the attempts that end meanwhile are its own. */
  call<Response extends LlmResponse>(level: GatewayId, make: () => Promise<Response>): Promise<Response>;
  attempt(ended: EndedAttempt): void;
  run(ended: EndedRun): void;
}
