import { GatewayError } from '../errors.ts';
import type { Cap } from '../ledger/budgetFold.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { Remedy } from '../remedies.ts';

/** Alternatives that fit the day's budget after a call was refused. */
export interface BudgetOffer {
  /** Longest answer of the same model that fits; null if not even one token does. */
  maxTokens: number | null;
  /** Models that fit and cost no more: same family, same vendor, others; each cheapest first. */
  models: { name: string; modelId: string; worstCase: bigint }[];
}

/** Minimum length of an offered answer, in tokens. */
const smallestOffer = 50;

/** `budget_exceeded`, with alternatives that fit. */
export class BudgetExceeded extends GatewayError {
  readonly offer: BudgetOffer;
  /** The cap that it would exceed. */
  readonly cap: Cap;

  /** Micro-USD: the most the call can cost, and the amount left under the cap, negative after an overrun. */
  constructor(
    worstCase: bigint,
    { cap, left, timeZone }: { cap: Cap; left: bigint; timeZone: string },
    offer: BudgetOffer,
  ) {
    const hints = [
      ...(offer.maxTokens === null ? [] : [`an answer of at most ${offer.maxTokens} tokens`]),
      ...offer.models.slice(0, 2).map(({ name, worstCase }) => `${name} (at most ${formatUsd(worstCase)})`),
    ];
    const fits = hints.length > 0 ? `Alternatives: ${hints.join(', ')}. ` : '';
    super(
      'budget_exceeded',
      `The call may cost ${formatUsd(worstCase)}, and ${formatUsd(left > 0n ? left : 0n)} of today's ${formatUsd(cap.limit)}${ownerOf(cap)} is left.`,
      {
        hint: `${fits}The day ends at midnight (${timeZone}); the limit is budget.${settingOf(cap)}.`,
        remedy: [...retriesWith(offer), { kind: 'raise_cap' }],
      },
    );
    this.offer = offer;
    this.cap = cap;
  }
}

function retriesWith({ maxTokens, models: [cheapest] }: BudgetOffer): Remedy[] {
  return [
    ...(maxTokens !== null && maxTokens >= smallestOffer ? [{ kind: 'retry' as const, maxTokens }] : []),
    ...(cheapest
      ? [{ kind: 'retry' as const, model: cheapest.name, atMost: formatUsd(cheapest.worstCase) }]
      : []),
  ];
}

function ownerOf({ scope, key }: Cap): string {
  return scope === 'ledger' ? '' : ` for the ${scope} ${key}`;
}

function settingOf({ scope }: Cap): string {
  return scope === 'ledger' ? 'daily_limit_usd' : `per_${scope}_usd`;
}

/** A call of a run can cost more than is left of the run's reservation. */
export function costLimitExceeded(worstCase: bigint, left: bigint): GatewayError {
  return new GatewayError(
    'cost_limit_exceeded',
    `The call may cost ${formatUsd(worstCase)}, and ${formatUsd(left)} of what its agreement reserved is left.`,
    {
      hint: 'Raise cost_limit_usd of the agreement or workflow and run it anew, or reduce its work: a run keeps the limit it began with.',
    },
  );
}

/** The models of a comparison can cost more, all together, than is left of the day's limit. */
export function comparisonExceeded(
  worstCase: bigint,
  { left, limit, timeZone }: { left: bigint; limit: bigint; timeZone: string },
): GatewayError {
  return new GatewayError(
    'budget_exceeded',
    `The comparison may cost ${formatUsd(worstCase)}, and ${formatUsd(left)} of today's ${formatUsd(limit)} is left.`,
    {
      hint: `Nothing was sent. Compare fewer models, or allow shorter answers. The day ends at midnight (${timeZone}); the limit is budget.daily_limit_usd.`,
      remedy: [{ kind: 'raise_cap' }],
    },
  );
}

/** Calls are blocked until someone acknowledges that some cost more than they reserved. */
export function budgetBlocked(overruns: number, timeZone: string): GatewayError {
  const calls = overruns === 1 ? '1 call' : `${overruns} calls`;
  return new GatewayError(
    'budget_blocked',
    `Today's budget is blocked: ${calls} cost more than was reserved.`,
    {
      hint: `Check the records and run "tidyllm budget acknowledge --reason …". The day ends at midnight (${timeZone}).`,
    },
  );
}
