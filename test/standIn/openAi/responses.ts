import { signatureOf } from '../converse/answers.ts';
import { cutBy, failureIn, piecesOf, type Directive, type Reply, type SentEvent } from '../direct/server.ts';

/** A request to Responses, as far as the stand-in reads it. */
export interface ResponsesRequest {
  model?: string;
  input?: string | Item[];
  instructions?: string;
  max_output_tokens?: number;
  stream?: boolean;
  store?: boolean;
  tools?: { type?: string; name?: string; parameters?: { type?: unknown } }[];
  tool_choice?: unknown;
  temperature?: number;
  reasoning?: { effort?: string };
  text?: { format?: { type?: string; name?: string; schema?: unknown } };
  service_tier?: string;
  metadata?: Record<string, string>;
}

/** An item of a conversation; its members go by its type. */
export interface Item {
  type?: string;
  id?: string;
  role?: string;
  content?: string | Part[];
  call_id?: string;
  name?: string;
  arguments?: string;
  output?: string | Part[];
  summary?: Part[];
  encrypted_content?: string;
}

interface Part {
  type?: string;
  text?: string;
  refusal?: string;
  image_url?: string;
  file_data?: string;
}

/** The proof that reasoning is that which was given, as only the provider can read it. */
export function encryptedOf(id: string, summary: string): string {
  return signatureOf(`${id} ${summary}`);
}

const reasoningModel = /^(o\d|gpt-5|gpt-6)/;

function itemsIn({ input = [] }: ResponsesRequest): Item[] {
  return typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : input;
}

function partsIn(content: string | Part[] | undefined): Part[] {
  return typeof content === 'string' ? [{ type: 'input_text', text: content }] : (content ?? []);
}

export function responsesPromptOf(request: ResponsesRequest): string {
  const asked = itemsIn(request).filter(({ role }) => role === 'user');
  const texts = asked.map(({ content }) => partsIn(content).flatMap(({ text }) => text ?? []));
  return texts.findLast((one) => one.length > 0)?.at(-1) ?? '';
}

/** Why OpenAI would refuse a request; null if it wouldn't. */
export function responsesRefusalOf(request: ResponsesRequest): string | null {
  const items = itemsIn(request);
  const { model = '', max_output_tokens: most = 16, tools = [], reasoning, temperature } = request;
  if (items.length === 0) return 'Missing required parameter: input.';
  if (most < 16) return "Invalid 'max_output_tokens': integer below minimum value.";
  for (const unknown of ['stop', 'max_tokens', 'messages'])
    if (unknown in request) return `Unsupported parameter: '${unknown}'.`;
  if (reasoning && !reasoningModel.test(model)) return "Unsupported parameter: 'reasoning.effort'.";
  if (temperature !== undefined && reasoning) return "Unsupported parameter: 'temperature'.";
  if (tools.some(({ name = '' }) => !/^[a-zA-Z0-9_-]{1,64}$/.test(name))) return "Invalid 'tools[0].name'.";
  if (tools.some(({ parameters }) => parameters?.type !== 'object')) return 'Invalid schema for function.';
  const calls = items.flatMap(({ type, call_id: id }) => (type === 'function_call' ? id : []));
  const outputs = items.flatMap(({ type, call_id: id }) => (type === 'function_call_output' ? id : []));
  const open = calls.find((id) => !outputs.includes(id));
  if (open !== undefined) return `No tool output found for function call ${open}.`;
  if (outputs.some((id) => !calls.includes(id))) return 'No tool call found for function call output.';
  for (const item of items) {
    const fault = itemFault(item);
    if (fault !== null) return fault;
  }
  return null;
}

function itemFault(item: Item): string | null {
  if (item.type === 'reasoning') {
    const summary = (item.summary ?? []).map(({ text = '' }) => text).join('\n\n');
    return item.encrypted_content === encryptedOf(item.id ?? '', summary)
      ? null
      : 'The encrypted content could not be verified.';
  }
  const parts = item.type === 'function_call_output' ? partsIn(item.output) : partsIn(item.content);
  for (const part of parts) {
    const kinds =
      item.role === 'assistant' ? ['output_text', 'refusal'] : ['input_text', 'input_image', 'input_file'];
    if (!kinds.includes(part.type ?? '')) return `Invalid value: '${part.type}'.`;
    if (part.type === 'input_image' && !/^data:image\/(png|jpeg|gif|webp);base64,/.test(part.image_url ?? ''))
      return "Invalid 'input[0].content[0].image_url'.";
    if (part.type === 'input_file' && !/^data:application\/pdf;base64,/.test(part.file_data ?? ''))
      return "Invalid 'input[0].content[0].file_data'.";
  }
  return null;
}

function outputFor({ name, value }: Directive, request: ResponsesRequest): Item[] {
  const message = (content: Part[]): Item => ({ type: 'message', id: 'msg_1', role: 'assistant', content });
  const text = (words: string): Item => message([{ type: 'output_text', text: words }]);
  const [id, thought] = ['rs_1', 'The user wants it looked up.'];
  const summary = [{ type: 'summary_text', text: thought }];
  const reasoning = { type: 'reasoning', id, summary, encrypted_content: encryptedOf(id, thought) };
  switch (name) {
    case 'items':
      return JSON.parse(value) as Item[];
    case 'text':
      return [text(value)];
    case 'refusal':
      return [message([{ type: 'refusal', refusal: 'I can’t help with that.' }])];
    case 'use-tool': {
      const results = itemsIn(request).filter(({ type }) => type === 'function_call_output');
      const said = results.flatMap(({ output }) => partsIn(output).map((part) => part.text ?? '(a picture)'));
      if (results.length > 0) return [reasoning, text(`The tool said: ${said.join(' ')}`)];
      const call = { name: request.tools?.[0]?.name ?? 'none', arguments: '{"path":"a b.txt"}' };
      return [
        reasoning,
        text('Let me look.'),
        { type: 'function_call', id: 'fc_1', call_id: 'call_1', ...call },
      ];
    }
    default:
      return [text('This answer comes from a stand-in for OpenAI, not from a model: naïve 😀.')];
  }
}

export function responsesReply(request: ResponsesRequest, directive: Directive): Reply {
  const { name, value } = directive;
  const output = outputFor(directive, request).map((item) => ({ status: 'completed', ...item }));
  const input = Math.ceil(JSON.stringify(request.input).length / 4);
  const used = Math.ceil(JSON.stringify(output).length / 4);
  const { status, type, message } = failureIn(value);
  const told = ['max_output_tokens', 'content_filter'].includes(value) && name === 'stop' ? value : null;
  const base = {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    model: request.model,
    store: request.store,
  };
  const response = {
    ...base,
    ...{ status: told ? 'incomplete' : 'completed', error: null, output },
    incomplete_details: told && { reason: told },
    service_tier: name === 'served' ? value : (request.service_tier ?? 'default'),
    usage: {
      ...{ input_tokens: input, output_tokens: used, total_tokens: input + used },
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
      ...(name === 'usage' && (JSON.parse(value) as object)),
    },
  };
  if (!request.stream)
    return name === 'break' ? { status, body: { error: { message, type, code: null } } } : { body: response };
  const events = [
    event('response.created', { response: { ...base, status: 'in_progress', output: [] } }),
    event('response.in_progress', { response: { ...base, status: 'in_progress', output: [] } }),
    ...output.flatMap(itemEvents),
    event(told ? 'response.incomplete' : 'response.completed', { response }),
  ];
  const failed = { ...base, status: 'failed', output: [], error: { code: type, message } };
  const failure =
    name === 'break'
      ? event('response.failed', { response: failed })
      : event('error', { code: type, message });
  const numbered = (one: readonly SentEvent[]): SentEvent[] => one.map(withNumber);
  const cut = cutBy(directive, events, failure);
  return cut ? { ...cut, events: numbered(cut.events ?? []) } : { events: numbered(events) };
}

function event(type: string, data: object): SentEvent {
  return { event: type, data: JSON.stringify({ type, ...data }) };
}

function withNumber({ event: name, data }: SentEvent, index: number): SentEvent {
  const numbered = JSON.stringify({ ...(JSON.parse(data) as object), sequence_number: index });
  return { ...(name !== undefined && { event: name }), data: numbered };
}

function itemEvents(item: Item, output_index: number): SentEvent[] {
  const done = event('response.output_item.done', { output_index, item });
  const added = (begun: object): SentEvent =>
    event('response.output_item.added', { output_index, item: { ...item, status: 'in_progress', ...begun } });
  const at = { item_id: item.id, output_index };
  switch (item.type) {
    case 'function_call':
      return [
        added({ arguments: '' }),
        ...piecesOf(item.arguments ?? '').map((delta) =>
          event('response.function_call_arguments.delta', { ...at, delta }),
        ),
        event('response.function_call_arguments.done', { ...at, arguments: item.arguments }),
        done,
      ];
    case 'reasoning':
      return [
        added({ summary: [], encrypted_content: 'begun' }),
        ...(item.summary ?? []).flatMap(({ text = '' }, summary_index) => [
          event('response.reasoning_summary_part.added', {
            ...{ ...at, summary_index, part: { type: 'summary_text', text: '' } },
          }),
          ...piecesOf(text).map((delta) =>
            event('response.reasoning_summary_text.delta', { ...at, summary_index, delta }),
          ),
          event('response.reasoning_summary_text.done', { ...at, summary_index, text }),
        ]),
        done,
      ];
    case 'message':
      return [
        added({ content: [] }),
        ...partsIn(item.content).flatMap((part, index) => partEvents(part, index, at)),
        done,
      ];
    default:
      return [added({}), done];
  }
}

function partEvents(part: Part, content_index: number, item: object): SentEvent[] {
  const at = { ...item, content_index };
  const kind = part.type === 'refusal' ? 'refusal' : 'output_text';
  const text = part.text ?? part.refusal ?? '';
  const empty = kind === 'refusal' ? { type: kind, refusal: '' } : { type: kind, text: '', annotations: [] };
  return [
    event('response.content_part.added', { ...at, part: empty }),
    ...piecesOf(text).map((delta) => event(`response.${kind}.delta`, { ...at, delta, logprobs: [] })),
    event(`response.${kind}.done`, { ...at, [kind === 'refusal' ? 'refusal' : 'text']: text }),
    event('response.content_part.done', { ...at, part }),
  ];
}
