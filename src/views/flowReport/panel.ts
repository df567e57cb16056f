import * as vscode from 'vscode';
import { GatewayError, messageOf } from '../../errors.ts';
import type { ParameterValues } from '../../flow/agreement.ts';
import { compareReports, type ReportComparison } from '../../flow/reportComparison.ts';
import { reportMarkdown } from '../../flow/reportMarkdown.ts';
import type { StoredReport } from '../../flow/report.ts';
import { errorText } from '../../host/errorText.ts';
import { inBackground } from '../../host/failures.ts';
import type { ReportedRun } from '../../host/flowRuns.ts';
import { saveFile } from '../saveFile.ts';
import { fillPanel } from '../webviewPanel.ts';
import { presentReport, startText } from './presentation.ts';
import { keptSchema, viewMessageSchema, type HostMessage, type ViewMessage } from './protocol.ts';

const viewType = 'tidyllm.flowReport';

/** The source of reports, and the actions of their buttons. */
export interface FlowReports {
  /** Throws `GatewayError` when the report isn't kept or was changed. */
  reportOf(runId: string): Promise<StoredReport>;
  /** Runs of an agreement with a report, newest first. */
  runsOf(agreement: string): Promise<readonly ReportedRun[]>;
  runAgain(agreement: string, parameters: ParameterValues): Promise<void>;
  /** The run's record in the audit journal. */
  showRecord(runId: string): Promise<void>;
  /** Whether MLflow shows runs. */
  readonly inMlflow: boolean;
  openInMlflow(runId: string): Promise<void>;
}

export interface FlowReportPanelsDependencies {
  extensionUri: vscode.Uri;
  reports: FlowReports;
  log: vscode.LogOutputChannel;
}

/** The reports of FLOW runs: one editor per run. */
export class FlowReportPanels implements vscode.Disposable {
  readonly #dependencies: FlowReportPanelsDependencies;
  readonly #panels = new Map<string, ReportPanel>();

  constructor(dependencies: FlowReportPanelsDependencies) {
    this.#dependencies = dependencies;
  }

  /** Shows a run's report; a given `report` includes the private sections, which are not kept. */
  open(runId: string, report: StoredReport | null = null): void {
    const shown = this.#panels.get(runId);
    if (shown) shown.reveal();
    else this.#show(createPanel(), runId, { report, comparedWith: null });
  }

  /** Restores a panel from the state that its view remembered. */
  restore(panel: vscode.WebviewPanel, state: unknown): void {
    const { data } = keptSchema.safeParse(state);
    if (data) this.#show(panel, data.runId, { report: null, comparedWith: data.comparedWith });
    else panel.dispose();
  }

  dispose(): void {
    for (const panel of this.#panels.values()) panel.dispose();
  }

  #show(panel: vscode.WebviewPanel, runId: string, begin: Begin): void {
    this.#panels.get(runId)?.dispose();
    const shown = new ReportPanel(panel, runId, begin, this.#dependencies);
    this.#panels.set(runId, shown);
    panel.onDidDispose(() => {
      if (this.#panels.get(runId) === shown) this.#panels.delete(runId);
    });
  }
}

/** The initial state of a panel. */
interface Begin {
  report: StoredReport | null;
  /** Run id of an earlier report. */
  comparedWith: string | null;
}

function createPanel(): vscode.WebviewPanel {
  const title = vscode.l10n.t('FLOW Report');
  return vscode.window.createWebviewPanel(viewType, title, vscode.ViewColumn.Active);
}

class ReportPanel {
  readonly #panel: vscode.WebviewPanel;
  readonly #runId: string;
  readonly #dependencies: FlowReportPanelsDependencies;
  #report: StoredReport | null;
  #comparedWith: string | null;
  #comparison: ReportComparison | null = null;

  constructor(
    panel: vscode.WebviewPanel,
    runId: string,
    { report, comparedWith }: Begin,
    dependencies: FlowReportPanelsDependencies,
  ) {
    this.#panel = panel;
    this.#runId = runId;
    this.#dependencies = dependencies;
    this.#report = report;
    this.#comparedWith = comparedWith;
    if (report) panel.title = report.report.title;
    fillPanel(panel, dependencies, 'flowReport', viewMessageSchema, (message) => this.#handle(message));
  }

  reveal(): void {
    this.#panel.reveal();
  }

  dispose(): void {
    this.#panel.dispose();
  }

  async #handle(message: ViewMessage): Promise<void> {
    const { reports } = this.#dependencies;
    switch (message.type) {
      case 'ready':
        await this.#load();
        return;
      case 'save':
        if (this.#report) await this.#save(this.#report);
        return;
      case 'compare':
        if (this.#report) await this.#compare(this.#report);
        return;
      case 'stopComparing':
        this.#comparedWith = null;
        this.#comparison = null;
        this.#show();
        return;
      case 'runAgain':
        if (this.#report) await reports.runAgain(this.#report.agreement, this.#report.parameters);
        return;
      case 'showRecord':
        await reports.showRecord(this.#runId);
        return;
      case 'openInMlflow':
        await reports.openInMlflow(this.#runId);
        return;
      case 'run':
        await vscode.commands.executeCommand(message.command);
        return;
    }
  }

  async #load(): Promise<void> {
    const { reports, log } = this.#dependencies;
    try {
      this.#report ??= await reports.reportOf(this.#runId);
    } catch (error) {
      if (!GatewayError.is(error)) log.error(errorText(error));
      const hint = GatewayError.is(error) ? error.hint : vscode.l10n.t('See the output for details.');
      this.#post({ type: 'failed', failure: { message: messageOf(error), hint } });
      return;
    }
    this.#panel.title = this.#report.report.title;
    // If the earlier report is gone, the report is shown without a comparison.
    if (this.#comparedWith !== null) inBackground(log, this.#compareWith(this.#report, this.#comparedWith));
    this.#show();
  }

  async #compare(report: StoredReport): Promise<void> {
    const runs = (await this.#dependencies.reports.runsOf(report.agreement)).filter(
      ({ runId, startedAt }) => runId !== report.run_id && startedAt <= report.started_at,
    );
    if (runs.length === 0) {
      const none = vscode.l10n.t('There is no earlier run of {0} with a report.', report.trigger);
      void vscode.window.showInformationMessage(none);
      return;
    }
    const items = runs.map(({ runId, startedAt, executionMode }) => ({
      runId,
      label: startText(startedAt),
      description: executionMode === 'simulated' ? vscode.l10n.t('simulated') : '',
      detail: runId,
    }));
    const chosen = await vscode.window.showQuickPick(items, {
      title: vscode.l10n.t('Compare with Earlier Run'),
      placeHolder: vscode.l10n.t('Runs of {0} with a report', report.trigger),
      matchOnDescription: true,
    });
    if (chosen) await this.#compareWith(report, chosen.runId);
  }

  async #compareWith(report: StoredReport, runId: string): Promise<void> {
    this.#comparison = compareReports(await this.#dependencies.reports.reportOf(runId), report);
    this.#comparedWith = runId;
    this.#show();
  }

  async #save(report: StoredReport): Promise<void> {
    const day = report.started_at.slice(0, 19).replaceAll(':', '-');
    await saveFile({
      title: vscode.l10n.t('Save Report'),
      name: `${report.agreement}-${day}.md`,
      filters: { Markdown: ['md'], JSON: ['json'] },
      content: ({ path }) =>
        path.endsWith('.json')
          ? `${JSON.stringify(report, null, 2)}\n`
          : reportMarkdown(report, this.#comparison ?? undefined),
      told: (path) => vscode.l10n.t('The report was saved to {0}.', path),
    });
  }

  #show(): void {
    if (!this.#report) return;
    const { inMlflow } = this.#dependencies.reports;
    this.#post({ type: 'report', report: presentReport(this.#report, this.#comparison, inMlflow) });
  }

  #post(message: HostMessage): void {
    void this.#panel.webview.postMessage(message);
  }
}
