import { complianceLevels, type ComplianceLevel } from '../compliance/policy.ts';
import type { Core } from '../core/core.ts';
import { csvText } from '../csv.ts';
import { GatewayError } from '../errors.ts';
import { complianceReport, type ComplianceReport, type ControlSummary } from '../history/complianceReport.ts';
import { verifyLedger } from '../ledger/readJournal.ts';
import { dayOption } from './options.ts';
import { writeOutput } from './output.ts';
import { printJson, type Terminal } from './terminal.ts';

export interface ComplianceReportOptions {
  level: string;
  since?: string;
  until?: string;
  format: string;
}

interface Chain {
  ok: boolean;
  records: number;
}

/** `tidyllm compliance report`: a level’s controls with what the recorded calls came to. Exit code 7 for a broken chain. */
export async function complianceReportCommand(
  core: Core,
  { level, since, until, format }: ComplianceReportOptions,
  terminal: Terminal,
): Promise<number> {
  const { day: today } = await core.ledger.budget();
  const days = {
    since: since === undefined ? `${today.slice(0, 8)}01` : dayOption(since, '--since'),
    until: until === undefined ? today : dayOption(until, '--until'),
  };
  if (days.since > days.until)
    throw new GatewayError('invalid_request', `--since ${days.since} is later than --until ${days.until}.`);
  const asked = { level: levelOption(level), ...days };
  const write = writerOf(format);
  const { ok, records } = await verifyLedger(core.journal);
  const report = await complianceReport(core.journal.directory, asked);
  if (terminal.json) printJson(reportJson(report, { ok, records }, core));
  else writeOutput(write(report, { ok, records }, core));
  return ok ? 0 : 7;
}

function levelOption(level: string): ComplianceLevel {
  const known = complianceLevels.find((one) => one === level);
  if (known) return known;
  throw new GatewayError('invalid_request', `There is no compliance level "${level}".`, {
    hint: `Use one of ${complianceLevels.join(', ')}.`,
  });
}

function writerOf(format: string): (report: ComplianceReport, chain: Chain, core: Core) => string {
  if (format === 'markdown') return markdown;
  if (format === 'csv') return csv;
  throw new GatewayError('invalid_request', `--format must be markdown or csv, not "${format}".`);
}

function reportJson(report: ComplianceReport, { ok, records }: Chain, { ledger, journal }: Core): object {
  const { level, since, until, calls, checkedCalls, blockedCalls, redactedCalls, lateCalls } = report;
  return {
    level,
    since,
    until,
    timezone: ledger.timeZone,
    ledger: journal.mode,
    chain_verified: ok,
    records,
    calls,
    checked_calls: checkedCalls,
    blocked_calls: blockedCalls,
    redacted_calls: redactedCalls,
    late_calls: lateCalls,
    controls: report.controls.map(controlJson),
    findings: report.rules,
  };
}

function controlJson({ failedRecords, ...control }: ControlSummary): Record<string, unknown> {
  return { ...control, failed_records: failedRecords };
}

/** Controls and rules in one table, because a spreadsheet has one. */
function csv({ controls, rules }: ComplianceReport): string {
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
  ]);
}

function markdown(report: ComplianceReport, { ok, records }: Chain, { ledger, journal }: Core): string {
  const { level, since, until, calls, checkedCalls, blockedCalls, redactedCalls, lateCalls } = report;
  const simulated = journal.mode === 'simulated' ? ' (SIMULATED)' : '';
  const counts = [
    ['calls', calls],
    ['checked at this level', checkedCalls],
    ['kept back', blockedCalls],
    ['redacted', redactedCalls],
    ['not searched in time', lateCalls],
  ] as const;
  return [
    `# Compliance: ${level}${simulated}`,
    `${since} to ${until} (${ledger.timeZone}). The chain of ${records} records ${ok ? 'verifies' : 'DOES NOT VERIFY'}.`,
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
    'A record is shown by `tidyllm audit show`. Calls of earlier versions have no checks in their records.',
    '',
  ].join('\n\n');
}

function tableOf(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cellText).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

function cellText(text: string): string {
  return text.replace(/[|\\]/g, '\\$&').replace(/\s+/g, ' ');
}
