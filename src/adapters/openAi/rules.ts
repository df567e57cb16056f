import type {
  DocumentBlock,
  DocumentType,
  ImageBlock,
  RedactedThinkingBlock,
  ThinkingBlock,
} from '../../content/messages.ts';
import type { ConformedCall, ModelCall } from '../../gateways/ports.ts';
import type { Model } from '../../pricing/modelCatalogue.ts';
import { conformTo, type ServiceRules } from '../rules/conform.ts';
import { openAiSignature, usualFamily, type FamilyRules } from '../rules/families.ts';
import { checkedImage, mappedMedia } from '../rules/media.ts';
import { byTheRulesOf, refused } from '../rules/refused.ts';

const mostImages = 500;
const imageLimits = { mostBytes: 20_000_000 };
const mostDocumentBytes = 32_000_000;
const leastOutputTokens = 16;
/** Media types of documents that are sent as their text. */
export const texts: readonly DocumentType[] = ['text/plain', 'text/markdown', 'text/csv', 'text/html'];

/** Fields that both wires have of their own. */
const ownFields = [
  ...['stream', 'stream_options', 'store', 'tools', 'tool_choice', 'temperature', 'top_p', 'metadata'],
  // What the server keeps, adds or does by itself.
  ...['background', 'conversation', 'previous_response_id', 'prompt', 'include', 'web_search_options'],
  ...[
    'modalities',
    'audio',
    'prediction',
    'prompt_cache_retention',
    'prompt_cache_options',
    'context_management',
  ],
];

function familyWith(
  reasoning: FamilyRules['reasoning'],
  readsReasoning: FamilyRules['readsReasoning'],
): FamilyRules {
  return {
    ...usualFamily,
    assistantFirst: true,
    reasoning,
    sampledWhileReasoning: false,
    forcedWhileReasoning: true,
    readsReasoning,
    toolId: /^[a-zA-Z0-9_-]{1,64}$/,
  };
}

function isOpenAiReasoning(block: ThinkingBlock | RedactedThinkingBlock): boolean {
  return block.type === 'thinking' && openAiSignature.test(block.signature ?? '');
}

/** The rules of OpenAI's reference for Responses. */
const responsesRules: ServiceRules = {
  name: 'OpenAI',
  familyOf: ({ supports }) =>
    familyWith(supports['reasoning'] === true ? 'responses' : null, isOpenAiReasoning),
  turnsWithMedia: (turns, model, adjust) => mappedMedia(turns, mediaRules(model, adjust)),
  mostStopSequences: 0,
  guardrails: false,
  ownFields: new Set([...ownFields, 'input', 'instructions', 'text', 'max_tool_calls']),
};

/** A call in the form that Responses takes for a model. Throws `invalid_request`, naming the rule. */
export function conformToResponses(call: ModelCall, model: Model): ConformedCall {
  return byTheRulesOf(responsesRules.name, () => {
    if (call.maxTokens < leastOutputTokens) throw refused(`max_tokens must be at least ${leastOutputTokens}`);
    return conformTo(responsesRules, call, model);
  });
}

/** The rules of Chat Completions; servers that follow it may take less, and say so. */
function chatRules(name: string): ServiceRules {
  return {
    name,
    familyOf: ({ supports }) => familyWith(supports['reasoning'] === false ? null : 'effort', () => false),
    turnsWithMedia: (turns, model, adjust) => mappedMedia(turns, mediaRules(model, adjust)),
    mostStopSequences: 4,
    guardrails: false,
    ownFields: new Set([...ownFields, 'stop', 'response_format', 'functions', 'function_call', 'logit_bias']),
  };
}

/** The same for Chat Completions of the server with this name. */
export function conformToChat(name: string): (call: ModelCall, model: Model) => ConformedCall {
  const rules = chatRules(name);
  return (asked, model) => {
    const { call, adjustments } = conformTo(rules, asked, model);
    if (model.supports['reasoning'] !== true) return { call, adjustments };
    // Models of OpenAI that reason know their limit by this name alone; other servers know the older one.
    const limit = { max_completion_tokens: call.maxTokens };
    const additional_fields = { ...call.content.additional_fields, ...limit };
    return { call: { ...call, content: { ...call.content, additional_fields } }, adjustments };
  };
}

function mediaRules({ supports }: Model, adjust: (sentence: string) => void) {
  return {
    mostImages: supports['vision'] === false ? 0 : mostImages,
    image: (block: ImageBlock) => checkedImage(block, imageLimits, adjust),
    document: checkedDocument,
  };
}

function checkedDocument(block: DocumentBlock): DocumentBlock {
  const { source, citations } = block;
  if (source.data === '') throw refused('a document must not be empty');
  if (citations?.enabled) throw refused('it cites no documents', 'Leave citations out.');
  if (source.type === 'text' || texts.includes(source.media_type)) return block;
  if (source.media_type !== 'application/pdf')
    throw refused(`it takes no documents of the type ${source.media_type}`, 'Send a PDF or its text.');
  const bytes = Buffer.byteLength(source.data, 'base64');
  if (bytes > mostDocumentBytes)
    throw refused(
      `a document has at most ${mostDocumentBytes} bytes, and one has ${bytes}`,
      'Send a part of it.',
    );
  return block;
}
