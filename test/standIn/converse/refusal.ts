import { isSignatureOf } from './answers.ts';
import {
  claudeVersionOf,
  familyOf,
  type CachePoint,
  type ConverseRequest,
  type WireBlock,
} from './request.ts';

/** What Bedrock would say no to in a request for a model, in its words or near them; null for one that it takes. */
export function refusalOf(modelId: string, request: ConverseRequest): string | null {
  const family = familyOf(modelId);
  for (const rule of rules) {
    const message = rule(request, family, modelId);
    if (message !== null) return message;
  }
  return null;
}

type Rule = (request: ConverseRequest, family: string, modelId: string) => string | null;
type Turn = { role?: string; content?: WireBlock[] };

const turnsOf = ({ messages = [] }: ConverseRequest): Turn[] => messages;
const blocksOf = (request: ConverseRequest): WireBlock[] =>
  turnsOf(request).flatMap(({ content = [] }) => content);
const kindsOf = (turn: Turn): string[] => (turn.content ?? []).flatMap((block) => Object.keys(block));
const first = <T>(items: readonly T[], check: (item: T) => string | null): string | null => {
  for (const item of items) {
    const message = check(item);
    if (message !== null) return message;
  }
  return null;
};

const rules: readonly Rule[] = [
  (request, family) => {
    const turns = turnsOf(request);
    if (turns.length === 0) return 'A conversation must have a message.';
    const leads = ['anthropic.claude', 'qwen', 'zai', 'moonshot'].includes(family);
    if (turns[0]?.role !== 'user' && !leads) return 'A conversation must start with a user message.';
    return first(turns, (turn) =>
      !['user', 'assistant'].includes(turn.role ?? '') || !turn.content?.length
        ? 'The content field in the Message object is empty.'
        : turns[turns.indexOf(turn) + 1]?.role === turn.role
          ? 'A conversation must alternate between user and assistant roles.'
          : null,
    );
  },
  (request) => {
    const texts = [
      ...(request.system ?? []),
      ...blocksOf(request),
      ...blocksOf(request).flatMap((block) => block.toolResult?.content ?? []),
    ];
    return first(texts, ({ text }) =>
      text?.trim() === '' ? 'The text field in the ContentBlock object is blank.' : null,
    );
  },
  (request) =>
    first([...blocksOf(request), ...(request.system ?? [])], (block) =>
      Object.keys(block).length === 1 ? null : 'A block must have one member.',
    ),
  (request, family) =>
    request.system && family === 'amazon.titan' ? "This model doesn't support the system field." : null,
  // Tools.
  (request, family) => {
    const { tools, toolChoice } = request.toolConfig ?? {};
    if (request.toolConfig && !tools?.length) return 'toolConfig.tools must have at least 1 item.';
    const specs = (tools ?? []).flatMap(({ toolSpec }) => toolSpec ?? []);
    const names = specs.map(({ name = '' }) => name);
    if (new Set(names).size !== names.length) return 'The tool names must be unique.';
    const wrong = first(specs, ({ name = '', description, inputSchema }) => {
      if (!/^[a-zA-Z0-9_-]{1,64}$/.test(name)) return `toolSpec.name ${name} failed to satisfy constraint.`;
      if (description?.trim() === '') return 'toolSpec.description must have length at least 1.';
      return (inputSchema?.json as { type?: unknown } | undefined)?.type === 'object'
        ? null
        : 'inputSchema.json.type must be object.';
    });
    if (wrong !== null) return wrong;
    const choice = Object.keys(toolChoice ?? {})[0];
    const allowed: Record<string, string[]> = { 'meta.llama': ['auto'], mistral: ['auto', 'any'], qwen: [] };
    if (choice && !(allowed[family] ?? ['auto', 'any', 'tool']).includes(choice))
      return `This model doesn't support the toolConfig.toolChoice.${choice} field.`;
    if (choice === 'tool' && !names.includes(toolChoice?.tool?.name ?? ''))
      return 'The tool that was chosen is not defined.';
    const used = blocksOf(request).some((block) => block.toolUse ?? block.toolResult);
    return used && !tools?.length
      ? 'The toolConfig field must be defined when using toolUse and toolResult content blocks.'
      : null;
  },
  (request, family) => {
    const turns = turnsOf(request);
    const ids =
      family === 'mistral'
        ? /^[a-zA-Z0-9]{9}$/
        : family === 'anthropic.claude'
          ? /^[a-zA-Z0-9_-]{1,64}$/
          : /^[a-zA-Z0-9_.:-]{1,64}$/;
    return first(turns, (turn) => {
      const next = turns[turns.indexOf(turn) + 1];
      const before = turns[turns.indexOf(turn) - 1];
      const uses = (turn.content ?? []).flatMap(({ toolUse }) => toolUse ?? []);
      const results = (turn.content ?? []).flatMap(({ toolResult }) => toolResult ?? []);
      const answered = (next?.content ?? []).flatMap(({ toolResult }) => toolResult?.toolUseId ?? []);
      const asked = (before?.content ?? []).flatMap(({ toolUse }) => toolUse?.toolUseId ?? []);
      if (uses.some(({ input }) => typeof input !== 'object' || input === null))
        return 'toolUse.input is required.';
      if ([...uses, ...results].some(({ toolUseId = '' }) => !ids.test(toolUseId)))
        return 'toolUseId failed to satisfy constraint.';
      if (uses.some(({ toolUseId = '' }) => answered.filter((id) => id === toolUseId).length !== 1))
        return 'Expected toolResult blocks for the toolUse ids.';
      if (results.some(({ toolUseId = '' }) => !asked.includes(toolUseId)))
        return 'The number of toolResult blocks exceeds the number of toolUse blocks of previous turn.';
      if (results.some(({ content }) => !content?.length)) return 'toolResult.content must not be empty.';
      return results.length === 0 ? null : besideResults(turn, family);
    });
  },
  // Media.
  (request) => {
    const parts = blocksOf(request).flatMap((block) => [block, ...(block.toolResult?.content ?? [])]);
    const documents = parts.flatMap(({ document }) => document ?? []);
    if (parts.filter(({ image }) => image).length > 20) return 'Too many images.';
    if (documents.length > 5) return 'Too many documents.';
    const names = documents.map(({ name = '' }) => name);
    if (new Set(names).size !== names.length) return 'Document names must be unique.';
    return first(parts, ({ image, document }) => {
      if (image) return imageRefusal(image.format ?? '', Buffer.from(image.source?.bytes ?? '', 'base64'));
      if (!document) return null;
      const { name = '', source = {} } = document;
      const size = Buffer.byteLength(source.text ?? '') + Buffer.byteLength(source.bytes ?? '', 'base64');
      if (size === 0 || size > 4_500_000) return 'The document is empty or too large.';
      return /^[a-zA-Z0-9()[\]-]+(?: [a-zA-Z0-9()[\]-]+)*$/.test(name) && name.length <= 200
        ? null
        : `The document name ${name} is not valid.`;
    });
  },
  (request) =>
    first(turnsOf(request), (turn) => {
      const kinds = kindsOf(turn);
      if (kinds.includes('document') && !kinds.includes('text'))
        return 'A text content block is required with documents.';
      const own =
        turn.role === 'assistant'
          ? ['toolUse', 'reasoningContent', 'citationsContent']
          : ['image', 'document', 'toolResult'];
      const others =
        turn.role === 'assistant'
          ? ['image', 'document', 'toolResult']
          : ['toolUse', 'reasoningContent', 'citationsContent'];
      return own.length > 0 && kinds.some((kind) => others.includes(kind))
        ? `A block of this kind can't be in a turn of the ${turn.role}.`
        : null;
    }),
  cachePointRefusal,
  samplingRefusal,
  reasoningRefusal,
  (request, _family, modelId) => {
    const last = turnsOf(request).at(-1);
    if (last?.role !== 'assistant') return null;
    if (claudeVersionOf(modelId) >= 4.6) return 'This model does not support assistant message prefill.';
    return /\s$/.test(last.content?.at(-1)?.text ?? '')
      ? 'final assistant content cannot end with trailing whitespace'
      : null;
  },
  ({ inferenceConfig: { stopSequences = [] } = {} }) =>
    stopSequences.length > 2500 || stopSequences.some((one) => one.trim() === '')
      ? 'stopSequences failed to satisfy constraint.'
      : null,
  ({ outputConfig }) => {
    const schema = outputConfig?.textFormat?.structure?.jsonSchema?.schema;
    return outputConfig && typeof schema !== 'string'
      ? 'outputConfig.textFormat.structure.jsonSchema.schema must be a string.'
      : null;
  },
  ({ requestMetadata = {} }) =>
    Object.entries(requestMetadata).length > 16 ||
    Object.entries(requestMetadata)
      .flat()
      .some((one) => !/^[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}$/.test(one))
      ? 'requestMetadata failed to satisfy constraint.'
      : null,
];

function besideResults(turn: Turn, family: string): string | null {
  const kinds = kindsOf(turn).filter((kind) => kind !== 'cachePoint');
  if (kinds.lastIndexOf('toolResult') !== kinds.filter((kind) => kind === 'toolResult').length - 1)
    return 'toolResult blocks must come first.';
  const allowed: Record<string, string[]> = {
    'anthropic.claude': ['text', 'image'],
    'meta.llama': [],
    mistral: [],
  };
  const beside = [...(allowed[family] ?? ['text', 'image', 'document']), 'toolResult'];
  return kinds.every((kind) => beside.includes(kind))
    ? null
    : "A block of this kind can't stand beside toolResult for this model.";
}

const magic: Readonly<Record<string, RegExp>> = {
  png: /^\x89PNG/,
  jpeg: /^\xff\xd8\xff/,
  gif: /^GIF8/,
  webp: /^RIFF.{4}WEBP/s,
};

function imageRefusal(format: string, bytes: Buffer): string | null {
  if (!magic[format]?.test(bytes.toString('latin1', 0, 12)))
    return 'The image format does not match the bytes.';
  if (bytes.length > 3_932_160) return 'image exceeds 5 MB maximum';
  const side = format === 'png' ? Math.max(bytes.readUInt32BE(16), bytes.readUInt32BE(20)) : 0;
  return side > 8000 ? 'image dimensions exceed max allowed size: 8000 pixels' : null;
}

function cachePointRefusal(request: ConverseRequest, family: string): string | null {
  const inTools = (request.toolConfig?.tools ?? []).flatMap(({ cachePoint }) => cachePoint ?? []);
  const content = [...(request.system ?? []), ...blocksOf(request)];
  const points: CachePoint[] = [...inTools, ...content.flatMap(({ cachePoint }) => cachePoint ?? [])];
  if (points.length === 0) return null;
  const caches = ['anthropic.claude', 'amazon.nova', 'amazon.nova-2'].includes(family);
  if (!caches || (inTools.length > 0 && family !== 'anthropic.claude'))
    return "This model doesn't support prompt caching here.";
  if (points.length > 4) return 'A maximum of 4 blocks with cache_control may be provided.';
  if (family !== 'anthropic.claude' && points.some(({ ttl }) => ttl))
    return "This model doesn't support the ttl field.";
  const short = points.findIndex(({ ttl }) => ttl !== '1h');
  if (short >= 0 && points.slice(short).some(({ ttl }) => ttl === '1h'))
    return 'A ttl of 1h must not come after a ttl of 5m.';
  return first(turnsOf(request), ({ content = [] }) =>
    first(content, (block) => {
      const before = content[content.indexOf(block) - 1];
      const other = before?.document && before.document.format !== 'pdf';
      return block.cachePoint && (!before || before.reasoningContent || other)
        ? 'A cache point can’t stand here.'
        : null;
    }),
  );
}

function samplingRefusal(
  { inferenceConfig = {} }: ConverseRequest,
  family: string,
  modelId: string,
): string | null {
  const { temperature, topP } = inferenceConfig;
  if (family !== 'anthropic.claude') return null;
  const version = claudeVersionOf(modelId);
  if (version >= 4.7 && (temperature !== undefined || topP !== undefined))
    return '`temperature` is deprecated for this model.';
  return version >= 4.1 && temperature !== undefined && topP !== undefined
    ? '`temperature` and `top_p` cannot both be specified for this model.'
    : null;
}

function reasoningRefusal(request: ConverseRequest, family: string, modelId: string): string | null {
  const signed = first(blocksOf(request), ({ reasoningContent }) => {
    if (!reasoningContent) return null;
    const { reasoningText, redactedContent } = reasoningContent;
    if (redactedContent) return null;
    return isSignatureOf(reasoningText?.signature ?? '', reasoningText?.text ?? '')
      ? null
      : 'Invalid `signature` in `thinking` block';
  });
  if (signed !== null) return signed;
  const {
    inferenceConfig: { temperature, maxTokens = 0 } = {},
    toolConfig,
    additionalModelRequestFields: fields = {},
  } = request;
  const thinking = fields['thinking'] as { type?: string; budget_tokens?: number } | undefined;
  if (family === 'amazon.nova-2' && fields['reasoningConfig'] && temperature !== undefined)
    return 'temperature is not supported with reasoning.';
  if (!thinking) return null;
  if (family !== 'anthropic.claude') return 'extraneous key [thinking] is not permitted';
  if (thinking.type === 'enabled' && claudeVersionOf(modelId) >= 4.7)
    return '"thinking.type.enabled" is not supported for this model.';
  if (thinking.type === 'adaptive' && claudeVersionOf(modelId) < 4.6)
    return 'adaptive thinking is not supported on this model';
  if (thinking.type === 'enabled' && (thinking.budget_tokens ?? 0) < 1024)
    return 'thinking.budget_tokens: Input should be greater than or equal to 1024';
  if (thinking.type === 'enabled' && (thinking.budget_tokens ?? 0) >= maxTokens)
    return '`max_tokens` must be greater than `thinking.budget_tokens`.';
  if (temperature !== undefined && temperature !== 1)
    return '`temperature` may only be set to 1 when thinking is enabled.';
  const forced = toolConfig?.toolChoice?.any ?? toolConfig?.toolChoice?.tool;
  return forced ? 'Thinking may not be enabled when tool_choice forces tool use.' : null;
}
