/** What a number of days came to. */
export interface Period {
  /** Micro-USD. */
  spent: bigint;
  /** Days with calls; days without any say nothing of what a day costs. */
  daysWithCalls: number;
}

/** Fewer days than these say nothing of a trend. */
const fewestDays = 3;

/** Whether two periods may be compared: as many days with calls in both, and enough of them. */
export function areComparable(before: Period, lately: Period): boolean {
  return before.daysWithCalls === lately.daysWithCalls && lately.daysWithCalls >= fewestDays;
}
