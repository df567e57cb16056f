import {
  blocksOf,
  type ChatMessage,
  type ContentBlock,
  type RequestContent,
  type ResultBlock,
  type ToolResultBlock,
  type ToolUseBlock,
} from '../../content/messages.ts';
import type { ModelCall, ModelEvent } from '../../gateways/ports.ts';
import { incompleteStream } from '../answerErrors.ts';
import {
  fieldsIn,
  listIn,
  messageFields,
  StreamedFailure,
  textIn,
  type Fields,
  type StreamReader,
  type Wire,
} from '../direct/wire.ts';
import { BlockNumbers, dataUrl, fileOf, systemText, textOfDocument, usageEvent } from './common.ts';
import { conformToChat } from './rules.ts';

/** OpenAI's Chat Completions, as the server with this name speaks it. */
export function chatWire(name: string): Wire {
  return {
    billingOfStopped: 'unknown',
    conform: conformToChat(name),
    headers: () => ({}),
    body: requestBody,
    whole: wholeAnswer,
    reader: ({ toolNames }) => new ChatReader(toolNames),
  };
}

function requestBody(call: ModelCall): object {
  const { content, temperature, maxTokens, serviceTier } = call;
  const {
    messages,
    tools = [],
    tool_choice: choice,
    stop_sequences: stop,
    top_p,
    output_schema: form,
  } = content;
  const { additional_fields: fields = {} } = content;
  const system = systemText(content.system);
  return {
    ...fields,
    model: call.modelId,
    messages: [
      ...(system === null ? [] : [{ role: 'system', content: system }]),
      ...messages.flatMap(turnInput),
    ],
    ...(!('max_completion_tokens' in fields) && { max_tokens: maxTokens }),
    stream: call.stream,
    // Without it a stream says nothing of what it used.
    ...(call.stream && { stream_options: { include_usage: true } }),
    ...(tools.length > 0 && {
      tools: tools.map(({ name, description, input_schema: parameters }) => ({
        type: 'function',
        function: { name, ...(description !== undefined && { description }), parameters },
      })),
    }),
    ...(choice && { tool_choice: choiceInput(choice) }),
    ...(stop && { stop }),
    ...(temperature !== null && { temperature }),
    ...(top_p !== undefined && { top_p }),
    ...(form && {
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: form.name ?? 'answer',
          ...(form.description !== undefined && { description: form.description }),
          schema: form.schema,
        },
      },
    }),
    ...(serviceTier !== 'standard' && { service_tier: serviceTier }),
  };
}

function choiceInput(choice: NonNullable<RequestContent['tool_choice']>): unknown {
  if (choice.type === 'tool') return { type: 'function', function: { name: choice.name } };
  return choice.type === 'any' ? 'required' : choice.type;
}

/** A turn as messages: each result of a tool is one of its own, and images of results follow as the user's. */
function turnInput({ role, content }: ChatMessage): object[] {
  if (typeof content === 'string') return [{ role, content }];
  const blocks = blocksOf(content);
  if (role === 'assistant') return [assistantInput(blocks)];
  const results = blocks.filter((block) => block.type === 'tool_result');
  const shown = [
    ...results.flatMap((result) => resultParts(result).filter(isFile)),
    ...blocks.filter(({ type }) => type !== 'tool_result'),
  ];
  return [
    ...results.map((result) => ({
      role: 'tool',
      tool_call_id: result.tool_use_id,
      content: resultText(result),
    })),
    ...(shown.length > 0 ? [{ role: 'user', content: shown.map(partInput) }] : []),
  ];
}

function isFile(part: ResultBlock): boolean {
  return part.type === 'image' || (part.type === 'document' && textOfDocument(part) === null);
}

function assistantInput(blocks: readonly ContentBlock[]): object {
  const text = blocks.map((block) => (block.type === 'text' ? block.text : '')).join('');
  const calls = blocks.filter((block): block is ToolUseBlock => block.type === 'tool_use');
  return {
    role: 'assistant',
    // Some servers refuse null.
    ...((text !== '' || calls.length === 0) && { content: text }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, input }) => ({
        id,
        type: 'function',
        function: { name, arguments: JSON.stringify(input) },
      })),
    }),
  };
}

function resultParts({ content = [] }: ToolResultBlock): readonly ResultBlock[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

/** A result as text; images and PDFs stand in the message after it. */
function resultText(result: ToolResultBlock): string {
  const said = resultParts(result).map((part) => {
    if (part.type === 'text') return part.text;
    if (part.type === 'json') return JSON.stringify(part.json);
    return (part.type === 'document' ? textOfDocument(part) : null) ?? '(in the next message)';
  });
  return [...(result.is_error ? ['[the tool failed]'] : []), ...said].join('\n');
}

function partInput(block: ContentBlock | ResultBlock): object {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text };
    case 'image':
      return { type: 'image_url', image_url: { url: dataUrl(block) } };
    case 'document': {
      const text = textOfDocument(block);
      return text === null ? { type: 'file', file: fileOf(block) } : { type: 'text', text };
    }
    default:
      return {};
  }
}

const stopReasons: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  content_filter: 'content_filtered',
  tool_calls: 'tool_use',
  function_call: 'tool_use',
};

/** The answer of a server that may not stream: its message is read as one chunk. */
function wholeAnswer(answer: Fields, { toolNames }: ModelCall): ModelEvent[] {
  const reader = new ChatReader(toolNames);
  const choices = listIn(answer['choices']).map((choice) => ({ ...choice, delta: choice['message'] }));
  if (answer['error'] || choices.length === 0) throw new StreamedFailure(answer);
  return [...reader.read({ ...answer, choices }), ...reader.end()];
}

/** A streamed answer, as OpenAI's and the servers that follow it send it, each in its own way. */
class ChatReader implements StreamReader {
  readonly #names: ModelCall['toolNames'];
  readonly #blocks = new BlockNumbers();
  /** Keys of the tool calls, in order, with the index and id that the server gave them. */
  readonly #calls: { key: string; index: unknown; id: string }[] = [];
  #finish = '';
  #done = false;
  #refusedIt = false;
  #usage: Fields | null = null;
  #serviceTier: unknown;
  accepted = false;

  constructor(names: ModelCall['toolNames']) {
    this.#names = names;
  }

  get complete(): boolean {
    return this.#done || (this.#finish !== '' && this.#usage !== null);
  }

  take(message: Parameters<StreamReader['take']>[0]): ModelEvent[] {
    if (message.data.trim() === '[DONE]') {
      this.#done = true;
      return [];
    }
    const chunk = messageFields(message);
    if (chunk['error']) throw new StreamedFailure(chunk);
    return this.read(chunk);
  }

  read(chunk: Fields): ModelEvent[] {
    this.accepted = true;
    // Some servers send it with every chunk; the last one counts.
    if (chunk['usage']) this.#usage = fieldsIn(chunk['usage']);
    this.#serviceTier = chunk['service_tier'] ?? this.#serviceTier;
    // The first chunk and the one with the usage may have no choice.
    const [choice] = listIn(chunk['choices']);
    if (!choice) return [];
    const delta = fieldsIn(choice['delta']);
    const thought = textIn(delta['reasoning_content']) || textIn(delta['reasoning']);
    const refusal = textIn(delta['refusal']);
    if (refusal) this.#refusedIt = true;
    this.#finish = textIn(choice['finish_reason']) || this.#finish;
    return [
      ...this.#said('thinking', thought),
      ...this.#said('text', textIn(delta['content']) || refusal),
      ...listIn(delta['tool_calls']).flatMap((call) => this.#called(call)),
    ];
  }

  end(): ModelEvent[] {
    if (this.#finish === '' && !this.#done) throw incompleteStream();
    const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = this.#usage ?? {};
    return [
      ...this.#blocks.end(),
      { type: 'stop', reason: this.#stopReason() },
      // A server that doesn't say what it used is charged by the bound.
      ...(this.#usage
        ? [
            usageEvent(
              {
                input: input ?? -1,
                output: output ?? -1,
                total,
                details: this.#usage['prompt_tokens_details'],
              },
              this.#serviceTier,
            ),
          ]
        : []),
    ];
  }

  #stopReason(): string {
    if (this.#refusedIt) return 'content_filtered';
    const told = this.#finish === '' ? 'end_turn' : (stopReasons[this.#finish] ?? this.#finish);
    // Some end with "stop" after they asked for a tool.
    return told === 'end_turn' && this.#calls.length > 0 ? 'tool_use' : told;
  }

  #said(type: 'text' | 'thinking', text: string): ModelEvent[] {
    return text === '' ? [] : [{ type, index: this.#blocks.of(type), text }];
  }

  #called(call: Fields): ModelEvent[] {
    const { name: told, arguments: json } = fieldsIn(call['function']);
    const { call: found, isNew } = this.#callOf(call, textIn(told));
    const index = this.#blocks.of(found.key);
    const name = this.#names[textIn(told)] ?? textIn(told);
    const text = typeof json === 'object' && json !== null ? JSON.stringify(json) : textIn(json);
    return [
      ...(isNew ? [{ type: 'tool_use_start' as const, index, id: found.id, name }] : []),
      ...(text === '' ? [] : [{ type: 'tool_use_input' as const, index, json: text }]),
    ];
  }

  /**
   * The call that a piece belongs to. A new id is a new call, whatever its index, since some servers give every call
   * the same; a piece without one belongs to the last call with its index, or to the last call.
   */
  #callOf({ index, id: told }: Fields, name: string): { call: { key: string; id: string }; isNew: boolean } {
    const id = textIn(told);
    const sameId = this.#calls.find((one) => one.id === id);
    const sameIndex = index === undefined ? undefined : this.#calls.findLast((one) => one.index === index);
    const known = id !== '' ? sameId : (sameIndex ?? (name === '' ? this.#calls.at(-1) : undefined));
    if (known) return { call: known, isNew: false };
    const number = this.#calls.length;
    const call = { key: `call ${number}`, index, id: id || `call_${number}` };
    this.#calls.push(call);
    return { call, isNew: true };
  }
}
