/** Anthropic's Messages as they stand on the wire, as far as the stand-in reads them. */
export interface MessagesRequest {
  model?: string;
  max_tokens?: number;
  stream?: boolean;
  system?: string | WireBlock[];
  messages?: WireMessage[];
  tools?: {
    name?: string;
    description?: string;
    input_schema?: { type?: unknown };
    cache_control?: Control;
  }[];
  tool_choice?: { type?: string; name?: string };
  stop_sequences?: string[];
  temperature?: number;
  top_p?: number;
  thinking?: { type?: string; budget_tokens?: number };
  output_config?: { effort?: string; format?: { type?: string; schema?: unknown } };
  service_tier?: string;
}

export interface WireMessage {
  role?: string;
  content?: string | WireBlock[];
}

interface Control {
  type?: string;
  ttl?: string;
}

export interface WireBlock {
  type?: string;
  text?: string;
  citations?: unknown;
  thinking?: string;
  signature?: string;
  data?: string;
  id?: string;
  name?: string;
  input?: unknown;
  tool_use_id?: string;
  content?: string | WireBlock[];
  is_error?: boolean;
  title?: string;
  context?: string;
  source?: { type?: string; media_type?: string; data?: string };
  cache_control?: Control;
}

export function blocksIn(content: string | WireBlock[] | undefined): WireBlock[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);
}

/** The version of a Claude model, such as 4.6. */
export function claudeVersionOf(model: string): number {
  const [, major, minor = '0'] = /claude-(?:[a-z]+-)?(\d)(?:-(\d)(?!\d))?/.exec(model) ?? [];
  return major === undefined ? Infinity : Number(`${major}.${minor}`);
}
