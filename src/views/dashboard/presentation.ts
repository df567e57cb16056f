import * as vscode from 'vscode';
import type { Core } from '../../core/core.ts';
import { durationText } from '../../flow/cellText.ts';
import type { FlowExecutionEntry } from '../../flow/executionHistory.ts';
import { gatewayIds } from '../../gateways/gateway.ts';
import { serviceIds, type ServiceHealth } from '../../gateways/services.ts';
import type { Verification } from '../../host/auditTrail.ts';
import type { CoreState } from '../../host/coreHolder.ts';
import { mendsOf, mendsOfService, sectionOf } from '../../host/healthFixes.ts';
import { remedyLabel } from '../../host/remedies.ts';
import type { Findings } from '../../host/healthMonitor.ts';
import type { BudgetLevel } from '../../ledger/budgetStatus.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { Mend } from '../../remedies.ts';
import {
  latencyText,
  problemOf,
  serviceNames,
  stateText,
  timeText,
  verdictOf,
  verdictText,
  type Verdict,
} from '../health/checkTexts.ts';
import { agoText } from '../flow/agoText.ts';
import { outcomeText } from '../flow/outcomeText.ts';
import { sourceText } from '../health/healthNodes.ts';
import type { Latencies } from './latencies.ts';
import type { Dashboard, Part, Tone } from './protocol.ts';

/** What the dashboard shows, with what its buttons do. */
export interface Presented {
  dashboard: Dashboard;
  /** By part, in the order of its buttons. */
  fixes: ReadonlyMap<string, readonly Mend[]>;
}

/** Runs that are shown. */
const runsShown = 5;
const hourMs = 3_600_000;

/** What the dashboard shows besides what the checks found. */
export interface DashboardExtras {
  verification: Verification | null;
  /** The last runs of agreements, newest first; null while nobody can know them. */
  runs: readonly FlowExecutionEntry[] | null;
  latencies: Pick<Latencies, 'of'>;
}

type PartWithFixes = Omit<Part, 'fixes' | 'history'> & { fixes: readonly Mend[] };

/** What was found as the view shows it, in the language of the editor. */
export function presentDashboard(
  state: CoreState,
  findings: Findings,
  { verification, runs, latencies }: DashboardExtras,
): Presented {
  const core = state.kind === 'ready' ? state.core : null;
  const infrastructure = core ? infrastructureParts(core, findings) : [];
  const gateways = core ? gatewayParts(core, findings) : startPart(state);
  const shown = (parts: readonly PartWithFixes[]): Part[] =>
    parts.map((part) => ({
      ...part,
      history: [...latencies.of(part.id)],
      fixes: part.fixes.map((fix) => ({ label: remedyLabel(fix) })),
    }));
  const dashboard: Dashboard = {
    verdict: presentVerdict(verdictOf(state, findings, verification)),
    simulated: core?.simulatedBecause ?? '',
    checked: lastCheck(findings),
    infrastructure: shown(infrastructure),
    gateways: shown(gateways),
    flow: flowLine(findings, runs),
    runs: (runs ?? []).slice(0, runsShown).map(runRow),
    cache: vscode.l10n.t('Not installed.'),
    configuration: core ? configuration(core) : [],
    ledger: ledgerLine(core, findings, verification),
  };
  return { dashboard, fixes: new Map([...infrastructure, ...gateways].map(({ id, fixes }) => [id, fixes])) };
}

/** How many agreements can run, and how many did in the last hour. */
function flowLine({ flow }: Findings, runs: DashboardExtras['runs']): Dashboard['flow'] {
  if (!flow || !runs) return { tone: 'checking', text: vscode.l10n.t('reading …') };
  const lately = runs.filter(({ timestamp }) => Date.now() - Date.parse(timestamp) < hourMs).length;
  const said =
    lately === runs.length && lately > runsShown
      ? vscode.l10n.t('{0} or more runs in the last hour', lately)
      : lately === 1
        ? vscode.l10n.t('1 run in the last hour')
        : vscode.l10n.t('{0} runs in the last hour', lately);
  const errors =
    flow.errors === 1
      ? vscode.l10n.t('1 error in flow.yaml')
      : vscode.l10n.t('{0} errors in flow.yaml', flow.errors);
  return {
    tone: flow.errors > 0 ? 'failed' : 'healthy',
    text: [
      vscode.l10n.t('{0} agreements can be run', flow.agreements),
      ...(flow.errors > 0 ? [errors] : []),
      runs.length === 0 ? vscode.l10n.t('none was run yet') : said,
    ].join(' · '),
  };
}

function runRow(entry: FlowExecutionEntry): Dashboard['runs'][number] {
  const { runId, trigger, outcome, timestamp, durationMs, cost, summary, errorCode, reportSha256 } = entry;
  return {
    runId,
    trigger,
    tone: toneOf(entry),
    outcome: outcomeText(entry),
    when: agoText(timestamp),
    took: durationMs === null ? '' : durationText(durationMs),
    cost: outcome === 'running' ? '' : formatUsd(cost),
    summary: summary ?? errorCode ?? '',
    hasReport: reportSha256 !== null,
  };
}

function toneOf({ outcome, problems, warnings }: FlowExecutionEntry): Tone {
  if (outcome === 'running') return 'checking';
  if (outcome === 'cancelled') return 'absent';
  if (outcome !== 'success' || problems > 0) return 'failed';
  return warnings > 0 ? 'degraded' : 'healthy';
}

function lastCheck({ services, gateways }: Findings): string {
  const last = [...Object.values(services), ...Object.values(gateways)]
    .map(({ checkedAt }) => checkedAt)
    .sort()
    .at(-1);
  return last === undefined ? '' : timeText(last);
}

function presentVerdict(verdict: Verdict): Dashboard['verdict'] {
  const tones = { operational: 'healthy', degraded: 'failed', checking: 'checking' } as const;
  const meanings: Record<Verdict['state'], string> = {
    operational: vscode.l10n.t('Everything that is configured and installed works.'),
    degraded: '',
    checking: vscode.l10n.t('The first look is under way.'),
  };
  return {
    tone: tones[verdict.state],
    text: verdictText(verdict),
    meaning: meanings[verdict.state],
    reasons: [...verdict.reasons],
  };
}

function infrastructureParts(core: Core, findings: Findings): PartWithFixes[] {
  const { services, simulated } = findings;
  return [
    credentialsPart(core, findings),
    ...(core.backend.simulated
      ? [checkedPart('simulated', vscode.l10n.t('Simulated answers'), simulated ?? undefined, [])]
      : []),
    ...serviceIds.map((id) => {
      const health = services[id];
      return checkedPart(id, serviceNames[id], health, health ? mendsOfService(id, health) : []);
    }),
  ];
}

function credentialsPart({ simulatedBecause }: Core, { credentials }: Findings): PartWithFixes {
  const part = emptyPart('credentials', vscode.l10n.t('AWS credentials'));
  if (!credentials) return part;
  const { found, expiresAt, arn, error } = credentials;
  const connect: Mend = { kind: 'connect_aws' };
  if (!found) {
    return {
      ...part,
      tone: 'absent',
      state: vscode.l10n.t('none found'),
      evidence: simulatedBecause ?? '',
      fixes: [connect],
    };
  }
  const source = `${found.detail} (${sourceText(found.source)})`;
  if (error) {
    return {
      ...part,
      tone: 'failed',
      state: stateText('failed'),
      evidence: `${source}: ${error.message}`,
      hint: error.hint,
      fixes: mendsOf(error),
    };
  }
  const until = expiresAt === null ? '' : vscode.l10n.t('until {0}', timeText(expiresAt));
  return {
    ...part,
    tone: 'healthy',
    state: vscode.l10n.t('found'),
    evidence: [source, arn ?? '', until].filter(Boolean).join(' · '),
  };
}

function gatewayParts({ registry }: Core, { gateways }: Findings): PartWithFixes[] {
  const known = registry.listServices();
  return gatewayIds.map((id) => {
    const health = gateways[id];
    const part = checkedPart(id, id, health, mendsOf(health?.error ?? null));
    const description = known.find((one) => one.id === id)?.description ?? '';
    return health?.state === 'healthy' ? { ...part, evidence: `${description}. ${part.evidence}` } : part;
  });
}

/** In place of all of them, while there is no core. */
function startPart(state: CoreState): PartWithFixes[] {
  const part = emptyPart('gateway', vscode.l10n.t('Gateway'));
  if (state.kind !== 'failed') return [{ ...part, state: vscode.l10n.t('starting …') }];
  const { error } = state;
  return [
    {
      ...part,
      tone: 'failed',
      state: stateText('failed'),
      evidence: error.message,
      hint: error.hint,
      fixes: mendsOf(error),
    },
  ];
}

function checkedPart(
  id: string,
  name: string,
  health: ServiceHealth | undefined,
  fixes: readonly Mend[],
): PartWithFixes {
  const part = emptyPart(id, name);
  if (!health) return part;
  const { state, error, latencyMs, evidence, since } = health;
  const tone: Tone = state === 'not_configured' || state === 'not_installed' ? 'absent' : state;
  return {
    ...part,
    tone,
    state: stateText(state),
    evidence: problemOf(health) || evidence,
    hint: error?.hint ?? '',
    latency: latencyText(latencyMs),
    since: tone === 'absent' ? '' : timeText(since),
    // One button looks at everything again.
    fixes: fixes.filter(({ kind }) => kind !== 'check_health'),
  };
}

function emptyPart(id: string, name: string): PartWithFixes {
  const text = { state: vscode.l10n.t('checking …'), evidence: '', hint: '' };
  return { id, name, tone: 'checking', ...text, latency: '', since: '', fixes: [] };
}

function configuration({ loaded, backend }: Core): Dashboard['configuration'] {
  const { s3, postgres, mlflow } = loaded.settings;
  const none = vscode.l10n.t('not configured');
  const mlflowSet = mlflow.enabled && loaded.originOf(['mlflow', 'tracking_uri']).source !== 'default';
  const address =
    postgres.host === null
      ? none
      : `${postgres.host}:${postgres.port}${postgres.db_name === null ? '' : ` / ${postgres.db_name}`}`;
  const rows: [name: string, value: string, path: string[], key: string][] = [
    [
      vscode.l10n.t('Bedrock'),
      backend.simulated ? vscode.l10n.t('simulated') : backend.location,
      ['aws', 'region'],
      sectionOf.bedrock,
    ],
    [vscode.l10n.t('S3 bucket'), s3.bucket ?? none, ['s3', 'bucket'], sectionOf.s3],
    ['PostgreSQL', address, ['postgres', 'host'], sectionOf.postgres],
    ['MLflow', mlflowSet ? mlflow.tracking_uri : none, ['mlflow', 'tracking_uri'], sectionOf.mlflow],
  ];
  return rows.map(([name, value, path, key]) => {
    const { source, text } = loaded.originOf(path);
    return { name, value, origin: source === 'default' ? '' : text, key };
  });
}

function ledgerLine(
  core: Core | null,
  { ledger }: Findings,
  verification: Verification | null,
): Dashboard['ledger'] {
  if (!core) return { tone: 'absent', text: vscode.l10n.t('Closed while the gateway is not up.') };
  if (!ledger) return { tone: 'checking', text: vscode.l10n.t('reading …') };
  if (ledger.error) return { tone: 'failed', text: ledger.error.message };
  const { head, budget } = ledger;
  const tones: Record<BudgetLevel, Tone> = {
    ok: 'healthy',
    warning: 'degraded',
    critical: 'failed',
    exceeded: 'failed',
  };
  const fault = verification?.result.firstFault;
  return {
    tone: fault ? 'failed' : tones[budget.level],
    text: [
      core.ledger.mode === 'live' ? vscode.l10n.t('Live ledger') : vscode.l10n.t('Simulated ledger'),
      head ? vscode.l10n.t('record #{0}', head.sequence) : vscode.l10n.t('no record yet'),
      ...(fault ? [vscode.l10n.t('broken at {0}:{1}', fault.segment, fault.line)] : []),
      vscode.l10n.t('{0} of {1} spent today', formatUsd(budget.spent), formatUsd(budget.limit)),
      ...(budget.overruns > 0 ? [vscode.l10n.t('blocked by an overrun')] : []),
    ].join(' · '),
  };
}
