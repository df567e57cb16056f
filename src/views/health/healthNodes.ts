import { hostname } from 'node:os';
import * as vscode from 'vscode';
import type { GatewayError } from '../../errors.ts';
import type { Core } from '../../core/core.ts';
import type { ServiceInfo } from '../../gateways/registry.ts';
import type { CredentialSource, ServiceHealth, ServiceId } from '../../gateways/services.ts';
import type { Finding } from '../../health/finding.ts';
import {
  anchorFindings,
  budgetFinding,
  cacheFinding,
  checkFinding,
  clockFindings,
  credentialsFinding,
  flowFinding,
  ledgerFindings,
  sectionOf,
  serviceFinding,
  settingsFindings,
  startFinding,
} from '../../health/findings.ts';
import { isDirect } from '../../health/checks.ts';
import { trackingFindings } from '../../health/trackingFindings.ts';
import type { Verification } from '../../host/auditTrail.ts';
import { composeOptions, ignoredWorkspaceFiles } from '../../host/configuration.ts';
import type { CoreState } from '../../host/coreHolder.ts';
import type { Seen } from '../../host/healthMonitor.ts';
import { clockText } from '../../ledger/reopenLedger.ts';
import type { BudgetStatus } from '../../ledger/budgetStatus.ts';
import type { Receipt } from '../../ledger/contract.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { Mend, Place } from '../../remedies.ts';
import { formatLeft, overrunText } from '../moneyText.ts';
import {
  latencyText,
  nameOf,
  problemOf,
  stateText,
  timeText,
  verdictText,
  type Verdict,
} from './checkTexts.ts';

type Evidence = [name: string, value: string];

export type Tone = 'healthy' | 'degraded' | 'failed' | 'absent' | 'checking' | 'plain';

/** A line of the health view with its evidence. */
export interface HealthNode {
  id: string;
  label: string;
  description: string;
  tone: Tone;
  /** Replaces the icon of the tone. */
  icon?: string;
  /** Shown in the tooltip. */
  evidence: Evidence[];
  /** Context values that the manifest's menus turn into buttons. */
  actions: Action[];
  /** Where the `open` action opens settings.yaml. */
  place?: Place | undefined;
  /** The command of a click on the line. */
  command?: vscode.Command;
  children?: HealthNode[];
}

type Action =
  | 'acknowledge'
  | 'anchor'
  | 'budget'
  | 'check'
  | 'connect'
  | 'dashboard'
  | 'logIn'
  | 'open'
  | 'output'
  | 'reconnect'
  | 'records'
  | 'reopen'
  | 'reveal'
  | 'setKey'
  | 'verify'
  | 'workspace';

/** Whether everything configured works, and what doesn't. */
export function verdictNode(verdict: Verdict, simulated: boolean): HealthNode {
  const tones = { operational: 'healthy', degraded: 'failed', checking: 'checking' } as const;
  const { reasons } = verdict;
  const description = [
    simulated ? vscode.l10n.t('simulated') : '',
    reasons.map(({ of }) => of).join(', '),
  ].filter(Boolean);
  return {
    ...line('verdict', verdictText(verdict), description.join(' · '), tones[verdict.state]),
    // What is simulated is neither good nor bad.
    ...(simulated && verdict.state === 'operational' && { tone: 'plain' as const, icon: 'beaker' }),
    evidence: reasons.map(({ of, message, hint }) => [of, [message, hint].filter(Boolean).join(' ')]),
    actions: ['dashboard'],
    command: { command: 'tidyllm.openHealthDashboard', title: vscode.l10n.t('Open Health Dashboard') },
  };
}

/** The only group while there is no core. */
export function startGroup(error: GatewayError | null): HealthNode {
  const label = vscode.l10n.t('Gateway');
  const node =
    error === null
      ? line('gateway', label, vscode.l10n.t('starting …'), 'checking')
      : error.code === 'settings_invalid'
        ? line('gateway', label, vscode.l10n.t('waiting for valid settings'), 'absent')
        : failed('gateway', startFinding(error));
  return group('gateways', vscode.l10n.t('Gateways'), '', [node], ['reconnect']);
}

export function gatewayGroup({ registry }: Core, { gateways }: Seen): HealthNode {
  const { initialized, total } = registry.getRegistryStats();
  const verdict = vscode.l10n.t('{0} of {1} up', initialized, total);
  const nodes = registry.listServices().map((service) => gatewayNode(service, gateways[service.id]));
  return group('gateways', vscode.l10n.t('Gateways'), verdict, nodes, ['reconnect']);
}

function gatewayNode(
  { id, level, description, dependsOn, state }: ServiceInfo,
  health: ServiceHealth | undefined,
): HealthNode {
  const evidence: Evidence[] = [
    [vscode.l10n.t('Level'), String(level)],
    [vscode.l10n.t('Does'), description],
  ];
  if (state !== 'not_installed')
    return checked(`gateway.${id}`, id, health && checkFinding(id, id, health), evidence);
  const needs = vscode.l10n.t('not installed — needs {0}', dependsOn.join(', '));
  return { ...line(`gateway.${id}`, id, needs, 'absent'), evidence };
}

export function flowNode({ flow }: Seen): HealthNode {
  const label = vscode.l10n.t('FLOW agreements');
  if (!flow) return line('flow', label, vscode.l10n.t('reading …'), 'checking');
  const found = flowFinding(flow);
  const errors = flow.faults.filter(({ severity }) => severity === 'error').length;
  const problems =
    errors === 1 ? vscode.l10n.t('1 error in flow.yaml') : vscode.l10n.t('{0} errors in flow.yaml', errors);
  return {
    ...line(
      'flow',
      label,
      errors > 0 ? problems : vscode.l10n.t('{0} can be run', flow.agreements),
      toneOf(found),
    ),
    command: { command: 'tidyllm.flow.focus', title: vscode.l10n.t('Show Agreements') },
  };
}

export function cacheNode(core: Core, { cache }: Seen): HealthNode {
  const label = vscode.l10n.t('Cache');
  if (!cache) return line('cache', label, vscode.l10n.t('reading …'), 'checking');
  const found = cacheFinding(core, cache);
  const answers =
    'error' in cache
      ? vscode.l10n.t('unreadable')
      : cache.files === 1
        ? vscode.l10n.t('1 answer')
        : vscode.l10n.t('{0} answers', cache.files.toLocaleString(vscode.env.language));
  const text = found.state === 'not_configured' ? vscode.l10n.t('off') : answers;
  return {
    ...line('cache', label, text, toneOf(found)),
    evidence: [[vscode.l10n.t('Found'), found.evidence]],
    actions: ['open'],
    place: { key: 'cache' },
  };
}

export function infrastructureGroup(core: Core, seen: Seen): HealthNode {
  const { backend } = core;
  const where = backend.simulated ? vscode.l10n.t('simulated') : backend.region;
  return group('infrastructure', vscode.l10n.t('Infrastructure'), where, [
    credentialsNode(core, seen),
    ...bedrockNodes(core, seen),
    serviceNode('s3', core, seen),
    serviceNode('postgres', core, seen),
    serviceNode('mlflow', core, seen),
    ...trackingNodes(core, seen),
    ...clockFindings(seen.services.bedrock?.clockOffsetMs)
      .filter(({ state }) => state !== 'healthy')
      .map((found) => failed('infrastructure.clock', found)),
  ]);
}

/** What waits to be sent, for each receiver. */
function trackingNodes({ loaded }: Core, { tracking }: Seen): HealthNode[] {
  const label = vscode.l10n.t('Tracking of calls');
  if (!tracking) return [line('infrastructure.tracking', label, vscode.l10n.t('reading …'), 'checking')];
  return trackingFindings(loaded, tracking).map((found, index) => ({
    ...line(`infrastructure.tracking.${index}`, found.name, found.evidence, toneOf(found)),
    evidence: [
      [vscode.l10n.t('Found'), found.evidence],
      ...(found.hint ? [[vscode.l10n.t('What to do'), found.hint] satisfies Evidence] : []),
    ],
    actions: ['open'],
    place: placeOf(found.remedy) ?? { key: 'mlflow' },
  }));
}

function credentialsNode(core: Core, { credentials }: Seen): HealthNode {
  const label = vscode.l10n.t('Credentials');
  const id = 'infrastructure.credentials';
  if (!credentials) return line(id, label, vscode.l10n.t('looking …'), 'checking');
  const { found, expiresAt, arn, error } = credentials;
  const finding = credentialsFinding(core, credentials);
  if (!found) {
    return {
      ...line(id, label, vscode.l10n.t('none found'), toneOf(finding)),
      evidence: [[vscode.l10n.t('Why'), finding.evidence]],
      actions: actionsOf(finding.remedy),
    };
  }
  const evidence: Evidence[] = [
    [vscode.l10n.t('Source'), sourceText(found.source)],
    ...(arn === null ? [] : [['ARN', arn] satisfies Evidence]),
    [vscode.l10n.t('Expires'), expiresAt === null ? vscode.l10n.t('never, or unknown') : timeText(expiresAt)],
  ];
  if (error) {
    const node = failed(id, finding, [[vscode.l10n.t('Found'), found.detail], ...evidence]);
    return { ...node, description: `${stateText(finding.state)} · ${found.detail}: ${node.description}` };
  }
  const until = expiresAt === null ? '' : vscode.l10n.t('until {0}', timeText(expiresAt));
  return {
    ...line(id, label, [found.detail, until].filter(Boolean).join(' · '), toneOf(finding)),
    evidence,
    actions: ['connect'],
  };
}

/** The kind of source of the credentials. */
export function sourceText(source: CredentialSource): string {
  const texts: Record<CredentialSource, string> = {
    iam_role: vscode.l10n.t('IAM role'),
    environment: vscode.l10n.t('environment'),
    profile: vscode.l10n.t('AWS profile'),
    settings: 'settings.yaml',
  };
  return texts[source];
}

function bedrockNodes(core: Core, seen: Seen): HealthNode[] {
  const { backend, simulatedBecause } = core;
  if (isDirect(backend)) return [directNode(core, seen)];
  if (simulatedBecause === null) return [serviceNode('bedrock', core, seen)];
  const why: Evidence[] = [[vscode.l10n.t('Why'), simulatedBecause]];
  const label = vscode.l10n.t('Simulated answers');
  return [
    {
      ...line('infrastructure.bedrock', 'Bedrock', vscode.l10n.t('not connected'), 'absent'),
      evidence: why,
      actions: ['connect'],
    },
    {
      ...line('infrastructure.simulated', label, simulatedBecause, 'degraded'),
      icon: 'beaker',
      evidence: [[vscode.l10n.t('Where'), backend.location], ...why],
    },
  ];
}

/** The service that answers in place of Bedrock. */
function directNode({ backend }: Core, { direct }: Seen): HealthNode {
  const found = direct ? checkFinding('answering_service', backend.name, direct) : undefined;
  const where: Evidence[] = [[vscode.l10n.t('Where'), backend.location]];
  const node = checked('infrastructure.answering_service', backend.name, found, where);
  return { ...node, actions: unique([...node.actions, 'open']), place: node.place ?? { key: 'ai' } };
}

function serviceNode(id: ServiceId, { backend }: Core, { services }: Seen): HealthNode {
  const health = services[id];
  const where: Evidence[] = id === 'bedrock' ? [[vscode.l10n.t('Where'), backend.location]] : [];
  const node = checked(`infrastructure.${id}`, nameOf(id), health && serviceFinding(id, health), where);
  return id === 'bedrock'
    ? { ...node, actions: unique(['connect', ...node.actions]) }
    : { ...node, actions: unique([...node.actions, 'open']), place: node.place ?? { key: sectionOf[id] } };
}

export function ledgerGroup(core: Core, seen: Seen, last: Verification | null): HealthNode {
  const { ledger, journal } = core;
  const { ledger: facts } = seen;
  const mode = ledger.mode === 'live' ? vscode.l10n.t('live') : vscode.l10n.t('simulated');
  const label = vscode.l10n.t('Journal');
  const folder: Evidence = [vscode.l10n.t('Folder'), journal.directory];
  const asGroup = (nodes: HealthNode[]): HealthNode =>
    group('ledger', nameOf('ledger'), mode, nodes, ['verify', 'records']);
  const [found] = ledgerFindings(core, { ledger: facts, verification: last?.result ?? null });
  if (!facts || !found)
    return asGroup([line('ledger.journal', label, vscode.l10n.t('reading …'), 'checking')]);
  if (facts.error) return asGroup([{ ...failed('ledger.journal', found, [folder]), label }]);
  return asGroup([
    { ...journalNode(label, facts.head, folder, last), tone: toneOf(found) },
    ...anchorNodes(core),
    todayNode(facts.budget),
  ]);
}

function anchorNodes(core: Core): HealthNode[] {
  const label = nameOf('anchor');
  const actions: Action[] = ['anchor', 'open'];
  const place = { key: 'audit' };
  const anchors = core.anchoring.status;
  if (anchors.length === 0)
    return [
      {
        ...line('ledger.anchor', label, vscode.l10n.t('not configured'), 'absent'),
        evidence: [
          [
            vscode.l10n.t('Why'),
            vscode.l10n.t('An anchored head proves it if the journal’s end was cut off.'),
          ],
        ],
        actions: ['open'],
        place,
      },
    ];
  const found = anchorFindings(core);
  const time = new Intl.DateTimeFormat(vscode.env.language, { dateStyle: 'short', timeStyle: 'short' });
  return anchors.map(({ location, last, error }, index) => {
    const state = last ? `#${last.sequence} · ${time.format(last.time)}` : vscode.l10n.t('nothing yet');
    return {
      ...line(
        `ledger.anchor.${index}`,
        label,
        error ? error.message : state,
        found[index] ? toneOf(found[index]) : 'healthy',
      ),
      evidence: [
        [vscode.l10n.t('Where'), location],
        [vscode.l10n.t('Last'), state],
      ],
      actions,
      place,
    };
  });
}

function journalNode(
  label: string,
  head: Receipt | null,
  folder: Evidence,
  verification: Verification | null,
): HealthNode {
  const verdict = verification && verdictOf(verification);
  const place = head && `#${head.sequence} · ${verdict ?? `${head.hash.slice(0, 12)}…`}`;
  return {
    ...line('ledger.journal', label, place ?? vscode.l10n.t('no record yet'), 'healthy'),
    evidence: [
      folder,
      [vscode.l10n.t('Ledger'), head?.ledgerId ?? '–'],
      [vscode.l10n.t('Head'), head ? `#${head.sequence} ${head.hash.slice(0, 32)}…` : '–'],
      [vscode.l10n.t('Verified'), verdict ?? vscode.l10n.t('when it was opened, not since')],
    ],
    actions: ['verify', 'reveal', 'records'],
  };
}

function verdictOf({ result, at }: Verification): string {
  const time = new Intl.DateTimeFormat(vscode.env.language, { timeStyle: 'short' }).format(at);
  return result.firstFault
    ? vscode.l10n.t('broken at {0}:{1} ({2})', result.firstFault.segment, result.firstFault.line, time)
    : vscode.l10n.t('{0} records intact ({1})', result.records, time);
}

function todayNode(budget: BudgetStatus): HealthNode {
  const { spent, reserved, remaining, limit, level, day, timeZone, overruns, clockAheadMs } = budget;
  const money = vscode.l10n.t('{0} of {1}', formatUsd(spent), formatUsd(limit));
  const held = clockAheadMs > 0;
  const { remedy } = budgetFinding(budget);
  const description =
    overruns > 0
      ? vscode.l10n.t('blocked by an overrun · {0}', money)
      : held
        ? vscode.l10n.t('clock on hold · {0}', money)
        : money;
  const tone = held ? 'degraded' : level === 'ok' ? 'healthy' : level === 'warning' ? 'degraded' : 'failed';
  return {
    ...line('ledger.today', vscode.l10n.t('Today'), description, tone),
    evidence: [
      ...(overruns > 0 ? [[vscode.l10n.t('Why'), overrunText(overruns)] satisfies Evidence] : []),
      ...(held ? [[vscode.l10n.t('Why'), clockText(clockAheadMs)] satisfies Evidence] : []),
      [vscode.l10n.t('Spent'), formatUsd(spent)],
      [vscode.l10n.t('Reserved'), formatUsd(reserved)],
      [vscode.l10n.t('Left'), formatLeft(remaining)],
      [vscode.l10n.t('Day'), `${day} (${timeZone})`],
    ],
    actions: unique([...actionsOf(remedy), 'budget', 'open']),
    place: { key: 'daily_limit_usd' },
    command: { command: 'tidyllm.openBudget', title: vscode.l10n.t('Open Budget') },
  };
}

export function configurationGroup(state: CoreState, { settingsFile }: Seen): HealthNode {
  return group('configuration', vscode.l10n.t('Configuration'), '', [
    settingsFileNode(state, settingsFile),
    workspaceSettingsNode(state),
    editorSettingsNode(),
    machineNode(),
  ]);
}

function settingsFileNode(state: CoreState, path: string | null): HealthNode {
  const id = 'configuration.file';
  const label = 'settings.yaml';
  const file: Evidence[] = [[vscode.l10n.t('File'), path ?? '…']];
  if (state.kind === 'failed' && state.error.code === 'settings_invalid')
    return failed(id, startFinding(state.error), file);
  if (state.kind !== 'ready')
    return { ...line(id, label, path ?? '', 'healthy'), evidence: file, actions: ['open'] };
  const { core, settingsError } = state;
  const [first, ...warnings] = settingsFindings(core, settingsError);
  if (first?.error) {
    const meanwhile = vscode.l10n.t('The previous settings stay in effect.');
    return failed(id, first, [...file, [vscode.l10n.t('Meanwhile'), meanwhile]]);
  }
  const [warning] = warnings;
  if (warning)
    return {
      ...failed(id, warning, file),
      evidence: [...file, ...warnings.map(({ evidence }): Evidence => [vscode.l10n.t('Warning'), evidence])],
    };
  const absent = core.loaded.file === null;
  const description = absent ? vscode.l10n.t('none (defaults and environment)') : (path ?? '');
  return {
    ...line(id, label, description, absent ? 'absent' : 'healthy'),
    evidence: file,
    actions: ['open'],
  };
}

function workspaceSettingsNode(state: CoreState): HealthNode {
  const id = 'configuration.workspace';
  const label = vscode.l10n.t('Workspace settings');
  if (ignoredWorkspaceFiles().length > 0) {
    return {
      ...line(id, label, vscode.l10n.t('ignored until the workspace is trusted'), 'absent'),
      actions: ['workspace'],
    };
  }
  const files = state.kind === 'ready' ? state.core.loaded.workspaceFiles : [];
  return {
    ...line(id, label, files.join(', ') || vscode.l10n.t('none'), files.length > 0 ? 'healthy' : 'absent'),
    evidence: [[vscode.l10n.t('Scope'), vscode.l10n.t('may only tighten this user’s settings')]],
    actions: ['workspace'],
  };
}

function editorSettingsNode(): HealthNode {
  const { profile, region, backend, user } = composeOptions();
  const changed = Object.entries({ profile, region, backend, user })
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
    .join(' · ');
  const title = vscode.l10n.t('Open TidyLLM Settings');
  return {
    ...line(
      'configuration.editor',
      vscode.l10n.t('VS Code settings'),
      changed || vscode.l10n.t('defaults'),
      'plain',
    ),
    icon: 'settings-gear',
    command: { command: 'workbench.action.openSettings', title, arguments: ['@ext:tidyllm.tidyllm-gateway'] },
  };
}

function machineNode(): HealthNode {
  const { remoteName } = vscode.env;
  const description = remoteName ? `${hostname()} (${remoteName})` : hostname();
  const why = vscode.l10n.t('The gateway runs here, with its ledger and its AWS credentials.');
  return {
    ...line('configuration.machine', vscode.l10n.t('Machine'), description, 'plain'),
    icon: 'vm',
    evidence: [[vscode.l10n.t('Why'), why]],
  };
}

function line(id: string, label: string, description: string, tone: Tone): HealthNode {
  return { id, label, description, tone, evidence: [], actions: [] };
}

function group(
  id: string,
  label: string,
  description: string,
  children: HealthNode[],
  actions: Action[] = [],
): HealthNode {
  return { ...line(id, label, description, 'plain'), children, actions };
}

/** The finding on a service or gateway. */
function checked(id: string, label: string, found: Finding | undefined, evidence: Evidence[]): HealthNode {
  if (!found) return { ...line(id, label, vscode.l10n.t('checking …'), 'checking'), evidence };
  const { state, error, hint, latencyMs, since, checkedAt, remedy } = found;
  const problem = problemOf(found);
  const times = {
    since: since === null ? '' : timeText(since),
    checked: checkedAt === null ? '' : timeText(checkedAt),
  };
  const latency = latencyText(latencyMs);
  const parts = problem
    ? [stateText(state), problem, vscode.l10n.t('since {0}', times.since)]
    : [stateText(state), latency];
  return {
    ...line(id, label, parts.filter(Boolean).join(' · '), toneOf(found)),
    evidence: [
      ...evidence,
      [vscode.l10n.t('Evidence'), found.evidence],
      ...(error?.detail ? [[error.speaker, error.detail] satisfies Evidence] : []),
      ...(hint ? [[vscode.l10n.t('What to do'), hint] satisfies Evidence] : []),
      [vscode.l10n.t('Latency'), latency || '–'],
      [vscode.l10n.t('Since'), times.since],
      [vscode.l10n.t('Checked'), times.checked],
    ],
    actions: unique([...actionsOf(remedy), 'check']),
    place: placeOf(remedy),
  };
}

function toneOf({ state }: Finding): Tone {
  if (state === 'warning') return 'degraded';
  return state === 'not_installed' || state === 'not_configured' ? 'absent' : state;
}

/** A line with a problem and its fix. */
function failed(id: string, found: Finding, evidence: Evidence[] = []): HealthNode {
  const { error, hint, remedy } = found;
  const problem = problemOf(found);
  return {
    ...line(id, nameOf(found.id), problem, toneOf(found)),
    evidence: [
      ...evidence,
      [vscode.l10n.t('Error'), error?.message ?? found.evidence],
      [vscode.l10n.t('What to do'), hint],
    ],
    actions: actionsOf(remedy),
    place: placeOf(remedy),
  };
}

const actionOf: Readonly<Record<Mend['kind'], Action | null>> = {
  acknowledge_overruns: 'acknowledge',
  check_health: 'check',
  choose_flow: null,
  choose_model: null,
  connect_aws: 'connect',
  log_in_to_aws: 'logIn',
  open_budget: 'budget',
  open_flow_file: null,
  open_settings: 'open',
  raise_cap: null,
  reconnect: 'reconnect',
  reopen_ledger: 'reopen',
  request_exception: null,
  set_api_key: 'setKey',
  show_ledger: 'reveal',
  show_output: 'output',
  verify_ledger: 'verify',
};

function actionsOf(mends: readonly Mend[]): Action[] {
  return mends.flatMap(({ kind }) => actionOf[kind] ?? []);
}

function placeOf(mends: readonly Mend[]): Place | undefined {
  return mends.find((mend) => mend.kind === 'open_settings')?.place ?? undefined;
}

function unique(actions: readonly Action[]): Action[] {
  return [...new Set(actions)];
}
