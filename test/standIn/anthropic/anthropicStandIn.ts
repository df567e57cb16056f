import { signatureOf } from '../converse/answers.ts';
import {
  cutBy,
  directiveIn,
  failureIn,
  piecesOf,
  startDirectStandIn,
  type DirectStandIn,
  type Directive,
  type Reply,
  type SeenRequest,
  type SentEvent,
} from '../direct/server.ts';
import { refusalOf } from './refusal.ts';
import { blocksIn, type MessagesRequest, type WireBlock } from './request.ts';

export const anthropicKey = 'sk-ant-stand-in';

/**
 * Speaks Anthropic's Messages, whole and streamed. What it does is chosen by a directive in the prompt: text=…,
 * blocks=[…JSON…], use-tool, reasoning, stop=REASON, usage={…JSON…}, refuse=STATUS TYPE MESSAGE,
 * fail=STATUS TYPE MESSAGE as the first event, break=STATUS TYPE MESSAGE in the middle, stall, cut, early-end, open-end,
 * html, reset, hang.
 */
export function startAnthropicStandIn(): Promise<DirectStandIn> {
  return startDirectStandIn(answer);
}

function answer({ path, headers, body }: SeenRequest): Reply | null | 'hang' {
  if (path === '/') return { status: 404 };
  if (path !== '/v1/messages') return failure(404, 'not_found_error', 'Not found');
  const key = headers['x-api-key'] ?? headers.authorization?.replace(/^Bearer /, '');
  if (key !== anthropicKey) return failure(401, 'authentication_error', `invalid x-api-key: ${String(key)}`);
  if (!headers['anthropic-version'])
    return failure(400, 'invalid_request_error', 'anthropic-version: header is required');
  const request = body as MessagesRequest;
  const refused = refusalOf(request);
  if (refused !== null) return failure(400, 'invalid_request_error', refused);
  const directive = directiveIn(promptOf(request));
  if (directive.name === 'reset') return null;
  if (directive.name === 'hang') return 'hang';
  if (directive.name === 'html') return { body: '<html>SECRET page of a proxy</html>' };
  const { status, type, message } = failureIn(directive.value);
  if (directive.name === 'refuse') return failure(status, type, message);
  const reply = replyTo(directive, request);
  if (!request.stream) return directive.name === 'break' ? failure(status, type, message) : { body: reply };
  const events = eventsOf(reply);
  const error = sent('error', { type: 'error', error: { type, message } });
  return cutBy(directive, events, error) ?? { events };
}

function failure(status: number, type: string, message: string): Reply {
  const body = { type: 'error', error: { type, message }, request_id: 'req_standin' };
  return { status, body, headers: { 'request-id': 'req_standin' } };
}

interface Message {
  content: WireBlock[];
  stop_reason: string;
  usage: Record<string, unknown>;
}

function replyTo({ name, value }: Directive, request: MessagesRequest): Message & Record<string, unknown> {
  const content = contentFor(name, value, request);
  const used = content.some(({ type }) => type === 'tool_use');
  const usage = name === 'usage' ? (JSON.parse(value) as object) : {};
  return {
    ...{ id: 'msg_standin', type: 'message', role: 'assistant', model: request.model },
    content,
    stop_reason: name === 'stop' ? value : used ? 'tool_use' : 'end_turn',
    ...{ stop_sequence: null, stop_details: null, container: null },
    usage: {
      input_tokens: Math.ceil(JSON.stringify(request.messages).length / 4),
      output_tokens: Math.ceil(JSON.stringify(content).length / 4),
      ...{ cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
      cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
      ...{ inference_geo: 'global', service_tier: 'standard', server_tool_use: null, speed: null },
      output_tokens_details: null,
      ...usage,
    },
  };
}

function contentFor(name: string, value: string, request: MessagesRequest): WireBlock[] {
  const thought = 'The user wants it looked up.';
  const thinking: WireBlock = { type: 'thinking', thinking: thought, signature: signatureOf(thought) };
  switch (name) {
    case 'blocks':
      return JSON.parse(value) as WireBlock[];
    case 'text':
      return [{ type: 'text', text: value, citations: null }];
    case 'reasoning':
      return [thinking, { type: 'text', text: 'So it is.', citations: null }];
    case 'use-tool':
      return [...(request.thinking ? [thinking] : []), ...toolLoop(request)];
    default:
      return [
        {
          type: 'text',
          text: 'This answer comes from a stand-in for Anthropic, not from a model: naïve 😀.',
          citations: null,
        },
      ];
  }
}

function toolLoop({ messages = [], tools = [] }: MessagesRequest): WireBlock[] {
  const results = blocksIn(messages.at(-1)?.content).filter(({ type }) => type === 'tool_result');
  if (results.length > 0) {
    const said = results.flatMap(({ content }) => blocksIn(content).map(({ text = '(a picture)' }) => text));
    return [{ type: 'text', text: `The tool said: ${said.join(' ')}`, citations: null }];
  }
  const input = { path: 'a b.txt' };
  return [
    { type: 'text', text: 'Let me look.', citations: null },
    { type: 'tool_use', id: 'toolu_standin', name: tools[0]?.name ?? 'none', input },
  ];
}

/** What is asked: the last text of the last turn of the user that has one. */
function promptOf({ messages = [] }: MessagesRequest): string {
  const asked = messages.filter(({ role }) => role === 'user');
  const texts = asked.map(({ content }) => blocksIn(content).flatMap(({ text }) => text ?? []));
  return texts.findLast((one) => one.length > 0)?.at(-1) ?? '';
}

function sent(event: string, data: object): SentEvent {
  return { event, data: JSON.stringify(data) };
}

/** The events of a message. Its usage grows: figures of the start are replaced by those of the end. */
function eventsOf({
  content,
  stop_reason,
  usage,
  ...message
}: Message & Record<string, unknown>): SentEvent[] {
  const begun = { ...usage, output_tokens: 1 };
  const { input_tokens, output_tokens, cache_creation_input_tokens, cache_read_input_tokens } = usage;
  return [
    sent('message_start', {
      type: 'message_start',
      message: { ...message, content: [], stop_reason: null, usage: begun },
    }),
    sent('ping', { type: 'ping' }),
    ...content.flatMap(blockEvents),
    sent('message_delta', {
      type: 'message_delta',
      delta: { stop_reason, stop_sequence: null },
      usage: { input_tokens, output_tokens: 2, cache_creation_input_tokens, cache_read_input_tokens },
    }),
    sent('something_new', { type: 'something_new', index: 0 }),
    sent('message_delta', {
      type: 'message_delta',
      delta: { stop_reason, stop_sequence: null },
      usage: { input_tokens, output_tokens, cache_creation_input_tokens, cache_read_input_tokens },
    }),
    sent('message_stop', { type: 'message_stop' }),
  ];
}

function blockEvents(block: WireBlock, index: number): SentEvent[] {
  const start = (content_block: object): SentEvent =>
    sent('content_block_start', { type: 'content_block_start', index, content_block });
  const delta = (one: object): SentEvent =>
    sent('content_block_delta', { type: 'content_block_delta', index, delta: one });
  const stop = sent('content_block_stop', { type: 'content_block_stop', index });
  switch (block.type) {
    case 'text':
      return [
        start({ type: 'text', text: '', citations: null }),
        ...(Array.isArray(block.citations) ? block.citations : []).map((citation: unknown) =>
          delta({ type: 'citations_delta', citation }),
        ),
        ...piecesOf(block.text ?? '').map((text) => delta({ type: 'text_delta', text })),
        stop,
      ];
    case 'thinking':
      return [
        start({ type: 'thinking', thinking: '', signature: '' }),
        ...piecesOf(block.thinking ?? '').map((thinking) => delta({ type: 'thinking_delta', thinking })),
        delta({ type: 'signature_delta', signature: block.signature }),
        stop,
      ];
    case 'tool_use': {
      // A tool without arguments gets no characters at all.
      const json = Object.keys(block.input as object).length === 0 ? '' : JSON.stringify(block.input);
      return [
        start({ ...block, input: {} }),
        ...['', ...piecesOf(json)].map((piece) => delta({ type: 'input_json_delta', partial_json: piece })),
        stop,
      ];
    }
    default:
      return [start(block), stop];
  }
}
