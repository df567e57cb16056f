import type { TokenUsage } from '../pricing/cost.ts';
import { unreadableUsage } from './answerErrors.ts';

/** Far above every context size; a larger count is a bug of the service. */
const mostTokens = 1_000_000_000;

/** Usage whose counts can be. Throws `stream_incomplete` for others: what they would cost is unknown. */
export function readableUsage(counted: TokenUsage): TokenUsage {
  const possible = Object.values(counted).every(
    (count: number) => Number.isSafeInteger(count) && count >= 0 && count < mostTokens,
  );
  if (!possible) throw unreadableUsage();
  return counted;
}
