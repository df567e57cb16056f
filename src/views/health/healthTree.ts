import * as vscode from 'vscode';
import type { AuditTrail, Verification } from '../../host/auditTrail.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import type { HealthMonitor } from '../../host/healthMonitor.ts';
import type { Place } from '../../remedies.ts';
import { escapeMarkdown } from '../markdownText.ts';
import { verdictOf, type Verdict } from './checkTexts.ts';
import {
  cacheNode,
  configurationGroup,
  flowNode,
  gatewayGroup,
  infrastructureGroup,
  ledgerGroup,
  startGroup,
  verdictNode,
  type HealthNode,
  type Tone,
} from './healthNodes.ts';

/**
 * A line that is updated in place: replacing it would close its tooltip, and detach a button
 * that is being pressed.
 */
class Line {
  node: HealthNode;
  readonly children: readonly Line[] | undefined;

  constructor(node: HealthNode) {
    this.node = node;
    this.children = node.children?.map((child) => new Line(child));
  }

  /** The argument of its buttons' commands. */
  get place(): Place | undefined {
    return this.node.place;
  }

  /** Updates the line; returns the lines whose appearance changed. */
  update(node: HealthNode): Line[] {
    const changed = appearance(this.node) !== appearance(node);
    this.node = node;
    const below = this.children?.flatMap((child, index) =>
      child.update(node.children?.[index] ?? child.node),
    );
    return [...(changed ? [this as Line] : []), ...(below ?? [])];
  }
}

/** The health view: the verdict and the findings behind it, each with its evidence and fix. */
export class HealthTree implements vscode.TreeDataProvider<Line>, vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #auditTrail: AuditTrail;
  readonly #monitor: HealthMonitor;
  readonly #changed = new vscode.EventEmitter<Line[] | undefined>();
  readonly #view: vscode.TreeView<Line>;
  readonly #following: vscode.Disposable;
  #watching: vscode.Disposable | null = null;
  #lines: readonly Line[] = [];
  #shape = '';

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
    this.#show();
    this.#watch();
  }

  getTreeItem({ node }: Line): vscode.TreeItem {
    const { None, Expanded } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(node.label, node.children ? Expanded : None);
    const [icon, color] = icons[node.tone];
    item.id = node.id;
    item.description = node.description;
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

  /** The tooltip is made on hover: its text changes more often than the line. */
  resolveTreeItem(item: vscode.TreeItem, { node }: Line): vscode.TreeItem {
    item.tooltip = tooltip(node);
    return item;
  }

  getChildren(line?: Line): Line[] {
    return [...(line ? (line.children ?? []) : this.#lines)];
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

  /** The checks run only while the view is visible. */
  #watch(): void {
    this.#watching?.dispose();
    this.#watching = this.#view.visible ? this.#monitor.watch() : null;
  }

  #show(): void {
    const verdict = this.#verdict();
    const groups = this.#groups(verdict);
    this.#showBadge(verdict);
    const shape = JSON.stringify(groups.map(({ id, children }) => [id, children?.map((child) => child.id)]));
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#lines = groups.map((node) => new Line(node));
      this.#changed.fire(undefined);
      return;
    }
    const changed = this.#lines.flatMap((line, index) => line.update(groups[index] ?? line.node));
    if (changed.length > 0) this.#changed.fire(changed);
  }

  #verdict(): Verdict {
    const { state } = this.#holder;
    return verdictOf(state, this.#monitor.seen, this.#verification());
  }

  #verification(): Verification | null {
    const { state } = this.#holder;
    return state.kind === 'ready' ? this.#auditTrail.lastVerification(state.core.journal.directory) : null;
  }

  #groups(verdict: Verdict): HealthNode[] {
    const { state } = this.#holder;
    const { seen } = this.#monitor;
    const core = state.kind === 'ready' ? state.core : null;
    const parts = core
      ? [
          infrastructureGroup(core, seen),
          gatewayGroup(core, seen),
          flowNode(seen),
          cacheNode(core, seen),
          ledgerGroup(core, seen, this.#verification()),
        ]
      : [startGroup(state.kind === 'failed' ? state.error : null)];
    const simulated = core !== null && core.backend.simulated;
    return [verdictNode(verdict, simulated), ...parts, configurationGroup(state, seen)];
  }

  /** The number of reasons why the system isn't operational. */
  #showBadge({ reasons: { length: value } }: Verdict): void {
    this.#view.badge = value === 0 ? undefined : { value, tooltip: vscode.l10n.t('Issues: {0}', value) };
  }
}

function appearance({ label, description, tone, icon, actions }: HealthNode): string {
  return JSON.stringify([label, description, tone, icon, actions]);
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
