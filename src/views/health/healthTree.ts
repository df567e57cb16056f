import * as vscode from 'vscode';
import { GatewayError } from '../../errors.ts';
import type { Core } from '../../gateways/core.ts';
import type { Health } from '../../gateways/gateway.ts';
import type { AuditTrail } from '../../host/auditTrail.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { inBackground } from '../../host/failures.ts';
import type { SettingsFile } from '../../host/settingsFile.ts';
import { escapeMarkdown } from '../markdownText.ts';
import {
  backendGroup,
  configurationGroup,
  gatewayGroup,
  ledgerGroup,
  nothingFound,
  startGroup,
  type Findings,
  type HealthNode,
  type Tone,
} from './healthNodes.ts';

const checkTimeoutMs = 5_000;

/** The health view: gateways, back-end, ledger and configuration, each with its evidence and its fix. */
export class HealthTree implements vscode.TreeDataProvider<HealthNode>, vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #auditTrail: AuditTrail;
  readonly #settingsFile: SettingsFile;
  readonly #log: vscode.LogOutputChannel;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly #view: vscode.TreeView<HealthNode>;
  readonly #following: vscode.Disposable;
  #stopLedger = (): void => undefined;
  #findings = nothingFound;

  readonly onDidChangeTreeData = this.#changed.event;

  constructor(
    holder: CoreHolder,
    auditTrail: AuditTrail,
    settingsFile: SettingsFile,
    log: vscode.LogOutputChannel,
  ) {
    this.#holder = holder;
    this.#auditTrail = auditTrail;
    this.#settingsFile = settingsFile;
    this.#log = log;
    this.#view = vscode.window.createTreeView('tidyllm.health', {
      treeDataProvider: this,
      showCollapseAll: true,
    });
    this.#following = vscode.Disposable.from(
      holder.onDidChange(() => this.#follow()),
      auditTrail.onDidVerify(() => this.#changed.fire(undefined)),
      this.#view.onDidChangeVisibility(() => void this.#refresh()),
    );
    this.#follow();
  }

  getTreeItem(node: HealthNode): vscode.TreeItem {
    const { None, Expanded } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(node.label, node.children ? Expanded : None);
    const [icon, color] = icons[node.tone];
    item.id = node.id;
    item.description = node.description;
    item.tooltip = tooltip(node);
    item.contextValue = node.actions.join(' ');
    item.accessibilityInformation = { label: [node.label, node.description].filter(Boolean).join(', ') };
    if (node.command) item.command = node.command;
    if (!node.children) {
      item.iconPath = new vscode.ThemeIcon(
        node.icon ?? icon,
        color === undefined ? color : new vscode.ThemeColor(color),
      );
    }
    return item;
  }

  getChildren(node?: HealthNode): HealthNode[] {
    return node ? (node.children ?? []) : this.#groups();
  }

  /** Shows the view and checks everything again. */
  async open(): Promise<void> {
    await vscode.commands.executeCommand('tidyllm.health.focus');
    await vscode.window.withProgress({ location: { viewId: 'tidyllm.health' } }, () => this.#refresh());
  }

  dispose(): void {
    this.#following.dispose();
    this.#stopLedger();
    this.#view.dispose();
    this.#changed.dispose();
  }

  /** Each result shows as soon as it is there; resolves once all are. */
  async #refresh(): Promise<void> {
    if (!this.#view.visible) return;
    const looks = [this.#settingsFile.path().then((settingsFile) => this.#found({ settingsFile }))];
    const { state } = this.#holder;
    if (state.kind === 'ready') looks.push(...this.#checks(state.core));
    for (const look of looks) this.#inBackground(look);
    await Promise.allSettled(looks);
  }

  #checks(core: Core): Promise<void>[] {
    const signal = AbortSignal.timeout(checkTimeoutMs);
    const gateways = core.registry.healthCheck(signal);
    const backend = core.backend.checkHealth(signal);
    return [
      inTime(gateways, signal, () => ({ corporate_llm: timedOut() })).then((found) =>
        this.#found({ gateways: found }, core),
      ),
      inTime(backend, signal, timedOut).then((found) => this.#found({ backend: found }, core)),
      this.#readLedger(core),
    ];
  }

  #follow(): void {
    const { state } = this.#holder;
    this.#stopLedger();
    this.#stopLedger =
      state.kind === 'ready'
        ? state.core.ledger.onDidChange(() => {
            if (this.#view.visible) this.#inBackground(this.#readLedger(state.core));
          })
        : () => undefined;
    this.#findings = nothingFound;
    this.#changed.fire(undefined);
    void this.#refresh();
  }

  async #readLedger(core: Core): Promise<void> {
    try {
      const [head, budget] = await Promise.all([core.ledger.head(), core.budget()]);
      this.#found({ ledger: { head, budget, error: null } }, core);
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      this.#found({ ledger: { error } }, core);
    }
  }

  /** Takes a finding, unless the core it tells of has been replaced. */
  #found(finding: Partial<Findings>, core?: Core): void {
    const { state } = this.#holder;
    if (core && (state.kind !== 'ready' || state.core !== core)) return;
    this.#findings = { ...this.#findings, ...finding };
    this.#changed.fire(undefined);
  }

  #inBackground(work: Promise<void>): void {
    inBackground(this.#log, work);
  }

  #groups(): HealthNode[] {
    const { state } = this.#holder;
    const configuration = configurationGroup(state, this.#findings);
    const groups =
      state.kind === 'ready'
        ? [
            gatewayGroup(state.core, this.#findings),
            backendGroup(state.core, this.#findings),
            ledgerGroup(
              state.core,
              this.#findings,
              this.#auditTrail.lastVerification(state.core.ledger.directory),
            ),
            configuration,
          ]
        : [startGroup(state.kind === 'failed' ? state.error : null), configuration];
    this.#showBadge(groups);
    return groups;
  }

  /** Only what needs a person is counted. */
  #showBadge(groups: readonly HealthNode[]): void {
    const value = groups
      .flatMap(({ children }) => children ?? [])
      .filter(({ tone }) => tone === 'failed').length;
    this.#view.badge = value === 0 ? undefined : { value, tooltip: vscode.l10n.t('{0} to be mended', value) };
  }
}

const icons: Record<Tone, [icon: string, color?: string]> = {
  healthy: ['pass', 'testing.iconPassed'],
  degraded: ['warning', 'list.warningForeground'],
  failed: ['error', 'list.errorForeground'],
  absent: ['circle-slash', 'disabledForeground'],
  checking: ['loading~spin'],
  plain: ['circle-small-filled'],
};

function tooltip({ label, description, evidence }: HealthNode): vscode.MarkdownString {
  const rows = [[label, description] as const, ...evidence].map(
    ([name, value]) => `|${cell(name)}|${cell(value)}|`,
  );
  return new vscode.MarkdownString(rows.toSpliced(1, 0, '|:--|:--|').join('\n'));
}

function cell(text: string): string {
  return escapeMarkdown(text).replaceAll('\n', ' ');
}

/** A check that ignores its signal must not keep the view waiting. */
function inTime<T>(check: Promise<T>, signal: AbortSignal, late: () => T): Promise<T> {
  return Promise.race([
    check,
    new Promise<T>((resolve) => signal.addEventListener('abort', () => resolve(late()))),
  ]);
}

function timedOut(): Health {
  return {
    state: 'failed',
    latencyMs: null,
    evidence: vscode.l10n.t('No answer within {0} s.', checkTimeoutMs / 1000),
    error: null,
    checkedAt: new Date().toISOString(),
  };
}
