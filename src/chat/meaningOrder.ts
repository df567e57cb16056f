import { createHash } from 'node:crypto';
import { GatewayError } from '../errors.ts';
import type { EmbeddingRequest, Embeddings } from '../gateways/embeddings.ts';
import type { LlmRequest, LlmResponse } from '../gateways/modelCalls.ts';
import { formatUsd } from '../pricing/cost.ts';
import { cosine, fused } from '../retrieval/fusion.ts';
import type { FoundChunk } from '../retrieval/workspaceIndex.ts';
import { boundOfBytes } from '../utf8Text.ts';
import type { ChatResponse } from './chatMode.ts';
import { combinedResponse } from './combinedResponse.ts';
import type { Embedder } from './embedder.ts';

/** How many of the best parts, by their words, are ordered again. */
export const mostOrdered = 60;
/** Of all parts that are embedded, in bytes of UTF-8, composed or not: it bounds the tokens, and so the price. */
const mostPartBytes = 64_000;
/** The same of the question. Cohere's models of version 3 take no text of more than 2,048 characters. */
const mostQuestionBytes = 2_000;

/** Parts in an order, and how it came about. */
export interface Ordered {
  found: readonly FoundChunk[];
  /** Why they were not ordered by their meaning though they should be, in a sentence or two; null otherwise. */
  byWords: string | null;
  /** The governed calls that were made, by which model, and how long they took together, in milliseconds. */
  calls: readonly LlmResponse[];
  model: string;
  durationMs: number;
}

/** Parts that need no order by meaning. */
export function unordered(found: readonly FoundChunk[]): Ordered {
  return { found, byWords: null, calls: [], model: '', durationMs: 0 };
}

/** The response to a question, with the money, time and tokens of the calls that ordered its sources. */
export function withOrdering(response: ChatResponse, { calls, model, durationMs }: Ordered): ChatResponse {
  if (calls.length === 0) return response;
  const { attempts, processingTimeMs } = response;
  return {
    ...combinedResponse([...calls, response]),
    // Those of the answer: a person reads them as a question that was asked again.
    attempts,
    processingTimeMs: processingTimeMs + durationMs,
    embeddings: {
      model,
      cost: calls.reduce((sum, { cost }) => sum + cost, 0n),
      records: calls.flatMap(({ auditTrail }) => auditTrail ?? []),
    },
  };
}

type InputType = 'search_query' | 'search_document';

/** The vectors of this process, by what was embedded. The oldest leave when it is full. */
const known = new Map<string, Float32Array>();
/** Of up to 1,536 numbers each: 25 MB. */
const mostKnown = 4_096;

/** The most that ordering the parts for a question can cost, micro-USD; 0 if its calls would be refused. */
export function orderWorstCase(embedder: Embedder, request: LlmRequest): bigint {
  const part = 'x'.repeat(Math.ceil(mostPartBytes / mostOrdered));
  const parts = Array.from({ length: mostOrdered }, () => part);
  const question = 'x'.repeat(mostQuestionBytes);
  try {
    const cost =
      embedder.worstCase(embeddingOf(embedder, request, [question], 'search_query')) +
      embedder.worstCase(embeddingOf(embedder, request, parts, 'search_document'));
    // The same bytes in other parts: each call may round up by one.
    return cost + BigInt(mostOrdered);
  } catch (error) {
    if (GatewayError.is(error)) return 0n;
    throw error;
  }
}

/**
 * The parts that were found by the words of a question, ordered again by its meaning. The order of the words stays, and
 * `byWords` says why, if today's limit doesn't allow these calls besides the answer, or one of them is refused or fails.
 */
export async function orderedByMeaning(
  found: readonly FoundChunk[],
  question: string,
  request: LlmRequest,
  { embedder, answerCost, signal }: { embedder: Embedder; answerCost: () => bigint; signal: AbortSignal },
): Promise<Ordered> {
  const asked = cut(question);
  const parts = fitting(found);
  const wanted = [
    missing(embedder, request, [asked], 'search_query'),
    missing(embedder, request, parts.map(textOf), 'search_document'),
  ].filter(({ texts }) => texts.length > 0);
  const startedAt = performance.now();
  const calls: LlmResponse[] = [];
  const ended = (order: Pick<Ordered, 'found' | 'byWords'>): Ordered => ({
    ...order,
    calls,
    model: embedder.model,
    durationMs: performance.now() - startedAt,
  });
  try {
    await requireBudget(embedder, wanted, answerCost);
    for (const one of wanted) {
      const made = await embedder.embed(one, { signal });
      calls.push(...made.calls);
      remember(embedder, one, made);
      if (made.error) throw made.error;
    }
  } catch (error) {
    if (!GatewayError.is(error)) throw error;
    const why = [error.message, error.hint].filter(Boolean).join(' ');
    return ended({ found, byWords: `The sources are in the order of their words alone. ${why}` });
  }
  const query = vectorOf(embedder, asked, 'search_query');
  const ordered = fused(parts, ({ text }) => cosine(query, vectorOf(embedder, text, 'search_document')));
  return ended({ found: [...ordered, ...found.slice(parts.length)], byWords: null });
}

/** Throws `budget_exceeded` if today's limit doesn't allow these calls and the answer, and what refuses either. */
async function requireBudget(
  embedder: Embedder,
  wanted: readonly Wanted[],
  answerCost: () => bigint,
): Promise<void> {
  if (wanted.length === 0) return;
  const cost = wanted.reduce((sum, one) => sum + embedder.worstCase(one), answerCost());
  const left = await embedder.remaining();
  if (cost <= left) return;
  throw new GatewayError(
    'budget_exceeded',
    `With embeddings the question may cost ${formatUsd(cost)}, and ${formatUsd(left)} of today's limit is left.`,
  );
}

type Wanted = EmbeddingRequest & { input_type: InputType };

/** The request for those of some texts that this process has not embedded yet. */
function missing(embedder: Embedder, request: LlmRequest, texts: readonly string[], type: InputType): Wanted {
  const unknown = [...new Set(texts)].filter((text) => !known.has(keyOf(embedder, text, type)));
  return embeddingOf(embedder, request, unknown, type);
}

/** For the reason of the question, and by whom it is asked. */
function embeddingOf(
  { model }: Embedder,
  { auditReason, useClass, userId, priority, origin, flow }: LlmRequest,
  texts: readonly string[],
  type: InputType,
): Wanted {
  return {
    texts,
    modelId: model,
    input_type: type,
    ...(auditReason !== undefined && { auditReason }),
    ...(useClass !== undefined && { useClass }),
    ...(userId !== undefined && { userId }),
    ...(priority !== undefined && { priority }),
    ...(origin !== undefined && { origin }),
    ...(flow !== undefined && { flow }),
  };
}

/** A text that is embedded again goes to the end, where it stays longest. */
function remember(embedder: Embedder, { texts, input_type: type }: Wanted, { vectors }: Embeddings): void {
  texts.forEach((text, index) => {
    const vector = vectors[index];
    if (vector) known.set(keyOf(embedder, text, type), Float32Array.from(vector));
  });
  for (const [key] of known) {
    if (known.size <= mostKnown) break;
    known.delete(key);
  }
}

function vectorOf(embedder: Embedder, text: string, type: InputType): Float32Array {
  return known.get(keyOf(embedder, text, type)) ?? new Float32Array();
}

function keyOf({ service, model }: Embedder, text: string, type: InputType): string {
  return createHash('sha256')
    .update(JSON.stringify([service, model, type, text]))
    .digest('base64');
}

/** The first parts that may be embedded together. */
function fitting(found: readonly FoundChunk[]): FoundChunk[] {
  let room = mostPartBytes;
  const isFull = ({ text }: FoundChunk): boolean => (room -= boundOfBytes(text)) < 0;
  const end = found.slice(0, mostOrdered).findIndex(isFull);
  return found.slice(0, end < 0 ? mostOrdered : end);
}

/** The beginning of a question, as much of it as may be embedded. */
function cut(question: string): string {
  let room = mostQuestionBytes;
  let length = 0;
  for (const character of question) {
    room -= boundOfBytes(character);
    if (room < 0) break;
    length += character.length;
  }
  return question.slice(0, length);
}

function textOf({ text }: FoundChunk): string {
  return text;
}
