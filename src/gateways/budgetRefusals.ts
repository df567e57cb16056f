import { GatewayError } from '../errors.ts';
import type { Cap } from '../ledger/budgetFold.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { Remedy } from '../remedies.ts';

/** What would fit into the day where a call didn't. */
export interface BudgetOffer {
  /** Largest answer of the same model that fits; null when not even one token does. */
  maxTokens: number | null;
  /** Models that cost no more and fit: of its family, of its vendor, others; each cheapest first. */
  models: { name: string; modelId: string; worstCase: bigint }[];
}

/** A shorter answer than this is not worth offering, in tokens. */
const smallestOffer = 50;

/** `budget_exceeded`, with what would fit instead. */
export class BudgetExceeded extends GatewayError {
  readonly offer: BudgetOffer;
  /** The cap it doesn't fit under. */
  readonly cap: Cap;

  /** In micro-USD: the most the call may cost, and what the cap has left, below zero when more was spent. */
  constructor(
    worstCase: bigint,
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

/** A call of a run may cost more than the run has left of what it holds. */
export function costLimitExceeded(worstCase: bigint, left: bigint): GatewayError {
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
