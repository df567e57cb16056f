import * as vscode from 'vscode';
import type { Core } from '../../core/core.ts';
import { durationText } from '../../flow/cellText.ts';
import type { FlowExecutionEntry } from '../../flow/executionHistory.ts';
import { gatewayIds, type CircuitState, type ServiceMetrics } from '../../gateways/gateway.ts';
import { serviceIds } from '../../gateways/services.ts';
import { isDirect, type Observations } from '../../health/checks.ts';
import type { Finding, FindingId } from '../../health/finding.ts';
import {
  cacheFinding,
  checkFinding,
  clockFindings,
  credentialsFinding,
  flowFinding,
  ledgerFindings,
  sectionOf,
  serviceFinding,
  startFinding,
} from '../../health/findings.ts';
import { trackingFindings } from '../../health/trackingFindings.ts';
import type { Verification } from '../../host/auditTrail.ts';
import type { CoreState } from '../../host/coreHolder.ts';
import { remedyLabel } from '../../host/remedies.ts';
import type { BudgetLevel } from '../../ledger/budgetStatus.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { Mend } from '../../remedies.ts';
import {
  latencyText,
  nameOf,
  problemOf,
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

/** What the dashboard shows, and what its buttons do. */
export interface Presented {
  dashboard: Dashboard;
  /** By component, in the order of its buttons. */
  fixes: ReadonlyMap<string, readonly Mend[]>;
}

/** Runs shown. */
const runsShown = 5;
const hourMs = 3_600_000;

/** What the dashboard shows besides the findings. */
export interface DashboardExtras {
  verification: Verification | null;
  /** The last FLOW runs, newest first; null while they are unknown. */
  runs: readonly FlowExecutionEntry[] | null;
  latencies: Pick<Latencies, 'of'>;
}

type PartWithFixes = Omit<Part, 'fixes' | 'history'> & { fixes: readonly Mend[] };

/** The findings as the view shows them, in the editor's language. */
export function presentDashboard(
  state: CoreState,
  seen: Observations,
  { verification, runs, latencies }: DashboardExtras,
): Presented {
  const core = state.kind === 'ready' ? state.core : null;
  const infrastructure = core ? infrastructureParts(core, seen) : [];
  const gateways = core ? gatewayParts(core, seen) : startPart(state);
  const shown = (parts: readonly PartWithFixes[]): Part[] =>
    parts.map((part) => ({
      ...part,
      history: [...latencies.of(part.id)],
      fixes: part.fixes.map((fix) => ({ label: remedyLabel(fix) })),
    }));
  const dashboard: Dashboard = {
    verdict: presentVerdict(verdictOf(state, seen, verification)),
    simulated: core?.simulatedBecause ?? '',
    checked: lastCheck(seen),
    infrastructure: shown(infrastructure),
    gateways: shown(gateways),
    flow: flowLine(seen, runs),
    runs: (runs ?? []).slice(0, runsShown).map(runRow),
    models: core ? core.registry.metrics().map(modelRow) : [],
    cache: core ? cacheLine(core, seen) : { tone: 'absent', text: '' },
    configuration: core ? configuration(core) : [],
    ledger: ledgerLine(core, seen, verification),
  };
  return { dashboard, fixes: new Map([...infrastructure, ...gateways].map(({ id, fixes }) => [id, fixes])) };
}

/** How many agreements can run, and how many ran in the last hour. */
function flowLine({ flow }: Observations, runs: DashboardExtras['runs']): Dashboard['flow'] {
  if (!flow || !runs) return { tone: 'checking', text: vscode.l10n.t('reading …') };
  const lately = runs.filter(({ timestamp }) => Date.now() - Date.parse(timestamp) < hourMs).length;
  const said =
    lately === runs.length && lately > runsShown
      ? vscode.l10n.t('{0} or more runs in the last hour', lately)
      : lately === 1
        ? vscode.l10n.t('1 run in the last hour')
        : vscode.l10n.t('{0} runs in the last hour', lately);
  const count = flow.faults.filter(({ severity }) => severity === 'error').length;
  const errors =
    count === 1 ? vscode.l10n.t('1 error in flow.yaml') : vscode.l10n.t('{0} errors in flow.yaml', count);
  return {
    tone: toneOfFinding(flowFinding(flow)),
    text: [
      vscode.l10n.t('{0} agreements can be run', flow.agreements),
      ...(count > 0 ? [errors] : []),
      runs.length === 0 ? vscode.l10n.t('no runs yet') : said,
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

function lastCheck({ services, gateways }: Observations): string {
  const last = [...Object.values(services), ...Object.values(gateways)]
    .map(({ checkedAt }) => checkedAt)
    .sort()
    .at(-1);
  return last === undefined ? '' : timeText(last);
}

function presentVerdict(verdict: Verdict): Dashboard['verdict'] {
  const tones = { operational: 'healthy', degraded: 'failed', checking: 'checking' } as const;
  const meanings: Record<Verdict['state'], string> = {
    operational: vscode.l10n.t('Everything configured and installed works.'),
    degraded: '',
    checking: vscode.l10n.t('The first check is running.'),
  };
  return {
    tone: tones[verdict.state],
    text: verdictText(verdict),
    meaning: meanings[verdict.state],
    reasons: [...verdict.reasons],
  };
}

function infrastructureParts(core: Core, seen: Observations): PartWithFixes[] {
  const { services, simulated, direct, tracking } = seen;
  return [
    credentialsPart(core, seen),
    ...(core.backend.simulated
      ? [foundPart('simulated', simulated && checkFinding('simulated', 'simulated answers', simulated))]
      : []),
    ...(isDirect(core.backend) ? [directPart(core, direct)] : []),
    ...serviceIds.map((id) => foundPart(id, services[id] && serviceFinding(id, services[id]))),
    ...(tracking ? trackingFindings(core.loaded, tracking) : []).map((found) => ({
      ...foundPart('tracking', found),
      name: found.name,
    })),
    ...clockFindings(services.bedrock?.clockOffsetMs)
      .filter(({ state }) => state !== 'healthy')
      .map((found) => foundPart('clock', found)),
  ];
}

function directPart({ backend }: Core, direct: Observations['direct']): PartWithFixes {
  const found = direct && checkFinding('answering_service', backend.name, direct);
  return { ...foundPart('answering_service', found), name: backend.name };
}

function credentialsPart(core: Core, { credentials }: Observations): PartWithFixes {
  const part = foundPart('credentials', credentials && credentialsFinding(core, credentials));
  const name = vscode.l10n.t('AWS credentials');
  if (!credentials) return { ...part, name };
  const { found, expiresAt, arn, error } = credentials;
  if (!found) return { ...part, name, state: vscode.l10n.t('none found') };
  const source = `${found.detail} (${sourceText(found.source)})`;
  if (error) return { ...part, name, evidence: `${source}: ${error.message}` };
  const until = expiresAt === null ? '' : vscode.l10n.t('until {0}', timeText(expiresAt));
  const evidence = [source, arn ?? '', until].filter(Boolean).join(' · ');
  return { ...part, name, state: vscode.l10n.t('found'), evidence };
}

function gatewayParts({ registry }: Core, { gateways }: Observations): PartWithFixes[] {
  const known = registry.listServices();
  return gatewayIds.map((id) => {
    const health = gateways[id];
    const part = foundPart(id, health && checkFinding(id, id, health));
    const description = known.find((one) => one.id === id)?.description ?? '';
    return health?.state === 'healthy' ? { ...part, evidence: `${description}. ${part.evidence}` } : part;
  });
}

/** What the model's calls in this window came to. */
function modelRow(metrics: ServiceMetrics): Dashboard['models'][number] {
  const { service, attempts, failures, cacheHits, hitRate, circuit } = metrics;
  const states: Record<CircuitState, [Tone, string]> = {
    closed: ['healthy', vscode.l10n.t('available')],
    open: ['failed', vscode.l10n.t('paused')],
    half_open: ['degraded', vscode.l10n.t('being tested')],
  };
  const [tone, state] = states[circuit];
  const failed = failures === 0 ? '' : vscode.l10n.t('{0} failed', failures);
  const share = hitRate === null ? '' : ` (${Math.round(hitRate * 100)} %)`;
  const times = [metrics.processingTimeMs, metrics.timeToFirstTokenMs, metrics.waitedMs];
  const [time = '', firstToken = '', waited = ''] = times.map((ms) => (ms === null ? '' : durationText(ms)));
  return {
    name: service,
    tone,
    state,
    attempts: [String(attempts), failed].filter(Boolean).join(' · '),
    time,
    firstToken,
    waited,
    cacheHits: `${cacheHits}${share}`,
  };
}

function cacheLine(core: Core, { cache }: Observations): Dashboard['cache'] {
  if (!cache) return { tone: 'checking', text: vscode.l10n.t('reading …') };
  const found = cacheFinding(core, cache);
  return { tone: toneOfFinding(found), text: found.evidence };
}

/** The only row while there is no core. */
function startPart(state: CoreState): PartWithFixes[] {
  const part =
    state.kind === 'failed'
      ? { ...foundPart('gateway', startFinding(state.error)), evidence: state.error.message }
      : { ...foundPart('gateway', null), state: vscode.l10n.t('starting …') };
  return [part];
}

/** A component from its finding, which is null or undefined until it has been checked. */
function foundPart(id: FindingId, found: Finding | null | undefined): PartWithFixes {
  const text = { state: vscode.l10n.t('checking …'), evidence: '', hint: '' };
  const part: PartWithFixes = {
    id,
    name: nameOf(id),
    tone: 'checking',
    ...text,
    latency: '',
    since: '',
    fixes: [],
  };
  if (!found) return part;
  const { state, latencyMs, evidence, since, hint, remedy } = found;
  const tone = toneOfFinding(found);
  return {
    ...part,
    tone,
    state: stateText(state),
    evidence: problemOf(found) || evidence,
    // A component that isn't configured needs no fix.
    hint: tone === 'absent' ? '' : hint,
    latency: latencyText(latencyMs),
    since: tone === 'absent' || since === null ? '' : timeText(since),
    // One button for the whole dashboard checks again.
    fixes: remedy.filter(({ kind }) => kind !== 'check_health'),
  };
}

function toneOfFinding({ state }: Finding): Tone {
  if (state === 'warning') return 'degraded';
  return state === 'not_configured' || state === 'not_installed' ? 'absent' : state;
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
  { ledger }: Observations,
  verification: Verification | null,
): Dashboard['ledger'] {
  if (!core) return { tone: 'absent', text: vscode.l10n.t('Closed while the gateway is not running.') };
  if (!ledger) return { tone: 'checking', text: vscode.l10n.t('reading …') };
  const [found] = ledgerFindings(core, { ledger, verification: verification?.result ?? null });
  if (ledger.error) return { tone: 'failed', text: found?.evidence ?? ledger.error.message };
  const { head, budget } = ledger;
  const tones: Record<BudgetLevel, Tone> = {
    ok: 'healthy',
    warning: 'degraded',
    critical: 'failed',
    exceeded: 'failed',
  };
  const fault = verification?.result.firstFault;
  return {
    tone: found?.state === 'failed' ? 'failed' : tones[budget.level],
    text: [
      core.ledger.mode === 'live' ? vscode.l10n.t('Live ledger') : vscode.l10n.t('Simulated ledger'),
      head ? vscode.l10n.t('record #{0}', head.sequence) : vscode.l10n.t('no record yet'),
      ...(fault ? [vscode.l10n.t('broken at {0}:{1}', fault.segment, fault.line)] : []),
      vscode.l10n.t('{0} of {1} spent today', formatUsd(budget.spent), formatUsd(budget.limit)),
      ...(budget.overruns > 0 ? [vscode.l10n.t('blocked by an overrun')] : []),
    ].join(' · '),
  };
}
