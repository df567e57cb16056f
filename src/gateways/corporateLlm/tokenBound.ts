import {
  blocksOf,
  type ContentBlock,
  type DocumentBlock,
  type JsonObject,
  type RequestContent,
  type ResultBlock,
} from '../../content/messages.ts';
import { imageFacts, pdfPages } from '../../content/media.ts';
import { GatewayError } from '../../errors.ts';
import type { Model } from '../../pricing/modelCatalogue.ts';
import { boundOfBytes } from '../../utf8Text.ts';
import { claudeVersion, modelKind, type ModelKind } from '../../pricing/modelFamily.ts';

/** Roles, separators and other framing that a provider adds around each message. */
const framingPerMessage = 16;
const framingPerCall = 64;
/**
 * A provider's framing of tools and answer schemas: up to 651 tokens beyond their JSON in 230 recorded
 * calls of Claude and Nova.
 */
const framingOfTools = 1_000;
/** The same for each tool, document and non-text block. */
const framingPerPart = 32;
/** Tokens per PDF page, by Anthropic's guide to PDF support: 1,500 to 3,000. */
const textOfPage = 3_000;

/**
 * An upper bound of the tokens in a text. Byte-level tokenizers never make more tokens than there are UTF-8 bytes;
 * those that normalise first (NFKC, as Anthropic's published one) never more than the normalised text has.
 */
export function textTokenBound(text: string): number {
  return boundOfBytes(text);
}

/** An upper bound of the input tokens of a call. Throws `invalid_request` for content without a known bound. */
export function inputTokenBound(content: RequestContent, model: Model): number {
  const kind = modelKind({ modelId: model.baseId, name: model.name });
  const of = new PartBound(model, kind);
  const system = content.system ?? '';
  const { messages, tools = [], output_schema: output, additional_fields: fields } = content;
  return [
    framingPerCall,
    ...(typeof system === 'string' ? [textTokenBound(system)] : system.map((block) => of.block(block))),
    ...messages.map((message) => framingPerMessage + of.blocks(blocksOf(message.content))),
    tools.length > 0 || output ? framingOfTools : 0,
    ...tools.map(({ name, description = '', input_schema: schema }) =>
      sum([framingPerPart, textTokenBound(name + description), jsonBound(schema)]),
    ),
    output ? textTokenBound((output.name ?? '') + (output.description ?? '')) + jsonBound(output.schema) : 0,
    fields ? jsonBound(fields) : 0,
  ].reduce((all, one) => all + one, 0);
}

function sum(parts: readonly number[]): number {
  return parts.reduce((all, one) => all + one, 0);
}

function jsonBound(value: JsonObject): number {
  return textTokenBound(JSON.stringify(value));
}

/** Bounds of the parts of a message for one model. */
class PartBound {
  readonly #model: Model;
  readonly #kind: ModelKind;

  constructor(model: Model, kind: ModelKind) {
    this.#model = model;
    this.#kind = kind;
  }

  blocks(blocks: readonly (ContentBlock | ResultBlock)[]): number {
    return sum(blocks.map((block) => this.block(block)));
  }

  block(block: ContentBlock | ResultBlock): number {
    switch (block.type) {
      case 'text':
        return (
          textTokenBound(block.text) + (block.citations ? textTokenBound(JSON.stringify(block.citations)) : 0)
        );
      case 'image':
        return framingPerPart + imageBound(block.source.data, this.#kind);
      case 'document':
        return framingPerPart + this.#document(block);
      case 'json':
        return jsonBound(block.json);
      case 'tool_use':
        return framingPerPart + textTokenBound(block.id + block.name) + jsonBound(block.input);
      case 'tool_result': {
        const { content = '', tool_use_id: id } = block;
        const inside = typeof content === 'string' ? textTokenBound(content) : this.blocks(content);
        return framingPerPart + textTokenBound(id) + inside;
      }
      case 'thinking':
        // The signature contains all of the reasoning; the text may be only a summary.
        return textTokenBound(block.thinking) + (block.signature?.length ?? 0);
      case 'redacted_thinking':
        return block.data.length;
    }
  }

  #document({ source, title, context, citations }: DocumentBlock): number {
    const around = textTokenBound((title ?? '') + (context ?? ''));
    // A cited text is split into numbered sentences.
    const cited = citations?.enabled ? 2 : 1;
    if (source.type === 'text') return around + cited * textTokenBound(source.data);
    switch (source.media_type) {
      case 'text/plain':
      case 'text/markdown':
      case 'text/csv':
      case 'text/html':
        return around + cited * textTokenBound(Buffer.from(source.data, 'base64').toString('utf8'));
      case 'application/pdf': {
        const pages = pdfPages(source.data);
        const ofPage = textOfPage + mostOfImage(this.#kind);
        return (
          around + (pages === null ? this.#contextWindow() : Math.min(pages * ofPage, this.#contextWindow()))
        );
      }
      // Only the provider knows the size of their unpacked text.
      default:
        return around + this.#contextWindow();
    }
  }

  /** A model never reads more than its context. */
  #contextWindow(): number {
    const { maxInputTokens, name } = this.#model;
    if (maxInputTokens !== null) return maxInputTokens;
    throw new GatewayError(
      'invalid_request',
      `The cost of such a document is unknown for ${name}, because its context size is unknown.`,
      { hint: 'Send its text, or use a model of the price table.' },
    );
  }
}

/** Pixels per token along a side, and maximum tokens per image, as published by the vendor or measured. */
interface ImageRule {
  patch: number | null;
  most: number;
}

/** Tokens of an image by model family; undefined if unpublished. */
function imageRule(kind: ModelKind): ImageRule | undefined {
  const { family, bareId } = kind;
  const version = claudeVersion(kind);
  // docs.claude.com, "Vision": an image is scaled down to 1,600 tokens at most, and from 4.7 on to 4,784.
  if (version !== null) return { patch: 28, most: version >= 4.7 ? 5_000 : 1_600 };
  // Amazon Nova user guide, "Image understanding": the most expensive listed size.
  if (family === 'nova') return { patch: null, most: bareId.includes('nova-2') ? 5_000 : 2_600 };
  // Llama 4: at most 16 tiles of 145 tokens and one of the whole (its published processor).
  if (family === 'llama') return { patch: null, most: 3_000 };
  // Pixtral and Mistral: at most 64 × 64 patches of 16 pixels with an end for each row (their published processor).
  if (['pixtral', 'mistral', 'magistral', 'ministral'].includes(family)) return { patch: null, most: 4_200 };
  // Qwen-VL: 28 pixels a token and 16,384 at most (its published processor).
  if (family === 'qwen') return { patch: 28, most: 16_384 };
  // OpenAI's guide to vision: 4o-mini counts 5,667 for each of at most 8 tiles; others at most 10,000 patches, times 2.46.
  if (/^(gpt|o\d|chatgpt)/.test(bareId))
    return { patch: null, most: bareId.startsWith('gpt-4o-mini') ? 49_000 : 25_000 };
  // Gemma 3: 256 tokens for the image and for each of the four crops of pan and scan.
  if (family === 'gemma') return { patch: null, most: 1_300 };
  return undefined;
}

/** Additional tokens for the start and end of an image. */
const framingOfImage = 8;

function imageBound(data: string, kind: ModelKind): number {
  const rule = imageRule(kind);
  if (!rule) throw noImageRule(kind);
  const facts = imageFacts(data);
  if (!facts || rule.patch === null) return rule.most;
  const { width, height } = facts;
  const patches = Math.ceil(width / rule.patch) * Math.ceil(height / rule.patch);
  // Older Claude models count width × height / 750, which is a little more.
  const area = Math.ceil((width * height) / 750);
  return framingOfImage + Math.min(rule.most, Math.max(patches, area));
}

function mostOfImage(kind: ModelKind): number {
  return imageRule(kind)?.most ?? 0;
}

function noImageRule({ bareId }: ModelKind): GatewayError {
  return new GatewayError(
    'invalid_request',
    `The cost of an image is unknown for ${bareId}, so none can be sent.`,
    {
      hint: 'Use a Claude, GPT, Nova, Llama, Mistral, Qwen or Gemma model that takes images.',
    },
  );
}
