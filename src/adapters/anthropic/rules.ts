import { type ContentBlock, type DocumentBlock, type ResultBlock } from '../../content/messages.ts';
import type { ConformedCall, ModelCall } from '../../gateways/ports.ts';
import type { Model } from '../../pricing/modelCatalogue.ts';
import { claudeVersion, modelKind } from '../../pricing/modelFamily.ts';
import { conformTo, type ServiceRules } from '../rules/conform.ts';
import { claude } from '../rules/families.ts';
import { checkedImage, mappedMedia } from '../rules/media.ts';
import { refused } from '../rules/refused.ts';

const mostImages = 100;
/** In base64 an image may have 5 MB. */
const imageLimits = { mostBytes: 3_932_160, mostPixels: 8_000 };
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
      image: (block) => checkedImage(block, imageLimits, adjust),
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
