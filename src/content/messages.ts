import * as z from 'zod';

/**
 * The messages to and from a model, as in files, in the journal's content and in `--json`.
 * The names are those of Anthropic's Messages API, which most tools write; a result in JSON is ours.
 */

/** JSON as it is parsed: no undefined, no NaN, no instances of classes. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** Deeper than anything that people or models write. */
const mostDepth = 64;

/** Whether a value is JSON, not too deep to be handled safely. */
export function isJson(value: unknown, depth = mostDepth): value is Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || depth === 0) return false;
  if (Array.isArray(value)) return value.every((one) => isJson(one, depth - 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every((one) => isJson(one, depth - 1));
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && isJson(value);
}

const jsonObject = z.custom<JsonObject>(
  isJsonObject,
  `must be a JSON object, at most ${mostDepth} levels deep`,
);

/** Base64 with its padding and no line breaks: one text per sequence of bytes, so that it round-trips unchanged. */
function isBase64(text: string): boolean {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return false;
  return Buffer.from(text.slice(-4), 'base64').toString('base64') === text.slice(-4);
}
const base64 = z.string().check(z.refine(isBase64, 'must be base64 with padding, on one line'));

/** A point up to which a provider may cache its input: the end of a block. */
const cacheControl = z.strictObject({
  type: z.literal('ephemeral'),
  /** How long it keeps; left out, five minutes. */
  ttl: z.optional(z.enum(['5m', '1h'])),
});
export type CacheControl = z.infer<typeof cacheControl>;
const cached = { cache_control: z.optional(cacheControl) };

export const imageTypes = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
export type ImageType = (typeof imageTypes)[number];

/** Media types of documents, with Converse's names for them. */
export const documentFormats = {
  'application/pdf': 'pdf',
  'text/plain': 'txt',
  'text/markdown': 'md',
  'text/csv': 'csv',
  'text/html': 'html',
  'application/msword': 'doc',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
  'application/vnd.ms-excel': 'xls',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
} as const;
export type DocumentType = keyof typeof documentFormats;
const documentTypes = Object.keys(documentFormats) as [DocumentType, ...DocumentType[]];

const textBlock = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  /** Of an answer: the source of each statement, as the provider gives it. */
  citations: z.optional(z.nullable(z.array(jsonObject))),
  ...cached,
});
const imageBlock = z.strictObject({
  type: z.literal('image'),
  source: z.strictObject({
    type: z.literal('base64'),
    // `image/jpg` is no media type, but many write it.
    media_type: z.preprocess((type) => (type === 'image/jpg' ? 'image/jpeg' : type), z.enum(imageTypes)),
    data: base64,
  }),
  ...cached,
});
const documentBlock = z.strictObject({
  type: z.literal('document'),
  title: z.optional(z.nullable(z.string())),
  /** A description for the model; not cited. */
  context: z.optional(z.nullable(z.string())),
  citations: z.optional(z.nullable(z.strictObject({ enabled: z.boolean() }))),
  source: z.union([
    z.strictObject({ type: z.literal('base64'), media_type: z.enum(documentTypes), data: base64 }),
    z.strictObject({ type: z.literal('text'), media_type: z.literal('text/plain'), data: z.string() }),
  ]),
  ...cached,
});
const thinkingBlock = z.strictObject({
  type: z.literal('thinking'),
  thinking: z.string(),
  /** The provider's proof that it is unchanged; goes back byte for byte. */
  signature: z.optional(z.string()),
});
/** Reasoning that only the provider can read. */
const redactedThinkingBlock = z.strictObject({ type: z.literal('redacted_thinking'), data: base64 });
const toolUseBlock = z.strictObject({
  type: z.literal('tool_use'),
  id: z.string(),
  name: z.string(),
  input: jsonObject,
  ...cached,
});
const jsonBlock = z.strictObject({ type: z.literal('json'), json: jsonObject });
const resultBlock = z.discriminatedUnion('type', [textBlock, imageBlock, documentBlock, jsonBlock]);
const toolResultBlock = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: z.optional(z.union([z.string(), z.array(resultBlock)])),
  is_error: z.optional(z.boolean()),
  ...cached,
});
const contentBlock = z.discriminatedUnion('type', [
  textBlock,
  imageBlock,
  documentBlock,
  toolUseBlock,
  toolResultBlock,
  thinkingBlock,
  redactedThinkingBlock,
]);
export type TextBlock = z.infer<typeof textBlock>;
export type ImageBlock = z.infer<typeof imageBlock>;
export type DocumentBlock = z.infer<typeof documentBlock>;
export type ThinkingBlock = z.infer<typeof thinkingBlock>;
export type RedactedThinkingBlock = z.infer<typeof redactedThinkingBlock>;
export type ToolUseBlock = z.infer<typeof toolUseBlock>;
export type ToolResultBlock = z.infer<typeof toolResultBlock>;
export type ResultBlock = z.infer<typeof resultBlock>;
export type ContentBlock = z.infer<typeof contentBlock>;

/** One turn. A turn of the role `system` is read as the user's, in its place. */
const chatMessage = z.strictObject({
  role: z.enum(['user', 'assistant', 'system']),
  content: z.union([z.string(), z.array(contentBlock)]),
});
export type ChatMessage = z.infer<typeof chatMessage>;

/** Something that the model may ask its caller to do. */
const tool = z.strictObject({
  name: z.string().check(z.minLength(1), z.maxLength(1000)),
  description: z.optional(z.string()),
  /** JSON schema of its input. */
  input_schema: jsonObject,
  ...cached,
});
export type Tool = z.infer<typeof tool>;

const toolChoice = z.discriminatedUnion('type', [
  z.strictObject({ type: z.enum(['auto', 'any', 'none']) }),
  z.strictObject({ type: z.literal('tool'), name: z.string() }),
]);
export type ToolChoice = z.infer<typeof toolChoice>;

export const reasoningEfforts = ['low', 'medium', 'high'] as const;
/** How much a model thinks before it answers: as a word, or in tokens of its answer. */
const reasoning = z.union([
  z.strictObject({ effort: z.enum(reasoningEfforts) }),
  z.strictObject({ budget_tokens: z.int().min(1) }),
]);
export type Reasoning = z.infer<typeof reasoning>;

/** The form that an answer must have. */
const outputSchema = z.strictObject({
  name: z.optional(
    z.string().check(z.regex(/^[a-zA-Z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -')),
  ),
  description: z.optional(z.string()),
  schema: jsonObject,
});
export type OutputSchema = z.infer<typeof outputSchema>;

const guardrail = z.strictObject({
  id: z.string().check(z.minLength(1)),
  version: z.string().check(z.minLength(1)),
});
export type Guardrail = z.infer<typeof guardrail>;

export const jsonObjectForm = jsonObject;
export const messagesForm = z.array(chatMessage);
export const toolsForm = z.array(tool);
export const systemForm = z.union([z.string(), z.array(textBlock)]);
export const toolChoiceForm = toolChoice;
export const reasoningForm = reasoning;
export const outputSchemaForm = outputSchema;

export const embeddingInputTypes = [
  'search_document',
  'search_query',
  'classification',
  'clustering',
] as const;
/** What vectors of texts are to be like. Left out, the model's default applies. */
const embedding = z.strictObject({
  /** Length of each vector. */
  dimensions: z.optional(z.int().min(1)),
  /** Whether each vector has the Euclidean length 1. */
  normalize: z.optional(z.boolean()),
  /** What the vectors are for, for models that distinguish it. */
  input_type: z.optional(z.enum(embeddingInputTypes)),
});
export type EmbeddingOptions = z.infer<typeof embedding>;

/** A model's request, as it is hashed and kept. Options that are not set are left out. */
export const requestContentForm = z.strictObject({
  system: z.nullable(systemForm),
  messages: messagesForm,
  tools: z.optional(toolsForm),
  tool_choice: z.optional(toolChoice),
  stop_sequences: z.optional(z.array(z.string())),
  top_p: z.optional(z.number()),
  reasoning: z.optional(reasoning),
  output_schema: z.optional(outputSchema),
  guardrail: z.optional(guardrail),
  additional_fields: z.optional(jsonObject),
  /** If set, each message is a text to embed, and the answer is their vectors. */
  embedding: z.optional(embedding),
});
export type RequestContent = z.infer<typeof requestContentForm>;

/** A turn of the model, as it is kept. */
export const answerContentForm = z.union([z.string(), z.array(contentBlock)]);
export type AnswerContent = z.infer<typeof answerContentForm>;

/** The blocks of a turn; a text alone is one. */
export function blocksOf(content: ChatMessage['content']): readonly ContentBlock[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

/** Whether a turn has nothing but blank text. */
export function isBlank(content: ChatMessage['content']): boolean {
  return blocksOf(content).every((block) => block.type === 'text' && block.text.trim() === '');
}

/** The text of a turn without anything else in it. */
export function textOf(content: ChatMessage['content']): string {
  return typeof content === 'string'
    ? content
    : content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

/** A single text block as a text: the shortest form, and the only one for it. */
export function shortest(blocks: readonly ContentBlock[]): ChatMessage['content'] {
  const [first, ...others] = blocks;
  const alone = first?.type === 'text' && others.length === 0 && !first.citations && !first.cache_control;
  return alone ? first.text : [...blocks];
}

/** As a payment card has: a shorter number isn't searched. */
const longNumber = 1e12;

/**
 * JSON with every text in it, names of members too, put through `change`, which is told the name beside a value. A number
 * of 13 and more digits is put through it as a text, and stays a number unless it changes.
 */
export function mapTexts<T extends Json>(value: T, change: (text: string, name?: string) => string): T {
  const mapped = (one: Json, name?: string): Json => {
    if (typeof one === 'string') return change(one, name);
    if (typeof one === 'number' && Number.isInteger(one) && Math.abs(one) >= longNumber) {
      const text = String(one);
      const changed = change(text, name);
      return changed === text ? one : changed;
    }
    if (one === null || typeof one !== 'object') return one;
    if (Array.isArray(one)) return one.map((item: Json) => mapped(item, name));
    return Object.fromEntries(Object.entries(one).map(([key, member]) => [change(key), mapped(member, key)]));
  };
  return mapped(value) as T;
}
