import * as vscode from 'vscode';
import { formatUsd } from '../../pricing/cost.ts';
import type { RunView } from '../../workflowRuns/runView.ts';
import { workflowTitle, type WorkflowFile, type WorkflowFiles } from './workflowFiles.ts';

/** The path of a workflow that a person selects, of the workspace or any other file; undefined when cancelled. */
export async function pickWorkflow(files: WorkflowFiles, title: string): Promise<string | undefined> {
  const items = (await files.read()).map((file): vscode.QuickPickItem & { path: string } => ({
    label: workflowTitle(file),
    description: vscode.workspace.asRelativePath(file.path),
    detail: detailOf(file),
    path: file.path,
  }));
  const create = { label: `$(add) ${vscode.l10n.t('New Workflow')}`, path: undefined };
  const another = { label: `$(folder-opened) ${vscode.l10n.t('Select Another File…')}`, path: null };
  const chosen = await vscode.window.showQuickPick([...items, create, another], {
    title,
    placeHolder: vscode.l10n.t('Select a workflow'),
    matchOnDescription: true,
  });
  if (!chosen) return undefined;
  if (chosen === create) {
    const { newWorkflow } = await import('./newWorkflow.ts');
    await newWorkflow();
    return undefined;
  }
  if (chosen.path !== null) return chosen.path;
  const filters = { [vscode.l10n.t('Workflows')]: ['yaml', 'yml', 'json'] };
  const [uri] = (await vscode.window.showOpenDialog({ title, filters })) ?? [];
  if (uri?.scheme !== 'file') return undefined;
  files.name(uri.fsPath);
  return uri.fsPath;
}

function detailOf({ parsed: { workflow, faults } }: WorkflowFile): string {
  if (workflow)
    return (
      workflow.description ||
      vscode.l10n.t('{0} steps, at most {1}', workflow.steps.length, formatUsd(workflow.costLimit))
    );
  const errors = faults.filter(({ severity }) => severity === 'error').length;
  return errors === 1 ? vscode.l10n.t('1 problem') : vscode.l10n.t('{0} problems', errors);
}

/** A run that a person selects of several; undefined when cancelled. */
export async function pickRun(
  runs: readonly RunView[],
  options: { title: string; placeHolder: string },
): Promise<RunView | undefined> {
  const items = runs.map((run) => ({
    label: run.workflow,
    description: new Date(run.startedAt).toLocaleString(vscode.env.language),
    detail: vscode.l10n.t(
      '{0} of {1} steps done · {2}',
      run.steps.filter(({ status }) => status === 'success').length,
      run.steps.length,
      run.reason,
    ),
    run,
  }));
  return (await vscode.window.showQuickPick(items, { ...options, matchOnDetail: true }))?.run;
}
