import { getTokenizer } from '@anthropic-ai/tokenizer';
import { claudeVersionOf, familyOf, type ConverseRequest, type WireBlock } from './request.ts';

/** Made once: it takes a third of a second. */
let tokenizer: ReturnType<typeof getTokenizer> | null = null;

function textTokens(text: string): number {
  if (text === '') return 0;
  tokenizer ??= getTokenizer();
  return tokenizer.encode(text.normalize('NFKC'), 'all').length;
}

/**
 * The input tokens of a request: its text by the tokenizer that Anthropic published, images and documents by the rules
 * of the providers' guides, and around tools the most that was seen of any model.
 */
export function countTokens(modelId: string, request: ConverseRequest): number {
  const { system = [], messages = [], toolConfig, outputConfig, additionalModelRequestFields } = request;
  const framing = 30 + 8 * messages.length;
  const schema = outputConfig?.textFormat?.structure?.jsonSchema?.schema;
  const tools = (toolConfig?.tools ?? []).map(({ toolSpec }) => textTokens(JSON.stringify(toolSpec ?? {})));
  const around = toolConfig || outputConfig ? 651 : 0;
  const blocks = [...system, ...messages.flatMap(({ content = [] }) => content)];
  return [
    framing,
    around,
    ...tools,
    typeof schema === 'string' ? textTokens(schema) : 0,
    additionalModelRequestFields ? 8 : 0,
    ...blocks.map((block) => blockTokens(modelId, block)),
  ].reduce((sum, one) => sum + one, 0);
}

function blockTokens(modelId: string, block: WireBlock): number {
  if (block.text !== undefined) return textTokens(block.text);
  if (block.json !== undefined) return textTokens(JSON.stringify(block.json));
  if (block.image) return imageTokens(modelId, Buffer.from(block.image.source?.bytes ?? '', 'base64'));
  if (block.document) return documentTokens(modelId, block.document);
  if (block.toolUse) return textTokens(JSON.stringify(block.toolUse));
  if (block.toolResult)
    return 10 + (block.toolResult.content ?? []).reduce((sum, one) => sum + blockTokens(modelId, one), 0);
  if (block.citationsContent) return textTokens(JSON.stringify(block.citationsContent));
  const { reasoningText, redactedContent = '' } = block.reasoningContent ?? {};
  return textTokens(reasoningText?.text ?? '') + Math.ceil(redactedContent.length / 4);
}

/** Models that look at pages of a document, with what an image costs them at most. */
const mostOfImage: Readonly<Record<string, number>> = {
  'amazon.nova': 2_600,
  'amazon.nova-2': 2_600,
  'meta.llama': 1_480,
  mistral: 1_480,
  qwen: 16_384,
};

/** Sizes are read of PNG alone, which is what tests send; others cost the most. */
function imageTokens(modelId: string, bytes: Buffer): number {
  const family = familyOf(modelId);
  const claude = claudeVersionOf(modelId) >= 4.7 ? 4_784 : 1_600;
  const most = family === 'anthropic.claude' ? claude : (mostOfImage[family] ?? 0);
  const bySize = family === 'anthropic.claude' || family === 'qwen';
  if (!bySize || bytes.toString('latin1', 1, 4) !== 'PNG') return most;
  return Math.min(most, Math.ceil(bytes.readUInt32BE(16) / 28) * Math.ceil(bytes.readUInt32BE(20) / 28));
}

function documentTokens(
  modelId: string,
  { format, source = {}, context = '', name = '', citations }: NonNullable<WireBlock['document']>,
): number {
  const around = 20 + textTokens(name + context);
  if (format === 'pdf') {
    const text = Buffer.from(source.bytes ?? '', 'base64').toString('latin1');
    const pages = [...text.matchAll(/\/Type\s*\/Page\b(?!s)/g)].length;
    // Where it may be cited, each page is seen as well as read.
    return around + pages * (3_000 + (citations?.enabled ? imageTokens(modelId, Buffer.alloc(0)) : 0));
  }
  const text = source.text ?? Buffer.from(source.bytes ?? '', 'base64').toString('utf8');
  return around + textTokens(text);
}
