import { NumericValue } from '@smithy/core/serde';
import type {
  Citation,
  CitationLocation,
  ContentBlock as ConverseBlock,
  ConverseCommandInput,
  ConverseStreamOutput,
  ImageFormat,
  SystemContentBlock,
  Tool as ConverseTool,
  ToolConfiguration,
  ToolResultContentBlock,
} from '@aws-sdk/client-bedrock-runtime';
import {
  blocksOf,
  documentFormats,
  isJsonObject,
  type CacheControl,
  type ContentBlock,
  type DocumentBlock,
  type ImageBlock,
  type Json,
  type JsonObject,
  type RequestContent,
  type ResultBlock,
  type TextBlock,
  type Tool,
} from '../../content/messages.ts';
import type { ModelCall, ModelEvent } from '../../gateways/ports.ts';

/** A conformed call as Converse's request. */
export function converseInput(call: ModelCall): ConverseCommandInput {
  const { content, temperature, maxTokens, serviceTier } = call;
  const { messages, top_p: topP, stop_sequences: stopSequences } = content;
  const system = systemInput(content.system);
  const toolConfig = toolInput(content);
  const { output_schema: form, guardrail, additional_fields: fields } = content;
  return {
    modelId: call.modelId,
    messages: messages.map((message) => ({
      role: message.role === 'assistant' ? 'assistant' : 'user',
      content: blocksOf(message.content).flatMap(blockInput),
    })),
    ...(system.length > 0 && { system }),
    inferenceConfig: {
      maxTokens,
      ...(temperature !== null && { temperature }),
      ...(topP !== undefined && { topP }),
      ...(stopSequences && { stopSequences }),
    },
    ...(toolConfig && { toolConfig }),
    ...(form && { outputConfig: formInput(form) }),
    ...(guardrail && {
      guardrailConfig: { guardrailIdentifier: guardrail.id, guardrailVersion: guardrail.version },
    }),
    ...(fields && { additionalModelRequestFields: fields as never }),
    ...((serviceTier === 'flex' || serviceTier === 'priority') && { serviceTier: { type: serviceTier } }),
    requestMetadata: call.metadata,
  };
}

function systemInput(system: RequestContent['system']): SystemContentBlock[] {
  const blocks: readonly TextBlock[] =
    typeof system === 'string' ? [{ type: 'text', text: system }] : (system ?? []);
  return blocks.flatMap(({ text, cache_control: control }) => [{ text }, ...pointInput(control)]);
}

function toolInput({ tools = [], tool_choice: choice }: RequestContent): ToolConfiguration | null {
  if (tools.length === 0) return null;
  return {
    tools: tools.flatMap((tool) => [specInput(tool), ...pointInput(tool.cache_control)]),
    ...(choice?.type === 'auto' && { toolChoice: { auto: {} } }),
    ...(choice?.type === 'any' && { toolChoice: { any: {} } }),
    ...(choice?.type === 'tool' && { toolChoice: { tool: { name: choice.name } } }),
  };
}

function specInput({ name, description, input_schema: schema }: Tool): ConverseTool {
  return {
    toolSpec: {
      name,
      ...(description !== undefined && { description }),
      inputSchema: { json: schema as never },
    },
  };
}

function formInput({ name = 'answer', description, schema }: NonNullable<RequestContent['output_schema']>) {
  const jsonSchema = {
    name,
    ...(description !== undefined && { description }),
    schema: JSON.stringify(schema),
  };
  return { textFormat: { type: 'json_schema' as const, structure: { jsonSchema } } };
}

function pointInput(
  control: CacheControl | undefined,
): { cachePoint: { type: 'default'; ttl?: '5m' | '1h' } }[] {
  return control ? [{ cachePoint: { type: 'default', ...(control.ttl && { ttl: control.ttl }) } }] : [];
}

function blockInput(block: ContentBlock): ConverseBlock[] {
  switch (block.type) {
    case 'thinking': {
      const { thinking: text, signature } = block;
      return [
        { reasoningContent: { reasoningText: { text, ...(signature !== undefined && { signature }) } } },
      ];
    }
    case 'redacted_thinking':
      return [{ reasoningContent: { redactedContent: bytesOf(block.data) } }];
    default:
      return [partInput(block), ...pointInput(block.cache_control)];
  }
}

function partInput(block: Exclude<ContentBlock, { type: 'thinking' | 'redacted_thinking' }>): ConverseBlock {
  switch (block.type) {
    case 'text':
      return textInput(block);
    case 'image':
      return { image: imageInput(block) };
    case 'document':
      return { document: documentInput(block) };
    case 'tool_use':
      return { toolUse: { toolUseId: block.id, name: block.name, input: block.input as never } };
    case 'tool_result': {
      const { content = [], is_error: failed } = block;
      const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content;
      return {
        toolResult: {
          toolUseId: block.tool_use_id,
          content: parts.map(resultInput),
          ...(failed !== undefined && { status: failed ? 'error' : 'success' }),
        },
      };
    }
  }
}

function textInput({ text, citations }: TextBlock): ConverseBlock {
  if (!citations || citations.length === 0) return { text };
  return { citationsContent: { content: [{ text }], citations: citations.map(citationInput) } };
}

/** Places of kinds that the SDK doesn't know yet go back as they came. */
function citationInput({ location, ...rest }: JsonObject): Citation {
  const known = ['web', 'documentChar', 'documentPage', 'documentChunk', 'searchResultLocation'];
  const [kind, value] = Object.entries(isJsonObject(location) ? location : {})[0] ?? [];
  if (kind === undefined) return rest;
  const place = known.includes(kind) ? { [kind]: value } : { $unknown: [kind, value] };
  return { ...(rest as Citation), location: place as unknown as CitationLocation };
}

function resultInput(block: ResultBlock): ToolResultContentBlock {
  switch (block.type) {
    case 'text':
      return { text: block.text };
    case 'image':
      return { image: imageInput(block) };
    case 'document':
      return { document: documentInput(block) };
    case 'json':
      return { json: block.json as never };
  }
}

function imageInput({ source }: ImageBlock): { format: ImageFormat; source: { bytes: Uint8Array } } {
  return {
    format: source.media_type.slice('image/'.length) as ImageFormat,
    source: { bytes: bytesOf(source.data) },
  };
}

function documentInput({ source, title, context, citations }: DocumentBlock) {
  return {
    format: documentFormats[source.media_type],
    name: title ?? 'Document',
    source: source.type === 'text' ? { text: source.data } : { bytes: bytesOf(source.data) },
    ...(context && { context }),
    ...(citations && { citations: { enabled: citations.enabled } }),
  };
}

/** The SDK encodes bytes itself; a text in base64 would be encoded twice. */
function bytesOf(base64: string): Uint8Array {
  return Buffer.from(base64, 'base64');
}

/** A block of a whole answer as the events it would have come in. */
export function eventsOfBlock(
  block: ConverseBlock,
  index: number,
  names: ModelCall['toolNames'],
): ModelEvent[] {
  return [...deltasOfBlock(block, index, names), { type: 'block_end', index }];
}

function deltasOfBlock(block: ConverseBlock, index: number, names: ModelCall['toolNames']): ModelEvent[] {
  if (block.text !== undefined) return [{ type: 'text', index, text: block.text }];
  if (block.toolUse) {
    const { toolUseId = '', name = '', input = {} } = block.toolUse;
    const started: ModelEvent = { type: 'tool_use_start', index, id: toolUseId, name: names[name] ?? name };
    return [started, { type: 'tool_use_input', index, json: jsonText(input) }];
  }
  const { reasoningText, redactedContent } = block.reasoningContent ?? {};
  if (reasoningText)
    return [
      ...(reasoningText.text ? [{ type: 'thinking' as const, index, text: reasoningText.text }] : []),
      ...(reasoningText.signature
        ? [{ type: 'signature' as const, index, signature: reasoningText.signature }]
        : []),
    ];
  if (redactedContent) return [{ type: 'redacted_thinking', index, data: base64Of(redactedContent) }];
  if (block.citationsContent) {
    const { citations = [], content = [] } = block.citationsContent;
    const text = content.map((one) => one.text ?? '').join('');
    return [
      ...citations.map((citation) => ({ type: 'citation' as const, index, citation: citationOf(citation) })),
      { type: 'text', index, text },
    ];
  }
  return [{ type: 'hidden', bytes: sizeOf(block) }];
}

/** What an event of a stream says of the answer's blocks. Starts that say nothing, and what only ends, are left out. */
export function eventsOfStream(event: ConverseStreamOutput, names: ModelCall['toolNames']): ModelEvent[] {
  if (event.contentBlockStart) {
    const { contentBlockIndex: index = 0, start } = event.contentBlockStart;
    if (!start?.toolUse) return start && !isEmpty(start) ? [{ type: 'hidden', bytes: sizeOf(start) }] : [];
    const { toolUseId = '', name = '' } = start.toolUse;
    return [{ type: 'tool_use_start', index, id: toolUseId, name: names[name] ?? name }];
  }
  if (event.contentBlockStop)
    return [{ type: 'block_end', index: event.contentBlockStop.contentBlockIndex ?? 0 }];
  if (!event.contentBlockDelta) return [];
  const { contentBlockIndex: index = 0, delta } = event.contentBlockDelta;
  if (!delta) return [];
  if (delta.text !== undefined) return delta.text === '' ? [] : [{ type: 'text', index, text: delta.text }];
  if (delta.toolUse) return [{ type: 'tool_use_input', index, json: delta.toolUse.input ?? '' }];
  if (delta.citation) return [{ type: 'citation', index, citation: citationOf(delta.citation) }];
  const { text, signature, redactedContent } = delta.reasoningContent ?? {};
  if (text !== undefined) return [{ type: 'thinking', index, text }];
  if (signature !== undefined) return [{ type: 'signature', index, signature }];
  if (redactedContent) return [{ type: 'redacted_thinking', index, data: base64Of(redactedContent) }];
  return [{ type: 'hidden', bytes: sizeOf(delta) }];
}

/** As JSON, without omitted members; a place of a kind that the SDK doesn't know keeps its own name. */
function citationOf(citation: object): JsonObject {
  const { location, ...rest } = JSON.parse(JSON.stringify(citation)) as JsonObject & {
    location?: JsonObject;
  };
  const unknown = location?.['$unknown'];
  if (Array.isArray(unknown)) {
    const [kind, place] = unknown as readonly Json[];
    return { ...rest, location: { [typeof kind === 'string' ? kind : 'unknown']: place ?? null } };
  }
  return { ...rest, ...(location && { location }) };
}

/** The SDK reads numbers that JavaScript can't hold exactly as values of its own; others would read them as numbers. */
function jsonText(input: unknown): string {
  return JSON.stringify(input, (_name, value: unknown) => {
    if (typeof value === 'bigint') return Number(value);
    return value instanceof NumericValue ? Number(value.string) : value;
  });
}

function isEmpty(value: object): boolean {
  return Object.values(value).every((one) => one === undefined);
}

function sizeOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
