import * as vscode from 'vscode';
import { GatewayError, messageOf } from '../../errors.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { errorText } from '../../host/errorText.ts';
import { inBackground } from '../../host/failures.ts';
import { openInMlflow } from '../../host/openInMlflow.ts';
import { pickRun } from '../../host/workflows/pickWorkflow.ts';
import type { WorkflowDocuments } from '../../host/workflows/workflowDocuments.ts';
import { readWorkflow, type WorkflowFiles } from '../../host/workflows/workflowFiles.ts';
import type { WorkflowRuns } from '../../host/workflows/workflowRuns.ts';
import type { RunView } from '../../workflowRuns/runView.ts';
import type { StepRecord } from '../../workflowRuns/stepRecord.ts';
import { validWorkflow } from '../../workflowRuns/runRequirements.ts';
import { fillPanel } from '../webviewPanel.ts';
import { presentRun, presentWorkflow } from './presentation.ts';
import {
  keptSchema,
  viewMessageSchema,
  type Graph,
  type HostMessage,
  type KeptGraph,
  type ViewMessage,
} from './protocol.ts';

const viewType = 'tidyllm.workflow';

export interface WorkflowPanelsDependencies {
  extensionUri: vscode.Uri;
  holder: CoreHolder;
  files: WorkflowFiles;
  runs: WorkflowRuns;
  documents: WorkflowDocuments;
  run: (file: string) => Promise<void>;
  resume: (runId: string) => Promise<void>;
  /** Shows an audit record. */
  showCall: (ledgerId: string | null, call: { sequence: number }) => Promise<void>;
  log: vscode.LogOutputChannel;
}

/** What a panel shows: a run, or a workflow without one. */
export type ShownGraph = { runId: string } | { file: string };

/** The graphs of workflows and their runs: one editor each. */
export class WorkflowPanels implements vscode.Disposable {
  readonly #dependencies: WorkflowPanelsDependencies;
  readonly #panels = new Map<string, WorkflowPanel>();

  constructor(dependencies: WorkflowPanelsDependencies) {
    this.#dependencies = dependencies;
  }

  open(shown: ShownGraph): void {
    const there = this.#panels.get(keyOf(shown));
    if (there) {
      there.reveal();
      return;
    }
    const title = vscode.l10n.t('Workflow');
    this.#show(vscode.window.createWebviewPanel(viewType, title, vscode.ViewColumn.Active), shown, null);
  }

  /** Restores a panel from the state that its view remembered. */
  restore(panel: vscode.WebviewPanel, state: unknown): void {
    const { data } = keptSchema.safeParse(state);
    if (!data) panel.dispose();
    else if (data.runId !== null) this.#show(panel, { runId: data.runId }, data.comparedWith);
    else if (data.file !== null) this.#show(panel, { file: data.file }, null);
    else panel.dispose();
  }

  dispose(): void {
    for (const panel of this.#panels.values()) panel.dispose();
  }

  #show(panel: vscode.WebviewPanel, shown: ShownGraph, comparedWith: string | null): void {
    const key = keyOf(shown);
    this.#panels.get(key)?.dispose();
    const made = new WorkflowPanel(panel, { shown, comparedWith }, this.#dependencies);
    this.#panels.set(key, made);
    panel.onDidDispose(() => {
      if (this.#panels.get(key) === made) this.#panels.delete(key);
    });
  }
}

class WorkflowPanel {
  readonly #panel: vscode.WebviewPanel;
  readonly #dependencies: WorkflowPanelsDependencies;
  readonly #shown: ShownGraph;
  readonly #following: vscode.Disposable;
  #comparedWith: string | null;
  #file: string | null = null;

  constructor(
    panel: vscode.WebviewPanel,
    { shown, comparedWith }: { shown: ShownGraph; comparedWith: string | null },
    dependencies: WorkflowPanelsDependencies,
  ) {
    this.#panel = panel;
    this.#dependencies = dependencies;
    this.#shown = shown;
    this.#comparedWith = comparedWith;
    const { runs, files, log } = dependencies;
    const refresh = (): void => {
      if (panel.visible) inBackground(log, this.#load());
    };
    this.#following = vscode.Disposable.from(
      ...('runId' in shown ? [runs.onDidChange(refresh)] : [files.onDidChange(refresh)]),
      panel.onDidChangeViewState(refresh),
    );
    panel.onDidDispose(() => {
      this.#following.dispose();
    });
    fillPanel(panel, dependencies, 'workflow', viewMessageSchema, (message) => this.#handle(message));
  }

  reveal(): void {
    this.#panel.reveal();
  }

  dispose(): void {
    this.#panel.dispose();
  }

  async #handle(message: ViewMessage): Promise<void> {
    const { run, resume, runs } = this.#dependencies;
    const runId = 'runId' in this.#shown ? this.#shown.runId : null;
    switch (message.type) {
      case 'ready':
        await this.#load();
        return;
      case 'runWorkflow':
        if (this.#file !== null) await run(this.#file);
        return;
      case 'resume':
        if (runId !== null) await resume(runId);
        return;
      case 'stop':
        if (runId !== null) runs.stop(runId);
        return;
      case 'compare':
        if (runId !== null) await this.#compare(runId);
        return;
      case 'stopComparing':
        this.#comparedWith = null;
        await this.#load();
        return;
      case 'openFile':
        if (this.#file !== null) await vscode.window.showTextDocument(vscode.Uri.file(this.#file));
        return;
      case 'showRecord':
      case 'showResult':
      case 'openTrace':
        if (runId !== null) await this.#showOf(message.type, runId, message.step);
        return;
      case 'run':
        await vscode.commands.executeCommand(message.command);
        return;
    }
  }

  async #load(): Promise<void> {
    try {
      const graph =
        'runId' in this.#shown ? await this.#run(this.#shown.runId) : await this.#workflow(this.#shown.file);
      this.#panel.title = graph.title;
      const kept: KeptGraph = { file: this.#file, runId: graph.runId, comparedWith: this.#comparedWith };
      this.#post({ type: 'graph', graph, kept });
    } catch (error) {
      if (!GatewayError.is(error)) this.#dependencies.log.error(errorText(error));
      const hint = GatewayError.is(error) ? error.hint : vscode.l10n.t('See the output for details.');
      this.#post({ type: 'failed', failure: { message: messageOf(error), hint } });
    }
  }

  async #run(runId: string): Promise<Graph> {
    const { holder, runs } = this.#dependencies;
    return holder.use(async ({ workflows, backend, tracking }) => {
      const view = await workflows.view(runId);
      if (!view) throw new GatewayError('invalid_request', vscode.l10n.t('This run is no longer kept.'));
      this.#file = view.file;
      const compared = this.#comparedWith === null ? null : await workflows.view(this.#comparedWith);
      return presentRun(view, {
        compared,
        simulated: backend.simulated,
        inMlflow: tracking.hasPages(),
        isHere: runs.isHere(runId),
      });
    });
  }

  async #workflow(file: string): Promise<Graph> {
    this.#file = file;
    const { text, parsed } = await readWorkflow(file);
    const workflow = validWorkflow(parsed, file);
    return this.#dependencies.holder.use(async ({ workflows, backend }) =>
      presentWorkflow(
        workflow,
        await workflows.processWorkflow('analyze', { file, text }),
        backend.simulated,
      ),
    );
  }

  async #compare(runId: string): Promise<void> {
    const all = await this.#dependencies.runs.list();
    const own = all.find((one) => one.runId === runId);
    const others = all.filter((one) => one.runId !== runId && own && isSameWorkflow(one, own));
    if (others.length === 0) {
      void vscode.window.showInformationMessage(vscode.l10n.t('There is no other run of this workflow.'));
      return;
    }
    const chosen = await pickRun(others, {
      title: vscode.l10n.t('Compare with Another Run'),
      placeHolder: vscode.l10n.t('Select a run of the same workflow'),
    });
    if (!chosen) return;
    this.#comparedWith = chosen.runId;
    await this.#load();
  }

  async #showOf(what: 'showRecord' | 'showResult' | 'openTrace', runId: string, step: string): Promise<void> {
    const { holder, documents, showCall } = this.#dependencies;
    await holder.use(async (core) => {
      if (what === 'showResult') {
        const text = await core.workflows.resultOf(runId, step);
        if (text === null) throw nothingOf(vscode.l10n.t('There is no kept result of {0}.', step));
        await documents.show(`${step}.md`, text);
        return;
      }
      const record = await core.workflows.recordOf(runId, step);
      if (record === null) throw nothingOf(vscode.l10n.t('{0} made no call and ran no agreement.', step));
      if (what === 'openTrace') await openInMlflow(core, { call: callOf(record, step) });
      else await showCall(await core.ledger.identity(), record);
    });
  }

  #post(message: HostMessage): void {
    void this.#panel.webview.postMessage(message);
  }
}

function callOf({ call }: StepRecord, step: string): string {
  if (call !== null) return call;
  throw nothingOf(vscode.l10n.t('{0} ran an agreement: its report leads to MLflow.', step));
}

function nothingOf(message: string): GatewayError {
  return new GatewayError('invalid_request', message);
}

function isSameWorkflow(a: RunView, b: RunView): boolean {
  return a.file === b.file && a.workflow === b.workflow;
}

function keyOf(shown: ShownGraph): string {
  return 'runId' in shown ? `run ${shown.runId}` : `file ${shown.file}`;
}
