import { GatewayError } from '../../errors.ts';
import type { Cap } from '../../ledger/budgetFold.ts';
import type { CapRefusal } from '../../ledger/ledger.ts';
import { formatUsd, worstCaseCost } from '../../pricing/cost.ts';
import type { ModelCatalogue } from '../../pricing/modelCatalogue.ts';
import { kinshipOf, kinships, modelKind } from '../../pricing/modelFamily.ts';
import type { AdmittedCall } from './admission.ts';

/** What would fit into the day where a call didn't. */
export interface BudgetOffer {
  /** Largest answer of the same model that fits; null when not even one token does. */
  maxTokens: number | null;
  /** Models that cost no more and fit: of its family, of its vendor, others; each cheapest first. */
  models: { name: string; modelId: string; worstCase: bigint }[];
}

/** `budget_exceeded`, with what would fit instead. */
export class BudgetExceeded extends GatewayError {
  readonly offer: BudgetOffer;
  /** The cap it doesn't fit under. */
  readonly cap: Cap;

  /** `left` is what the cap has left, in micro-USD; below zero when more was spent. */
  constructor(
    admitted: AdmittedCall,
    { cap, left, timeZone }: { cap: Cap; left: bigint; timeZone: string },
    offer: BudgetOffer,
  ) {
    const hints = [
      ...(offer.maxTokens === null ? [] : [`an answer of at most ${offer.maxTokens} tokens`]),
      ...offer.models.slice(0, 2).map(({ name, worstCase }) => `${name} (at most ${formatUsd(worstCase)})`),
    ];
    const fits = hints.length > 0 ? `Would fit: ${hints.join(', ')}. ` : '';
    super(
      'budget_exceeded',
      `The call may cost ${formatUsd(admitted.worstCase)}, and ${formatUsd(left > 0n ? left : 0n)} of today's ${formatUsd(cap.limit)}${ownerOf(cap)} is left.`,
      {
        hint: `${fits}The day ends at midnight (${timeZone}); the limit is budget.${settingOf(cap)}.`,
      },
    );
    this.offer = offer;
    this.cap = cap;
  }
}

function ownerOf({ scope, key }: Cap): string {
  return scope === 'ledger' ? '' : ` for the ${scope} ${key}`;
}

function settingOf({ scope }: Cap): string {
  return scope === 'ledger' ? 'daily_limit_usd' : `per_${scope}_usd`;
}

/** A call of a run may cost more than the run has left of what it holds. */
export function costLimitExceeded({ worstCase }: AdmittedCall, left: bigint): GatewayError {
  return new GatewayError(
    'cost_limit_exceeded',
    `The call may cost ${formatUsd(worstCase)}, and ${formatUsd(left)} of what its agreement reserved is left.`,
    { hint: 'Raise cost_limit_usd of the agreement, or give it less to do.' },
  );
}

/** The day takes no calls until someone has seen that some cost more than was held for them. */
export function budgetBlocked(overruns: number, timeZone: string): GatewayError {
  const calls = overruns === 1 ? '1 call' : `${overruns} calls`;
  return new GatewayError(
    'budget_blocked',
    `Today's budget is blocked: ${calls} cost more than was reserved.`,
    {
      hint: `Look at the records and run "tidyllm budget acknowledge --reason …". The day ends at midnight (${timeZone}).`,
    },
  );
}

/**
 * Works out what fits into what the caps leave, in micro-USD. Models of the family come first, then those of the
 * vendor; among these, and then, the names people know stand first, and cheaper before dearer.
 */
export function budgetOffer(
  admitted: AdmittedCall,
  { left, leftForOtherModels }: Pick<CapRefusal, 'left' | 'leftForOtherModels'>,
  catalogue: ModelCatalogue,
): BudgetOffer {
  const { model: asked, call, inputTokensBound } = admitted;
  const askedKind = modelKind(asked);
  const known = new Set(catalogue.names());
  const models = catalogue.callable().flatMap((model) => {
    const { name, modelId } = model;
    const kind = modelKind(model);
    const kinship = kinshipOf(askedKind, kind);
    // An id that nobody named may not take the question to another geography, or to a vendor nobody chose.
    const near = kinship !== 'other' && [kind.geography, 'global'].includes(askedKind.geography);
    if (modelId === asked.modelId || !(known.has(name) || near)) return [];
    const maxTokens = Math.min(call.maxTokens, model.maxOutputTokens ?? Infinity);
    const worstCase = worstCaseCost(model.tiers, inputTokensBound, maxTokens);
    if (worstCase === null || worstCase > leftForOtherModels || worstCase > admitted.worstCase) return [];
    return [{ name, modelId, worstCase, rank: 2 * kinships.indexOf(kinship) + Number(!known.has(name)) }];
  });
  models.sort((a, b) => a.rank - b.rank || Number(a.worstCase - b.worstCase));
  return {
    maxTokens: largestAnswer(admitted, left),
    models: models.map(({ name, modelId, worstCase }) => ({ name, modelId, worstCase })),
  };
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
