import type { EmbeddingOptions } from '../content/messages.ts';
import type { GatewayError } from '../errors.ts';
import type { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import { defaultEmbeddingModel, embeddingModel } from './embeddingModels.ts';
import type { LlmRequest, LlmResponse, ModelCalls } from './modelCalls.ts';

/** Texts to embed, as many as there are: calls of the size that the model takes are made of them. */
export interface EmbeddingRequest
  extends
    EmbeddingOptions,
    Pick<
      LlmRequest,
      'modelId' | 'userId' | 'auditReason' | 'useClass' | 'priority' | 'cache' | 'origin' | 'flow'
    > {
  texts: readonly string[];
}

export interface Embeddings {
  /** In the order of the texts; null for texts whose call failed or was not made. */
  vectors: readonly (readonly number[] | null)[];
  success: boolean;
  /** The first failure, after which no further calls were begun. */
  error: GatewayError | null;
  modelUsed: string;
  inputTokens: number;
  /** Micro-USD. */
  cost: bigint;
  /** Whether every vector comes from the cache. */
  cacheHit: boolean;
  simulated: boolean;
  /** The governed calls that were made, in the order of their texts; each has a record of its own. */
  calls: readonly LlmResponse[];
}

/** Calls of one request under way; the gateway limits those of all requests together. */
const callsAtOnce = 8;

/** Embeds texts with governed calls. MUST NOT reject if a call is refused or fails. */
export async function embed(
  { calls, catalogue }: EmbeddingGateway,
  asked: EmbeddingRequest,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Embeddings> {
  const modelId = asked.modelId ?? defaultEmbeddingModel;
  await catalogue.learn(modelId);
  const requests = requestsOf(catalogue, { ...asked, modelId });
  const made: LlmResponse[] = [];
  let error = null as GatewayError | null;
  let next = 0;
  const work = async (): Promise<void> => {
    for (;;) {
      const number = next++;
      const request = requests[number];
      if (!request || error !== null) return;
      const response = await calls.execute(request, signal ? { signal } : {});
      made[number] = response;
      error ??= response.error;
    }
  };
  await Promise.all(Array.from({ length: Math.min(callsAtOnce, requests.length) }, work));
  const all = made.filter(Boolean);
  const vectors = requests.flatMap(({ embedding: { texts } }, number) =>
    vectorsIn(made[number], texts.length),
  );
  return {
    vectors,
    success: error === null,
    error,
    modelUsed: all[0]?.modelUsed ?? modelId,
    inputTokens: all.reduce((sum, { tokenUsage }) => sum + tokenUsage.input, 0),
    cost: all.reduce((sum, { cost }) => sum + cost, 0n),
    cacheHit: all.every(({ cacheHit }) => cacheHit),
    simulated: all.some(({ simulated }) => simulated),
    calls: all,
  };
}

/**
 * The most that embedding texts can cost, micro-USD, with all calls that are made for them. Throws the `GatewayError` that
 * one of them would be refused with. The catalogue must have learned the model.
 */
export function embeddingWorstCase(
  { calls, catalogue }: EmbeddingGateway,
  { modelId = defaultEmbeddingModel, ...asked }: EmbeddingRequest,
): bigint {
  const requests = requestsOf(catalogue, { ...asked, modelId });
  return requests.reduce((sum, request) => sum + calls.worstCase(request), 0n);
}

interface EmbeddingGateway {
  calls: ModelCalls;
  catalogue: ModelCatalogue;
}

/** The calls for a request, each with as many texts as its model takes. */
function requestsOf(
  catalogue: ModelCatalogue,
  {
    texts,
    dimensions,
    normalize,
    input_type,
    ...common
  }: EmbeddingRequest & Required<Pick<EmbeddingRequest, 'modelId'>>,
): (LlmRequest & Required<Pick<LlmRequest, 'embedding'>>)[] {
  const size = embeddingModel(catalogue.baseIdOf(common.modelId))?.mostTexts ?? Infinity;
  return batchesOf(texts, size).map((batch) => ({
    ...common,
    embedding: {
      texts: batch,
      ...(dimensions !== undefined && { dimensions }),
      ...(normalize !== undefined && { normalize }),
      ...(input_type !== undefined && { input_type }),
    },
  }));
}

/** At least one, so that a request without texts is refused where all requests are. */
function batchesOf(texts: readonly string[], size: number): (readonly string[])[] {
  const batches: (readonly string[])[] = [];
  for (let start = 0; start < texts.length; start += size) batches.push(texts.slice(start, start + size));
  return batches.length === 0 ? [[]] : batches;
}

/** An answer's text is its vectors as JSON: `vectorsText` and this are the only ones who know. */
function vectorsIn(response: LlmResponse | undefined, count: number): (readonly number[] | null)[] {
  return response?.success
    ? (JSON.parse(response.content) as number[][])
    : Array.from({ length: count }, () => null);
}

/** How a back-end gives vectors as the text of an answer, so that they are hashed, kept, sealed and replayed like any. */
export function vectorsText(vectors: readonly (readonly number[])[]): string {
  return JSON.stringify(vectors);
}
