import { BudgetFold } from './budgetFold.ts';
import type { DayBudget } from './contract.ts';
import { readRecords } from './readJournal.ts';

/** A day's money, computed from the whole journal. For today use `Ledger.budget`, which doesn't read it all. */
export async function dayInJournal(directory: string, day: string, timeZone: string): Promise<DayBudget> {
  const fold = new BudgetFold();
  let first = true;
  for await (const { record, hash } of readRecords(directory)) {
    // Retention may have dropped what came before.
    if (first && record.kind === 'header' && record.carried) fold.restore(record.carried);
    first = false;
    fold.apply(record, hash);
  }
  const { spent, reserved, scopes, raised, overruns } = fold.day(day);
  return {
    day,
    timeZone,
    spent,
    reserved,
    overruns: overruns.size,
    clockAheadMs: 0,
    scopes: [...scopes.values()],
    raised: [...raised.values()],
  };
}
