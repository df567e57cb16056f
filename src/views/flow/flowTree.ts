import * as vscode from 'vscode';
import { GatewayError, messageOf } from '../../errors.ts';
import type { FlowAgreement } from '../../flow/agreement.ts';
import type { FlowExecutionEntry } from '../../flow/executionHistory.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import type { FlowRuns, RunningRun } from '../../host/flowRuns.ts';
import type { WorkflowFiles } from '../../host/workflows/workflowFiles.ts';
import type { WorkflowRuns } from '../../host/workflows/workflowRuns.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { Fault } from '../../yamlDocument.ts';
import { escapeMarkdown } from '../markdownText.ts';
import { agoText } from './agoText.ts';
import { workflowLines } from './workflowLines.ts';
import type { Line } from './line.ts';
import { outcomeText } from './outcomeText.ts';

/** Runs shown per agreement, and runs searched for the last one of each agreement. */
const runsShown = 5;
const runsRead = 100;
/** Records arrive in bursts. */
const settleMs = 300;

/** The workflows of this window, and the runs of all. */
export interface Workflows {
  files: WorkflowFiles;
  runs: WorkflowRuns;
}

/** The FLOW view: every agreement and every workflow with its last result and its runs. */
export class FlowTree implements vscode.TreeDataProvider<Line>, vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #runs: FlowRuns;
  readonly #workflows: Workflows;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #view: vscode.TreeView<Line>;
  readonly #following: vscode.Disposable;
  #timer: NodeJS.Timeout | undefined;

  readonly onDidChangeTreeData = this.#changed.event;

  constructor(holder: CoreHolder, runs: FlowRuns, workflows: Workflows) {
    this.#holder = holder;
    this.#runs = runs;
    this.#workflows = workflows;
    this.#view = vscode.window.createTreeView('tidyllm.flow', { treeDataProvider: this });
    this.#following = vscode.Disposable.from(
      holder.onDidChange(() => this.refresh()),
      holder.onDidChangeLedger(() => this.#refreshSoon()),
      runs.onDidChange(() => this.#refreshSoon()),
      workflows.files.onDidChange(() => this.#refreshSoon()),
      workflows.runs.onDidChange(() => this.#refreshSoon()),
      this.#view.onDidChangeVisibility(() => this.refresh()),
    );
  }

  refresh(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#changed.fire();
  }

  getTreeItem({ item }: Line): vscode.TreeItem {
    return item;
  }

  async getChildren(line?: Line): Promise<Line[]> {
    if (line) return [...line.children];
    const { state } = this.#holder;
    if (state.kind === 'starting') return [];
    if (state.kind === 'failed') return [messageLine(state.error.message)];
    try {
      const { agreements, faults } = await state.core.flow.catalogue();
      const history = await this.#runs.history(runsRead);
      const { running } = this.#runs;
      return [
        ...faultLines(faults),
        ...(await this.#workflowLines()),
        ...agreements.map((agreement) => agreementLine(agreement, history, running)),
      ];
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      return [messageLine(messageOf(error))];
    }
  }

  async #workflowLines(): Promise<Line[]> {
    const { files, runs } = this.#workflows;
    const [read, listed] = await Promise.all([files.read(), runs.list()]);
    return workflowLines(read, listed, (runId) => runs.isHere(runId));
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#following.dispose();
    this.#view.dispose();
    this.#changed.dispose();
  }

  /** A hidden view needs no refresh: it reads again when it is shown. */
  #refreshSoon(): void {
    if (!this.#view.visible) return;
    this.#timer ??= setTimeout(() => this.refresh(), settleMs);
  }
}

function messageLine(message: string): Line {
  const item = new vscode.TreeItem(message);
  item.iconPath = new vscode.ThemeIcon('error', new vscode.ThemeColor('problemsErrorIcon.foreground'));
  return { item, children: [] };
}

/** The faults of each file; a click opens the place. */
function faultLines(faults: readonly Fault[]): Line[] {
  const byFile = Map.groupBy(
    faults.filter(({ severity }) => severity === 'error'),
    ({ place, message }) => place?.file ?? message,
  );
  return [...byFile].map(([file, all]): Line => {
    const place = all[0]?.place;
    const label =
      all.length === 1
        ? vscode.l10n.t('1 problem in flow.yaml')
        : vscode.l10n.t('{0} problems in flow.yaml', all.length);
    const item = new vscode.TreeItem(place ? label : file);
    item.id = `fault ${file}`;
    item.iconPath = new vscode.ThemeIcon('warning', new vscode.ThemeColor('problemsWarningIcon.foreground'));
    item.tooltip = all.map(({ message }) => message).join('\n');
    item.accessibilityInformation = { label: place ? `${label}, ${place.file}` : file };
    item.contextValue = 'define';
    if (!place) return { item, children: [] };
    item.description = place.file;
    item.command = { command: 'tidyllm.openFlowFile', title: label, arguments: [{ place }] };
    return { item, children: [], place };
  });
}

function agreementLine(
  agreement: FlowAgreement,
  history: readonly FlowExecutionEntry[],
  running: readonly RunningRun[],
): Line {
  const { id, trigger, source } = agreement;
  const entries = history.filter(({ agreement: of }) => of === id);
  const here = running.find(({ agreement: of }) => of === id);
  const [last] = entries;
  const { Collapsed, None } = vscode.TreeItemCollapsibleState;
  const item = new vscode.TreeItem(trigger, entries.length > 0 ? Collapsed : None);
  item.id = id;
  item.iconPath = here ? new vscode.ThemeIcon('loading~spin') : iconOf(last);
  const distrusted = source.kind === 'workspace' && !vscode.workspace.isTrusted;
  const never = distrusted
    ? vscode.l10n.t('can run once the workspace is trusted')
    : vscode.l10n.t('not run yet');
  item.description = here ? runningText(here) : last ? resultText(last) : never;
  item.tooltip = tooltipOf(agreement, last);
  const place =
    source.file === null ? undefined : { file: source.file, line: source.line, column: source.column };
  item.contextValue = [here ? 'stop' : 'run', ...(place ? ['define'] : [])].join(' ');
  item.accessibilityInformation = { label: `${trigger}, ${item.description}` };
  return {
    item,
    agreement: id,
    children: entries.slice(0, runsShown).map(runLine),
    ...(place && { place }),
  };
}

function runLine(entry: FlowExecutionEntry): Line {
  const item = new vscode.TreeItem(agoText(entry.timestamp));
  item.id = entry.runId;
  item.iconPath = iconOf(entry);
  item.description = [outcomeText(entry), ...(entry.calls > 0 ? [formatUsd(entry.cost)] : [])].join(' · ');
  item.tooltip = [entry.summary ?? entry.errorCode ?? '', entry.runId].filter(Boolean).join('\n');
  item.accessibilityInformation = { label: `${agoText(entry.timestamp)}, ${item.description}` };
  if (entry.reportSha256 === null) return { item, children: [], runId: entry.runId };
  item.contextValue = 'report';
  item.command = {
    command: 'tidyllm.showFlowReport',
    title: vscode.l10n.t('Show Report'),
    arguments: [{ runId: entry.runId }],
  };
  return { item, children: [], runId: entry.runId };
}

function runningText({ message, share }: RunningRun): string {
  const percent = share === null ? '' : ` (${Math.round(share * 100)} %)`;
  return `${message || vscode.l10n.t('running')}${percent}`;
}

function resultText(entry: FlowExecutionEntry): string {
  return [outcomeText(entry), agoText(entry.timestamp)].join(' · ');
}

function iconOf(entry: FlowExecutionEntry | undefined): vscode.ThemeIcon {
  const colored = (icon: string, color: string): vscode.ThemeIcon =>
    new vscode.ThemeIcon(icon, new vscode.ThemeColor(color));
  if (!entry) return new vscode.ThemeIcon('circle-outline');
  if (entry.outcome === 'running') return new vscode.ThemeIcon('loading~spin');
  if (entry.outcome === 'cancelled') return new vscode.ThemeIcon('circle-slash');
  if (entry.outcome !== 'success' || entry.problems > 0)
    return colored('error', 'problemsErrorIcon.foreground');
  if (entry.warnings > 0) return colored('warning', 'problemsWarningIcon.foreground');
  return colored('pass', 'testing.iconPassed');
}

function tooltipOf(agreement: FlowAgreement, last: FlowExecutionEntry | undefined): vscode.MarkdownString {
  const lines = [
    `**${escapeMarkdown(agreement.trigger)}**`,
    escapeMarkdown(agreement.expandedMeaning),
    ...(agreement.costLimit > 0n
      ? [vscode.l10n.t('Costs at most {0}.', formatUsd(agreement.costLimit))]
      : []),
    ...(last?.summary ? [vscode.l10n.t('Last: {0}', escapeMarkdown(last.summary))] : []),
  ];
  return new vscode.MarkdownString(lines.join('\n\n'));
}
