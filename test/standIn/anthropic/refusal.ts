import { isSignatureOf } from '../converse/answers.ts';
import {
  blocksIn,
  claudeVersionOf,
  type MessagesRequest,
  type WireBlock,
  type WireMessage,
} from './request.ts';

type Rule = (request: MessagesRequest, version: number) => string | null;

/** Why Anthropic would refuse a request; null if it wouldn't. By the API reference of version 2023-06-01. */
export function refusalOf(request: MessagesRequest): string | null {
  const version = claudeVersionOf(request.model ?? '');
  for (const rule of rules) {
    const found = rule(request, version);
    if (found !== null) return found;
  }
  return null;
}

function first<T>(items: readonly T[], fault: (item: T) => string | null): string | null {
  for (const item of items) {
    const found = fault(item);
    if (found !== null) return found;
  }
  return null;
}

function allBlocks({ messages = [] }: MessagesRequest): WireBlock[] {
  return messages.flatMap(({ content }) => blocksIn(content)).flatMap((block) => [block, ...inside(block)]);
}

function inside({ type, content }: WireBlock): WireBlock[] {
  return type === 'tool_result' ? blocksIn(content) : [];
}

const rules: readonly Rule[] = [
  ({ max_tokens: most }) => (Number.isInteger(most) && (most ?? 0) > 0 ? null : 'max_tokens: Field required'),
  ({ messages = [] }) => (messages.length > 0 ? null : 'messages: at least one message is required'),
  ({ messages = [] }) =>
    first(messages, ({ role, content }) =>
      !['user', 'assistant'].includes(role ?? '')
        ? 'messages: Unexpected role'
        : blocksIn(content).length === 0
          ? 'messages: all messages must have non-empty content'
          : null,
    ),
  (request) =>
    first([...allBlocks(request), ...(Array.isArray(request.system) ? request.system : [])], (block) =>
      block.type === 'text' && (block.text ?? '').trim() === ''
        ? 'messages: text content blocks must contain non-whitespace text'
        : null,
    ),
  (request) => first(allBlocks(request), blockFault),
  ({ messages = [] }) => first(messages, (turn) => toolFault(turn, messages)),
  ({ tools = [] }) => {
    const names = tools.map(({ name = '' }) => name);
    if (new Set(names).size !== names.length) return 'tools: Tool names must be unique.';
    return first(tools, ({ name = '', input_schema: schema }) =>
      !/^[a-zA-Z0-9_-]{1,128}$/.test(name)
        ? `tools.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`
        : schema?.type === 'object'
          ? null
          : 'tools.custom.input_schema.type: Field required',
    );
  },
  ({ tool_choice: choice, tools = [] }) =>
    choice && tools.length === 0 ? 'tool_choice may only be specified while providing tools.' : null,
  ({ temperature, top_p: topP }, version) =>
    version >= 4.7 && (temperature ?? topP) !== undefined
      ? '`temperature` is deprecated for this model.'
      : version >= 4.1 && temperature !== undefined && topP !== undefined
        ? '`temperature` and `top_p` cannot both be specified for this model.'
        : null,
  thinkingFault,
  cacheFault,
  ({ stop_sequences: sequences = [] }) =>
    sequences.some((one) => one.trim() === '') ? 'stop_sequences: each must contain non-whitespace' : null,
  ({ messages = [] }, version) => {
    const last = messages.at(-1);
    if (last?.role !== 'assistant') return null;
    if (version >= 4.6) return 'This model does not support assistant message prefill.';
    return /\s$/.test(blocksIn(last.content).at(-1)?.text ?? '')
      ? 'messages: final assistant content cannot end with trailing whitespace'
      : null;
  },
];

const magic: Readonly<Record<string, RegExp>> = {
  'image/png': /^\x89PNG/,
  'image/jpeg': /^\xff\xd8\xff/,
  'image/gif': /^GIF8/,
  'image/webp': /^RIFF.{4}WEBP/s,
};

function blockFault({ type, source = {}, citations }: WireBlock): string | null {
  switch (type) {
    case 'image': {
      const bytes = Buffer.from(source.data ?? '', 'base64');
      return magic[source.media_type ?? '']?.test(bytes.toString('latin1', 0, 12))
        ? null
        : 'image.source.base64: The image was specified using the wrong media type';
    }
    case 'document':
      if (source.type === 'base64' && source.media_type !== 'application/pdf')
        return "document.source.base64.media_type: Input should be 'application/pdf'";
      if (source.type === 'text' && source.media_type !== 'text/plain')
        return "document.source.text.media_type: Input should be 'text/plain'";
      return source.data ? null : 'document.source: must not be empty';
    case 'text':
      return Array.isArray(citations) && citations.some((one) => typeof (one as WireBlock).type !== 'string')
        ? 'text.citations: Field required'
        : null;
    case 'thinking':
    case 'redacted_thinking':
    case 'tool_use':
    case 'tool_result':
      return null;
    default:
      return `messages: Input tag '${type}' found using 'type' does not match any of the expected tags`;
  }
}

function toolFault(turn: WireMessage, turns: readonly WireMessage[]): string | null {
  const at = turns.indexOf(turn);
  const ids = /^[a-zA-Z0-9_-]+$/;
  const uses = blocksIn(turn.content).filter(({ type }) => type === 'tool_use');
  const results = blocksIn(turn.content).filter(({ type }) => type === 'tool_result');
  const answered = blocksIn(turns[at + 1]?.content).map(({ tool_use_id: id }) => id);
  const asked = blocksIn(turns[at - 1]?.content).flatMap(({ type, id }) => (type === 'tool_use' ? id : []));
  if (
    [...uses.map(({ id }) => id), ...results.map(({ tool_use_id: id }) => id)].some(
      (id) => !ids.test(id ?? ''),
    )
  )
    return "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'";
  if (uses.some(({ id }) => !answered.includes(id)))
    return '`tool_use` ids were found without `tool_result` blocks immediately after';
  if (results.some(({ tool_use_id: id }) => !asked.includes(id)))
    return 'unexpected `tool_use_id` found in `tool_result` blocks';
  const kinds = blocksIn(turn.content).map(({ type }) => type);
  return results.length > 0 && kinds.lastIndexOf('tool_result') !== results.length - 1
    ? '`tool_result` blocks must come first'
    : null;
}

function thinkingFault(request: MessagesRequest, version: number): string | null {
  const forged = first(allBlocks(request), ({ type, thinking = '', signature = '' }) =>
    type === 'thinking' && !isSignatureOf(signature, thinking)
      ? 'Invalid `signature` in `thinking` block'
      : null,
  );
  if (forged !== null) return forged;
  const { thinking, temperature, tool_choice: choice, max_tokens: most = 0 } = request;
  if (!thinking || thinking.type === 'disabled') return null;
  if (thinking.type === 'enabled' && version >= 4.7)
    return '"thinking.type.enabled" is not supported for this model.';
  if (thinking.type === 'adaptive' && version < 4.6)
    return 'adaptive thinking is not supported on this model';
  if (thinking.type === 'enabled' && (thinking.budget_tokens ?? 0) < 1024)
    return 'thinking.budget_tokens: Input should be greater than or equal to 1024';
  if (thinking.type === 'enabled' && (thinking.budget_tokens ?? 0) >= most)
    return '`max_tokens` must be greater than `thinking.budget_tokens`.';
  if (temperature !== undefined && temperature !== 1)
    return '`temperature` may only be set to 1 when thinking is enabled.';
  return ['any', 'tool'].includes(choice?.type ?? '')
    ? 'Thinking may not be enabled when tool_choice forces tool use.'
    : null;
}

function cacheFault(request: MessagesRequest): string | null {
  const places = [
    ...(request.tools ?? []),
    ...(Array.isArray(request.system) ? request.system : []),
    ...allBlocks(request),
  ].flatMap((part) => part.cache_control ?? []);
  if (places.length > 4) return 'A maximum of 4 blocks with cache_control may be provided.';
  const short = places.findIndex(({ ttl }) => ttl !== '1h');
  return short >= 0 && places.slice(short).some(({ ttl }) => ttl === '1h')
    ? 'a ttl=1h cache_control block must not come after a ttl=5m cache_control block'
    : null;
}
