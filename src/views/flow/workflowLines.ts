import * as vscode from 'vscode';
import { durationText } from '../../flow/cellText.ts';
import { workflowTitle, type WorkflowFile } from '../../host/workflows/workflowFiles.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { RunStatus, RunView } from '../../workflowRuns/runView.ts';
import { runStatusText } from '../workflow/runStatusText.ts';
import { agoText } from './agoText.ts';
import type { Line } from './line.ts';

/** Runs shown of each workflow. */
const runsShown = 10;

/** The workflows of this window with their runs; no line if there are none. */
export function workflowLines(
  files: readonly WorkflowFile[],
  runs: readonly RunView[],
  isHere: (runId: string) => boolean,
): Line[] {
  const lines = files.map((file) =>
    fileLine(
      file,
      runs.filter((run) => run.file === file.path),
      isHere,
    ),
  );
  if (lines.length === 0) return [];
  const item = new vscode.TreeItem(vscode.l10n.t('Workflows'), vscode.TreeItemCollapsibleState.Expanded);
  item.id = 'workflows';
  item.iconPath = new vscode.ThemeIcon('type-hierarchy');
  return [{ item, children: lines }];
}

function fileLine(file: WorkflowFile, runs: readonly RunView[], isHere: (runId: string) => boolean): Line {
  const { path, parsed } = file;
  const { Collapsed, None } = vscode.TreeItemCollapsibleState;
  const title = workflowTitle(file);
  const item = new vscode.TreeItem(title, runs.length > 0 ? Collapsed : None);
  const [last] = runs;
  item.id = `workflow ${path}`;
  item.iconPath = parsed.workflow ? iconOf(last?.status) : errorIcon();
  item.description = parsed.workflow
    ? last
      ? `${runStatusText(last.status)} · ${agoText(last.startedAt)}`
      : vscode.l10n.t('not run yet')
    : vscode.l10n.t('has errors');
  item.tooltip = path;
  item.contextValue = parsed.workflow ? 'workflow' : 'brokenWorkflow';
  item.accessibilityInformation = { label: `${title}, ${item.description}` };
  item.command = parsed.workflow
    ? { command: 'tidyllm.showWorkflow', title: vscode.l10n.t('Show Workflow'), arguments: [{ file: path }] }
    : { command: 'vscode.open', title: vscode.l10n.t('Open File'), arguments: [vscode.Uri.file(path)] };
  return {
    item,
    file: path,
    children: runs.slice(0, runsShown).map((run) => runLine(run, isHere(run.runId))),
  };
}

function runLine(run: RunView, isHere: boolean): Line {
  const { runId, status, startedAt, makespanMs, cost, reason, steps, resumable } = run;
  const item = new vscode.TreeItem(agoText(startedAt));
  const done = steps.filter((step) => step.status === 'success').length;
  item.id = `run ${runId}`;
  item.iconPath = iconOf(status);
  item.description = [
    runStatusText(status),
    vscode.l10n.t('{0} of {1} steps', done, steps.length),
    durationText(makespanMs),
    ...(cost === null ? [] : [formatUsd(cost)]),
  ].join(' · ');
  item.tooltip = `${reason}\n${runId}`;
  item.contextValue = ['workflowRun', ...(resumable ? ['resume'] : []), ...(isHere ? ['end'] : [])].join(' ');
  item.accessibilityInformation = { label: `${agoText(startedAt)}, ${item.description}` };
  item.command = {
    command: 'tidyllm.showWorkflow',
    title: vscode.l10n.t('Show Workflow'),
    arguments: [{ runId }],
  };
  return { item, runId, children: [] };
}

function iconOf(status: RunStatus | undefined): vscode.ThemeIcon {
  switch (status) {
    case undefined:
      return new vscode.ThemeIcon('circle-outline');
    case 'running':
      return new vscode.ThemeIcon('loading~spin');
    case 'success':
      return new vscode.ThemeIcon('pass', new vscode.ThemeColor('testing.iconPassed'));
    case 'failed':
      return errorIcon();
    case 'cancelled':
    case 'interrupted':
      return new vscode.ThemeIcon('circle-slash');
  }
}

function errorIcon(): vscode.ThemeIcon {
  return new vscode.ThemeIcon('error', new vscode.ThemeColor('problemsErrorIcon.foreground'));
}
