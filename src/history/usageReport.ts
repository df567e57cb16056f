import { dayOf } from '../ledger/day.ts';
import { forecastDay, forecastMonth, shifted, type Forecast } from './forecast.ts';
import type { HistoryIndex } from './historyIndex.ts';
import { totalUsage, type Usage, type UsageDays, type UsageRow } from './usage.ts';
import { hourOf, type UsageDimension } from './usageTotals.ts';

/** Days before today that are searched for 14 days with spending. */
const daysLookedAt = 120;

export interface UsageReport {
  rows: UsageRow[];
  total: Usage;
  /** Null if nothing was spent on an earlier day. */
  forecast: { day: Forecast | null; month: Forecast | null };
}

/** Usage by a property, with a forecast for today and this month. Inside `ask`. */
export function usageReport(
  index: HistoryIndex,
  by: UsageDimension,
  days: UsageDays,
  { now, timeZone }: { now: Date; timeZone: string },
): UsageReport {
  const rows = index.usage(by, days);
  const today = dayOf(now, timeZone);
  const spent = (since: string): bigint => totalUsage(index.usage('day', { since, until: today })).spent;
  const input = {
    today,
    hour: Number(hourOf(now, timeZone)),
    // Zone offsets of quarter hours shift a forecast by less than its error.
    shareOfHour: now.getUTCMinutes() / 60,
    spentToday: spent(today),
    spentThisMonth: spent(`${today.slice(0, 7)}-01`),
    past: index.hours({ since: shifted(today, -daysLookedAt), until: shifted(today, -1) }),
  };
  return {
    rows,
    total: totalUsage(rows),
    forecast: { day: forecastDay(input), month: forecastMonth(input) },
  };
}
