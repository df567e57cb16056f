import type {
  ChatMessage,
  ContentBlock,
  EmbeddingOptions,
  Guardrail,
  JsonObject,
  OutputSchema,
  Reasoning,
  RequestContent,
  TextBlock,
  Tool,
  ToolChoice,
} from '../content/messages.ts';
import type { Decision } from '../compliance/policy.ts';
import type { RuleCount } from '../compliance/found.ts';
import type { GatewayErrorCode } from '../errorCodes.ts';
import type { GatewayError } from '../errors.ts';
import type { CallOutcome } from '../ledger/records.ts';
import type { ServiceTier, TokenUsage } from '../pricing/cost.ts';
import type { CallOrigin } from './callOrigin.ts';

/** The back-ends, in the order in which one is looked for among those that policy allows. */
export const backendIds = ['anthropic', 'openai', 'compatible', 'bedrock', 'mlflow', 'mock'] as const;
export type BackendId = (typeof backendIds)[number];

export type Priority = 'low' | 'normal' | 'high';

/** Service tiers that a call may request. */
export const requestServiceTiers = ['standard', 'flex', 'priority'] as const satisfies readonly ServiceTier[];
export type RequestServiceTier = (typeof requestServiceTiers)[number];

/** The FLOW run that a call belongs to: the call is paid from the run's reservation. */
export interface FlowOrigin {
  runId: string;
  /** Id of the agreement. */
  agreement: string;
  /** The run's total reservation, micro-USD. */
  costLimit: bigint;
}

/** A caller's request. Give one of `prompt`, `messages` and `embedding`. */
export interface LlmRequest {
  prompt?: string;
  messages?: readonly ChatMessage[];
  /** Texts to embed, as many as the model takes in one call; nothing of a conversation goes with them. */
  embedding?: EmbeddingOptions & { texts: readonly string[] };
  system?: string | readonly TextBlock[];
  /** Tools that the model may request; `toolChoice` says whether it must. */
  tools?: readonly Tool[];
  toolChoice?: ToolChoice;
  /** How much the model reasons before it answers; the model's default if left out. */
  reasoning?: Reasoning;
  /** The JSON schema of the answer. */
  outputSchema?: OutputSchema;
  stopSequences?: readonly string[];
  /** Above 0, up to 1. If given, the default temperature is left out. */
  topP?: number;
  guardrail?: Guardrail;
  /** Model-specific fields, passed through unchanged. Fields that would change the price are refused. */
  additionalFields?: JsonObject;
  /** Friendly name, model id, inference-profile id or ARN. */
  modelId?: string;
  /** 0 to 1; left out for models that don't take it; null uses the model's default. */
  temperature?: number | null;
  maxTokens?: number;
  userId?: string;
  /** Why the call is made. Mandatory: a blank reason is refused before anything is sent. */
  auditReason?: string;
  priority?: Priority;
  /** How Bedrock serves and prices the call. */
  serviceTier?: RequestServiceTier;
  /** False requests the whole answer at once. */
  stream?: boolean;
  /**
   * Whether a cached answer may be used. Left out, policy decides; true caches at any temperature; false asks a model
   * and replaces the cached answer.
   */
  cache?: boolean;
  /** False forbids models that policy names as fallbacks. */
  fallback?: boolean;
  origin?: CallOrigin;
  flow?: FlowOrigin;
  /** The earlier attempts that a repeated call belongs to; set by the gateway that repeats it. */
  attempt?: AttemptOrigin;
  /** The comparison that the call belongs to; set by `Comparison`. */
  comparison?: ComparisonOrigin;
  /** The step of a workflow that the call is made for; set by the runner. */
  workflow?: WorkflowOrigin;
  /** Joins the calls of one conversation: an id that says nothing else. */
  conversation?: string;
  /** Redacts what compliance policy would block, and sends the rest. */
  redact?: boolean;
  /** What the call is for: one of the use classes that policy names. */
  useClass?: string;
  /** The files whose rules are in the system prompt; only their names and hashes are recorded. */
  instructions?: readonly InstructionsFile[];
}

/** A file with instructions: its path in the workspace, and the SHA-256 of its text in lower-case hex. */
export interface InstructionsFile {
  path: string;
  sha256: string;
}

/** Why a call is made again. */
export interface AttemptOrigin {
  /** Call id of the first attempt. */
  group: string;
  /** From 2. */
  number: number;
  /** Error code of the attempt before. */
  after: GatewayErrorCode;
  /** The model that was requested, if this attempt asks another; null otherwise. */
  fallbackFrom: string | null;
}

/** What joins the calls of a comparison. */
export interface ComparisonOrigin {
  /** A UUID. */
  id: string;
  /** How many models are compared. */
  models: number;
}

/** The step of a workflow's run that a call is made for. */
export interface WorkflowOrigin {
  /** Id of the run, also after it was resumed under another id of the ledger. */
  runId: string;
  /** Full id of the step. */
  step: string;
}

export const requestDefaults = {
  modelId: 'claude-3-sonnet',
  temperature: 0.7,
  maxTokens: 4000,
  priority: 'normal',
  serviceTier: 'standard',
} as const;

/** The call's place in the audit journal. */
export interface AuditTrail {
  callId: string;
  /** Sequence number of the record that ended the call. */
  sequence: number;
  hash: string;
  ledger: string;
}

/** The duration of each part of a call, in milliseconds. */
export interface StageTimes {
  /** Reason, model, price and credentials; before that, waits and earlier attempts. */
  admission: number;
  /** The intent, written and synced. */
  reservation: number;
  /** From the request to the first piece of the answer. */
  firstToken: number;
  /** From there to the end of the answer. */
  streaming: number;
  /** The ending, written and synced. */
  settlement: number;
}

/** What compliance policy decided about a call. Counts and rules, never values. */
export interface ComplianceResult {
  decision: Decision;
  findings: readonly RuleCount[];
  /** What was found in the answer as it was received; it is only recorded. */
  answerFindings: readonly RuleCount[];
  /** Ids of the exceptions from policy by which the call went through. */
  exceptions: readonly string[];
  /** What the call is for, as it was stated; null if it wasn't. */
  useClass: string | null;
  /** Whether the deadline passed, so that the request was not searched. */
  late: boolean;
}

/** The result of a call. Never thrown: a failed call is a response with an `error` and its cost. */
export interface LlmResponse {
  /** The text of the answer. */
  content: string;
  /** The answer as a turn for the next request: text, reasoning, tool use. Null if nothing arrived. */
  message: ChatMessage | null;
  success: boolean;
  status: Exclude<CallOutcome, 'orphaned' | 'pending'>;
  modelUsed: string;
  backend: BackendId;
  processingTimeMs: number;
  timeToFirstTokenMs: number | null;
  /** Changes made because the service would have refused the request, each in one sentence. */
  adjustments: readonly string[];
  /** The provider's stop reason; null if it gave none. */
  stopReason: string | null;
  /** Null for a call that didn't pass every stage. */
  stages: StageTimes | null;
  tokenUsage: TokenUsage;
  /** Micro-USD. */
  cost: bigint;
  /** True when `cost` is an upper bound. */
  costEstimated: boolean;
  /** Why, in one phrase; null if the cost is exact. */
  costEstimatedBecause: string | null;
  simulated: boolean;
  /** Calls that reached a model; cost and duration are those of all together. */
  attempts: number;
  /** Call id of the first attempt; null if it isn't recorded. */
  attemptGroup: string | null;
  /** The requested model, if another one answered. */
  fallbackFrom: string | null;
  /** Whether the answer comes from the cache, at no cost. */
  cacheHit: boolean;
  /** What was found in the request, and what happened to it; null if it was refused before it was searched. */
  compliance: ComplianceResult | null;
  error: GatewayError | null;
  auditTrail: AuditTrail | null;
  /** True only if the record of how the call ended is durable. */
  gatewayTracked: boolean;
}

/**
 * A piece of an answer. `index` is the block it belongs to; blocks may overlap. Within a block,
 * `tool_use_start` comes first and `block_end` last.
 */
export type AnswerDelta =
  | { type: 'text'; index: number; text: string }
  | { type: 'thinking'; index: number; text: string }
  | { type: 'signature'; index: number; signature: string }
  /** Base64. */
  | { type: 'redacted_thinking'; index: number; data: string }
  /** Comes before its text. */
  | { type: 'citation'; index: number; citation: JsonObject }
  | { type: 'tool_use_start'; index: number; id: string; name: string }
  /** The next characters of the input's JSON. */
  | { type: 'tool_use_input'; index: number; json: string };

/**
 * The events while a model answers, in this order: for each block its deltas and then its `block_end`; after
 * all blocks `stop`. Texts come in whole characters. An interrupted answer ends without `block_end` and `stop`.
 */
export type AnswerEvent =
  AnswerDelta | { type: 'block_end'; index: number; block: ContentBlock } | { type: 'stop'; reason: string };

export interface CallOptions {
  signal?: AbortSignal;
  /** Receives the answer piece by piece. */
  onEvent?: (event: AnswerEvent) => void;
}

/**
 * The only way to a model for chat, command, FLOW and other front doors. Each level implements it on top of the
 * level below, so that every attempt at a model is a governed call with its own reservation and record.
 */
export interface ModelCalls {
  /**
   * Makes a call. MUST NOT reject if the call is refused or fails: the response says how it ended and what it
   * cost. MUST resolve only once the record of how it ended is durable, or say that it isn't (`gatewayTracked`).
   * MUST end soon after `signal` aborts.
   */
  execute(request: LlmRequest, options?: CallOptions): Promise<LlmResponse>;
  /**
   * The most that a request can cost, micro-USD, before it is made. MUST throw the `GatewayError` that `execute`
   * would refuse it with, if that is known without a network call. MUST NOT reserve or record anything.
   */
  worstCase(request: LlmRequest): bigint;
}

/** What a call would send, and for whom: all that its answer and its price depend on. */
export interface CallPlan {
  backend: BackendId;
  /** Region and endpoint: the same name can be another model elsewhere. */
  location: string;
  simulated: boolean;
  /** Model id, inference-profile id or ARN. */
  modelId: string;
  /** In the form that the service takes. */
  content: RequestContent;
  temperature: number | null;
  maxTokens: number;
  serviceTier: ServiceTier;
  userId: string;
  workspace: string | null;
}

/** An answer that was given before. */
export interface CachedAnswer {
  /** The call that it comes from. */
  callId: string;
  /** The model that gave it. */
  modelUsed: string;
  message: ChatMessage;
  stopReason: string | null;
  tokenUsage: TokenUsage;
  /** What the call cost, micro-USD. */
  cost: bigint;
}

/** A response of the corporate gateway to the level above. */
export interface GovernedResponse extends LlmResponse {
  /** The answer without the values that were redacted in the request: what may be kept. */
  received: ChatMessage | null;
}

/** What the level above the corporate gateway needs of it besides calls. */
export interface GovernedCalls extends ModelCalls {
  execute(request: LlmRequest, options?: CallOptions): Promise<GovernedResponse>;
  /** Back-ends and models that it can call. */
  getCapabilities(): { providers: readonly string[]; models: readonly string[] };
  /** What `execute` would send. Throws the `GatewayError` that it would refuse the request with, also once it is stopped. */
  plan(request: LlmRequest, options?: Pick<CallOptions, 'signal'>): Promise<CallPlan>;
  /** Answers a request with an earlier answer. It is checked and recorded as `execute` does, and costs nothing. */
  replay(request: LlmRequest, answer: CachedAnswer, options?: CallOptions): Promise<GovernedResponse>;
  /** Records that a request was not sent, and why. Never throws. */
  refuse(request: LlmRequest, error: GatewayError): Promise<GovernedResponse>;
}
