import { isJsonObject, type JsonObject, type Reasoning } from '../../content/messages.ts';
import type { ModelCall } from '../../gateways/ports.ts';
import type { FamilyRules } from './families.ts';
import { refused } from './refused.ts';

/** Tokens of reasoning that Claude takes as the least. */
const leastBudget = 1_024;
/** What the words come to for models that want a number, in tokens. */
const budgetOf = { low: 2_048, medium: 8_192, high: 16_384 } as const;
/** Fields by which models are asked to reason. */
const fieldNames = ['thinking', 'reasoning', 'reasoningConfig', 'reasoning_config', 'reasoning_effort'];

/** How a call asks for reasoning on the wire; `asked` is null where it doesn't, or there is no room for it. */
export interface ReasoningOfCall {
  asked: Reasoning | null;
  fields: JsonObject;
  /** Whether the model will reason, also where its own fields ask for it. */
  active: boolean;
}

/** Throws `invalid_request` for a model that can't be asked to reason, and where it is asked twice. */
export function reasoningFor(
  { content, maxTokens }: ModelCall,
  family: FamilyRules,
  adjust: (sentence: string) => void,
): ReasoningOfCall {
  const { reasoning, additional_fields: fields = {}, tools = [] } = content;
  const own = fieldNames.find((name) => name in fields);
  if (!reasoning) return { asked: null, fields, active: own !== undefined && !isDisabled(fields[own]) };
  if (own !== undefined) throw refused(`reasoning is asked for twice: by itself and as ${own}`);
  const interleaved =
    tools.length > 0 && JSON.stringify(fields['anthropic_beta'] ?? '').includes('interleaved-thinking');
  switch (family.reasoning) {
    case null:
      throw refused(
        'this model can’t be asked to reason',
        'Leave reasoning out; some models reason by themselves.',
      );
    case 'budget': {
      const wanted = 'effort' in reasoning ? budgetOf[reasoning.effort] : reasoning.budget_tokens;
      const budget = interleaved ? wanted : Math.min(wanted, maxTokens - 1);
      if (budget < leastBudget) {
        adjust(
          `Reasoning was left out: it needs ${leastBudget} tokens, and max_tokens must be above its budget.`,
        );
        return { asked: null, fields, active: false };
      }
      if (budget < wanted) adjust('The budget for reasoning was lowered below max_tokens.');
      const thinking = { type: 'enabled', budget_tokens: budget };
      return { asked: { budget_tokens: budget }, fields: { ...fields, thinking }, active: true };
    }
    case 'adaptive': {
      const output = isJsonObject(fields['output_config']) ? fields['output_config'] : {};
      const own = {
        thinking: { type: 'adaptive' },
        output_config: { ...output, effort: effortOf(reasoning) },
      };
      return { asked: reasoning, fields: { ...fields, ...own }, active: true };
    }
    case 'nova': {
      const reasoningConfig = { type: 'enabled', maxReasoningEffort: effortOf(reasoning) };
      return { asked: reasoning, fields: { ...fields, reasoningConfig }, active: true };
    }
    case 'responses': {
      const asked = { effort: effortOf(reasoning) };
      return { asked: reasoning, fields: { ...fields, reasoning: asked }, active: true };
    }
    case 'effort':
      return { asked: reasoning, fields: { ...fields, reasoning_effort: effortOf(reasoning) }, active: true };
    case 'qwen':
      return { asked: reasoning, fields: { ...fields, reasoning_config: effortOf(reasoning) }, active: true };
  }
}

/** The word for a number of tokens, for models that take no number. */
function effortOf(reasoning: Reasoning): keyof typeof budgetOf {
  if ('effort' in reasoning) return reasoning.effort;
  const { budget_tokens: budget } = reasoning;
  return budget <= budgetOf.low ? 'low' : budget <= budgetOf.medium ? 'medium' : 'high';
}

function isDisabled(field: unknown): boolean {
  return isJsonObject(field) && field['type'] === 'disabled';
}
