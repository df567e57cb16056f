/** The spend of a number of days. */
export interface Period {
  /** Micro-USD. */
  spent: bigint;
  /** Days with calls; days without calls say nothing about daily cost. */
  daysWithCalls: number;
}

/** Minimum number of days for a trend. */
const fewestDays = 3;

/** Whether two periods are comparable: the same number of days with calls, and enough of them. */
export function areComparable(before: Period, lately: Period): boolean {
  return before.daysWithCalls === lately.daysWithCalls && lately.daysWithCalls >= fewestDays;
}
