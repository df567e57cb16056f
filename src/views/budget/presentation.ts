import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { Core } from '../../core/core.ts';
import type { Forecast } from '../../history/forecast.ts';
import type { CapStatus } from '../../ledger/budgetStatus.ts';
import { nextDayStart } from '../../ledger/day.ts';
import type { BudgetScope, PolicyChangeRecord } from '../../ledger/records.ts';
import { formatUsd } from '../../pricing/cost.ts';
import { percentage, percentages } from '../../pricing/shares.ts';
import { formatLeft, overrunText } from '../moneyText.ts';
import {
  breakdownProperties,
  lastChange,
  type BreakdownProperty,
  type BreakdownRow,
  type BudgetFigures,
} from './budgetFigures.ts';
import { ticksOf, type ChartShape } from '../webviewKit/chartShape.ts';
import type { Amount, Budget, CapRow } from './protocol.ts';

/** Further series are drawn as one. */
const mostSeries = 5;
/** Further rows are summed up in one. */
const mostRows = 8;

/** The figures as the view shows them, in the language of the editor. */
export function presentBudget(figures: BudgetFigures, core: Core, now = new Date()): Budget {
  const { status } = figures;
  const { timeZone, day } = status;
  const monthSpent = figures.monthDays.reduce((sum, { spent }) => sum + spent, 0n);
  return {
    day: dateText(day, { dateStyle: 'full' }),
    month: dateText(day, { month: 'long', year: 'numeric' }),
    zone: timeZone,
    resets: timeText(nextDayStart(now, timeZone).getTime(), timeZone),
    simulated: core.backend.simulated,
    level: status.level,
    levelText: levelText(status.level, status.overruns),
    spent: amount(status.spent),
    reserved: amount(status.reserved),
    left: amount(status.remaining, formatLeft),
    limit: amount(status.limit),
    forecast: forecast(figures.dayForecast, dayMethod),
    overruns: status.overruns,
    alerts: alerts(figures),
    hours: hours(figures),
    days: days(figures),
    monthSpent: amount(monthSpent),
    monthForecast: forecast(figures.monthForecast, monthMethod),
    breakdowns: breakdownProperties.map((by) => ({
      ...breakdownNames[by](),
      rows: breakdown(by, figures),
    })),
    caps: status.caps.map((cap) => capRow(cap, figures, cap.scope === 'ledger' ? status.origin : null)),
  };
}

function amount(micro: bigint, format = formatUsd): Amount {
  return { usd: Number(micro) / 1e6, text: format(micro) };
}

function forecast(found: Forecast | null, method: (days: number) => string): Budget['forecast'] {
  return found && { amount: amount(found.amount), method: method(found.days) };
}

function dayMethod(days: number): string {
  return vscode.l10n.t(
    'Spent so far, plus the mean spending in the rest of the day on the last {0} days with spending.',
    days,
  );
}

function monthMethod(days: number): string {
  return vscode.l10n.t(
    'Spent so far, plus the rest of today, plus the mean of the last {0} days for each remaining day (working days and weekends apart).',
    days,
  );
}

function levelText(level: Budget['level'], overruns: number): string {
  if (overruns > 0) return vscode.l10n.t('Blocked by an overrun');
  switch (level) {
    case 'ok':
      return vscode.l10n.t('Within the limit');
    case 'warning':
      return vscode.l10n.t('Nearing the limit');
    case 'critical':
      return vscode.l10n.t('Almost used up');
    case 'exceeded':
      return vscode.l10n.t('Used up');
  }
}

function alerts({ alerts: reached, status }: BudgetFigures): Budget['alerts'] {
  const overrun =
    status.overruns === 0
      ? []
      : [{ text: overrunText(status.overruns), when: '', level: 'critical' as const }];
  const shares = reached.toReversed().map(({ cap, share, at }) => ({
    text:
      cap.scope === 'ledger'
        ? vscode.l10n.t('{0} of the limit spent', percent(share))
        : vscode.l10n.t('{0} of the cap of {1} spent', percent(share), capName(cap)),
    when: at === null ? vscode.l10n.t('by a billing correction') : timeText(at, status.timeZone),
    level: share >= 0.9 ? ('critical' as const) : ('warning' as const),
  }));
  return [...overrun, ...shares];
}

function hours({ hours: byModel }: BudgetFigures): ChartShape {
  const shown = byModel.slice(0, byModel.length > mostSeries + 1 ? mostSeries : undefined);
  const others = byModel.slice(shown.length);
  const ofOthers = (hour: number): bigint => others.reduce((sum, { spent }) => sum + (spent[hour] ?? 0n), 0n);
  const hours = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, '0'));
  return stackedChart(
    hours.map((label, hour) => ({
      label,
      name: `${label}:00–${String(hour + 1).padStart(2, '0')}:00`,
    })),
    [
      ...shown.map(({ model, spent }) => ({
        name: model,
        amounts: hours.map((_, hour) => spent[hour] ?? 0n),
      })),
      ...(others.length > 0
        ? [{ name: vscode.l10n.t('others'), amounts: hours.map((_, hour) => ofOthers(hour)) }]
        : []),
    ],
  );
}

function days({ monthDays }: BudgetFigures): ChartShape {
  return stackedChart(
    monthDays.map(({ day }) => ({
      label: String(Number(day.slice(8))),
      name: dateText(day, { dateStyle: 'medium' }),
    })),
    [{ name: vscode.l10n.t('Spent'), amounts: monthDays.map(({ spent }) => spent) }],
  );
}

/** Amounts in micro-USD, one for each label in each series, the first series at the bottom. */
function stackedChart(
  places: readonly { label: string; name: string }[],
  series: readonly { name: string; amounts: readonly bigint[] }[],
): ChartShape {
  const totals = places.map((_, index) =>
    series.reduce((sum, { amounts }) => sum + (amounts[index] ?? 0n), 0n),
  );
  const highest = Math.max(0, ...totals.map(Number)) / 1e6;
  return {
    type: 'columns',
    labels: places.map(({ label }) => label),
    series: series.map(({ name, amounts }) => ({
      name,
      points: amounts.map((micro) => ({ value: Number(micro) / 1e6, text: formatUsd(micro) })),
    })),
    stacks: places.map(({ name }, index) => ({ name, text: formatUsd(totals[index] ?? 0n) })),
    ticks: ticksOf(0, highest).map((value) => ({ value, text: formatUsd(BigInt(Math.round(value * 1e6))) })),
  };
}

const breakdownNames: Record<BreakdownProperty, () => { name: string; column: string }> = {
  model: () => ({ name: vscode.l10n.t('By model'), column: vscode.l10n.t('Model') }),
  user: () => ({ name: vscode.l10n.t('By user'), column: vscode.l10n.t('User') }),
  workspace: () => ({ name: vscode.l10n.t('By workspace'), column: vscode.l10n.t('Workspace') }),
  branch: () => ({ name: vscode.l10n.t('By branch'), column: vscode.l10n.t('Branch') }),
};

function breakdown(
  by: BreakdownProperty,
  { breakdowns, weeksComparable }: BudgetFigures,
): Budget['breakdowns'][number]['rows'] {
  const rows = breakdowns[by];
  const shown = rows.slice(0, rows.length > mostRows + 1 ? mostRows : undefined);
  const rest = rows.slice(shown.length);
  const named = shown.map((row) => ({ row, name: nameOf(by, row.key), title: row.key ?? '' }));
  if (rest.length > 0)
    named.push({ row: sumOf(rest), name: vscode.l10n.t('{0} others', rest.length), title: '' });
  const shares = percentages(named.map(({ row }) => row.spent)).map((share) => (share ?? 0) / 100);
  return named.map(({ row, name, title }, index) => {
    const share = shares[index] ?? 0;
    return {
      name,
      title,
      calls: count(row.calls),
      tokens: count(row.tokens),
      spent: amount(row.spent),
      share: Math.min(1, Math.max(0, share)),
      shareText: percent(share),
      lately: amount(row.lately),
      trend: weeksComparable ? trend(row) : { direction: 'unknown', text: '' },
    };
  });
}

function nameOf(by: BreakdownProperty, key: string | null): string {
  if (key === null) return vscode.l10n.t('none');
  return by === 'workspace' ? basename(key) || key : key;
}

function sumOf(rows: readonly BreakdownRow[]): BreakdownRow {
  return rows.reduce((sum, row) => ({
    key: null,
    calls: sum.calls + row.calls,
    tokens: sum.tokens + row.tokens,
    spent: sum.spent + row.spent,
    lately: sum.lately + row.lately,
    before: sum.before + row.before,
  }));
}

function trend({ lately, before }: BreakdownRow): Budget['breakdowns'][number]['rows'][number]['trend'] {
  if (before <= 0n)
    return lately > 0n ? { direction: 'new', text: vscode.l10n.t('new') } : { direction: 'none', text: '' };
  const change = (percentage(lately - before, before) ?? 0) / 100;
  const direction = change >= 0.01 ? 'up' : change <= -0.01 ? 'down' : 'level';
  return { direction, text: percent(Math.abs(change)) };
}

function capRow(cap: CapStatus, figures: BudgetFigures, origin: string | null): CapRow {
  const { status } = figures;
  const used = cap.spent + cap.reserved;
  const left = cap.limit > used ? cap.limit - used : 0n;
  const change = lastChange(figures, cap);
  return {
    scope: scopeName(cap.scope),
    name: capName(cap),
    title: cap.key,
    limit: amount(cap.limit),
    spent: amount(cap.spent),
    reserved: amount(cap.reserved),
    left: amount(left, formatLeft),
    share: cap.limit > 0n ? Math.min(1, Number((used * 10_000n) / cap.limit) / 10_000) : 1,
    owner: change?.user_id ?? origin ?? 'settings.yaml',
    change: change ? changeText(change, status.day, status.timeZone) : '',
  };
}

function capName({ scope, key, name }: CapStatus): string {
  return scope === 'workspace' ? basename(key) || key : name;
}

export function scopeName(scope: BudgetScope): string {
  switch (scope) {
    case 'ledger':
      return vscode.l10n.t('Everybody');
    case 'user':
      return vscode.l10n.t('User');
    case 'model':
      return vscode.l10n.t('Model');
    case 'workspace':
      return vscode.l10n.t('Workspace');
  }
}

function changeText(change: PolicyChangeRecord, today: string, timeZone: string): string {
  const to = change.to_micro_usd === null ? vscode.l10n.t('no cap') : formatUsd(BigInt(change.to_micro_usd));
  const when = new Intl.DateTimeFormat(vscode.env.language, {
    dateStyle: 'medium',
    timeStyle: 'short',
    timeZone,
  }).format(new Date(change.time));
  if (change.day === today) return vscode.l10n.t('{0} for today, {1}: {2}', to, when, change.reason);
  if (change.day !== null)
    return vscode.l10n.t(
      '{0} for {1} only: {2}',
      to,
      dateText(change.day, { dateStyle: 'medium' }),
      change.reason,
    );
  return vscode.l10n.t('{0} since {1}: {2}', to, when, change.reason);
}

function dateText(day: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(vscode.env.language, { ...options, timeZone: 'UTC' }).format(
    new Date(`${day}T12:00:00Z`),
  );
}

function timeText(time: number, timeZone: string): string {
  return new Intl.DateTimeFormat(vscode.env.language, { timeStyle: 'short', timeZone }).format(time);
}

function percent(share: number): string {
  return new Intl.NumberFormat(vscode.env.language, { style: 'percent', maximumFractionDigits: 1 }).format(
    share,
  );
}

function count(number: number): string {
  return number.toLocaleString(vscode.env.language);
}
