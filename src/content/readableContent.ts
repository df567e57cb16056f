import {
  textOf,
  type ChatMessage,
  type ContentBlock,
  type RequestContent,
  type ResultBlock,
} from './messages.ts';

/** A part of a call's kept content, for people. `role` is `system`, `user`, `assistant` or `request`. */
export interface ReadablePart {
  role: string;
  text: string;
}

/** A model's request for people: system, options, and each turn. */
export function readableRequest({ system, messages, ...rest }: RequestContent): ReadablePart[] {
  const asked = Object.entries(rest).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return [
    ...(system === null ? [] : [{ role: 'system', text: textOf(system) }]),
    ...(asked.length === 0 ? [] : [{ role: 'request', text: asked.join('\n') }]),
    ...messages.map(({ role, content }) => ({ role, text: readableTurn(content) })),
  ];
}

/** A turn for people; blocks other than text are described. */
export function readableTurn(content: ChatMessage['content']): string {
  return typeof content === 'string' ? content : content.map(readableBlock).join('\n');
}

function readableBlock(block: ContentBlock | ResultBlock): string {
  switch (block.type) {
    case 'text':
      return block.text;
    case 'image':
      return `[${block.source.media_type}, ${sizeOf(block.source.data)}]`;
    case 'document': {
      const { source, title } = block;
      const named = title ? `“${title}”, ` : '';
      return source.type === 'text'
        ? `[document ${named}${source.media_type}]\n${source.data}`
        : `[document ${named}${source.media_type}, ${sizeOf(source.data)}]`;
    }
    case 'json':
      return JSON.stringify(block.json);
    case 'thinking':
      return `[reasoning]\n${block.thinking}`;
    case 'redacted_thinking':
      return '[reasoning that only the provider can read]';
    case 'tool_use':
      return `[tool use ${block.id}] ${block.name} ${JSON.stringify(block.input)}`;
    case 'tool_result': {
      const { content = '', is_error: failed = false, tool_use_id: id } = block;
      const said = typeof content === 'string' ? content : content.map(readableBlock).join('\n');
      return `[result of ${id}${failed ? ', failed' : ''}]\n${said}`;
    }
  }
}

function sizeOf(base64: string): string {
  return `${Buffer.byteLength(base64, 'base64')} bytes`;
}
