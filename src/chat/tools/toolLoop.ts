import { blocksOf, type ChatMessage, type ContentBlock, type JsonObject } from '../../content/messages.ts';
import { GatewayError } from '../../errors.ts';
import { requestDefaults, type CallOptions, type LlmRequest } from '../../gateways/modelCalls.ts';
import type { ChatCalls, ChatResponse } from '../chatMode.ts';
import { combinedResponse } from '../combinedResponse.ts';
import { ToolFault, type Approval, type ChatTool, type ToolPort } from './chatTool.ts';
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
    tools: tools.map(({ definition }) => definition),
  });
  return {
    worstCase: (request) => worstCaseOf(calls, offered(request)),
    execute: (request, options = {}) => new ToolLoop(calls, tools, port).execute(offered(request), options),
  };
}

/** Of all answers, each with the ones before it and the results of their tools. */
function worstCaseOf(calls: ChatCalls, request: Conversation): bigint {
  const answer = 'x'.repeat(charactersOfToken * (request.maxTokens ?? requestDefaults.maxTokens));
  const results = 'x'.repeat(mostResultCharacters);
  let cost = 0n;
  for (let round = 1; round <= mostRounds; round += 1) {
    cost += calls.worstCase(request);
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

type Conversation = LlmRequest & { messages: readonly ChatMessage[] };

/** One question with the answers until the last. */
class ToolLoop {
  readonly #calls: ChatCalls;
  readonly #tools: readonly ChatTool[];
  readonly #port: ToolPort;
  readonly #responses: ChatResponse[] = [];

  constructor(calls: ChatCalls, tools: readonly ChatTool[], port: ToolPort) {
    this.#calls = calls;
    this.#tools = tools;
    this.#port = port;
  }

  async execute(request: Conversation, options: CallOptions): Promise<ChatResponse> {
    const signal = options.signal ?? new AbortController().signal;
    const first = request;
    for (let round = 1; ; round += 1) {
      this.#responses.push(await this.#calls.execute(request, this.#optionsOf(options)));
      const response = combinedResponse(this.#responses);
      const uses = usesIn(response);
      if (!response.success || uses.length === 0 || round === mostRounds) return response;
      const { results, approvals } = await this.#results(uses, signal);
      if (signal.aborted)
        return ended(response, 'cancelled', new GatewayError('cancelled', 'The call was stopped.'));
      const last = round === mostRounds - 1;
      const content = [...results, ...(last ? [noMoreTools] : [])];
      const turns: ChatMessage[] = [...blocksTurn(response), { role: 'user', content }];
      request = { ...request, messages: [...request.messages, ...turns], toolApprovals: approvals };
      // What was shown as the most that the question can cost holds.
      if (response.cost + this.#calls.worstCase(request) > worstCaseOf(this.#calls, first))
        return ended(response, 'failed', tooLong());
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

  async #results(
    uses: readonly Use[],
    signal: AbortSignal,
  ): Promise<{ results: ContentBlock[]; approvals: string[] }> {
    const results: ContentBlock[] = [];
    const approvals: string[] = [];
    let left = mostResultCharacters;
    for (const [index, use] of uses.entries()) {
      if (signal.aborted) break;
      const { text, failed, approval } =
        index < mostUses ? await this.#result(use, signal) : { ...refused, text: 'Too many tools at once.' };
      const shown = text.length > left ? `${text.slice(0, left)}\n… cut: the result is longer` : text;
      left -= Math.min(text.length, left);
      results.push({
        type: 'tool_result',
        tool_use_id: use.id,
        content: shown,
        ...(failed && { is_error: true }),
      });
      approvals.push(`${use.name} ${approval ?? 'refused'}`);
    }
    return { results, approvals };
  }

  /** Never rejects: what goes wrong is told to the model. */
  async #result(
    { name, input }: Use,
    signal: AbortSignal,
  ): Promise<{ text: string; failed: boolean; approval: Approval | null }> {
    const tool = this.#tools.find(({ definition }) => definition.name === name);
    if (!tool) return { ...refused, text: `There is no tool ${name}.` };
    const use: ToolUse = { name, does: tool.describe(input), state: 'asked', characters: null };
    const tell = (change: Partial<ToolUse>): void => this.#port.onUse?.(Object.assign(use, change));
    tell({});
    const approval = await this.#port.approve(use, signal);
    if (signal.aborted) {
      tell({ state: 'stopped' });
      return { ...refused, text: '' };
    }
    if (approval === null) {
      tell({ state: 'refused' });
      return { ...refused, text: 'The user did not allow this.' };
    }
    tell({ state: 'running' });
    try {
      const { folders, problems } = this.#port;
      const text = await tool.run(input, { folders, signal, ...(problems && { problems }) });
      tell({ state: 'done', characters: text.length });
      return { text, failed: false, approval };
    } catch (error) {
      tell({ state: signal.aborted ? 'stopped' : 'failed' });
      return {
        text: error instanceof ToolFault ? error.message : 'The tool failed.',
        failed: true,
        approval,
      };
    }
  }
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

const refused = { failed: true, approval: null } as const;

const noMoreTools: ContentBlock = {
  type: 'text',
  text: 'Answer now with what you know: no more tools can be used.',
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
