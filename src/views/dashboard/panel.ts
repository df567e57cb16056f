import * as vscode from 'vscode';
import type { AuditTrail } from '../../host/auditTrail.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { applyFix } from '../../host/failures.ts';
import type { HealthMonitor } from '../../host/healthMonitor.ts';
import { fillPanel } from '../webviewPanel.ts';
import { presentDashboard, type Presented } from './presentation.ts';
import { viewMessageSchema, type HostMessage, type ViewMessage } from './protocol.ts';

export const dashboardViewType = 'tidyllm.dashboard';
/** Checks of a part that its line shows. */
const mostLatencies = 60;
/** Findings that come faster than this are shown together. */
const showEveryMs = 100;

export interface DashboardPanelDependencies {
  extensionUri: vscode.Uri;
  holder: CoreHolder;
  auditTrail: AuditTrail;
  monitor: HealthMonitor;
  log: vscode.LogOutputChannel;
}

/** The health dashboard: an editor of which a window has at most one. While it is seen, the checks go on. */
export class DashboardPanel implements vscode.Disposable {
  readonly #dependencies: DashboardPanelDependencies;
  readonly #following: vscode.Disposable;
  readonly #latencies = new Map<string, (number | null)[]>();
  /** When each part was last checked. */
  readonly #checkedAt = new Map<string, string>();
  #panel: vscode.WebviewPanel | null = null;
  #watching: vscode.Disposable | null = null;
  #presented: Presented | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(dependencies: DashboardPanelDependencies) {
    this.#dependencies = dependencies;
    const { monitor, auditTrail } = dependencies;
    this.#following = vscode.Disposable.from(
      monitor.onDidChange(() => this.#collect()),
      auditTrail.onDidVerify(() => this.#showSoon()),
    );
  }

  open(): void {
    if (this.#panel) {
      this.#panel.reveal();
      return;
    }
    const title = vscode.l10n.t('Health');
    this.show(vscode.window.createWebviewPanel(dashboardViewType, title, vscode.ViewColumn.Active));
  }

  /** Fills a panel: a new one, or one that the editor brings back. */
  show(panel: vscode.WebviewPanel): void {
    this.#panel?.dispose();
    this.#panel = panel;
    panel.onDidChangeViewState(() => this.#watch());
    panel.onDidDispose(() => {
      if (this.#panel !== panel) return;
      this.#panel = null;
      this.#latencies.clear();
      this.#watch();
    });
    fillPanel(panel, this.#dependencies, 'dashboard', viewMessageSchema, (message) => this.#handle(message));
    this.#watch();
  }

  dispose(): void {
    this.#following.dispose();
    this.#panel?.dispose();
    this.#watching?.dispose();
    clearTimeout(this.#timer);
  }

  #watch(): void {
    const seen = this.#panel?.visible ?? false;
    if (seen === (this.#watching !== null)) return;
    this.#watching?.dispose();
    this.#watching = seen ? this.#dependencies.monitor.watch() : null;
  }

  #collect(): void {
    if (!this.#panel) return;
    const { services, gateways, simulated } = this.#dependencies.monitor.findings;
    const checks = Object.entries({ ...services, ...gateways, ...(simulated && { simulated }) });
    for (const [id, { checkedAt, latencyMs, state }] of checks) {
      const measured = state === 'healthy' || state === 'degraded' || state === 'failed';
      if (!measured || this.#checkedAt.get(id) === checkedAt) continue;
      this.#checkedAt.set(id, checkedAt);
      this.#latencies.set(id, [...(this.#latencies.get(id) ?? []), latencyMs].slice(-mostLatencies));
    }
    this.#showSoon();
  }

  #showSoon(): void {
    if (!this.#panel) return;
    this.#timer ??= setTimeout(() => this.#show(), showEveryMs);
  }

  #show(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { holder, auditTrail, monitor } = this.#dependencies;
    const { state } = holder;
    const verification =
      state.kind === 'ready' ? auditTrail.lastVerification(state.core.ledger.directory) : null;
    this.#presented = presentDashboard(state, monitor.findings, verification, this.#latencies);
    const message: HostMessage = { type: 'dashboard', dashboard: this.#presented.dashboard };
    void this.#panel?.webview.postMessage(message);
  }

  async #handle(message: ViewMessage): Promise<void> {
    switch (message.type) {
      case 'ready':
        this.#show();
        return;
      case 'refresh':
        await this.#dependencies.monitor.refresh();
        return;
      case 'fix': {
        const fix = this.#presented?.fixes.get(message.part)?.[message.index];
        if (fix) await applyFix(fix);
        return;
      }
      case 'edit': {
        const key = this.#presented?.dashboard.configuration[message.index]?.key;
        if (key !== undefined)
          await applyFix({ kind: 'command', command: 'tidyllm.openSettingsFile', place: { key } });
        return;
      }
      case 'run':
        await vscode.commands.executeCommand(message.command);
        return;
    }
  }
}
