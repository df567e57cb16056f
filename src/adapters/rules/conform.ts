import { shortest, type RequestContent, type TextBlock } from '../../content/messages.ts';
import {
  noTemperature,
  noTemperatureBesideReasoning,
  type ConformedCall,
  type ModelCall,
} from '../../gateways/ports.ts';
import type { Model } from '../../pricing/modelCatalogue.ts';
import { placeCachePoints } from './cachePoints.ts';
import type { FamilyRules } from './families.ts';
import { reasoningFor } from './reasoning.ts';
import { byTheRulesOf, refused } from './refused.ts';
import { toolsFor, withToolAliases } from './tools.ts';
import { turnsFrom, type Turn } from './turns.ts';

/** What a service takes, where services differ. */
export interface ServiceRules {
  /** As people know it. */
  name: string;
  familyOf: (model: Model) => FamilyRules;
  /** Checks images and documents. */
  turnsWithMedia: (turns: readonly Turn[], model: Model, adjust: (sentence: string) => void) => Turn[];
  mostStopSequences: number;
  guardrails: boolean;
  /** Fields of its requests that additional fields may not set: they would change what is sent, kept or billed. */
  ownFields: ReadonlySet<string>;
}

/**
 * Brings a call into the form that a service takes for a model: what can be mended without changing what is asked is
 * mended, the rest is refused before anything is reserved. Throws `invalid_request`, naming the rule.
 */
export function conformTo(service: ServiceRules, call: ModelCall, model: Model): ConformedCall {
  return byTheRulesOf(service.name, () => conformed(service, call, model));
}

function conformed(service: ServiceRules, call: ModelCall, model: Model): ConformedCall {
  const adjustments = new Set<string>();
  const adjust = (sentence: string): void => void adjustments.add(sentence);
  const family = service.familyOf(model);
  const { content } = call;
  requireStopSequences(content, service);
  requireFields(content, service);
  const reasoning = reasoningFor(call, family, adjust);
  const prefill = model.supports['assistantPrefill'] === true && !reasoning.active;
  const turns = service.turnsWithMedia(
    turnsFrom(content.messages, { family, prefill, adjust }),
    model,
    adjust,
  );
  const tools = withToolAliases(toolsFor(content, turns, { model, family }));
  if (reasoning.active && !family.forcedWhileReasoning && tools.choice && tools.choice.type !== 'auto')
    throw refused(
      'a model that reasons can’t be made to use a tool',
      'Take tool_choice auto, or leave reasoning out.',
    );
  requireNoCitationsInForm(content);
  const system = systemOf(content, family);
  const cached = placeCachePoints({ ...tools, system }, family, adjust);
  const sampling = samplingOf(call, { model, family, reasons: reasoning.active }, adjust);
  const { stop_sequences, output_schema, guardrail } = content;
  return {
    adjustments: [...adjustments],
    call: {
      ...call,
      temperature: sampling.temperature,
      toolNames: tools.toolNames,
      content: {
        system: shortestSystem(cached.system),
        messages: cached.turns.map(({ role, content: blocks }) => ({ role, content: shortest(blocks) })),
        ...(cached.tools.length > 0 && { tools: cached.tools }),
        ...(tools.choice && { tool_choice: tools.choice }),
        ...(stop_sequences?.length && { stop_sequences }),
        ...(sampling.topP !== null && { top_p: sampling.topP }),
        ...(reasoning.asked && { reasoning: reasoning.asked }),
        ...(output_schema && { output_schema }),
        ...(guardrail && { guardrail }),
        ...(Object.keys(reasoning.fields).length > 0 && { additional_fields: reasoning.fields }),
      },
    },
  };
}

function requireStopSequences(
  { stop_sequences: sequences = [] }: RequestContent,
  { mostStopSequences }: ServiceRules,
): void {
  if (sequences.length > 0 && mostStopSequences === 0) throw refused('it takes no stop sequences');
  if (sequences.length > mostStopSequences)
    throw refused(`a call takes at most ${mostStopSequences} stop sequences`);
  if (sequences.some((one) => one.trim() === '')) throw refused('a stop sequence must not be blank');
}

function requireFields(
  { additional_fields: fields = {}, guardrail }: RequestContent,
  { ownFields, guardrails }: ServiceRules,
): void {
  if (guardrail && !guardrails)
    throw refused('it has no guardrails', 'Leave the guardrail out, or use Bedrock.');
  const own = Object.keys(fields).find((name) => ownFields.has(name));
  if (own !== undefined)
    throw refused(`the additional field ${own} would change what is sent, kept or billed`, 'Leave it out.');
}

function requireNoCitationsInForm({ output_schema: form, messages }: RequestContent): void {
  const cited = messages.some(
    ({ content }) =>
      typeof content === 'object' &&
      content.some((block) => block.type === 'document' && block.citations?.enabled),
  );
  if (form && cited) throw refused('an answer of a given form can’t cite documents');
}

function systemOf({ system }: RequestContent, { systemPrompt }: FamilyRules): TextBlock[] {
  const blocks = typeof system === 'string' ? [{ type: 'text' as const, text: system }] : (system ?? []);
  const said = blocks.filter(({ text }) => text.trim() !== '');
  if (said.length > 0 && !systemPrompt)
    throw refused('this model takes no system prompt', 'Put it into the first message.');
  return said;
}

function shortestSystem(blocks: readonly TextBlock[]): RequestContent['system'] {
  if (blocks.length === 0) return null;
  const short = shortest(blocks);
  return typeof short === 'string' ? short : [...blocks];
}

/** What of temperature and topP the model takes. */
function samplingOf(
  { temperature, content }: ModelCall,
  { model, family, reasons }: { model: Model; family: FamilyRules; reasons: boolean },
  adjust: (sentence: string) => void,
): { temperature: number | null; topP: number | null } {
  const topP = content.top_p ?? null;
  if (!model.samplingParameters) {
    if (temperature !== null) adjust(noTemperature);
    if (topP !== null) adjust('The model takes no top_p; it was left out.');
    return { temperature: null, topP: null };
  }
  if (reasons && !family.sampledWhileReasoning) {
    if (temperature !== null) adjust(noTemperatureBesideReasoning);
    // Claude takes top_p from 0.95 on while it reasons.
    const kept = family.claudeVersion !== null && topP !== null && topP >= 0.95 ? topP : null;
    if (topP !== kept) adjust('A model that reasons doesn’t take this top_p; it was left out.');
    return { temperature: null, topP: kept };
  }
  if (temperature !== null && topP !== null && (family.claudeVersion ?? 0) >= 4.1)
    throw refused('this model takes a temperature or top_p, not both', 'Leave one of them out.');
  return { temperature, topP };
}
