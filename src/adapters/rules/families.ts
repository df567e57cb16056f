import type { RedactedThinkingBlock, ThinkingBlock } from '../../content/messages.ts';
import type { Model } from '../../pricing/modelCatalogue.ts';
import { claudeVersion, modelKind } from '../../pricing/modelFamily.ts';

/** How a family is asked to reason; null where it can't be asked. */
export type ReasoningStyle = 'adaptive' | 'budget' | 'nova' | 'responses' | 'effort' | 'qwen' | null;

/** What a service takes of one family of models, where families differ. From its documentation and recorded refusals. */
export interface FamilyRules {
  /** Null for other families. */
  claudeVersion: number | null;
  /** Ways to choose a tool. */
  toolChoices: readonly ('auto' | 'any' | 'tool')[];
  /** What may stand beside a tool result. */
  besideResults: readonly ('text' | 'image' | 'document')[];
  /** Whether a conversation may begin with the assistant's turn. */
  assistantFirst: boolean;
  systemPrompt: boolean;
  /** Where cache points may stand, and whether they may keep for an hour; null where they may not. */
  cachePoints: { inTools: boolean; ttl: boolean } | null;
  reasoning: ReasoningStyle;
  /** Whether it takes a temperature while it reasons. */
  sampledWhileReasoning: boolean;
  /** Whether it may be made to use a tool while it reasons. */
  forcedWhileReasoning: boolean;
  /** Whether the model can check reasoning that is sent back. */
  readsReasoning: (block: ThinkingBlock | RedactedThinkingBlock) => boolean;
  toolId: RegExp;
}

/** OpenAI's reasoning has the id of its item before what only OpenAI can read: `rs_…#…`. */
export const openAiSignature = /^(rs_[\w-]+)#(.+)$/s;

function isSigned(block: ThinkingBlock | RedactedThinkingBlock): boolean {
  return (
    block.type === 'redacted_thinking' || Boolean(block.signature && !openAiSignature.test(block.signature))
  );
}

export const usualFamily: FamilyRules = {
  claudeVersion: null,
  toolChoices: ['auto', 'any', 'tool'],
  besideResults: ['text', 'image', 'document'],
  assistantFirst: false,
  systemPrompt: true,
  cachePoints: null,
  reasoning: null,
  sampledWhileReasoning: true,
  forcedWhileReasoning: false,
  readsReasoning: () => false,
  toolId: /^[a-zA-Z0-9_.:-]{1,64}$/,
};

/** The families of Bedrock, by the model behind a profile or ARN. */
export function bedrockFamily(model: Model): FamilyRules {
  const kind = modelKind({ modelId: model.baseId, name: model.name });
  const version = claudeVersion(kind);
  if (version !== null) return claude(version);
  const { vendor, family, bareId } = kind;
  if (family === 'nova') {
    const cached = { ...usualFamily, cachePoints: { inTools: false, ttl: false } };
    return /nova-[2-9]/.test(bareId)
      ? { ...cached, reasoning: 'nova', sampledWhileReasoning: false, readsReasoning: isSigned }
      : cached;
  }
  if (family === 'titan') return { ...usualFamily, systemPrompt: false };
  if (family === 'llama') return { ...usualFamily, toolChoices: ['auto'], besideResults: [] };
  if (vendor === 'mistral')
    return { ...usualFamily, toolChoices: ['auto', 'any'], besideResults: [], toolId: /^[a-zA-Z0-9]{9}$/ };
  if (family === 'qwen') return { ...usualFamily, toolChoices: [], assistantFirst: true, reasoning: 'qwen' };
  if (bareId.includes('gpt-oss')) return { ...usualFamily, reasoning: 'effort' };
  return { ...usualFamily, assistantFirst: vendor === 'zai' || vendor === 'moonshot' };
}

export function claude(version: number): FamilyRules {
  return {
    ...usualFamily,
    claudeVersion: version,
    besideResults: ['text', 'image'],
    assistantFirst: true,
    cachePoints: { inTools: true, ttl: true },
    // From 4.7 on a budget is refused; before 3.7 there is no reasoning.
    reasoning: version >= 4.7 ? 'adaptive' : version >= 3.7 ? 'budget' : null,
    sampledWhileReasoning: false,
    readsReasoning: isSigned,
    toolId: /^[a-zA-Z0-9_-]{1,64}$/,
  };
}
