import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { createFile } from '../createFile.ts';
import { pickFolder } from './pickFolder.ts';

/** A place in an agreement file, from 1. */
export interface FlowPlace {
  file: string;
  line: number;
  column: number;
}

const name = join('.tidyllm', 'flow.yaml');

/** Opens an agreement file at a place. The default is the workspace's, created with an example if it is missing. */
export async function openFlowFile(place?: FlowPlace): Promise<void> {
  const path = place?.file ?? (await fileOfWorkspace());
  if (path === undefined) return;
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(path));
  const editor = await vscode.window.showTextDocument(document);
  if (!place) return;
  const position = new vscode.Position(place.line - 1, place.column - 1);
  editor.selection = new vscode.Selection(position, position);
  editor.revealRange(editor.selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
}

async function fileOfWorkspace(): Promise<string | undefined> {
  const folder = await pickFolder({
    none: vscode.l10n.t('Workspace agreements need an open folder on the gateway’s machine.'),
    placeHolder: vscode.l10n.t('Select the folder of the agreements'),
  });
  if (folder === undefined) return undefined;
  const path = join(folder, name);
  if (!existsSync(path)) {
    const { flowTemplate } = await import('../flow/flowTemplate.ts');
    createFile(path, flowTemplate);
  }
  return path;
}
