import type { TurnResult } from '../../chat/turn.ts';
import { t } from './l10n.ts';

/** A duration for people, from milliseconds. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return t('{0} ms', Math.round(milliseconds));
  const digits = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  return t('{0} s', (milliseconds / 1000).toLocaleString(undefined, digits));
}

/** What a call cost, from its formatted amount. */
export function costText({
  cost,
  cached,
  status,
  costEstimated,
}: Pick<TurnResult, 'cached' | 'status' | 'costEstimated'> & { cost: string }): string {
  if (cached) return t('cached {0}', cost);
  if (costEstimated) return t('charged {0} (estimated)', cost);
  if (status === 'success') return cost;
  return cost === '$0' ? t('nothing charged') : t('charged {0}', cost);
}
