import type { DayBudget } from './ledger.ts';

/** How far a day's money is used: by the alerts of settings.yaml, highest last. */
export type BudgetLevel = 'ok' | 'warning' | 'critical' | 'exceeded';

export interface BudgetStatus extends DayBudget {
  timeZone: string;
  /** Micro-USD. */
  limit: bigint;
  /** Micro-USD; never below zero. */
  remaining: bigint;
  level: BudgetLevel;
}

/**
 * A day's money against its limit. With alerts at 0.5, 0.8 and 0.95, `warning` begins at the second
 * highest and `critical` at the highest; what reservations hold counts as used.
 */
export function budgetStatus(
  budget: DayBudget,
  policy: { limit: bigint; alerts: readonly number[]; timeZone: string },
): BudgetStatus {
  const { limit, timeZone } = policy;
  const used = budget.spent + budget.reserved;
  const left = limit - used;
  const sorted = policy.alerts.toSorted((a, b) => b - a);
  const reached = (share: number | undefined): boolean =>
    share !== undefined && used * 1_000_000n >= limit * BigInt(Math.round(share * 1_000_000));
  const level =
    left <= 0n ? 'exceeded' : reached(sorted[0]) ? 'critical' : reached(sorted[1]) ? 'warning' : 'ok';
  return { ...budget, timeZone, limit, remaining: left > 0n ? left : 0n, level };
}
