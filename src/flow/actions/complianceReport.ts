import { complianceLevels, levelsOf, type ComplianceLevel } from '../../compliance/policy.ts';
import { GatewayError } from '../../errors.ts';
import {
  complianceReport,
  type ComplianceReport,
  type ControlSummary,
} from '../../history/complianceReport.ts';
import type { LedgerReader } from '../../ledger/contract.ts';
import type { LedgerLocation } from '../../ledger/readJournal.ts';
import type { LoadedSettings } from '../../settings/loadSettings.ts';
import { builtIns } from '../builtIns.ts';
import type { FlowRun, Implementation } from '../implementation.ts';
import type { Figure, Finding, Report, Section } from '../report.ts';
import { checkChain } from './security/chain.ts';

export interface ComplianceReportDependencies {
  ledger: Pick<LedgerReader, 'budget'>;
  journal: LedgerLocation;
  loaded: LoadedSettings;
}

/** What the records of calls say about the controls of levels, and whether the records are intact. Makes no call. */
export function complianceReportAction(dependencies: ComplianceReportDependencies): Implementation {
  return {
    id: 'compliance_report',
    ...builtIns.compliance_report,
    worstCase: () => 0n,
    run: (run) => reportOn(run, dependencies),
  };
}

async function reportOn(
  { parameters, signal, progress }: FlowRun,
  { ledger, journal, loaded }: ComplianceReportDependencies,
): Promise<Report> {
  const { day: until } = await ledger.budget();
  const since = sinceOf(String(parameters['since']), until);
  progress('Audit chain', 0);
  const chain = await checkChain({ journal, anchors: [] }, signal);
  const reports: ComplianceReport[] = [];
  for (const level of levelsFor(String(parameters['level']), loaded)) {
    const onProgress = (records: number): void => progress(`${level}: ${records} records read`);
    reports.push(await complianceReport(journal.directory, { level, since, until }, { signal, onProgress }));
  }
  const failed = reports.flatMap(({ controls }) => controls.filter((control) => control.failed > 0));
  return {
    title: 'Compliance Report',
    summary: summaryOf(reports, failed, since),
    findings: [
      ...chain.findings,
      ...failed.map(failedControl),
      ...reports.slice(0, 1).flatMap(uncheckedCalls),
    ],
    figures: figuresOf(reports, failed),
    sections: [...reports.map(controlSection), ...reports.slice(0, 1).flatMap(callSections), chain.section],
  };
}

function levelsFor(asked: string, { settings }: LoadedSettings): ComplianceLevel[] {
  return asked === 'policy' ? levelsOf(settings.compliance) : complianceLevels.filter((one) => one === asked);
}

/** The first of the month if it isn't said. Throws `invalid_request`. */
function sinceOf(asked: string, today: string): string {
  if (asked === '') return `${today.slice(0, 8)}01`;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(asked) && !Number.isNaN(Date.parse(asked));
  if (isDay && asked <= today) return asked;
  throw new GatewayError('invalid_request', `since must be a day until ${today}, not "${asked}".`, {
    hint: 'Give it as YYYY-MM-DD, or leave it out for the first of this month.',
  });
}

function summaryOf(
  reports: readonly ComplianceReport[],
  failed: readonly ControlSummary[],
  since: string,
): string {
  const controls = reports.flatMap((report) => report.controls).length;
  const levels = reports.map(({ level }) => level).join(', ');
  const calls = reports[0]?.calls ?? 0;
  const checked = Math.max(0, ...reports.map(({ checkedCalls }) => checkedCalls));
  const verdict =
    failed.length === 0 ? 'no control failed' : `${failed.length} of ${controls} controls failed for some`;
  return `${levels}: ${checked} of ${calls} calls since ${since} were checked, and ${verdict}.`;
}

function failedControl({ id, title, source, failed, evidence, failedRecords }: ControlSummary): Finding {
  const records = failedRecords.map((sequence) => `#${sequence}`).join(', ');
  const first = failed > failedRecords.length ? ' first' : '';
  return {
    severity: 'warning',
    id: `failed_${id.replace('.', '_')}`,
    title: `${title} (${id}): failed for ${failed} calls`,
    evidence: `${source}. Passed if: ${evidence} The${first} records: ${records}.`,
    remedy: 'See a record with "tidyllm audit show". docs/compliance.md says what makes the control pass.',
  };
}

/** Calls of which nothing is known. */
function uncheckedCalls({ lateCalls }: ComplianceReport): Finding[] {
  if (lateCalls === 0) return [];
  return [
    {
      severity: 'warning',
      id: 'late_calls',
      title: `${lateCalls} calls were not searched in time`,
      evidence: 'The search took longer than compliance.deadline_ms.',
      remedy: 'Send less at once, raise compliance.deadline_ms, or set compliance.unchecked to block.',
    },
  ];
}

function figuresOf(reports: readonly ComplianceReport[], failed: readonly ControlSummary[]): Figure[] {
  const [first] = reports;
  const { calls = 0, blockedCalls = 0, redactedCalls = 0, lateCalls = 0, rules = [] } = first ?? {};
  const values = rules.reduce((sum, { findings }) => sum + findings, 0);
  const figure = (id: string, label: string, value: number, better: Figure['better']): Figure => ({
    id,
    label,
    value,
    unit: 'count',
    better,
  });
  return [
    figure('calls', 'Calls', calls, null),
    figure('failed_controls', 'Controls that failed', failed.length, 'lower'),
    figure('blocked_calls', 'Calls kept back', blockedCalls, null),
    figure('redacted_calls', 'Calls redacted', redactedCalls, null),
    figure('late_calls', 'Calls not searched in time', lateCalls, 'lower'),
    figure('values', 'Values found', values, 'lower'),
  ];
}

function controlSection({ level, controls, checkedCalls }: ComplianceReport): Section {
  return {
    id: `controls_${level}`,
    title: `Controls of ${level}`,
    text: `Of ${checkedCalls} calls that were checked at this level. Unchecked: this program can’t tell.`,
    table: {
      columns: [
        ...(['Control', 'Source'] as const).map((label) => ({ label, unit: 'text' as const })),
        ...(['Passed', 'Failed', 'Unchecked'] as const).map((label) => ({ label, unit: 'count' as const })),
        { label: 'Failed in records', unit: 'text' },
      ],
      rows: controls.map(({ id, title, source, passed, failed, unchecked, failedRecords }) => [
        ...[`${title} (${id})`, source, passed, failed, unchecked],
        failedRecords.map((sequence) => `#${sequence}`).join(' '),
      ]),
    },
    chart: null,
  };
}

/** What was found in calls; the same for every level. */
function callSections({ rules }: ComplianceReport): Section[] {
  return [
    {
      id: 'rules',
      title: 'Values found by rule',
      text: rules.length === 0 ? 'Nothing was found in requests and answers.' : 'In requests and answers.',
      table:
        rules.length === 0
          ? null
          : {
              columns: [
                { label: 'Rule', unit: 'text' },
                { label: 'Class', unit: 'text' },
                { label: 'Values', unit: 'count' },
                { label: 'Calls', unit: 'count' },
                { label: 'Records', unit: 'text' },
              ],
              rows: rules.map(({ rule, class: of, findings, calls, records }) => [
                ...[rule, of.replace('_', ' '), findings, calls],
                records.map((sequence) => `#${sequence}`).join(' '),
              ]),
            },
      chart: null,
    },
  ];
}
