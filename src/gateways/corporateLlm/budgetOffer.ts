import { GatewayError } from '../../errors.ts';
import type { CapRefusal } from '../../ledger/contract.ts';
import { worstCaseCost } from '../../pricing/cost.ts';
import type { Model, ModelCatalogue } from '../../pricing/modelCatalogue.ts';
import { kinshipOf, kinships, modelKind } from '../../pricing/modelFamily.ts';
import type { BudgetOffer } from '../budgetRefusals.ts';
import type { AdmittedCall } from './admission.ts';
import { inputTokenBound } from './tokenBound.ts';

/**
 * Finds alternatives that fit the amount left under the caps, in micro-USD. Models of the family come first, then
 * those of the vendor; within each group, well-known names come first, then cheaper models.
 */
export function budgetOffer(
  admitted: AdmittedCall,
  { left, leftForOtherModels }: Pick<CapRefusal, 'left' | 'leftForOtherModels'>,
  catalogue: ModelCatalogue,
): BudgetOffer {
  const { model: asked, call } = admitted;
  // Vectors of different models can't be compared, and have no length to shorten.
  if (call.content.embedding) return { maxTokens: null, models: [] };
  const askedKind = modelKind(asked);
  const known = new Set(catalogue.names());
  const models = catalogue.callable().flatMap((model) => {
    const { name, modelId } = model;
    const kind = modelKind(model);
    const kinship = kinshipOf(askedKind, kind);
    // An id that isn't in the settings must not move the question to another geography or vendor.
    const near = kinship !== 'other' && [kind.geography, 'global'].includes(askedKind.geography);
    if (modelId === asked.modelId || !(known.has(name) || near)) return [];
    const maxTokens = Math.min(call.maxTokens, model.maxOutputTokens ?? Infinity);
    const inputBound = inputBoundFor(admitted, model);
    const worstCase = inputBound === null ? null : worstCaseCost(model.tiers, inputBound, maxTokens);
    if (worstCase === null || worstCase > leftForOtherModels || worstCase > admitted.worstCase) return [];
    return [{ name, modelId, worstCase, rank: 2 * kinships.indexOf(kinship) + Number(!known.has(name)) }];
  });
  models.sort((a, b) => a.rank - b.rank || Number(a.worstCase - b.worstCase));
  return {
    maxTokens: largestAnswer(admitted, left),
    models: models.map(({ name, modelId, worstCase }) => ({ name, modelId, worstCase })),
  };
}

/** The input bound for another model, which counts images and documents differently; null if it can't take them. */
function inputBoundFor(
  { call: { content }, model: asked, inputTokensBound }: AdmittedCall,
  other: Model,
): number | null {
  const { messages, tools = [] } = content;
  if (tools.length > 0 && other.supports['tools'] === false) return null;
  if (messages.every((message) => typeof message.content === 'string')) return inputTokensBound;
  if (asked.supports['vision'] && other.supports['vision'] !== true) return null;
  try {
    return inputTokenBound(content, other);
  } catch (error) {
    if (!GatewayError.is(error)) throw error;
    return null;
  }
}

function largestAnswer({ model, inputTokensBound, call }: AdmittedCall, remaining: bigint): number | null {
  let fits = 0;
  let tooLarge = call.maxTokens;
  while (tooLarge - fits > 1) {
    const middle = Math.floor((fits + tooLarge) / 2);
    const cost = worstCaseCost(model.tiers, inputTokensBound, middle);
    if (cost !== null && cost <= remaining) fits = middle;
    else tooLarge = middle;
  }
  return fits === 0 ? null : fits;
}
