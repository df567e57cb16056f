import { cutBy, failureIn, piecesOf, type Directive, type Reply, type SentEvent } from '../direct/server.ts';

/** A request to Chat Completions, as far as the stand-in reads it. */
export interface ChatRequest {
  model?: string;
  messages?: ChatTurn[];
  max_tokens?: number;
  max_completion_tokens?: number;
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  tools?: { type?: string; function?: { name?: string; parameters?: unknown } }[];
  tool_choice?: unknown;
  stop?: string[];
  response_format?: unknown;
  service_tier?: string;
}

export interface ChatTurn {
  role?: string;
  content?: string | Part[] | null;
  tool_calls?: { id?: string; type?: string; function?: { name?: string; arguments?: string } }[];
  tool_call_id?: string;
}

interface Part {
  type?: string;
  text?: string;
  image_url?: { url?: string };
  file?: { file_data?: string };
}

function partsIn(content: ChatTurn['content']): Part[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);
}

export function chatPromptOf({ messages = [] }: ChatRequest): string {
  const asked = messages.filter(({ role }) => role === 'user');
  const texts = asked.map(({ content }) => partsIn(content).flatMap(({ text }) => text ?? []));
  return texts.findLast((one) => one.length > 0)?.at(-1) ?? '';
}

/** Why a server would refuse a request; null if it wouldn't. */
export function chatRefusalOf({ messages = [], stop = [], ...request }: ChatRequest): string | null {
  if (messages.length === 0) return "Invalid 'messages': empty array.";
  if (stop.length > 4) return "Invalid 'stop': array too long.";
  if ('max_tokens' in request && 'max_completion_tokens' in request)
    return "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
  for (const [index, turn] of messages.entries()) {
    if (turn.role === 'assistant' && turn.content === null) return 'invalid message content type: <nil>';
    if (turn.role === 'assistant' && turn.content === undefined && !turn.tool_calls?.length)
      return "Invalid value for 'content': expected a string, got null.";
    const open = (turn.tool_calls ?? []).map(({ id }) => id);
    const answers = messages.slice(index + 1, index + 1 + open.length).map(({ tool_call_id: id }) => id);
    if (open.some((id) => !answers.includes(id)))
      return "An assistant message with 'tool_calls' must be followed by tool messages.";
    if (turn.role === 'tool' && typeof turn.content !== 'string') return 'tool messages take text alone';
  }
  return null;
}

interface Message {
  content: string | null;
  reasoning_content?: string;
  refusal?: string;
  tool_calls?: {
    index?: number;
    id: string;
    type: 'function';
    function: { name: string; arguments: string };
  }[];
}

function messageFor({ name, value }: Directive, { messages = [], tools = [] }: ChatRequest): Message {
  switch (name) {
    case 'message':
      return JSON.parse(value) as Message;
    case 'text':
      return { content: value };
    case 'refusal':
      return { content: null, refusal: 'I can’t help with that.' };
    case 'use-tool': {
      const results = messages.filter(({ role }) => role === 'tool');
      const said = results.map(({ content }) => partsIn(content)[0]?.text ?? '');
      if (results.length > 0) return { content: `The tool said: ${said.join(' ')}` };
      const call = { name: tools[0]?.function?.name ?? 'none', arguments: '{"path":"a b.txt"}' };
      return { content: 'Let me look.', tool_calls: [{ id: 'call_1', type: 'function', function: call }] };
    }
    default:
      return { content: 'This answer comes from a stand-in for OpenAI, not from a model: naïve 😀.' };
  }
}

export function chatReply(request: ChatRequest, directive: Directive): Reply {
  const { name, value } = directive;
  const message = messageFor(directive, request);
  const input = Math.ceil(JSON.stringify(request.messages).length / 4);
  const output = Math.ceil(JSON.stringify(message).length / 4);
  const { status, type, message: words } = failureIn(value);
  const base = { id: 'chatcmpl_1', created: 1, model: request.model };
  const usage = {
    ...{ prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
    prompt_tokens_details: { cached_tokens: 0 },
    ...(name === 'usage' && (JSON.parse(value) as object)),
  };
  const service_tier = name === 'served' ? value : (request.service_tier ?? 'default');
  const finish_reason = name === 'stop' ? value : message.tool_calls ? 'tool_calls' : 'stop';
  if (name === 'chunks' && request.stream) return { events: (JSON.parse(value) as unknown[]).map(chunk) };
  if (!request.stream) {
    if (name === 'break') return { status, body: { error: { message: words, type, code: null } } };
    const choices = [{ index: 0, message: { role: 'assistant', ...message }, finish_reason }];
    return { body: { ...base, object: 'chat.completion', choices, usage, service_tier } };
  }
  const whole = { ...base, object: 'chat.completion.chunk', service_tier };
  const delta = (one: object): SentEvent =>
    chunk({ ...whole, choices: [{ index: 0, delta: one, finish_reason: null }] });
  const events = [
    delta({ role: 'assistant', content: '' }),
    ...deltasOf(message).map(delta),
    chunk({ ...whole, choices: [{ index: 0, delta: {}, finish_reason }] }),
    ...(request.stream_options?.include_usage ? [chunk({ ...whole, choices: [], usage })] : []),
    chunk('[DONE]'),
  ];
  const failure = chunk({ error: { message: words, type, code: status } });
  return cutBy(directive, events, failure) ?? { events };
}

function chunk(data: unknown): SentEvent {
  return { data: typeof data === 'string' ? data : JSON.stringify(data) };
}

function deltasOf({ content, reasoning_content, refusal, tool_calls = [] }: Message): object[] {
  return [
    ...piecesOf(reasoning_content ?? '').map((piece) => ({ reasoning_content: piece })),
    ...piecesOf(content ?? '').map((piece) => ({ content: piece })),
    ...piecesOf(refusal ?? '').map((piece) => ({ refusal: piece })),
    ...tool_calls.flatMap(({ function: { name, arguments: json }, ...call }, index) => [
      { tool_calls: [{ index, ...call, function: { name, arguments: '' } }] },
      ...piecesOf(json).map((piece) => ({ tool_calls: [{ index, function: { arguments: piece } }] })),
    ]),
  ];
}
