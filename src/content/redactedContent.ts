import { mapRequestTexts, mapTurnTexts } from './contentTexts.ts';
import type { ChatMessage, ContentBlock, RequestContent, ResultBlock } from './messages.ts';
import type { Redactor } from './redaction.ts';

/** A request without secrets, personal data, and what can't be searched for them: pictures, files, sealed reasoning. */
export function redactedRequest(request: RequestContent, redactor: Redactor): RequestContent {
  const messages = request.messages.map(({ role, content }) => ({ role, content: searchable(content) }));
  return mapRequestTexts({ ...request, messages }, (text, _place, name) => redactor.redact(text, name));
}

/** The same of one turn. */
export function redactedTurn(content: ChatMessage['content'], redactor: Redactor): ChatMessage['content'] {
  return mapTurnTexts(searchable(content), (text, _place, name) => redactor.redact(text, name), '');
}

function searchable(content: ChatMessage['content']): ChatMessage['content'] {
  return typeof content === 'string' ? content : content.map(searchableBlock);
}

function searchableBlock(block: ContentBlock): ContentBlock {
  switch (block.type) {
    case 'tool_result': {
      const { content } = block;
      return typeof content === 'object' ? { ...block, content: content.map(searchablePart) } : block;
    }
    // The signature covers words that may be taken out.
    case 'thinking':
      return { type: 'thinking', thinking: block.thinking };
    case 'redacted_thinking':
      return { type: 'text', text: '[reasoning that only the provider can read]' };
    case 'tool_use':
      return block;
    default:
      return searchablePart(block);
  }
}

function searchablePart<Part extends ResultBlock>(
  block: Part,
): Part | Extract<ResultBlock, { type: 'text' }> {
  if ((block.type !== 'image' && block.type !== 'document') || block.source.type === 'text') return block;
  const { media_type, data } = block.source;
  return { type: 'text', text: `[${media_type}, ${Buffer.byteLength(data, 'base64')} bytes, not kept]` };
}
