import { csvCell } from '../../history/exportCalls.ts';
import { microToUsd } from '../../pricing/cost.ts';
import { breakdownProperties, type BudgetFigures } from './budgetFigures.ts';

/** Everything the budget view shows as one table (RFC 4180): a line for each figure, money as decimals of USD. */
export function budgetCsv({ status, hours, monthDays, breakdowns, ...figures }: BudgetFigures): string {
  const rows: unknown[][] = [
    ['section', 'name', 'detail', 'calls', 'tokens', 'spent_usd', 'reserved_usd', 'limit_usd'],
  ];
  for (const cap of status.caps)
    rows.push(['cap', cap.scope, cap.key, '', '', ...[cap.spent, cap.reserved, cap.limit].map(microToUsd)]);
  for (const by of breakdownProperties)
    for (const row of breakdowns[by])
      rows.push([by, row.key ?? '', status.day, row.calls, row.tokens, microToUsd(row.spent)]);
  for (const { model, spent } of hours)
    for (const [hour, amount] of spent.entries())
      if (amount !== 0n)
        rows.push([
          'hour',
          `${status.day} ${String(hour).padStart(2, '0')}:00`,
          model,
          '',
          '',
          microToUsd(amount),
        ]);
  for (const { day, spent } of monthDays) rows.push(['day', day, '', '', '', microToUsd(spent)]);
  for (const [name, forecast] of [
    ['day', figures.dayForecast],
    ['month', figures.monthForecast],
  ] as const)
    if (forecast)
      rows.push(['forecast', name, `from ${forecast.days} days`, '', '', microToUsd(forecast.amount)]);
  const columns = rows[0]?.length ?? 0;
  return rows
    .map((row) => Array.from({ length: columns }, (_, column) => csvCell(row[column] ?? '')).join(','))
    .map((line) => `${line}\r\n`)
    .join('');
}
