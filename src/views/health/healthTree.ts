import * as vscode from 'vscode';
import type { AuditTrail } from '../../host/auditTrail.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import type { HealthMonitor } from '../../host/healthMonitor.ts';
import { escapeMarkdown } from '../markdownText.ts';
import { verdictOf } from './checkTexts.ts';
import {
  absentNodes,
  configurationGroup,
  gatewayGroup,
  infrastructureGroup,
  ledgerGroup,
  startGroup,
  verdictNode,
  type HealthNode,
  type Tone,
} from './healthNodes.ts';

/** The health view: the verdict, and what it stands on, each with its evidence and its fix. */
export class HealthTree implements vscode.TreeDataProvider<HealthNode>, vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #auditTrail: AuditTrail;
  readonly #monitor: HealthMonitor;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly #view: vscode.TreeView<HealthNode>;
  readonly #following: vscode.Disposable;
  #watching: vscode.Disposable | null = null;

  readonly onDidChangeTreeData = this.#changed.event;

  constructor(holder: CoreHolder, auditTrail: AuditTrail, monitor: HealthMonitor) {
    this.#holder = holder;
    this.#auditTrail = auditTrail;
    this.#monitor = monitor;
    this.#view = vscode.window.createTreeView('tidyllm.health', {
      treeDataProvider: this,
      showCollapseAll: true,
    });
    this.#following = vscode.Disposable.from(
      monitor.onDidChange(() => this.#show()),
      auditTrail.onDidVerify(() => this.#show()),
      this.#view.onDidChangeVisibility(() => this.#watch()),
    );
    this.#watch();
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
    await vscode.window.withProgress({ location: { viewId: 'tidyllm.health' } }, () =>
      this.#monitor.refresh(),
    );
  }

  dispose(): void {
    this.#watching?.dispose();
    this.#following.dispose();
    this.#view.dispose();
    this.#changed.dispose();
  }

  /** Only a view that is seen keeps the checks going. */
  #watch(): void {
    this.#watching?.dispose();
    this.#watching = this.#view.visible ? this.#monitor.watch() : null;
  }

  #show(): void {
    this.#showBadge(this.#groups());
    this.#changed.fire(undefined);
  }

  #groups(): HealthNode[] {
    const { state } = this.#holder;
    const { findings } = this.#monitor;
    const core = state.kind === 'ready' ? state.core : null;
    const verification = core && this.#auditTrail.lastVerification(core.ledger.directory);
    const verdict = verdictNode(
      verdictOf(state, findings, verification),
      core !== null && core.backend.simulated,
    );
    const parts = core
      ? [
          infrastructureGroup(core, findings),
          gatewayGroup(core, findings),
          ...absentNodes(),
          ledgerGroup(core, findings, verification),
        ]
      : [startGroup(state.kind === 'failed' ? state.error : null)];
    return [verdict, ...parts, configurationGroup(state, findings)];
  }

  /** Only what needs a person is counted, and once where several lines suffer from the same. */
  #showBadge(groups: readonly HealthNode[]): void {
    const failures = groups
      .flatMap(({ children }) => children ?? [])
      .filter(({ tone }) => tone === 'failed')
      .map(({ problem, id }) => problem ?? id);
    const value = new Set(failures).size;
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
