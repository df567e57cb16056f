import {
  blocksOf,
  isJsonObject,
  type ContentBlock,
  type JsonObject,
  type RequestContent,
  type ResultBlock,
} from '../../content/messages.ts';
import type { ModelCall, ModelEvent } from '../../gateways/ports.ts';
import { incompleteStream } from '../answerErrors.ts';
import { readableUsage } from '../readableUsage.ts';
import {
  countIn,
  fieldsIn,
  listIn,
  messageFields,
  sizeOf,
  StreamedFailure,
  textIn,
  type Fields,
  type StreamReader,
  type Wire,
} from '../direct/wire.ts';
import { conformToAnthropic } from './rules.ts';

/** The version that takes a temperature; later ones refuse it for every model. */
const apiVersion = '2023-06-01';

/** Anthropic's Messages. */
export const anthropicWire: Wire = {
  billingOfStopped: 'received',
  conform: conformToAnthropic,
  headers: ({ content }) => {
    const beta = content.additional_fields?.['anthropic_beta'];
    const names = Array.isArray(beta) ? beta.join(',') : textIn(beta);
    return { 'anthropic-version': apiVersion, ...(names && { 'anthropic-beta': names }) };
  },
  body: requestBody,
  whole: (answer, { toolNames }) => wholeAnswer(answer, toolNames),
  reader: ({ toolNames }) => new AnthropicReader(toolNames),
};

function requestBody(call: ModelCall): object {
  const { content, temperature, maxTokens } = call;
  const {
    system,
    messages,
    tools,
    tool_choice: choice,
    stop_sequences,
    top_p,
    output_schema: form,
  } = content;
  const { anthropic_beta: _header, output_config: own, ...fields } = content.additional_fields ?? {};
  const output = {
    ...(isJsonObject(own) ? own : {}),
    ...(form && { format: { type: 'json_schema', schema: form.schema } }),
  };
  return {
    ...fields,
    model: call.modelId,
    max_tokens: maxTokens,
    stream: call.stream,
    ...(system !== null && { system }),
    messages: messages.map((message) => ({ role: message.role, content: contentInput(message.content) })),
    ...(tools && { tools }),
    ...(choice && { tool_choice: choice }),
    ...(stop_sequences && { stop_sequences }),
    ...(temperature !== null && { temperature }),
    ...(top_p !== undefined && { top_p }),
    ...(Object.keys(output).length > 0 && { output_config: output }),
    // Capacity that is paid for in advance has no price for a call.
    service_tier: 'standard_only',
  };
}

function contentInput(content: RequestContent['messages'][number]['content']): unknown {
  return typeof content === 'string' ? content : blocksOf(content).map(blockInput);
}

/** Blocks have Anthropic's form, but for JSON as the result of a tool. */
function blockInput(block: ContentBlock): unknown {
  if (block.type !== 'tool_result' || typeof block.content !== 'object') return block;
  return { ...block, content: block.content.map(resultInput) };
}

function resultInput(part: ResultBlock): unknown {
  return part.type === 'json' ? { type: 'text', text: JSON.stringify(part.json) } : part;
}

/** Other stop reasons are those of the answer's form. */
function stopReason(reason: unknown): string {
  return reason === 'refusal' ? 'content_filtered' : textIn(reason) || 'unknown';
}

/** Inference that is bound to one geography costs more: platform.claude.com, "Pricing", data residency. */
const geographyFactors: Readonly<Record<string, string>> = { us: '1.1' };

/** Throws `stream_incomplete` for figures that can't be. */
function usageEvent(usage: Fields): ModelEvent {
  const written = countIn(usage['cache_creation_input_tokens']);
  const oneHour = countIn(fieldsIn(usage['cache_creation'])['ephemeral_1h_input_tokens']);
  const priceFactor = geographyFactors[textIn(usage['inference_geo'])];
  return {
    type: 'usage',
    usage: readableUsage({
      input: countIn(usage['input_tokens']),
      output: countIn(usage['output_tokens']),
      cacheRead: countIn(usage['cache_read_input_tokens']),
      cacheWrite5m: written - oneHour,
      cacheWrite1h: oneHour,
    }),
    ...(priceFactor && { priceFactor }),
  };
}

function wholeAnswer(answer: Fields, names: ModelCall['toolNames']): ModelEvent[] {
  if (answer['type'] === 'error' || !Array.isArray(answer['content'])) throw new StreamedFailure(answer);
  return [
    ...listIn(answer['content']).flatMap((block, index) => [
      ...blockEvents(block, index, names),
      { type: 'block_end' as const, index },
    ]),
    { type: 'stop', reason: stopReason(answer['stop_reason']) },
    usageEvent(fieldsIn(answer['usage'])),
  ];
}

/** What a block says, at its start in a stream or as a whole. */
function blockEvents(block: Fields, index: number, names: ModelCall['toolNames']): ModelEvent[] {
  switch (block['type']) {
    case 'text': {
      const text = textIn(block['text']);
      return [
        ...listIn(block['citations']).map((citation) => citationEvent(citation, index)),
        ...(text ? [{ type: 'text' as const, index, text }] : []),
      ];
    }
    case 'thinking': {
      const signature = textIn(block['signature']);
      return [
        // Without a word it still says that the model thinks.
        { type: 'thinking', index, text: textIn(block['thinking']) },
        ...(signature ? [{ type: 'signature' as const, index, signature }] : []),
      ];
    }
    case 'redacted_thinking':
      return [{ type: 'redacted_thinking', index, data: textIn(block['data']) }];
    case 'tool_use': {
      const name = textIn(block['name']);
      const input = fieldsIn(block['input']);
      return [
        { type: 'tool_use_start', index, id: textIn(block['id']), name: names[name] ?? name },
        ...(Object.keys(input).length > 0
          ? [{ type: 'tool_use_input' as const, index, json: JSON.stringify(input) }]
          : []),
      ];
    }
    default:
      return [{ type: 'hidden', bytes: sizeOf(block) }];
  }
}

function citationEvent(citation: Fields, index: number): ModelEvent {
  return { type: 'citation', index, citation: citation as JsonObject };
}

function deltaEvents(delta: Fields, index: number): ModelEvent[] {
  switch (delta['type']) {
    case 'text_delta': {
      const text = textIn(delta['text']);
      return text ? [{ type: 'text', index, text }] : [];
    }
    case 'thinking_delta':
      return [{ type: 'thinking', index, text: textIn(delta['thinking']) }];
    case 'signature_delta':
      return [{ type: 'signature', index, signature: textIn(delta['signature']) }];
    case 'input_json_delta':
      return [{ type: 'tool_use_input', index, json: textIn(delta['partial_json']) }];
    case 'citations_delta':
      return [citationEvent(fieldsIn(delta['citation']), index)];
    default:
      return [{ type: 'hidden', bytes: sizeOf(delta) }];
  }
}

/** A streamed message, whose usage is cumulative: later figures replace earlier ones. */
class AnthropicReader implements StreamReader {
  readonly #names: ModelCall['toolNames'];
  #usage: Fields = {};
  #stopReason: unknown = null;
  accepted = false;
  complete = false;

  constructor(names: ModelCall['toolNames']) {
    this.#names = names;
  }

  take(message: Parameters<StreamReader['take']>[0]): ModelEvent[] {
    const event = messageFields(message);
    const index = countIn(event['index']);
    switch (event['type']) {
      case 'message_start':
        this.accepted = true;
        this.#learn(fieldsIn(fieldsIn(event['message'])['usage']));
        return [];
      case 'content_block_start':
        return blockEvents(fieldsIn(event['content_block']), index, this.#names);
      case 'content_block_delta':
        return deltaEvents(fieldsIn(event['delta']), index);
      case 'content_block_stop':
        return [{ type: 'block_end', index }];
      case 'message_delta':
        this.#learn(fieldsIn(event['usage']));
        this.#stopReason = fieldsIn(event['delta'])['stop_reason'] ?? this.#stopReason;
        return [];
      case 'message_stop':
        this.complete = true;
        return [];
      case 'error':
        throw new StreamedFailure(event);
      default:
        return [];
    }
  }

  end(): ModelEvent[] {
    if (!this.complete) throw incompleteStream();
    return [{ type: 'stop', reason: stopReason(this.#stopReason) }, usageEvent(this.#usage)];
  }

  #learn(usage: Fields): void {
    const said = Object.entries(usage).filter(([, value]) => value !== null);
    this.#usage = { ...this.#usage, ...Object.fromEntries(said) };
  }
}
