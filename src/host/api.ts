import type {
  ChatMessage,
  OutputSchema,
  Reasoning,
  TextBlock,
  Tool,
  ToolChoice,
} from '../content/messages.ts';

/**
 * The API for other extensions: frozen, and made of copies. A call goes through the gateway like any other, and has its
 * record; nothing else here writes, raises a cap or exposes a key.
 */
export interface TidyLlmApi {
  /** Version of the extension. */
  readonly version: string;
  /** Whether calls are possible. Never rejects. */
  readonly status: () => Promise<ApiStatus>;
  /** The three gateways, lowest first. Rejects with an `ApiError` while the gateway has failed. */
  readonly gateways: () => Promise<ApiGateway[]>;
  /** Today's budget. Rejects with an `ApiError` while it is unknown. */
  readonly budget: () => Promise<ApiBudget>;
  /**
   * Makes one governed call, recorded with this user and the extension named in the request. That name can't be
   * verified. Doesn't reject for a call that fails; rejects with an `ApiError` for an invalid request.
   */
  readonly execute: (request: ApiRequest, options?: ApiCallOptions) => Promise<ApiResponse>;
}

export interface ApiStatus {
  state: 'ready' | 'failed';
  /** Whether answers are simulated; null while the gateway has failed. */
  simulated: boolean | null;
  error: ApiError | null;
}

export interface ApiGateway {
  id: 'corporate_llm' | 'ai_processing' | 'workflow_optimizer';
  state: 'initialized' | 'failed' | 'not_installed';
  /** `providers`, `models`, `backends`, `cache_enabled` and so on, by level; null if it isn't running. */
  capabilities: Readonly<Record<string, boolean | number | readonly string[]>> | null;
}

/** Amounts are decimal strings in USD. */
export interface ApiBudget {
  /** YYYY-MM-DD, in `timezone`. */
  day: string;
  timezone: string;
  limit_usd: string;
  spent_usd: string;
  reserved_usd: string;
  remaining_usd: string;
  status: 'ok' | 'warning' | 'critical' | 'exceeded';
}

export interface ApiRequest {
  /** Id of the calling extension, `publisher.name`; it must be installed. */
  caller: string;
  /** Why the call is made. */
  reason: string;
  /** What it is for: one of compliance.use_classes, if policy asks for that. */
  use_class?: string;
  /** Give either a prompt or messages. */
  prompt?: string;
  messages?: readonly ChatMessage[];
  system?: string | readonly TextBlock[];
  tools?: readonly Tool[];
  tool_choice?: ToolChoice;
  reasoning?: Reasoning;
  output_schema?: OutputSchema;
  stop_sequences?: readonly string[];
  top_p?: number;
  model?: string;
  max_tokens?: number;
  /** 0 to 1; null uses the model's default. */
  temperature?: number | null;
}

export interface ApiCallOptions {
  signal?: AbortSignal;
  /** Receives the answer piece by piece. */
  onText?: (text: string) => void;
}

export interface ApiError {
  code: string;
  message: string;
  hint: string;
}

export interface ApiResponse {
  /** The text of the answer. */
  content: string;
  /** The answer as a turn to repeat in the next request; null if nothing arrived. */
  message: ChatMessage | null;
  success: boolean;
  status: string;
  model_used: string;
  simulated: boolean;
  stop_reason: string | null;
  input_tokens: number;
  output_tokens: number;
  /** Decimal string. */
  cost_usd: string;
  cost_estimated: boolean;
  error: ApiError | null;
  /** The call's place in the journal; null if it has no record. */
  audit_trail: { call_id: string; sequence: number; hash: string } | null;
  gateway_tracked: boolean;
}
