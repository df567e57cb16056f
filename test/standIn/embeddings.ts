import { createHash } from 'node:crypto';

/** The body of InvokeModel for an embedding model, as it arrives. */
export interface EmbeddingBody {
  inputText?: unknown;
  dimensions?: unknown;
  normalize?: unknown;
  embeddingTypes?: unknown;
  texts?: unknown;
  input_type?: unknown;
  truncate?: unknown;
  embedding_types?: unknown;
  output_dimension?: unknown;
}

/** What Bedrock answers, and the tokens that it counts in a header; or why it refuses. */
export type EmbeddingReply = { reply: Record<string, unknown>; tokens: number } | { refusal: string };

interface Takes {
  keys: readonly (keyof EmbeddingBody)[];
  dimensions: readonly number[];
  mostCharacters: number;
  truncate?: readonly string[];
}

/** By the pages of Bedrock's user guide on the request of each model. */
const models: Readonly<Record<string, Takes>> = {
  'amazon.titan-embed-text-v1': { keys: ['inputText'], dimensions: [1536], mostCharacters: 50_000 },
  'amazon.titan-embed-text-v2:0': {
    keys: ['inputText', 'dimensions', 'normalize', 'embeddingTypes'],
    ...{ dimensions: [1024, 512, 256], mostCharacters: 50_000 },
  },
  'cohere.embed-english-v3': cohere3(),
  'cohere.embed-multilingual-v3': cohere3(),
  'cohere.embed-v4:0': {
    keys: ['texts', 'input_type', 'truncate', 'embedding_types', 'output_dimension'],
    ...{ dimensions: [1536, 1024, 512, 256], mostCharacters: 512_000, truncate: ['NONE', 'LEFT', 'RIGHT'] },
  },
};

function cohere3(): Takes {
  return {
    keys: ['texts', 'input_type', 'truncate', 'embedding_types'],
    ...{ dimensions: [1024], mostCharacters: 2048, truncate: ['NONE', 'START', 'END'] },
  };
}

export function replyToEmbedding(modelId: string, body: EmbeddingBody): EmbeddingReply {
  const id = modelId.replace(/^(us|eu|global)\./, '');
  const takes = models[id];
  if (!takes) return { refusal: 'The provided model identifier is invalid.' };
  const extraneous = Object.keys(body).find((key) => !takes.keys.includes(key as keyof EmbeddingBody));
  if (extraneous !== undefined)
    return { refusal: `Malformed input request: #: extraneous key [${extraneous}] is not permitted` };
  const fault = id.startsWith('amazon.') ? faultOfTitan(body, takes) : faultOfCohere(body, takes);
  if (fault !== null) return { refusal: `Malformed input request: ${fault}` };
  const texts = textsIn(body);
  const dimensions = Number(body.dimensions ?? body.output_dimension ?? takes.dimensions[0]);
  const vectors = texts.map((text) => vectorOf(text, dimensions, body.normalize !== false));
  const tokens = texts.reduce((sum, text) => sum + Math.ceil(text.length / 4), 0);
  if (id.startsWith('cohere.'))
    return {
      tokens,
      reply: body.embedding_types
        ? { id: 'stand-in', texts, embeddings: { float: vectors }, response_type: 'embeddings_by_type' }
        : { id: 'stand-in', texts, embeddings: vectors, response_type: 'embeddings_floats' },
    };
  const [embedding] = vectors;
  const byType = takes.dimensions.length > 1 ? { embeddingsByType: { float: embedding } } : {};
  return { tokens, reply: { embedding, inputTextTokenCount: tokens, ...byType } };
}

/** The texts of a request, for directives in them. */
export function textsIn({ inputText, texts }: EmbeddingBody): string[] {
  const all: unknown[] = Array.isArray(texts) ? texts : [inputText];
  return all.filter((text) => typeof text === 'string');
}

function faultOfTitan({ inputText, dimensions, normalize }: EmbeddingBody, takes: Takes): string | null {
  if (typeof inputText !== 'string' || inputText === '') return '#: required key [inputText] not found';
  if (inputText.length > takes.mostCharacters) return '#/inputText: expected maxLength: 50000';
  if (dimensions !== undefined && !takes.dimensions.includes(Number(dimensions)))
    return '#/dimensions: is not a valid enum value';
  return normalize === undefined || typeof normalize === 'boolean' ? null : '#/normalize: expected boolean';
}

function faultOfCohere(body: EmbeddingBody, { dimensions, mostCharacters, truncate }: Takes): string | null {
  const { texts, input_type: type, output_dimension: dimension } = body;
  if (!Array.isArray(texts) || texts.length === 0) return '#: required key [texts] not found';
  if (texts.length > 96) return `#/texts: expected maximum item count: 96, found: ${texts.length}`;
  if (textsIn(body).some((text) => text.length > mostCharacters))
    return '#/texts/0: expected maxLength: 2048';
  if (!['search_document', 'search_query', 'classification', 'clustering'].includes(String(type)))
    return '#/input_type: is not a valid enum value';
  if (body.truncate !== undefined && !truncate?.some((one) => one === body.truncate))
    return '#/truncate: is not a valid enum value';
  return dimension === undefined || dimensions.includes(Number(dimension))
    ? null
    : '#/output_dimension: is not a valid enum value';
}

/** Any vector, and for the same text the same. */
function vectorOf(text: string, dimensions: number, normalize: boolean): number[] {
  const seed = createHash('sha256').update(text).digest();
  const numbers = Array.from(
    { length: dimensions },
    (_, at) => Math.sin((seed.readUInt32BE(4 * (at % 8)) % 1000) + at) / 3,
  );
  const length = normalize ? Math.hypot(...numbers) : 1;
  return numbers.map((number) => number / length);
}
