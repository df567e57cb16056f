import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import type { Forecast } from '../history/forecast.ts';
import type { Usage } from '../history/usage.ts';
import { usageReport, type UsageReport } from '../history/usageReport.ts';
import { usageDimensions, type UsageDimension } from '../history/usageTotals.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import { percentages } from '../pricing/shares.ts';
import { withHistory } from './history.ts';
import { dayOption } from './options.ts';
import { printJson, printLine, table, type Terminal } from './terminal.ts';

export interface UsageOptions {
  by: string;
  since?: string;
  until?: string;
}

const dayMethod = 'spent so far + mean spend of the rest of the day on the last days with spending';
const monthMethod =
  'spent so far + rest of today as above + for each remaining day the mean of the last 14 working days or weekend days';

/** `tidyllm usage`: the cost of calls by a property, with a forecast for today and this month. */
export async function usage(core: Core, options: UsageOptions, terminal: Terminal): Promise<number> {
  const by = dimension(options.by);
  const since = options.since === undefined ? undefined : dayOption(options.since, '--since');
  const until = options.until === undefined ? undefined : dayOption(options.until, '--until');
  if (since !== undefined && until !== undefined && since > until) {
    throw new GatewayError('invalid_request', `--since ${since} is later than --until ${until}.`);
  }
  const { timeZone, mode } = core.ledger;
  const report = await withHistory(core, terminal, (index, catchUp) =>
    index.ask(() => usageReport(index, by, { since, until }, { now: new Date(), timeZone }), catchUp),
  );
  if (terminal.json) {
    printJson({
      by,
      since: since ?? null,
      until: until ?? null,
      timezone: timeZone,
      ledger: mode,
      rows: report.rows.map((row) => ({ key: row.key, ...usageJson(row) })),
      total: usageJson(report.total),
      forecast: {
        day: forecastJson(report.forecast.day, dayMethod),
        month: forecastJson(report.forecast.month, monthMethod),
      },
    });
  } else print(by, report, mode === 'simulated' ? ' (SIMULATED)' : '');
  return 0;
}

function print(by: UsageDimension, { rows, total, forecast }: UsageReport, label: string): void {
  if (rows.length === 0) printLine(`Nothing was recorded on these days${label}.`);
  else {
    const header = [by, 'calls', 'refused', 'input', 'output', 'cache read', 'cache write', 'spent', 'share'];
    const shares = percentages(rows.map(({ spent }) => spent));
    const cells = (key: string, row: Usage, share: number | null): string[] => [
      key,
      ...[row.calls, row.refusals, row.inputTokens, row.outputTokens].map(String),
      ...[row.cacheReadTokens, row.cacheWriteTokens].map(String),
      formatUsd(row.spent),
      share === null ? '' : `${share} %`,
    ];
    const whole = total.spent > 0n ? 100 : null;
    const lines = [
      ...rows.map((row, index) => cells(row.key ?? '(none)', row, shares[index] ?? null)),
      cells(`total${label}`, total, whole),
    ];
    printLine(table(header, lines, header.slice(1)));
    if (total.estimated !== 0n) printLine(`${formatUsd(total.estimated)} of the total is estimated.`);
    if (total.adjusted !== 0n) printLine(`Bill corrections: ${formatUsd(total.adjusted)}.`);
  }
  printLine();
  printLine(forecastText('Today', forecast.day, dayMethod));
  printLine(forecastText('This month', forecast.month, monthMethod));
}

function forecastText(period: string, forecast: Forecast | null, method: string): string {
  if (!forecast) return `${period}: not enough history for a forecast.`;
  const days = `${forecast.days} ${forecast.days === 1 ? 'day' : 'days'}`;
  return `${period}, forecast: ${formatUsd(forecast.amount)}, from ${days} (${method}).`;
}

function usageJson(usage: Usage): object {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = usage;
  return {
    calls: usage.calls,
    refusals: usage.refusals,
    token_usage: {
      input_tokens: inputTokens,
      output_tokens: outputTokens,
      cache_read_input_tokens: cacheReadTokens,
      cache_write_input_tokens: cacheWriteTokens,
      total_tokens: inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens,
    },
    spent_usd: microToUsd(usage.spent),
    estimated_usd: microToUsd(usage.estimated),
    adjusted_usd: microToUsd(usage.adjusted),
  };
}

function forecastJson(forecast: Forecast | null, method: string): object | null {
  return forecast && { amount_usd: microToUsd(forecast.amount), days: forecast.days, method };
}

function dimension(text: string): UsageDimension {
  const found = usageDimensions.find((one) => one === text);
  if (found) return found;
  throw new GatewayError('invalid_request', `--by must be ${usageDimensions.join(', ')}, not "${text}".`);
}
