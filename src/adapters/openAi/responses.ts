import {
  blocksOf,
  type ChatMessage,
  type ContentBlock,
  type RequestContent,
  type ResultBlock,
  type ToolResultBlock,
} from '../../content/messages.ts';
import type { ModelCall, ModelEvent } from '../../gateways/ports.ts';
import { incompleteStream } from '../answerErrors.ts';
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
import { openAiSignature } from '../rules/families.ts';
import { BlockNumbers, dataUrl, fileOf, systemText, textOfDocument, usageEvent } from './common.ts';
import { conformToResponses } from './rules.ts';

/** OpenAI's Responses; nothing is stored there. */
export const responsesWire: Wire = {
  billingOfStopped: 'received',
  conform: conformToResponses,
  headers: () => ({}),
  body: requestBody,
  whole: wholeAnswer,
  reader: ({ toolNames }) => new ResponsesReader(toolNames),
};

function requestBody(call: ModelCall): object {
  const { content, temperature, maxTokens, serviceTier } = call;
  const {
    messages,
    tools = [],
    tool_choice: choice,
    top_p,
    output_schema: form,
    additional_fields,
  } = content;
  const instructions = systemText(content.system);
  return {
    ...additional_fields,
    model: call.modelId,
    ...(instructions !== null && { instructions }),
    input: messages.flatMap(itemsOf),
    max_output_tokens: maxTokens,
    stream: call.stream,
    // By default OpenAI keeps what was asked and answered for thirty days.
    store: false,
    ...(tools.length > 0 && {
      tools: tools.map(({ name, description, input_schema: parameters }) => ({
        type: 'function',
        name,
        parameters,
        strict: false,
        ...(description !== undefined && { description }),
      })),
    }),
    ...(choice && { tool_choice: choiceInput(choice) }),
    ...(temperature !== null && { temperature }),
    ...(top_p !== undefined && { top_p }),
    ...(form && {
      text: {
        format: {
          type: 'json_schema',
          name: form.name ?? 'answer',
          schema: form.schema,
          ...(form.description !== undefined && { description: form.description }),
        },
      },
    }),
    service_tier: serviceTier === 'standard' ? 'default' : serviceTier,
    metadata: call.metadata,
  };
}

function choiceInput(choice: NonNullable<RequestContent['tool_choice']>): unknown {
  if (choice.type === 'tool') return { type: 'function', name: choice.name };
  return choice.type === 'any' ? 'required' : choice.type;
}

/** A turn as the items of Responses: reasoning, uses of tools and their results are items of their own. */
function itemsOf({ role, content }: ChatMessage): object[] {
  const items: object[] = [];
  let parts: object[] = [];
  const flush = (): void => {
    if (parts.length > 0) items.push({ type: 'message', role, content: parts });
    parts = [];
  };
  for (const block of blocksOf(content)) {
    const item = itemOf(block);
    if (item) {
      flush();
      items.push(item);
    } else parts.push(partOf(block, role));
  }
  flush();
  return items;
}

function itemOf(block: ContentBlock): object | null {
  switch (block.type) {
    case 'thinking': {
      const [, id = '', encrypted] = openAiSignature.exec(block.signature ?? '') ?? [];
      const summary = block.thinking === '' ? [] : [{ type: 'summary_text', text: block.thinking }];
      return { type: 'reasoning', id, summary, encrypted_content: encrypted };
    }
    case 'tool_use': {
      const { id, name, input } = block;
      return { type: 'function_call', call_id: id, name, arguments: JSON.stringify(input) };
    }
    case 'tool_result':
      return { type: 'function_call_output', call_id: block.tool_use_id, output: outputOf(block) };
    default:
      return null;
  }
}

function outputOf({ content = [], is_error: failed = false }: ToolResultBlock): unknown {
  const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content;
  const marked = failed ? [{ type: 'text' as const, text: '[the tool failed]' }, ...parts] : parts;
  const [first, ...others] = marked.map((part) => partOf(part, 'user') as { type: string; text?: string });
  return first?.type === 'input_text' && others.length === 0
    ? first.text
    : marked.map((part) => partOf(part, 'user'));
}

function partOf(block: ContentBlock | ResultBlock, role: ChatMessage['role']): object {
  switch (block.type) {
    case 'text':
      return role === 'assistant'
        ? { type: 'output_text', text: block.text, annotations: [] }
        : { type: 'input_text', text: block.text };
    case 'image':
      return { type: 'input_image', image_url: dataUrl(block), detail: 'auto' };
    case 'document': {
      const text = textOfDocument(block);
      return text === null ? { type: 'input_file', ...fileOf(block) } : { type: 'input_text', text };
    }
    case 'json':
      return { type: 'input_text', text: JSON.stringify(block.json) };
    default:
      return {};
  }
}

/** How an answer ended, as other services call it. */
function stopReason({ incomplete_details, output }: Fields, refusedIt: boolean): string {
  const reason = textIn(fieldsIn(incomplete_details)['reason']);
  if (reason === 'max_output_tokens') return 'max_tokens';
  if (reason === 'content_filter' || refusedIt) return 'content_filtered';
  if (reason !== '') return reason;
  return listIn(output).some(({ type }) => type === 'function_call') ? 'tool_use' : 'end_turn';
}

function ending(response: Fields, refusedIt: boolean): ModelEvent[] {
  const usage = fieldsIn(response['usage']);
  return [
    { type: 'stop', reason: stopReason(response, refusedIt) },
    usageEvent(
      {
        input: usage['input_tokens'] ?? -1,
        output: usage['output_tokens'] ?? -1,
        total: usage['total_tokens'],
        details: usage['input_tokens_details'],
      },
      response['service_tier'],
    ),
  ];
}

/** A whole answer is read as the items that a stream ends with. */
function wholeAnswer(answer: Fields, { toolNames }: ModelCall): ModelEvent[] {
  if (answer['status'] === 'failed' || !Array.isArray(answer['output'])) throw new StreamedFailure(answer);
  const reader = new ResponsesReader(toolNames);
  const events = listIn(answer['output']).flatMap((item, index) => reader.ended(item, String(index)));
  return [...events, ...ending(answer, reader.refusedIt)];
}

/** A streamed answer: items in order, and in them parts. */
class ResponsesReader implements StreamReader {
  readonly #names: ModelCall['toolNames'];
  readonly #blocks = new BlockNumbers();
  /** Blocks of which a piece came, so that the whole of it at the end is no news. */
  readonly #told = new Set<number>();
  #summaryPart = 0;
  #response: Fields | null = null;
  refusedIt = false;
  accepted = false;

  constructor(names: ModelCall['toolNames']) {
    this.#names = names;
  }

  get complete(): boolean {
    return this.#response !== null;
  }

  take(message: Parameters<StreamReader['take']>[0]): ModelEvent[] {
    if (message.data === '[DONE]') return [];
    const event = messageFields(message);
    const item = String(countIn(event['output_index']));
    const part = `${item}/${countIn(event['content_index'])}`;
    const delta = textIn(event['delta']);
    switch (event['type']) {
      case 'response.created':
      case 'response.in_progress':
        this.accepted = true;
        return [];
      case 'response.output_item.added':
        return this.#begun(fieldsIn(event['item']), item);
      case 'response.output_item.done':
        return this.ended(fieldsIn(event['item']), item);
      case 'response.output_text.delta':
        return this.#text(part, delta);
      case 'response.refusal.delta':
        this.refusedIt = true;
        return this.#text(part, delta);
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        return this.#thinking(item, delta, countIn(event['summary_index'] ?? event['content_index']));
      case 'response.function_call_arguments.delta':
        return this.#input(item, delta);
      case 'response.completed':
      case 'response.incomplete':
        this.#response = fieldsIn(event['response']);
        return [];
      case 'response.failed':
        throw new StreamedFailure(event['response']);
      case 'error':
        throw new StreamedFailure(event);
      default:
        // Servers that fail after HTTP 200 may name no event.
        if (event['error']) throw new StreamedFailure(event);
        return [];
    }
  }

  end(): ModelEvent[] {
    if (!this.#response) throw incompleteStream();
    return [...this.#blocks.end(), ...ending(this.#response, this.refusedIt)];
  }

  #begun(item: Fields, key: string): ModelEvent[] {
    switch (item['type']) {
      case 'function_call': {
        const name = textIn(item['name']);
        const id = textIn(item['call_id']);
        return [{ type: 'tool_use_start', index: this.#blocks.of(key), id, name: this.#names[name] ?? name }];
      }
      case 'reasoning':
        // Without a word it still says that the model thinks.
        return [{ type: 'thinking', index: this.#blocks.of(key), text: '' }];
      case 'message':
        return [];
      default:
        return [{ type: 'hidden', bytes: sizeOf(item) }];
    }
  }

  /** The rest of an item, or all of one that came at once. */
  ended(item: Fields, key: string): ModelEvent[] {
    const before = this.#blocks.has(key) || item['type'] === 'message' ? [] : this.#begun(item, key);
    return [...before, ...this.#rest(item, key), ...this.#blocks.end(key)];
  }

  #rest(item: Fields, key: string): ModelEvent[] {
    switch (item['type']) {
      case 'message':
        return listIn(item['content']).flatMap((part, index) => {
          if (part['type'] === 'refusal') this.refusedIt = true;
          const text = textIn(part['text']) || textIn(part['refusal']);
          return this.#untold(`${key}/${index}`) ? this.#text(`${key}/${index}`, text) : [];
        });
      case 'function_call':
        return this.#untold(key) ? this.#input(key, textIn(item['arguments'])) : [];
      case 'reasoning': {
        const told = listIn(item['summary']).map(({ text }) => textIn(text));
        const encrypted = textIn(item['encrypted_content']);
        const signature = `${textIn(item['id'])}#${encrypted}`;
        return [
          ...(this.#untold(key) ? this.#thinking(key, told.join('\n\n'), 0) : []),
          ...(encrypted ? [{ type: 'signature' as const, index: this.#blocks.of(key), signature }] : []),
        ];
      }
      default:
        return [];
    }
  }

  #untold(key: string): boolean {
    return !this.#blocks.has(key) || !this.#told.has(this.#blocks.of(key));
  }

  #text(key: string, text: string): ModelEvent[] {
    if (text === '') return [];
    const index = this.#blocks.of(key);
    this.#told.add(index);
    return [{ type: 'text', index, text }];
  }

  /** The parts of a summary stand apart. */
  #thinking(key: string, text: string, part: number): ModelEvent[] {
    if (text === '') return [];
    const index = this.#blocks.of(key);
    const apart = this.#told.has(index) && part !== this.#summaryPart ? '\n\n' : '';
    this.#summaryPart = part;
    this.#told.add(index);
    return [{ type: 'thinking', index, text: apart + text }];
  }

  #input(key: string, json: string): ModelEvent[] {
    if (json === '') return [];
    const index = this.#blocks.of(key);
    this.#told.add(index);
    return [{ type: 'tool_use_input', index, json }];
  }
}
