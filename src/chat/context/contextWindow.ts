import { blocksOf, type ContentBlock } from '../../content/messages.ts';
import { GatewayError } from '../../errors.ts';
import type { LlmRequest } from '../../gateways/modelCalls.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { Model } from '../../pricing/modelCatalogue.ts';
import type { Remedy } from '../../remedies.ts';
import type { Turn } from '../turn.ts';

/** Models make a token of three to four bytes of text and code, and of one character of Chinese: three bytes. */
const bytesOfToken = 3;
/** Of an image that is as large as models see it. */
const tokensOfImage = 1_600;
/** Of a document: a page has about as many, and how many pages it has is its service's business. */
const tokensOfDocument = 3_000;
/** Of a model whose window isn't known. */
const assumedWindow = 128_000;
/** Of a summary, at most. */
export const summaryTokens = 1_000;
/** Long tokens of prose. */
const bytesOfSummaryToken = 8;

export const summaryQuestion = `Summarise our conversation so far, for going on with it: what was asked, found and decided, with the names of \
files and the code that later questions need. Write at most 500 words.`;

/** How much of a model's context window a request takes, in tokens; both are estimates unless `isKnown`. */
export interface WindowUse {
  tokens: number;
  window: number;
  /** Whether the size of the window is known. */
  isKnown: boolean;
}

export function windowUse(request: LlmRequest, model: Pick<Model, 'maxInputTokens'>): WindowUse {
  return { tokens: likelyTokens(request), ...windowOf(model) };
}

function windowOf({ maxInputTokens }: Pick<Model, 'maxInputTokens'>): Pick<WindowUse, 'window' | 'isKnown'> {
  return { window: maxInputTokens ?? assumedWindow, isKnown: maxInputTokens !== null };
}

function likelyTokens({ system = '', prompt = '', messages = [], tools, outputSchema }: LlmRequest): number {
  const forms = [tools, outputSchema].flatMap((form) => (form ? JSON.stringify(form) : []));
  const said = typeof system === 'string' ? [system] : system.map(({ text }) => text);
  const blocks = [...said, prompt, ...forms].map((text): ContentBlock => ({ type: 'text', text }));
  const all = [...blocks, ...messages.flatMap(({ content }) => blocksOf(content))];
  return all.reduce((sum, block) => sum + tokensOfBlock(block), 0);
}

function tokensOfBlock(block: ContentBlock): number {
  if (block.type === 'image') return tokensOfImage;
  if (block.type === 'document') return tokensOfDocument;
  const text = block.type === 'text' ? block.text : JSON.stringify(block);
  return Math.ceil(Buffer.byteLength(text) / bytesOfToken);
}

/**
 * The turns of a branch that are sent with its next question: what was left out stays out, and a summary stands for
 * what it summarises.
 */
export function sentTurns(path: readonly Turn[]): readonly Turn[] {
  const cut = path.findLast(({ omits }) => omits !== undefined);
  if (!cut) return path;
  const rest = path
    .slice(path.findIndex(({ id }) => id === cut.omits) + 1)
    .filter(({ isSummary }) => !isSummary);
  return cut.isSummary ? [cut, ...rest] : rest;
}

/** The value of `omits` that leaves out these turns, the oldest that would be sent. */
export function omitting(turns: readonly Turn[]): string | undefined {
  const last = turns.at(-1);
  return last?.isSummary ? last.omits : last?.id;
}

/** What the choice of a person who gets an overflow is made of. */
export interface OverflowChoice {
  /** The request with all but so many of the oldest turns. */
  requestWithout: (turns: number) => LlmRequest;
  /** How many turns there are to leave out. */
  turns: number;
  /** The call that summarises the oldest turns. */
  summaryOf: (turns: number) => LlmRequest;
  models: readonly Model[];
  /** Of all calls of the question, micro-USD. Throws `GatewayError` for a request that would be refused. */
  worstCase: (request: LlmRequest) => bigint;
  /** The same of a summary. */
  summaryWorstCase: (request: LlmRequest) => bigint;
}

/** Throws `invalid_request` if a request doesn't fit into the model's window. */
export function requireRoom(request: LlmRequest, model: Model): void {
  const use = windowUse(request, model);
  if (use.tokens > use.window) throw overflow(model, use, []);
}

/** Why a request doesn't fit into the model's window, with what can be done; null if it fits. */
export function overflowOf(model: Model, choice: OverflowChoice): GatewayError | null {
  const use = windowUse(choice.requestWithout(0), model);
  return use.tokens <= use.window ? null : overflow(model, use, remediesOf(model, choice, use.tokens));
}

function overflow(
  model: Model,
  { tokens, window, isKnown }: WindowUse,
  remedy: readonly Remedy[],
): GatewayError {
  const size = isKnown
    ? `${model.name} takes ${count(window)}`
    : `how many ${model.name} takes is not known: ${count(window)} are assumed`;
  return new GatewayError(
    'invalid_request',
    `The question has about ${count(tokens)} tokens with all that goes with it, and ${size}.`,
    {
      hint: `Nothing was sent. ${remedy.length > 0 ? 'Choose what to do' : 'Remove attachments, or begin a new conversation'}.`,
      remedy,
    },
  );
}

function remediesOf(model: Model, choice: OverflowChoice, tokens: number): Remedy[] {
  const fits = (request: LlmRequest, more: number): boolean =>
    windowUse(request, model).tokens + more <= windowOf(model).window;
  const fewest = fewestOf(choice.turns, (turns) => fits(choice.requestWithout(turns), summaryTokens));
  const roomy = choice.models
    .filter(({ maxInputTokens }) => maxInputTokens !== null && maxInputTokens >= tokens)
    .flatMap(({ name }) => {
      const cost = priced({ ...choice.requestWithout(0), modelId: name }, choice.worstCase);
      return cost === null ? [] : { name, cost };
    })
    .sort((one, other) => Number(one.cost - other.cost))[0];
  const remedies: Remedy[] = [];
  const rest = fewest === null ? null : priced(choice.requestWithout(fewest), choice.worstCase);
  if (fewest !== null && rest !== null) {
    remedies.push({ kind: 'retry', leaveOut: fewest, atMost: formatUsd(rest) });
    const summary = fits(choice.summaryOf(fewest), 0)
      ? priced(choice.summaryOf(fewest), choice.summaryWorstCase)
      : null;
    // The question is asked after it, with the summary in place of the turns.
    const after = priced(withSummary(choice.requestWithout(fewest)), choice.worstCase);
    if (summary !== null && after !== null)
      remedies.push({ kind: 'retry', summarise: fewest, atMost: formatUsd(summary + after) });
  }
  if (roomy) remedies.push({ kind: 'retry', model: roomy.name, atMost: formatUsd(roomy.cost) });
  return remedies;
}

/** The least number from 1 to `most` for which something holds, as for all above it; null if there is none. */
function fewestOf(most: number, holds: (turns: number) => boolean): number | null {
  let [low, high] = [1, most];
  if (most === 0 || !holds(most)) return null;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A request with a summary that is as long as it can be. */
function withSummary({ messages = [], ...request }: LlmRequest): LlmRequest {
  const summary = 'x'.repeat(summaryTokens * bytesOfSummaryToken);
  return {
    ...request,
    messages: [
      { role: 'user', content: summaryQuestion },
      { role: 'assistant', content: summary },
      ...messages,
    ],
  };
}

/** Null for a request that would be refused. */
function priced(request: LlmRequest, worstCase: (request: LlmRequest) => bigint): bigint | null {
  try {
    return worstCase(request);
  } catch (error) {
    if (GatewayError.is(error)) return null;
    throw error;
  }
}

function count(tokens: number): string {
  return tokens.toLocaleString('en-US');
}
