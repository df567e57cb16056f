import {
  mapTexts,
  type ChatMessage,
  type ContentBlock,
  type JsonObject,
  type RequestContent,
  type ResultBlock,
  type TextBlock,
} from './messages.ts';
import type { Redactor } from './redaction.ts';

/** A request without secrets, personal data, and what can't be searched for them: pictures, files, sealed reasoning. */
export function redactedRequest(request: RequestContent, redactor: Redactor): RequestContent {
  const { system, messages, tools, output_schema, additional_fields } = request;
  return {
    ...request,
    system:
      typeof system === 'string'
        ? redactor.redact(system)
        : (system?.map((one) => redactedText(one, redactor)) ?? null),
    messages: messages.map(({ role, content }) => ({ role, content: redactedTurn(content, redactor) })),
    ...(tools && { tools: tools.map((tool) => redactedJson(tool, redactor)) }),
    ...(output_schema && { output_schema: redactedJson(output_schema, redactor) }),
    ...(additional_fields && { additional_fields: redactedJson(additional_fields, redactor) }),
  };
}

/** The same of one turn. */
export function redactedTurn(content: ChatMessage['content'], redactor: Redactor): ChatMessage['content'] {
  return typeof content === 'string'
    ? redactor.redact(content)
    : content.map((block) => redactedBlock(block, redactor));
}

function redactedBlock(block: ContentBlock, redactor: Redactor): ContentBlock {
  switch (block.type) {
    case 'tool_use':
      return { ...block, input: redactedJson(block.input, redactor) };
    case 'tool_result': {
      const { content } = block;
      if (content === undefined) return block;
      const redacted =
        typeof content === 'string'
          ? redactor.redact(content)
          : content.map((part) =>
              part.type === 'json'
                ? { ...part, json: redactedJson(part.json, redactor) }
                : redactedPart(part, redactor),
            );
      return { ...block, content: redacted };
    }
    // Its signature covers the removed words.
    case 'thinking':
      return { type: 'thinking', thinking: redactor.redact(block.thinking) };
    case 'redacted_thinking':
      return { type: 'text', text: '[reasoning that only the provider can read]' };
    default:
      return redactedPart(block, redactor);
  }
}

function redactedPart(
  block: Exclude<ResultBlock, { type: 'json' }>,
  redactor: Redactor,
): Exclude<ResultBlock, { type: 'json' }> {
  if (block.type === 'text') return redactedText(block, redactor);
  if (block.type === 'document' && block.source.type === 'text') {
    const { title = null, context = null, source } = block;
    return { ...block, ...redactedJson({ title, context, source }, redactor) };
  }
  const { media_type, data } = block.source;
  return { type: 'text', text: `[${media_type}, ${Buffer.byteLength(data, 'base64')} bytes, not kept]` };
}

function redactedText(block: TextBlock, redactor: Redactor): TextBlock {
  const { citations } = block;
  const cited = citations && { citations: citations.map((one) => redactedJson(one, redactor)) };
  return { ...block, text: redactor.redact(block.text), ...cited };
}

function redactedJson<T extends object>(value: T, redactor: Redactor): T {
  return mapTexts(value as unknown as JsonObject, (text) => redactor.redact(text)) as unknown as T;
}
