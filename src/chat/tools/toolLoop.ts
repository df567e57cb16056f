import {
  blocksOf,
  type ChatMessage,
  type ContentBlock,
  type JsonObject,
  type ToolChoice,
} from '../../content/messages.ts';
import { GatewayError } from '../../errors.ts';
import {
  requestDefaults,
  type AuditTrail,
  type CallOptions,
  type LlmRequest,
} from '../../gateways/modelCalls.ts';
import type { ChatCalls, ChatResponse } from '../chatMode.ts';
import { combinedResponse } from '../combinedResponse.ts';
import { ToolFault, type ChatTool, type DecidedUse, type ToolPort } from './chatTool.ts';
import type { ToolUse } from '../turn.ts';

/** Answers after which the model must do with what it has. */
const mostRounds = 6;
/** Uses of tools in one answer; further ones are refused. */
const mostUses = 8;
/** Of an answer, at most on average. */
const charactersOfToken = 4;
/** Of the results of one answer together: it bounds the price of the next. */
const mostResultCharacters = 16_000;

/** The request may be answered with the help of tools: each use is allowed by a person, and its result sent back. */
export function withTools(calls: ChatCalls, tools: readonly ChatTool[], port: ToolPort): ChatCalls {
  const offered = ({ prompt = '', ...request }: LlmRequest): Conversation => ({
    ...request,
    messages: request.messages ?? [{ role: 'user', content: prompt }],
    tools: [...(request.tools ?? []), ...tools.map(({ definition }) => definition)],
    // A tool that must be used would keep the model from the others, so it must be used last.
    ...(request.toolChoice?.type === 'tool' && { toolChoice: { type: 'any' } as const }),
  });
  return {
    worstCase: (request) => worstCaseOf(calls, offered(request), request.toolChoice),
    execute: (request, options = {}) =>
      new ToolLoop(calls, tools, port, request).execute(offered(request), options),
  };
}

/** Of all answers, each with the ones before it and the results of their tools. */
function worstCaseOf(calls: ChatCalls, request: Conversation, lastChoice: ToolChoice | undefined): bigint {
  const answer = 'x'.repeat(charactersOfToken * (request.maxTokens ?? requestDefaults.maxTokens));
  const results = 'x'.repeat(mostResultCharacters);
  let cost = 0n;
  for (let round = 1; round <= mostRounds; round += 1) {
    cost += calls.worstCase(round === mostRounds ? withChoice(request, lastChoice) : request);
    request = {
      ...request,
      messages: [
        ...request.messages,
        { role: 'assistant', content: answer },
        { role: 'user', content: results },
      ],
    };
  }
  return cost;
}

function withChoice(request: Conversation, toolChoice: ToolChoice | undefined): Conversation {
  return toolChoice ? { ...request, toolChoice } : request;
}

type Conversation = LlmRequest & { messages: readonly ChatMessage[] };

/** One question with the answers until the last. */
class ToolLoop {
  readonly #calls: ChatCalls;
  readonly #tools: readonly ChatTool[];
  readonly #port: ToolPort;
  /** As it was given: its own tools are answers. */
  readonly #given: LlmRequest;
  readonly #responses: ChatResponse[] = [];

  constructor(calls: ChatCalls, tools: readonly ChatTool[], port: ToolPort, given: LlmRequest) {
    this.#calls = calls;
    this.#tools = tools;
    this.#port = port;
    this.#given = given;
  }

  async execute(request: Conversation, options: CallOptions): Promise<ChatResponse> {
    const signal = options.signal ?? new AbortController().signal;
    const first = request;
    for (let round = 1; ; round += 1) {
      this.#responses.push(await this.#calls.execute(request, this.#optionsOf(options)));
      const response = combinedResponse(this.#responses);
      const uses = usesIn(response);
      const isAnswered = uses.length === 0 || uses.some((use) => this.#isAnswer(use));
      if (!response.success || isAnswered || round === mostRounds) return response;
      let results: ContentBlock[];
      try {
        results = await this.#results(uses, response.auditTrail, signal);
      } catch (error) {
        if (!GatewayError.is(error)) throw error;
        return ended(response, 'failed', error);
      }
      if (signal.aborted)
        return ended(response, 'cancelled', new GatewayError('cancelled', 'The call was stopped.'));
      const last = round === mostRounds - 1;
      const content = [...results, ...(last ? [noMoreTools] : [])];
      const turns: ChatMessage[] = [...blocksTurn(response), { role: 'user', content }];
      request = { ...request, messages: [...request.messages, ...turns] };
      if (last) request = withChoice(request, this.#given.toolChoice);
      // What was shown as the most that the question can cost holds.
      const most = worstCaseOf(this.#calls, first, this.#given.toolChoice);
      if (response.cost + this.#calls.worstCase(request) > most) return ended(response, 'failed', tooLong());
    }
  }

  /** The texts of the answers are paragraphs of one. */
  #optionsOf({ onEvent, ...options }: CallOptions): CallOptions {
    if (!onEvent) return options;
    let apart = this.#responses.some(({ content }) => content !== '');
    return {
      ...options,
      onEvent: (event) => {
        if (apart && event.type === 'text') onEvent({ type: 'text', index: event.index, text: '\n\n' });
        apart &&= event.type !== 'text';
        onEvent(event);
      },
    };
  }

  /** Each decision is recorded before its result goes anywhere. Throws what the ledger throws, and nothing else. */
  async #results(
    uses: readonly Use[],
    call: AuditTrail | null,
    signal: AbortSignal,
  ): Promise<ContentBlock[]> {
    if (!call) throw notRecorded();
    const results: ContentBlock[] = [];
    let left = mostResultCharacters;
    for (const [index, use] of uses.entries()) {
      if (signal.aborted) break;
      const { text, failed, decided } =
        index < mostUses
          ? await this.#result(use, left, signal)
          : refusal(this.#toolOf(use), 'Too many tools at once.');
      if (decided) await this.#port.recordUse(call, decided);
      const shown = text.length > left ? `${text.slice(0, left)}\n… cut: the result is longer` : text;
      left = Math.max(0, left - text.length);
      results.push({
        type: 'tool_result',
        tool_use_id: use.id,
        content: shown,
        ...(failed && { is_error: true }),
      });
    }
    return results;
  }

  #isAnswer({ name }: Use): boolean {
    return this.#given.tools?.some((tool) => tool.name === name) ?? false;
  }

  #toolOf({ name }: Use): ChatTool | undefined {
    return this.#tools.find(({ definition }) => definition.name === name);
  }

  /** Never rejects: what goes wrong is told to the model. Of the result, `room` characters are sent. */
  async #result(asked: Use, room: number, signal: AbortSignal): Promise<Outcome> {
    const { name, input } = asked;
    const tool = this.#toolOf(asked);
    if (!tool) return refusal(tool, `There is no tool ${name}.`);
    const use: ToolUse = { name, does: tool.describe(input), state: 'asked', characters: null };
    const tell = (change: Partial<ToolUse>): void => this.#port.onUse?.(Object.assign(use, change));
    tell({});
    const approval = await this.#port.approve(use, signal);
    if (signal.aborted) {
      tell({ state: 'stopped' });
      return { text: '', failed: false, decided: null };
    }
    if (approval === null) {
      tell({ state: 'refused' });
      return refusal(tool, 'The user did not allow this.');
    }
    tell({ state: 'running' });
    try {
      const { folders, problems } = this.#port;
      const { text, paths } = await tool.run(input, { folders, signal, ...(problems && { problems }) });
      tell({ state: 'done', characters: Math.min(text.length, room) });
      return { text, failed: false, decided: { tool: name, approval, paths } };
    } catch (error) {
      tell({ state: isStopped(signal) ? 'stopped' : 'failed' });
      return {
        text: error instanceof ToolFault || GatewayError.is(error) ? error.message : 'The tool failed.',
        failed: true,
        decided: { tool: name, approval, paths: [] },
      };
    }
  }
}

/** Asked anew, since it can change in between. */
function isStopped(signal: AbortSignal): boolean {
  return signal.aborted;
}

function blocksTurn({ message }: ChatResponse): ChatMessage[] {
  return message ? [message] : [];
}

/** What was charged until here, without an answer. */
function ended(response: ChatResponse, status: 'cancelled' | 'failed', error: GatewayError): ChatResponse {
  return { ...response, success: false, status, error };
}

function tooLong(): GatewayError {
  return new GatewayError(
    'answer_invalid',
    'The answer needs more text of tools than its maximum cost allows.',
    {
      hint: 'Ask for less at once, or raise the maximum answer length.',
    },
  );
}

function notRecorded(): GatewayError {
  return new GatewayError(
    'ledger_unavailable',
    'The answer has no record that a use of a tool could be recorded with.',
    {
      hint: 'No tool was used. Run "tidyllm doctor" to see what is wrong with the ledger.',
    },
  );
}

/** What the model is told of a use, and what is recorded of it. */
interface Outcome {
  text: string;
  failed: boolean;
  /** Null if the question was stopped before a person decided. */
  decided: DecidedUse | null;
}

function refusal(tool: ChatTool | undefined, text: string): Outcome {
  return {
    text,
    failed: true,
    decided: { tool: tool?.definition.name ?? null, approval: 'refused', paths: [] },
  };
}

const noMoreTools: ContentBlock = {
  type: 'text',
  text: 'Answer now with what you know: you can’t look into the workspace any more.',
};

interface Use {
  id: string;
  name: string;
  input: JsonObject;
}

function usesIn({ message }: ChatResponse): Use[] {
  return blocksOf(message?.content ?? '').flatMap((block) =>
    block.type === 'tool_use' ? { id: block.id, name: block.name, input: block.input } : [],
  );
}
