import { everybody, idOf, isCallerKey, type Cap } from './budgetFold.ts';
import type { CapOf } from './capSettings.ts';
import type { DayBudget } from './contract.ts';

/** How much of a day's money is spent, by the alerts in settings.yaml, highest last. */
export type BudgetLevel = 'ok' | 'warning' | 'critical' | 'exceeded';

export interface BudgetStatus extends DayBudget {
  /** Where the ledger's cap comes from; null when it was raised for the day. */
  origin: string | null;
  /** Micro-USD. */
  limit: bigint;
  /** Micro-USD; never below zero. */
  remaining: bigint;
  level: BudgetLevel;
  /** Every cap with what counts towards it, the ledger's first. */
  caps: CapStatus[];
}

/** A cap and what counts towards it, in micro-USD. */
export interface CapStatus extends Cap {
  name: string;
  spent: bigint;
  reserved: bigint;
}

/** What the settings say of budgets, as far as a day's status needs it. */
export interface BudgetPolicy {
  capOf: CapOf;
  alerts: readonly number[];
}

/**
 * A day's money against its limit. With alerts at 0.5, 0.8 and 0.95, `warning` begins at the second
 * highest and `critical` at the highest. Only spent money counts: running calls may release what they hold.
 */
export function budgetStatus(budget: DayBudget, policy: BudgetPolicy): BudgetStatus {
  const raised = new Map(budget.raised.map((cap) => [idOf(cap), cap]));
  const standing = policy.capOf(everybody);
  const forDay = raised.get(idOf(everybody));
  const limit = forDay?.limit ?? standing?.limit ?? 0n;
  const left = limit - budget.spent - budget.reserved;
  const scoped = budget.scopes.flatMap(({ scope, key, name, spent, reserved }) => {
    const cap = raised.get(idOf({ scope, key })) ?? policy.capOf({ scope, key });
    return cap ? [{ scope, key, limit: cap.limit, name, spent, reserved }] : [];
  });
  const whole = { spent: budget.spent, reserved: budget.reserved };
  const capped = new Set(scoped.map(idOf));
  return {
    ...budget,
    // Accounts and ARNs count the same money again, so only those with a cap are shown.
    scopes: budget.scopes.filter((scope) => !isCallerKey(scope) || capped.has(idOf(scope))),
    limit,
    origin: forDay ? null : (standing?.origin ?? null),
    remaining: left > 0n ? left : 0n,
    level: budget.overruns > 0 ? 'exceeded' : levelOf(budget.spent, limit, policy.alerts),
    caps: [{ ...everybody, limit, name: '', ...whole }, ...scoped],
  };
}

/** The alerts (shares from 0 to 1) that a cap's spending has reached, lowest first. */
export function reachedAlerts(
  { spent, limit }: Pick<CapStatus, 'spent' | 'limit'>,
  alerts: readonly number[],
): number[] {
  return alerts
    .filter((share) => spent > 0n && spent * 1_000_000n >= limit * BigInt(Math.round(share * 1_000_000)))
    .toSorted((a, b) => a - b);
}

function levelOf(spent: bigint, limit: bigint, alerts: readonly number[]): BudgetLevel {
  if (spent >= limit) return 'exceeded';
  const reached = new Set(reachedAlerts({ spent, limit }, alerts));
  const [highest, second] = alerts.toSorted((a, b) => b - a);
  if (highest !== undefined && reached.has(highest)) return 'critical';
  return second !== undefined && reached.has(second) ? 'warning' : 'ok';
}
