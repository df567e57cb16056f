import { csvText } from '../csv.ts';
import type { LedgerMode } from '../ledger/records.ts';
import type { ComplianceReport, ControlSummary } from './complianceReport.ts';

/** What a report is about besides its counts. */
export interface ReportContext {
  /** The last verification; null if there was none. */
  chain: { ok: boolean; records: number } | null;
  timeZone: string;
  /** Of the ledger; null if its records don't say. */
  mode: LedgerMode | null;
}

/** The document of `compliance report --json`. */
export function reportJson(report: ComplianceReport, { chain, timeZone, mode }: ReportContext): object {
  const { level, since, until, calls, checkedCalls, blockedCalls, redactedCalls, lateCalls } = report;
  return {
    level,
    since,
    until,
    timezone: timeZone,
    ledger: mode,
    chain_verified: chain?.ok ?? null,
    records: chain?.records ?? null,
    calls,
    checked_calls: checkedCalls,
    blocked_calls: blockedCalls,
    redacted_calls: redactedCalls,
    late_calls: lateCalls,
    blocked_records: report.blockedRecords,
    controls: report.controls.map(controlJson),
    findings: report.rules,
    exceptions: report.exceptions,
  };
}

function controlJson({ failedRecords, ...control }: ControlSummary): Record<string, unknown> {
  return { ...control, failed_records: failedRecords };
}

/** Controls, rules and exceptions in one table, because a spreadsheet has one. */
export function reportCsv({ controls, rules, exceptions }: ComplianceReport): string {
  const columns = [
    ...['kind', 'id', 'source', 'title', 'passed', 'failed', 'unchecked', 'findings', 'calls', 'records'],
    'evidence',
  ];
  return csvText(columns, [
    ...controls.map(({ failedRecords, ...one }) => ({
      kind: 'control',
      ...one,
      records: failedRecords.join(' '),
    })),
    ...rules.map(({ rule, class: of, findings, calls, records }) => ({
      kind: of,
      id: rule,
      findings,
      calls,
      records: records.join(' '),
    })),
    ...exceptions.map(({ id, calls, records }) => ({
      kind: 'exception',
      id,
      calls,
      records: records.join(' '),
    })),
  ]);
}

/** The report for people. */
export function reportMarkdown(report: ComplianceReport, { chain, timeZone, mode }: ReportContext): string {
  const { level, since, until, calls, checkedCalls, blockedCalls, redactedCalls, lateCalls } = report;
  const simulated = mode === 'simulated' ? ' (SIMULATED)' : '';
  const counts = [
    ['calls', calls],
    ['checked at this level', checkedCalls],
    ['kept back', blockedCalls],
    ['redacted', redactedCalls],
    ['not searched in time', lateCalls],
  ] as const;
  return [
    `# Compliance: ${level}${simulated}`,
    `${since} to ${until} (${timeZone}). ${chainText(chain)}`,
    tableOf(
      ['', 'number'],
      counts.map(([name, count]) => [name, String(count)]),
    ),
    '## Controls',
    tableOf(
      ['control', 'source', 'passed', 'failed', 'not checked', 'evidence', 'failed in records'],
      report.controls.map(({ id, source, title, evidence, passed, failed, unchecked, failedRecords }) => [
        ...[`${title} (${id})`, source, String(passed), String(failed), String(unchecked), evidence],
        failedRecords.map((sequence) => `#${sequence}`).join(' '),
      ]),
    ),
    '## Findings',
    report.rules.length === 0
      ? 'Nothing was found.'
      : tableOf(
          ['rule', 'class', 'values', 'calls', 'records'],
          report.rules.map(({ rule, class: of, findings, calls: withIt, records: numbers }) => [
            ...[rule, of, String(findings), String(withIt)],
            numbers.map((sequence) => `#${sequence}`).join(' '),
          ]),
        ),
    '## Exceptions',
    report.exceptions.length === 0
      ? 'No call went through by an exception.'
      : tableOf(
          ['exception', 'calls', 'records'],
          report.exceptions.map(({ id, calls: by, records: numbers }) => [
            ...[id, String(by)],
            numbers.map((sequence) => `#${sequence}`).join(' '),
          ]),
        ),
    ...(report.blockedRecords.length === 0
      ? []
      : [`Kept back in records ${report.blockedRecords.map((sequence) => `#${sequence}`).join(' ')}.`]),
    'A record is shown by `tidyllm audit show`, an exception by `tidyllm compliance exception show`. Calls of earlier versions have no checks in their records.',
    '',
  ].join('\n\n');
}

function chainText(chain: ReportContext['chain']): string {
  if (chain === null) return 'The chain was not verified.';
  return `The chain of ${chain.records} records ${chain.ok ? 'verifies' : 'DOES NOT VERIFY'}.`;
}

function tableOf(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cellText).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

function cellText(text: string): string {
  return text.replace(/[|\\]/g, '\\$&').replace(/\s+/g, ' ');
}
