import * as vscode from 'vscode';
import type { QueryResult } from '../../queries/queryMessages.ts';
import { leftOutText } from '../../queries/resultFiles.ts';
import type { QueryValue } from '../../queries/schema.ts';
import { ticksOf } from '../webviewKit/chartShape.ts';
import type { ShownResult } from './protocol.ts';

/** Rows that the view shows; files have all. */
const shownRows = 500;
/** More bars or points can't be told apart. */
const mostPoints = 120;

/** A result for display. */
export function shownResult(result: QueryResult): ShownResult {
  const { columns, rows, truncated, tables, ledgerFault, copyMs, queryMs } = result;
  const language = vscode.env.language;
  const isNumber = columns.map(
    (_, index) => rows.length > 0 && rows.every((row) => numberIn(row[index]) !== undefined),
  );
  const leftOut = leftOutText(tables);
  const seconds = ((copyMs + queryMs) / 1000).toLocaleString(language, { maximumFractionDigits: 1 });
  const count = rows.length.toLocaleString(language);
  const notes = [
    ...(ledgerFault === null
      ? []
      : [vscode.l10n.t('Only records before the ledger’s fault: {0}', ledgerFault)]),
    ...(truncated ? [vscode.l10n.t('The query has more rows; these are the first {0}.', count)] : []),
    ...(leftOut === null ? [] : [leftOut]),
    ...(rows.length > shownRows
      ? [vscode.l10n.t('The first {0} rows are shown; files and copies have all {1}.', shownRows, count)]
      : []),
  ];
  return {
    columns: columns.map((name, index) => ({ name, isNumber: isNumber[index] ?? false })),
    rows: rows.slice(0, shownRows).map((row) => row.map((value) => (value === null ? null : String(value)))),
    total: rows.length,
    summary:
      rows.length === 1
        ? vscode.l10n.t('1 row in {0} s', seconds)
        : vscode.l10n.t('{0} rows in {1} s', count, seconds),
    notes,
    chart: chartOf(columns, rows, isNumber),
  };
}

/** The first figure of each row by what is not a figure; lines over days, otherwise columns. */
function chartOf(
  columns: readonly string[],
  rows: readonly (readonly QueryValue[])[],
  isNumber: readonly boolean[],
): ShownResult['chart'] {
  const differs = (index: number): boolean => rows.some((row) => row[index] !== rows[0]?.[index]);
  const named = columns.flatMap((_, index) => (isNumber[index] || !differs(index) ? [] : [index]));
  const money = columns.findIndex((name, index) => isNumber[index] && name.endsWith('_usd'));
  const figure = money === -1 ? isNumber.indexOf(true) : money;
  if (figure === -1 || named.length === 0 || rows.length < 2 || rows.length > mostPoints) return null;
  const byDay = named.length === 1 && rows.every((row) => isDay(row[named[0] ?? 0]));
  const shown = byDay
    ? rows.toSorted((a, b) => (String(a[named[0] ?? 0]) < String(b[named[0] ?? 0]) ? -1 : 1))
    : rows;
  const points = shown.map((row) => ({
    value: numberIn(row[figure]) ?? null,
    text: String(row[figure] ?? '–'),
  }));
  const values = points.flatMap(({ value }) => value ?? []);
  if (values.length === 0) return null;
  const format = new Intl.NumberFormat(vscode.env.language, {
    notation: 'compact',
    maximumSignificantDigits: 4,
  });
  const ticks = ticksOf(Math.min(0, ...values), Math.max(0, ...values));
  const name = columns[figure] ?? '';
  return {
    title: name,
    shape: {
      type: byDay ? 'lines' : 'columns',
      labels: shown.map((row) => named.map((index) => String(row[index] ?? '–')).join(' · ')),
      series: [{ name, points }],
      ticks: ticks.map((value) => ({ value, text: format.format(value) })),
    },
  };
}

function isDay(value: QueryValue | undefined): boolean {
  return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value);
}

/** A number or a decimal text; null for no value, undefined for anything else. */
function numberIn(value: QueryValue | undefined): number | null | undefined {
  if (value === null) return null;
  if (typeof value === 'string') return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
  return value === undefined ? undefined : Number(value);
}
