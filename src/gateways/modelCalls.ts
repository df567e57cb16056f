import type {
  ChatMessage,
  ContentBlock,
  Guardrail,
  JsonObject,
  OutputSchema,
  Reasoning,
  TextBlock,
  Tool,
  ToolChoice,
} from '../content/messages.ts';
import type { GatewayError } from '../errors.ts';
import type { CallOutcome } from '../ledger/records.ts';
import type { ServiceTier, TokenUsage } from '../pricing/cost.ts';
import type { CallOrigin } from './callOrigin.ts';

export const backendIds = ['bedrock', 'mock'] as const;
export type BackendId = (typeof backendIds)[number];

export type Priority = 'low' | 'normal' | 'high';

/** Service tiers a single call may ask for. */
export const requestServiceTiers = ['standard', 'flex', 'priority'] as const satisfies readonly ServiceTier[];
export type RequestServiceTier = (typeof requestServiceTiers)[number];

/** The run of a FLOW agreement that a call is a part of: its money comes from what the run holds. */
export interface FlowOrigin {
  runId: string;
  /** Id of the agreement. */
  agreement: string;
  /** What the run as a whole holds, micro-USD. */
  costLimit: bigint;
}

/** What a caller asks for. Either `prompt` or `messages`. */
export interface LlmRequest {
  prompt?: string;
  messages?: readonly ChatMessage[];
  system?: string | readonly TextBlock[];
  /** What the model may ask to be done; `toolChoice` says whether it must. */
  tools?: readonly Tool[];
  toolChoice?: ToolChoice;
  /** How much it is to think before it answers; left out, as the model does by itself. */
  reasoning?: Reasoning;
  /** JSON that the answer must be. */
  outputSchema?: OutputSchema;
  stopSequences?: readonly string[];
  /** Above 0, to 1. Where it is given, the default temperature is left out. */
  topP?: number;
  guardrail?: Guardrail;
  /** What only this model knows, handed on as it is. What would change the price is refused. */
  additionalFields?: JsonObject;
  /** Friendly name, model id, inference-profile id or ARN. */
  modelId?: string;
  /** 0 to 1, left out for a model that takes none; null leaves it to the model. */
  temperature?: number | null;
  maxTokens?: number;
  userId?: string;
  /** Why the call is made. Mandatory: blank is refused before anything is sent. */
  auditReason?: string;
  priority?: Priority;
  /** How Bedrock serves the call, and at which prices. */
  serviceTier?: RequestServiceTier;
  /** False asks for the whole answer at once. */
  stream?: boolean;
  origin?: CallOrigin;
  flow?: FlowOrigin;
}

export const requestDefaults = {
  modelId: 'claude-3-sonnet',
  temperature: 0.7,
  maxTokens: 4000,
  priority: 'normal',
  serviceTier: 'standard',
} as const;

/** Where the call stands in the audit journal. */
export interface AuditTrail {
  callId: string;
  /** Of the record that ended the call. */
  sequence: number;
  hash: string;
  ledger: string;
}

/** How long each part of a call took, in milliseconds. */
export interface StageTimes {
  /** Reason, model, price and credentials. */
  admission: number;
  /** The intent, written and synced. */
  reservation: number;
  /** From the request to the first piece of the answer. */
  firstToken: number;
  /** From there to the answer's end. */
  streaming: number;
  /** The ending, written and synced. */
  settlement: number;
}

/** How a call ended. Never thrown: a failed call is a response with an `error` and what it cost. */
export interface LlmResponse {
  /** The text of the answer. */
  content: string;
  /** The answer as the turn that the next request repeats: text, reasoning, tool use. Null where nothing came. */
  message: ChatMessage | null;
  success: boolean;
  status: Exclude<CallOutcome, 'orphaned' | 'pending'>;
  modelUsed: string;
  backend: BackendId;
  processingTimeMs: number;
  timeToFirstTokenMs: number | null;
  /** What of the request was changed because the service would have refused it, each in one sentence. */
  adjustments: readonly string[];
  /** Why the model stopped, in the provider's word; null where it never said. */
  stopReason: string | null;
  /** Null for a call that didn't go through every stage. */
  stages: StageTimes | null;
  tokenUsage: TokenUsage;
  /** Micro-USD. */
  cost: bigint;
  /** True when `cost` is an upper bound. */
  costEstimated: boolean;
  /** Why, in one phrase; null where the cost is exact. */
  costEstimatedBecause: string | null;
  simulated: boolean;
  attempts: number;
  error: GatewayError | null;
  auditTrail: AuditTrail | null;
  /** True only when the record of how the call ended is durable. */
  gatewayTracked: boolean;
}

/**
 * A piece of an answer. `index` says to which block of the answer it belongs; blocks may overlap. Of one block,
 * a `tool_use_start` comes first and `block_end` last.
 */
export type AnswerDelta =
  | { type: 'text'; index: number; text: string }
  | { type: 'thinking'; index: number; text: string }
  | { type: 'signature'; index: number; signature: string }
  /** Base64. */
  | { type: 'redacted_thinking'; index: number; data: string }
  /** Comes before the text that it belongs to. */
  | { type: 'citation'; index: number; citation: JsonObject }
  | { type: 'tool_use_start'; index: number; id: string; name: string }
  /** The next characters of the input's JSON. */
  | { type: 'tool_use_input'; index: number; json: string };

/**
 * What a caller hears while a model answers, in this order: of each block its deltas and then its `block_end`, after
 * all blocks `stop`. Texts come in whole characters. An answer that breaks off ends without them.
 */
export type AnswerEvent =
  AnswerDelta | { type: 'block_end'; index: number; block: ContentBlock } | { type: 'stop'; reason: string };

export interface CallOptions {
  signal?: AbortSignal;
  /** Gets the answer piece by piece as it arrives. */
  onEvent?: (event: AnswerEvent) => void;
}

/**
 * The one door to a model: all that chat, command, FLOW and other front doors know. Each level implements it over the
 * level below, so that every attempt at a model is a governed call with a reservation and a record of its own.
 */
export interface ModelCalls {
  /**
   * Makes a call. MUST NOT reject for a call that is refused or fails: the response says how it ended and what it
   * cost. MUST resolve only once the record of how it ended is durable, or say that it isn't (`gatewayTracked`).
   * MUST end soon after `signal` aborts.
   */
  execute(request: LlmRequest, options?: CallOptions): Promise<LlmResponse>;
  /**
   * The most that a request may cost, micro-USD, before it is made. MUST throw the `GatewayError` that `execute`
   * would refuse it with, as far as that is known without asking anybody. MUST NOT reserve or record anything.
   */
  worstCase(request: LlmRequest): bigint;
}
