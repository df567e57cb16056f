import type { Model } from '../../pricing/modelCatalogue.ts';
import { claudeVersion, modelKind } from '../../pricing/modelFamily.ts';

/** How a family is asked to reason; null where it can't be asked. */
export type ReasoningStyle = 'adaptive' | 'budget' | 'nova' | 'gpt-oss' | 'qwen' | null;

/** What Converse takes of one family of models, where families differ. From the user guide and recorded refusals. */
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
  toolId: RegExp;
}

const usual: FamilyRules = {
  claudeVersion: null,
  toolChoices: ['auto', 'any', 'tool'],
  besideResults: ['text', 'image', 'document'],
  assistantFirst: false,
  systemPrompt: true,
  cachePoints: null,
  reasoning: null,
  toolId: /^[a-zA-Z0-9_.:-]{1,64}$/,
};

/** By the model behind a profile or ARN. */
export function familyRules(model: Model): FamilyRules {
  const kind = modelKind({ modelId: model.baseId, name: model.name });
  const version = claudeVersion(kind);
  if (version !== null) return claude(version);
  const { vendor, family, bareId } = kind;
  if (family === 'nova') {
    const reasoning = /nova-[2-9]/.test(bareId) ? 'nova' : null;
    return { ...usual, cachePoints: { inTools: false, ttl: false }, reasoning };
  }
  if (family === 'titan') return { ...usual, systemPrompt: false };
  if (family === 'llama') return { ...usual, toolChoices: ['auto'], besideResults: [] };
  if (vendor === 'mistral')
    return { ...usual, toolChoices: ['auto', 'any'], besideResults: [], toolId: /^[a-zA-Z0-9]{9}$/ };
  if (family === 'qwen') return { ...usual, toolChoices: [], assistantFirst: true, reasoning: 'qwen' };
  if (bareId.includes('gpt-oss')) return { ...usual, reasoning: 'gpt-oss' };
  return { ...usual, assistantFirst: vendor === 'zai' || vendor === 'moonshot' };
}

function claude(version: number): FamilyRules {
  return {
    ...usual,
    claudeVersion: version,
    besideResults: ['text', 'image'],
    assistantFirst: true,
    cachePoints: { inTools: true, ttl: true },
    // From 4.7 on a budget is refused; before 3.7 there is no reasoning.
    reasoning: version >= 4.7 ? 'adaptive' : version >= 3.7 ? 'budget' : null,
    toolId: /^[a-zA-Z0-9_-]{1,64}$/,
  };
}
