import { GatewayError } from '../../errors.ts';
import type { Cap } from '../../ledger/budgetFold.ts';
import type { CapRefusal } from '../../ledger/ledger.ts';
import { formatUsd, worstCaseCost } from '../../pricing/cost.ts';
import type { Model, ModelCatalogue } from '../../pricing/modelCatalogue.ts';
import type { AdmittedCall } from './admission.ts';

/** What would fit into the day where a call didn't. */
export interface BudgetOffer {
  /** Largest answer of the same model that fits; null when not even one token does. */
  maxTokens: number | null;
  /** Cheaper models whose worst case fits, cheapest first. */
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

/** Works out what fits into what the caps leave, in micro-USD. */
export function budgetOffer(
  admitted: AdmittedCall,
  { left, leftForOtherModels }: Pick<CapRefusal, 'left' | 'leftForOtherModels'>,
  catalogue: ModelCatalogue,
): BudgetOffer {
  const worstCase = (model: Model): bigint | null =>
    worstCaseCost(
      model.tiers,
      admitted.inputTokensBound,
      Math.min(admitted.call.maxTokens, model.maxOutputTokens ?? Infinity),
    );
  const models = catalogue
    .available()
    .flatMap((model) => {
      const cost = worstCase(model);
      const most = model.modelId === admitted.model.modelId ? left : leftForOtherModels;
      return cost !== null && cost <= most
        ? [{ name: model.name, modelId: model.modelId, worstCase: cost }]
        : [];
    })
    .sort((a, b) => (a.worstCase < b.worstCase ? -1 : 1));
  return { maxTokens: largestAnswer(admitted, left), models };
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
