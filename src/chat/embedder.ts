import type { EmbeddingRequest, Embeddings } from '../gateways/embeddings.ts';

/** A model that makes vectors of texts, through governed calls. */
export interface Embedder {
  model: string;
  /** The service that the model is of: vectors of different services can't be compared. */
  service: string;
  embed: (request: EmbeddingRequest, options: { signal: AbortSignal }) => Promise<Embeddings>;
  /** The most that a request can cost, micro-USD. Throws the `GatewayError` that it is refused with. */
  worstCase: (request: EmbeddingRequest) => bigint;
  /** What is left of today's limit, micro-USD. Throws `GatewayError`. */
  remaining: () => Promise<bigint>;
}
