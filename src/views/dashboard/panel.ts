import * as vscode from 'vscode';
import { GatewayError } from '../../errors.ts';
import type { FlowExecutionEntry } from '../../flow/executionHistory.ts';
import type { AuditTrail } from '../../host/auditTrail.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { inBackground } from '../../host/failures.ts';
import type { FlowRuns } from '../../host/flowRuns.ts';
import type { HealthMonitor } from '../../host/healthMonitor.ts';
import { applyRemedy } from '../../host/remedies.ts';
import { SinglePanel } from '../singlePanel.ts';
import { Latencies } from './latencies.ts';
import { presentDashboard, type Presented } from './presentation.ts';
import { viewMessageSchema, type HostMessage, type ViewMessage } from './protocol.ts';

const viewType = 'tidyllm.dashboard';
/** FLOW runs that are read to count those of the last hour. */
const runsRead = 100;
/** Findings closer together than this are shown at once. */
const showEveryMs = 100;

export interface DashboardPanelDependencies {
  extensionUri: vscode.Uri;
  holder: CoreHolder;
  auditTrail: AuditTrail;
  monitor: HealthMonitor;
  runs: Pick<FlowRuns, 'history' | 'onDidChange'>;
  log: vscode.LogOutputChannel;
}

/** The health dashboard: one editor per window. The checks run while it is visible. */
export class DashboardPanel implements vscode.Disposable {
  readonly #dependencies: DashboardPanelDependencies;
  readonly #following: vscode.Disposable;
  readonly #latencies = new Latencies();
  readonly #panel: SinglePanel<typeof viewMessageSchema, HostMessage>;
  #watching: vscode.Disposable | null = null;
  #presented: Presented | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(dependencies: DashboardPanelDependencies) {
    this.#dependencies = dependencies;
    this.#panel = new SinglePanel(dependencies, {
      viewType,
      title: () => vscode.l10n.t('Health'),
      page: 'dashboard',
      schema: viewMessageSchema,
      handle: (message) => this.#handle(message),
      onDidChange: () => {
        if (!this.#panel.exists) this.#latencies.clear();
        this.#watch();
      },
      onDidChangeVisibility: () => this.#watch(),
    });
    const { monitor, auditTrail, runs } = dependencies;
    this.#following = vscode.Disposable.from(
      monitor.onDidChange(() => this.#collect()),
      auditTrail.onDidVerify(() => this.#showSoon()),
      runs.onDidChange(() => this.#showSoon()),
    );
  }

  open(): void {
    this.#panel.open();
  }

  /** Fills a panel that the editor restored. */
  restore(panel: vscode.WebviewPanel): void {
    this.#panel.show(panel);
  }

  dispose(): void {
    this.#following.dispose();
    this.#panel.dispose();
    this.#watching?.dispose();
    clearTimeout(this.#timer);
  }

  #watch(): void {
    const seen = this.#panel.visible;
    if (seen === (this.#watching !== null)) return;
    this.#watching?.dispose();
    this.#watching = seen ? this.#dependencies.monitor.watch() : null;
  }

  #collect(): void {
    if (!this.#panel.exists) return;
    this.#latencies.take(this.#dependencies.monitor.seen);
    this.#showSoon();
  }

  #showSoon(): void {
    if (!this.#panel.exists) return;
    this.#timer ??= setTimeout(() => inBackground(this.#dependencies.log, this.#show()), showEveryMs);
  }

  async #show(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { holder, auditTrail, monitor } = this.#dependencies;
    const { state } = holder;
    const runs = state.kind === 'ready' ? await this.#runs() : null;
    const verification =
      state.kind === 'ready' ? auditTrail.lastVerification(state.core.journal.directory) : null;
    this.#presented = presentDashboard(state, monitor.seen, {
      verification,
      runs,
      latencies: this.#latencies,
    });
    const message: HostMessage = { type: 'dashboard', dashboard: this.#presented.dashboard };
    this.#panel.post(message);
  }

  /** Null if the ledger can't be read; the ledger's own line says why. */
  async #runs(): Promise<readonly FlowExecutionEntry[] | null> {
    try {
      return await this.#dependencies.runs.history(runsRead);
    } catch (error) {
      if (GatewayError.is(error)) return null;
      throw error;
    }
  }

  async #handle(message: ViewMessage): Promise<void> {
    switch (message.type) {
      case 'ready':
        await this.#show();
        return;
      case 'refresh':
        await this.#dependencies.monitor.refresh();
        return;
      case 'fix': {
        const fix = this.#presented?.fixes.get(message.part)?.[message.index];
        if (fix) await applyRemedy(fix);
        return;
      }
      case 'edit': {
        const key = this.#presented?.dashboard.configuration[message.index]?.key;
        if (key !== undefined) await applyRemedy({ kind: 'open_settings', place: { key } });
        return;
      }
      case 'report':
        await vscode.commands.executeCommand('tidyllm.showFlowReport', { runId: message.runId });
        return;
      case 'run':
        await vscode.commands.executeCommand(message.command);
        return;
    }
  }
}
