/** A Converse request as it stands on the wire. */
export interface ConverseRequest {
  messages?: { role?: string; content?: WireBlock[] }[];
  system?: WireBlock[];
  inferenceConfig?: { maxTokens?: number; temperature?: number; topP?: number; stopSequences?: string[] };
  toolConfig?: {
    tools?: { toolSpec?: WireTool; cachePoint?: CachePoint }[];
    toolChoice?: { auto?: object; any?: object; tool?: { name?: string } };
  };
  outputConfig?: {
    textFormat?: { type?: string; structure?: { jsonSchema?: { schema?: unknown; name?: string } } };
  };
  guardrailConfig?: { guardrailIdentifier?: string; guardrailVersion?: string };
  additionalModelRequestFields?: Record<string, unknown>;
  requestMetadata?: Record<string, string>;
  serviceTier?: { type?: string };
}

export interface CachePoint {
  type?: string;
  ttl?: string;
}

interface WireTool {
  name?: string;
  description?: string;
  inputSchema?: { json?: unknown };
}

/** A content block; one member of many is there. Bytes are base64. */
export interface WireBlock {
  text?: string;
  image?: { format?: string; source?: { bytes?: string } };
  document?: {
    format?: string;
    name?: string;
    source?: { bytes?: string; text?: string };
    context?: string;
    citations?: { enabled?: boolean };
  };
  toolUse?: { toolUseId?: string; name?: string; input?: unknown };
  toolResult?: { toolUseId?: string; content?: WireBlock[]; status?: string };
  reasoningContent?: { reasoningText?: { text?: string; signature?: string }; redactedContent?: string };
  citationsContent?: { content?: { text?: string }[]; citations?: object[] };
  json?: unknown;
  cachePoint?: CachePoint;
}

/** The parts in which a model's answers are shaped differently. */
export function familyOf(modelId: string): string {
  const id = decodeURIComponent(modelId).replace(/^(?:us|eu|apac|global|jp|au|us-gov)\./, '');
  return (
    /^(?:anthropic\.claude|amazon\.nova-2|amazon\.nova|amazon\.titan|meta\.llama|mistral|qwen|zai|moonshot|openai)/.exec(
      id,
    )?.[0] ?? id
  );
}

/** The version of a Claude model, such as 4.6; Infinity where the id says none. */
export function claudeVersionOf(modelId: string): number {
  const [, major, minor = '0'] = /claude-(?:[a-z]+-)?(\d)(?:-(\d))?(?=-|$)/.exec(modelId) ?? [];
  return major === undefined ? Infinity : Number(`${major}.${minor}`);
}
