import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { createFile } from '../../createFile.ts';
import { workflowTemplate } from '../../workflow/workflowTemplate.ts';
import { pickFolder } from '../pickFolder.ts';

/** Creates a workflow with an example in the workspace, and opens it. */
export async function newWorkflow(): Promise<void> {
  const folder = await pickFolder({
    none: vscode.l10n.t('A workflow needs an open folder on the gateway’s machine.'),
    placeHolder: vscode.l10n.t('Select the folder of the workflow'),
  });
  if (folder === undefined) return;
  const path = freePath(join(folder, '.tidyllm', 'workflows'));
  createFile(path, workflowTemplate);
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(vscode.Uri.file(path)));
}

/** `workflow.yaml`, or the first number with which nothing is there. */
function freePath(directory: string): string {
  for (let number = 1; ; number += 1) {
    const path = join(directory, number === 1 ? 'workflow.yaml' : `workflow-${number}.yaml`);
    if (!existsSync(path)) return path;
  }
}
