import {
  type ContentBlock,
  type DocumentBlock,
  type ImageBlock,
  type ResultBlock,
} from '../../content/messages.ts';
import { imageFacts } from '../../content/media.ts';
import type { ConformedCall, ModelCall } from '../../gateways/ports.ts';
import type { Model } from '../../pricing/modelCatalogue.ts';
import { claudeVersion, modelKind } from '../../pricing/modelFamily.ts';
import { conformTo, type ServiceRules } from '../rules/conform.ts';
import { claude } from '../rules/families.ts';
import { mappedMedia } from '../rules/media.ts';
import { refused } from '../rules/refused.ts';

const mostImages = 100;
/** In base64 an image may have 5 MB. */
const mostImageBytes = 3_932_160;
const mostImagePixels = 8_000;
/** Media types of documents that are sent as their text. */
const texts: readonly string[] = ['text/plain', 'text/markdown', 'text/csv', 'text/html'];

/** The rules of Anthropic's API reference for version 2023-06-01. */
const anthropicRules: ServiceRules = {
  name: 'Anthropic',
  familyOf: (model) =>
    claude(claudeVersion(modelKind({ modelId: model.baseId, name: model.name })) ?? Infinity),
  turnsWithMedia: (turns, { supports }, adjust) =>
    mappedMedia(turns, {
      mostImages: supports['vision'] === false ? 0 : mostImages,
      image: (block) => checkedImage(block, adjust),
      document: checkedDocument,
      text: (block) => withOwnCitations(block, adjust),
    }),
  mostStopSequences: 2_500,
  guardrails: false,
  ownFields: new Set([
    ...['stream', 'tools', 'tool_choice', 'stop_sequences', 'temperature', 'top_p', 'metadata'],
    // Tools of the server are billed by use, and containers by time.
    ...['mcp_servers', 'container', 'context_management'],
  ]),
};

/** A call in the form that Anthropic's Messages takes for a model. Throws `invalid_request`, naming the rule. */
export function conformToAnthropic(call: ModelCall, model: Model): ConformedCall {
  return conformTo(anthropicRules, call, model);
}

/** An image that Anthropic takes, under the type that it is. */
function checkedImage(block: ImageBlock, adjust: (sentence: string) => void): ImageBlock {
  const facts = imageFacts(block.source.data);
  if (!facts) throw refused('an image must be a whole PNG, JPEG, GIF or WebP');
  const bytes = Buffer.byteLength(block.source.data, 'base64');
  if (bytes > mostImageBytes)
    throw refused(`an image has at most ${mostImageBytes} bytes, and one has ${bytes}`, 'Scale it down.');
  const { width, height, type } = facts;
  if (Math.max(width, height) > mostImagePixels)
    throw refused(
      `an image has at most ${mostImagePixels} pixels a side, and one has ${width} × ${height}`,
      'Scale it down.',
    );
  if (type === block.source.media_type) return block;
  adjust('An image was sent under the type that its bytes have.');
  return { ...block, source: { ...block.source, media_type: type } };
}

/** PDFs go as they are, and other texts as plain ones. */
function checkedDocument(block: DocumentBlock): DocumentBlock {
  const { source } = block;
  if (source.data === '') throw refused('a document must not be empty');
  if (source.type === 'text' || source.media_type === 'application/pdf') return block;
  if (!texts.includes(source.media_type))
    throw refused(`it takes no documents of the type ${source.media_type}`, 'Send a PDF or its text.');
  const data = Buffer.from(source.data, 'base64').toString('utf8');
  return { ...block, source: { type: 'text', media_type: 'text/plain', data } };
}

/** Citations in the form of another service would be refused. */
function withOwnCitations<Block extends ContentBlock | ResultBlock>(
  block: Block,
  adjust: (sentence: string) => void,
): Block {
  if (block.type !== 'text' || !block.citations?.length) return block;
  if (block.citations.every(({ type }) => typeof type === 'string')) return block;
  adjust('Citations of another service were left out.');
  return { ...block, citations: null };
}
