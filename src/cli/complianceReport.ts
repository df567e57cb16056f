import { complianceLevels, type ComplianceLevel } from '../compliance/policy.ts';
import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { reportCsv, reportJson, reportMarkdown, type ReportContext } from '../history/complianceFiles.ts';
import { complianceReport, type ComplianceReport } from '../history/complianceReport.ts';
import { verifyLedger } from '../ledger/verifyLedger.ts';
import { dayOption } from './options.ts';
import { writeOutput } from './output.ts';
import { printJson, type Terminal } from './terminal.ts';

export interface ComplianceReportOptions {
  level: string;
  since?: string;
  until?: string;
  format: string;
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
  const context = { chain: { ok, records }, timeZone: core.ledger.timeZone, mode: core.journal.mode };
  if (terminal.json) printJson(reportJson(report, context));
  else writeOutput(write(report, context));
  return ok ? 0 : 7;
}

function levelOption(level: string): ComplianceLevel {
  const known = complianceLevels.find((one) => one === level);
  if (known) return known;
  throw new GatewayError('invalid_request', `There is no compliance level "${level}".`, {
    hint: `Use one of ${complianceLevels.join(', ')}.`,
  });
}

function writerOf(format: string): (report: ComplianceReport, context: ReportContext) => string {
  if (format === 'markdown') return reportMarkdown;
  if (format === 'csv') return reportCsv;
  throw new GatewayError('invalid_request', `--format must be markdown or csv, not "${format}".`);
}
