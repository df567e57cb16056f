import type {
  ChatMessage,
  OutputSchema,
  Reasoning,
  TextBlock,
  Tool,
  ToolChoice,
} from '../content/messages.ts';

/**
 * What other extensions get: frozen, and made of copies. A call goes through the gateway as any other does, and has its
 * record; nothing else here writes, raises a cap or gives away a key.
 */
export interface TidyLlmApi {
  /** Of the extension. */
  readonly version: string;
  /** Whether calls can be made. Never rejects. */
  readonly status: () => Promise<ApiStatus>;
  /** Today's money. Rejects with an `ApiError` while it can't be known. */
  readonly budget: () => Promise<ApiBudget>;
  /**
   * Makes one governed call, recorded as this user's and as made by the extension that the request names. Nobody
   * can verify that name. Never rejects for a call that fails; rejects with an `ApiError` for a request that isn't one.
   */
  readonly execute: (request: ApiRequest, options?: ApiCallOptions) => Promise<ApiResponse>;
}

export interface ApiStatus {
  state: 'ready' | 'failed';
  /** Whether answers are simulated; null while it failed. */
  simulated: boolean | null;
  error: ApiError | null;
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
  /** Id of the extension that asks, `publisher.name`; it has to be installed. */
  caller: string;
  /** Why the call is made. */
  reason: string;
  /** Either a prompt or messages. */
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
  /** 0 to 1; null leaves it to the model. */
  temperature?: number | null;
}

export interface ApiCallOptions {
  signal?: AbortSignal;
  /** Gets the answer piece by piece. */
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
  /** The answer as the turn that the next request repeats; null where nothing came. */
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
  /** Where the call stands in the journal; null where it has no record. */
  audit_trail: { call_id: string; sequence: number; hash: string } | null;
  gateway_tracked: boolean;
}
