import { csvText } from '../../csv.ts';
import { microToUsd } from '../../pricing/cost.ts';
import { breakdownProperties, type BudgetFigures } from './budgetFigures.ts';

const columns = ['section', 'name', 'detail', 'calls', 'tokens', 'spent_usd', 'reserved_usd', 'limit_usd'];

/** Everything that the budget view shows, as one CSV table: a line for each figure, money as decimal USD. */
export function budgetCsv({ status, hours, monthDays, breakdowns, ...figures }: BudgetFigures): string {
  const lines: Record<string, unknown>[] = [];
  const line = (section: string, name: string | null, spent: bigint, others: object): void =>
    void lines.push({ section, name, spent_usd: microToUsd(spent), ...others });
  for (const { scope, key, spent, reserved, limit } of status.caps) {
    const money = { reserved_usd: microToUsd(reserved), limit_usd: microToUsd(limit) };
    line('cap', scope, spent, { detail: key, ...money });
  }
  for (const by of breakdownProperties)
    for (const { key, calls, tokens, spent } of breakdowns[by])
      line(by, key, spent, { detail: status.day, calls, tokens });
  for (const { model, spent } of hours)
    for (const [hour, amount] of spent.entries())
      if (amount !== 0n)
        line('hour', `${status.day} ${String(hour).padStart(2, '0')}:00`, amount, { detail: model });
  for (const { day, spent } of monthDays) line('day', day, spent, {});
  for (const [name, forecast] of [
    ['day', figures.dayForecast],
    ['month', figures.monthForecast],
  ] as const)
    if (forecast) line('forecast', name, forecast.amount, { detail: `from ${forecast.days} days` });
  return csvText(columns, lines);
}
