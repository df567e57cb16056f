import { bareIdOf } from '../pricing/modelCatalogue.ts';

/** What an embedding model takes, by Amazon's guide to its request. */
export interface EmbeddingModel {
  vendor: 'titan' | 'cohere';
  /** Texts in one call. */
  mostTexts: number;
  /** Characters in one text. */
  mostCharacters: number;
  /** Lengths of its vectors, the default first. */
  dimensions: readonly [number, ...number[]];
  /** Whether a call chooses if vectors have the length 1. */
  normalizes: boolean;
}

export const defaultEmbeddingModel = 'amazon.titan-embed-text-v2:0';

const titan = { vendor: 'titan', mostTexts: 1, mostCharacters: 50_000 } as const;
const cohere = { vendor: 'cohere', mostTexts: 96, normalizes: false } as const;
const cohere3: EmbeddingModel = { ...cohere, mostCharacters: 2_048, dimensions: [1024] };

const models: ReadonlyMap<string, EmbeddingModel> = new Map<string, EmbeddingModel>([
  [defaultEmbeddingModel, { ...titan, dimensions: [1024, 512, 256], normalizes: true }],
  ['amazon.titan-embed-text-v1', { ...titan, dimensions: [1536], normalizes: false }],
  ['cohere.embed-english-v3', cohere3],
  ['cohere.embed-multilingual-v3', cohere3],
  [
    'cohere.embed-v4:0',
    // The guide limits tokens, to 128,000; a token rarely has more than four characters of text.
    { ...cohere, mostCharacters: 512_000, dimensions: [1536, 1024, 512, 256] },
  ],
]);

/** What the model behind a base id takes; undefined for any that isn't known to make embeddings of texts. */
export function embeddingModel(baseId: string): EmbeddingModel | undefined {
  return models.get(bareIdOf(baseId));
}

export const embeddingModelIds = [...models.keys()];
