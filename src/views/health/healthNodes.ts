import { hostname } from 'node:os';
import * as vscode from 'vscode';
import type { GatewayError } from '../../errors.ts';
import type { Core } from '../../gateways/core.ts';
import type { Health } from '../../gateways/gateway.ts';
import type { ServiceInfo } from '../../gateways/registry.ts';
import type { Verification } from '../../host/auditTrail.ts';
import type { CommandId } from '../../host/commandIds.ts';
import { composeOptions } from '../../host/configuration.ts';
import type { CoreState } from '../../host/coreHolder.ts';
import { briefMessage } from '../../host/errorText.ts';
import { fixesFor, type SettingsPlace } from '../../host/fixes.ts';
import type { AnchorStatus } from '../../ledger/anchors.ts';
import type { BudgetStatus } from '../../ledger/budgetStatus.ts';
import type { Receipt } from '../../ledger/ledger.ts';
import { formatUsd } from '../../pricing/cost.ts';
import { formatLeft, overrunText } from '../moneyText.ts';

type Evidence = [name: string, value: string];

export type Tone = 'healthy' | 'degraded' | 'failed' | 'absent' | 'checking' | 'plain';

/** A line of the health view with what it stands on. */
export interface HealthNode {
  id: string;
  label: string;
  description: string;
  tone: Tone;
  /** Instead of the tone's own. */
  icon?: string;
  /** For the tooltip. */
  evidence: Evidence[];
  /** Words that the manifest's menus turn into buttons. */
  actions: Action[];
  /** Where the action `open` opens settings.yaml. */
  place?: SettingsPlace | undefined;
  /** What choosing the line does. */
  command?: vscode.Command;
  children?: HealthNode[];
}

type Action =
  | 'acknowledge'
  | 'anchor'
  | 'budget'
  | 'check'
  | 'connect'
  | 'open'
  | 'output'
  | 'reconnect'
  | 'records'
  | 'reveal'
  | 'verify';

/** What the last look found; null where nobody has looked yet. */
export interface Findings {
  gateways: Readonly<Record<string, Health>> | null;
  backend: Health | null;
  ledger: { head: Receipt | null; budget: BudgetStatus; error: null } | { error: GatewayError } | null;
  settingsFile: string | null;
}

export const nothingFound: Findings = { gateways: null, backend: null, ledger: null, settingsFile: null };

/** In place of everything that needs a core, while there is none. */
export function startGroup(error: GatewayError | null): HealthNode {
  const label = vscode.l10n.t('Gateway');
  const node =
    error === null
      ? line('gateway', label, vscode.l10n.t('starting …'), 'checking')
      : error.code === 'settings_invalid'
        ? line('gateway', label, vscode.l10n.t('waits for correct settings'), 'absent')
        : failed('gateway', label, error);
  return group('gateways', vscode.l10n.t('Gateways'), '', [node], ['reconnect']);
}

export function gatewayGroup({ registry }: Core, { gateways }: Findings): HealthNode {
  const { initialized, total } = registry.getRegistryStats();
  const verdict = vscode.l10n.t('{0} of {1} up', initialized, total);
  const nodes = registry
    .listServices()
    .map((service) => gatewayNode(service, gateways?.[service.id] ?? null));
  return group('gateways', vscode.l10n.t('Gateways'), verdict, nodes, ['reconnect']);
}

function gatewayNode(
  { id, level, description, dependsOn, state }: ServiceInfo,
  health: Health | null,
): HealthNode {
  const evidence: HealthNode['evidence'] = [
    [vscode.l10n.t('Level'), String(level)],
    [vscode.l10n.t('Does'), description],
  ];
  if (state !== 'not_installed') return checked(`gateway.${id}`, id, health, evidence, ['check']);
  const needs = vscode.l10n.t('not installed — needs {0}', dependsOn.join(', '));
  return { ...line(`gateway.${id}`, id, needs, 'absent'), evidence };
}

export function backendGroup({ backend, simulatedBecause, loaded }: Core, findings: Findings): HealthNode {
  const label = vscode.l10n.t('Back-end');
  const where: HealthNode['evidence'] = [[vscode.l10n.t('Where'), backend.location]];
  if (simulatedBecause === null) {
    const profile = loaded.settings.aws.profile ?? vscode.l10n.t('what the AWS SDK finds');
    const evidence: HealthNode['evidence'] = [...where, [vscode.l10n.t('Profile'), profile]];
    const bedrock = checked('backend.bedrock', 'Bedrock', findings.backend, evidence, ['connect', 'check']);
    return group('backend', label, backend.region, [bedrock]);
  }
  const why: HealthNode['evidence'] = [[vscode.l10n.t('Why'), simulatedBecause]];
  const bedrock = line('backend.bedrock', 'Bedrock', vscode.l10n.t('not connected'), 'absent');
  const simulated = line('backend.mock', vscode.l10n.t('Simulated answers'), simulatedBecause, 'degraded');
  return group('backend', label, vscode.l10n.t('simulated'), [
    { ...bedrock, evidence: why, actions: ['connect'] },
    { ...simulated, icon: 'beaker', evidence: [...where, ...why] },
  ]);
}

export function ledgerGroup(
  { ledger, anchoring }: Core,
  { ledger: facts }: Findings,
  last: Verification | null,
): HealthNode {
  const mode = ledger.mode === 'live' ? vscode.l10n.t('live') : vscode.l10n.t('simulated');
  const label = vscode.l10n.t('Journal');
  const folder: HealthNode['evidence'][number] = [vscode.l10n.t('Folder'), ledger.directory];
  const asGroup = (nodes: HealthNode[]): HealthNode =>
    group('ledger', vscode.l10n.t('Ledger'), mode, nodes, ['verify', 'records']);
  if (!facts) return asGroup([line('ledger.journal', label, vscode.l10n.t('reading …'), 'checking')]);
  if (facts.error) return asGroup([failed('ledger.journal', label, facts.error, [folder])]);
  return asGroup([
    journalNode(label, facts.head, folder, last),
    ...anchorNodes(anchoring.status),
    todayNode(facts.budget),
  ]);
}

function anchorNodes(anchors: readonly Readonly<AnchorStatus>[]): HealthNode[] {
  const label = vscode.l10n.t('Anchor');
  const actions: Action[] = ['anchor', 'open'];
  const place = { key: 'audit' };
  if (anchors.length === 0)
    return [
      {
        ...line('ledger.anchor', label, vscode.l10n.t('not configured'), 'absent'),
        evidence: [
          [
            vscode.l10n.t('Why'),
            vscode.l10n.t('A head kept elsewhere shows that the journal’s end was cut off.'),
          ],
        ],
        actions: ['open'],
        place,
      },
    ];
  const time = new Intl.DateTimeFormat(vscode.env.language, { dateStyle: 'short', timeStyle: 'short' });
  return anchors.map(({ location, last, error }, index) => {
    const state = last ? `#${last.sequence} · ${time.format(last.time)}` : vscode.l10n.t('nothing yet');
    return {
      ...line(`ledger.anchor.${index}`, label, error ? error.message : state, error ? 'failed' : 'healthy'),
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
  folder: HealthNode['evidence'][number],
  verification: Verification | null,
): HealthNode {
  const verdict = verification && verdictOf(verification);
  const place = head && `#${head.sequence} · ${verdict ?? `${head.hash.slice(0, 12)}…`}`;
  return {
    ...line('ledger.journal', label, place ?? vscode.l10n.t('no record yet'), 'healthy'),
    tone: verification?.result.ok === false ? 'failed' : 'healthy',
    evidence: [
      folder,
      [vscode.l10n.t('Ledger'), head?.ledgerId ?? '–'],
      [vscode.l10n.t('Head'), head ? `#${head.sequence} ${head.hash.slice(0, 32)}…` : '–'],
      [vscode.l10n.t('Verified'), verdict ?? vscode.l10n.t('when it was opened; not since')],
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
  const { spent, reserved, remaining, limit, level, day, timeZone, overruns } = budget;
  const money = vscode.l10n.t('{0} of {1}', formatUsd(spent), formatUsd(limit));
  const description = overruns > 0 ? vscode.l10n.t('blocked by an overrun · {0}', money) : money;
  const tone = level === 'ok' ? 'healthy' : level === 'warning' ? 'degraded' : 'failed';
  return {
    ...line('ledger.today', vscode.l10n.t('Today'), description, tone),
    evidence: [
      ...(overruns > 0 ? [[vscode.l10n.t('Why'), overrunText(overruns)] satisfies Evidence] : []),
      [vscode.l10n.t('Spent'), formatUsd(spent)],
      [vscode.l10n.t('Reserved'), formatUsd(reserved)],
      [vscode.l10n.t('Left'), formatLeft(remaining)],
      [vscode.l10n.t('Day'), `${day} (${timeZone})`],
    ],
    actions: [...(overruns > 0 ? (['acknowledge'] as const) : []), 'budget', 'open'],
    place: { key: 'daily_limit_usd' },
    command: { command: 'tidyllm.openBudget', title: vscode.l10n.t('Open Budget') },
  };
}

export function configurationGroup(state: CoreState, { settingsFile }: Findings): HealthNode {
  return group('configuration', vscode.l10n.t('Configuration'), '', [
    settingsFileNode(state, settingsFile),
    editorSettingsNode(),
    machineNode(),
  ]);
}

function settingsFileNode(state: CoreState, path: string | null): HealthNode {
  const label = 'settings.yaml';
  const file: HealthNode['evidence'] = [[vscode.l10n.t('File'), path ?? '…']];
  if (state.kind === 'failed' && state.error.code === 'settings_invalid') {
    return failed('configuration.file', label, state.error, file);
  }
  const unused = state.kind === 'ready' ? state.core.loaded.unused : [];
  if (unused.length > 0) {
    return {
      ...line(
        'configuration.file',
        label,
        vscode.l10n.t('without effect in this version: {0}', unused.join(', ')),
        'degraded',
      ),
      evidence: [...file, [vscode.l10n.t('Without effect'), unused.join(', ')]],
      actions: ['open'],
    };
  }
  const absent = state.kind === 'ready' && state.core.loaded.file === null;
  const description = absent ? vscode.l10n.t('none yet: defaults and environment') : (path ?? '');
  return {
    ...line('configuration.file', label, description, absent ? 'absent' : 'healthy'),
    evidence: file,
    actions: ['open'],
  };
}

function editorSettingsNode(): HealthNode {
  const { profile, region, backend, user } = composeOptions();
  const changed = Object.entries({ profile, region, backend, user })
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
    .join(' · ');
  const title = vscode.l10n.t('Open the settings of TidyLLM');
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

/** What a check found of a gateway or back-end. */
function checked(
  id: string,
  label: string,
  health: Health | null,
  evidence: HealthNode['evidence'],
  actions: Action[],
): HealthNode {
  if (!health) return { ...line(id, label, vscode.l10n.t('checking …'), 'checking'), evidence };
  const { state, error, checkedAt } = health;
  const latency = health.latencyMs === null ? null : vscode.l10n.t('{0} ms', Math.round(health.latencyMs));
  const time = new Intl.DateTimeFormat(vscode.env.language, { timeStyle: 'medium' }).format(
    new Date(checkedAt),
  );
  const states: Record<Health['state'], string> = {
    healthy: vscode.l10n.t('healthy'),
    degraded: vscode.l10n.t('degraded'),
    failed: vscode.l10n.t('failed'),
    not_configured: vscode.l10n.t('not configured'),
    not_installed: vscode.l10n.t('not installed'),
  };
  const description = [states[state], error ? firstLine(briefMessage(error)) : latency]
    .filter(Boolean)
    .join(' · ');
  return {
    ...line(id, label, description, toneOf(state)),
    evidence: [
      ...evidence,
      [vscode.l10n.t('Seen'), health.evidence],
      [vscode.l10n.t('Latency'), latency ?? '–'],
      [vscode.l10n.t('Error'), error ? `${error.message} ${error.hint}` : vscode.l10n.t('none')],
      [vscode.l10n.t('Checked'), time],
    ],
    actions: [...new Set([...actions, ...(error ? actionsFor(error) : [])])],
    place: error ? placeFor(error) : undefined,
  };
}

function toneOf(state: Health['state']): Tone {
  return state === 'not_installed' || state === 'not_configured' ? 'absent' : state;
}

function failed(
  id: string,
  label: string,
  error: GatewayError,
  evidence: HealthNode['evidence'] = [],
): HealthNode {
  return {
    ...line(id, label, firstLine(briefMessage(error)), 'failed'),
    evidence: [
      ...evidence,
      [vscode.l10n.t('Error'), error.message],
      [vscode.l10n.t('What to do'), error.hint],
    ],
    actions: actionsFor(error),
    place: placeFor(error),
  };
}

const actionsOfCommands: Partial<Record<CommandId, Action>> = {
  'tidyllm.acknowledgeOverruns': 'acknowledge',
  'tidyllm.connectAws': 'connect',
  'tidyllm.openSettingsFile': 'open',
  'tidyllm.reconnect': 'reconnect',
  'tidyllm.revealLedger': 'reveal',
  'tidyllm.showOutput': 'output',
  'tidyllm.verifyAuditTrail': 'verify',
};

function actionsFor(error: GatewayError): Action[] {
  return fixesFor(error).flatMap((fix) =>
    fix.kind === 'command' ? (actionsOfCommands[fix.command] ?? []) : [],
  );
}

function placeFor(error: GatewayError): SettingsPlace | undefined {
  return fixesFor(error).flatMap((fix) => (fix.kind === 'command' && fix.place ? [fix.place] : []))[0];
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
