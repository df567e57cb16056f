import * as vscode from 'vscode';
import { cellText, durationText, numberOf } from '../../flow/cellText.ts';
import { hasFinding, type ComparedFigure, type ReportComparison } from '../../flow/reportComparison.ts';
import type { Chart, Finding, Section, StoredReport, Table } from '../../flow/report.ts';
import { ticksOf, type ChartShape } from '../webviewKit/chartShape.ts';
import type { PresentedFigure, PresentedReport, PresentedSection, PresentedTable } from './protocol.ts';

const severities = ['problem', 'warning', 'note'] as const;
/** Steps of an axis, at most. */

/** A report as the view shows it, in the editor's language. */
export function presentReport(
  stored: StoredReport,
  comparison: ReportComparison | null,
  inMlflow: boolean,
): PresentedReport {
  const { report } = stored;
  return {
    runId: stored.run_id,
    title: report.title,
    trigger: stored.trigger,
    simulated: stored.execution_mode === 'simulated',
    inMlflow,
    summary: report.summary,
    particulars: particulars(stored),
    findings: severities.flatMap((severity) =>
      report.findings
        .filter((finding) => finding.severity === severity)
        .map((finding) => ({
          severity,
          title: finding.title,
          evidence: finding.evidence,
          remedy: finding.remedy,
          isNew: comparison !== null && hasFinding(comparison.findings.new, finding),
        })),
    ),
    findingsText: findingsText(report.findings),
    figures: comparison
      ? comparison.figures.map(comparedFigure)
      : report.figures.map(({ label, value, unit }) => ({
          label,
          isNumber: unit !== 'text',
          value: cellText(value, unit),
          compared: null,
        })),
    sections: report.sections.map(presentSection),
    comparison: comparison && presentComparison(comparison),
  };
}

/** When a run started, in the editor's language and time zone. */
export function startText(iso: string): string {
  return new Intl.DateTimeFormat(vscode.env.language, { dateStyle: 'medium', timeStyle: 'medium' }).format(
    new Date(iso),
  );
}

function particulars(stored: StoredReport): PresentedReport['particulars'] {
  return [
    { name: vscode.l10n.t('Started'), value: startText(stored.started_at) },
    { name: vscode.l10n.t('Took'), value: durationText(stored.duration_ms) },
    { name: vscode.l10n.t('Cost'), value: cellText(stored.cost_usd, 'usd') },
    ...Object.entries(stored.parameters).map(([name, value]) => ({
      name,
      value: value === '' ? '–' : String(value),
    })),
  ];
}

function findingsText(findings: readonly Finding[]): string {
  const count = (severity: Finding['severity']): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const [problems, warnings, notes] = severities.map(count) as [number, number, number];
  const parts = [
    ...(problems === 0
      ? []
      : [problems === 1 ? vscode.l10n.t('1 problem') : vscode.l10n.t('{0} problems', problems)]),
    ...(warnings === 0
      ? []
      : [warnings === 1 ? vscode.l10n.t('1 warning') : vscode.l10n.t('{0} warnings', warnings)]),
    ...(notes === 0 ? [] : [notes === 1 ? vscode.l10n.t('1 note') : vscode.l10n.t('{0} notes', notes)]),
  ];
  return parts.join(' · ');
}

function comparedFigure({ label, unit, before, after, difference, change }: ComparedFigure): PresentedFigure {
  return {
    label,
    isNumber: unit !== 'text',
    value: cellText(after, unit),
    compared: {
      change,
      text: changeText(change, cellText(difference, unit), numberOf(difference, unit) ?? 0),
      before: cellText(before, unit),
    },
  };
}

function changeText(change: ComparedFigure['change'], difference: string, direction: number): string {
  const by = direction > 0 ? `+${difference}` : difference;
  switch (change) {
    case 'better':
      return vscode.l10n.t('{0}, better', by);
    case 'worse':
      return vscode.l10n.t('{0}, worse', by);
    case 'same':
      return vscode.l10n.t('unchanged');
    case 'changed':
      return direction === 0 ? vscode.l10n.t('changed') : by;
    case 'incomparable':
      return vscode.l10n.t('not comparable');
  }
}

function presentComparison(comparison: ReportComparison): PresentedReport['comparison'] {
  const { before, findings } = comparison;
  const parameters = comparison.parameters_differ.join(', ');
  return {
    runId: before.run_id,
    when: startText(before.started_at),
    cautions: [
      ...(!comparison.modes_differ
        ? []
        : [
            before.execution_mode === 'simulated'
              ? vscode.l10n.t(
                  'The earlier run was simulated and this one was real: their figures are not comparable.',
                )
              : vscode.l10n.t(
                  'This run was simulated and the earlier one was real: their figures are not comparable.',
                ),
          ]),
      ...(parameters === '' ? [] : [vscode.l10n.t('Changed parameters: {0}.', parameters)]),
    ],
    findings: vscode.l10n.t(
      'Findings: {0} new, {1} gone, {2} still there.',
      findings.new.length,
      findings.gone.length,
      findings.still.length,
    ),
    gone: findings.gone.map(({ severity, title }) => ({ severity, title })),
  };
}

function presentSection({ id, title, text, table, chart }: Section): PresentedSection {
  return {
    id,
    title,
    paragraphs: text.split('\n').filter((line) => line.trim() !== ''),
    table: table && presentTable(table),
    chart: table && chart && presentChart(table, chart),
  };
}

function presentTable({ columns, rows }: Table): PresentedTable {
  return {
    columns: columns.map(({ label, unit }) => ({ label, isNumber: unit !== 'text' })),
    rows: rows.map((row) => columns.map(({ unit }, index) => cellText(row[index] ?? null, unit))),
  };
}

/** Null where a chart would show nothing: the table is enough. */
function presentChart({ columns, rows }: Table, { type, x, series }: Chart): ChartShape | null {
  const unitOf = (index: number) => columns[index]?.unit ?? 'text';
  const drawn = series.map((index) => ({
    name: columns[index]?.label ?? '',
    points: rows.map((row) => {
      const cell = row[index] ?? null;
      return { value: numberOf(cell, unitOf(index)), text: cellText(cell, unitOf(index)) };
    }),
  }));
  const values = drawn.flatMap(({ points }) => points.flatMap(({ value }) => value ?? []));
  if (values.length < 2) return null;
  const unit = unitOf(series[0] ?? 0);
  return {
    type,
    labels: rows.map((row) => cellText(row[x] ?? null, unitOf(x))),
    series: drawn,
    ticks: ticksOf(Math.min(0, ...values), Math.max(0, ...values)).map((value) => ({
      value,
      text: cellText(unit === 'usd' ? value.toFixed(6) : value, unit),
    })),
  };
}
