import { basename } from 'node:path';
import * as vscode from 'vscode';
import { GatewayError } from '../../errors.ts';
import type { OperationResult } from '../../workflow/operationResult.ts';
import type { CoreHolder } from '../coreHolder.ts';
import { analysisMarkdown } from './analysisMarkdown.ts';
import { pickWorkflow } from './pickWorkflow.ts';
import type { WorkflowDocuments } from './workflowDocuments.ts';
import { readWorkflow, workflowTitle, type WorkflowFiles } from './workflowFiles.ts';

export interface ImproveWorkflowDependencies {
  holder: CoreHolder;
  files: WorkflowFiles;
  documents: WorkflowDocuments;
}

/** Shows where the time of a workflow goes, on the measured durations of its runs. */
export async function analyzeWorkflow(
  file: string | undefined,
  { holder, files, documents }: ImproveWorkflowDependencies,
): Promise<void> {
  const path = file ?? (await pickWorkflow(files, vscode.l10n.t('Analyze Workflow')));
  if (path === undefined) return;
  files.name(path);
  const { text } = await readWorkflow(path);
  const result = await holder.use(({ workflows }) =>
    workflows.processWorkflow('analyze', { file: path, text }),
  );
  await documents.show(`${basename(path)}.analysis.md`, analysisMarkdown(result));
}

/** Shows what would make a workflow faster or cheaper as a diff, and applies it when a person accepts it. */
export async function optimizeWorkflow(
  file: string | undefined,
  { holder, files, documents }: ImproveWorkflowDependencies,
): Promise<void> {
  const path = file ?? (await pickWorkflow(files, vscode.l10n.t('Optimize Workflow')));
  if (path === undefined) return;
  files.name(path);
  const read = await readWorkflow(path);
  const title = workflowTitle(read);
  const result = await holder.use(({ workflows }) =>
    workflows.processWorkflow('optimize', { file: path, text: read.text }),
  );
  if (result.rewritten === null) {
    const why = result.notes.join(' ');
    void vscode.window.showInformationMessage(vscode.l10n.t('Nothing to change in {0}. {1}', title, why));
    return;
  }
  const proposed = documents.add(path, result.rewritten);
  await vscode.commands.executeCommand(
    'vscode.diff',
    vscode.Uri.file(path),
    proposed,
    vscode.l10n.t('{0}: proposed changes', title),
  );
  const apply = vscode.l10n.t('Apply');
  const discard = vscode.l10n.t('Discard');
  const chosen = await vscode.window.showInformationMessage(summaryOf(result), apply, discard);
  if (chosen === apply) await replace(path, read.text, result.rewritten);
}

function summaryOf({ improvements, performanceGain, estimated }: OperationResult): string {
  const details = improvements.map(({ detail }) => detail).join(' ');
  const percent = ((performanceGain ?? 0) * 100).toFixed(1);
  const gain = estimated
    ? vscode.l10n.t('Gain: {0} % (estimated).', percent)
    : vscode.l10n.t('Gain: {0} %.', percent);
  return `${details} ${gain}`;
}

/** Throws `invalid_request` if the file isn't as it was when the change was proposed. */
async function replace(path: string, before: string, after: string): Promise<void> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(path));
  if (document.getText() !== before)
    throw new GatewayError('invalid_request', vscode.l10n.t('{0} was changed meanwhile.', path), {
      hint: vscode.l10n.t('Optimize it again.'),
    });
  const edit = new vscode.WorkspaceEdit();
  const whole = new vscode.Range(document.positionAt(0), document.positionAt(before.length));
  edit.replace(document.uri, whole, after);
  await vscode.workspace.applyEdit(edit);
  await vscode.window.showTextDocument(document);
}
