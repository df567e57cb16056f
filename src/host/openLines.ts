import * as vscode from 'vscode';
import { isInside } from '../retrieval/workspaceFiles.ts';
import { localFolders } from './configuration.ts';

/** Opens a file of the workspace with lines selected, numbered from 1; says so if it isn't in the workspace any more. */
export async function openLines({
  file,
  path,
  firstLine,
  lastLine,
}: {
  file: string;
  path: string;
  firstLine: number;
  lastLine: number;
}): Promise<void> {
  const folders = localFolders().map(({ uri }) => uri.fsPath);
  if (!(await isInside(folders, file))) {
    void vscode.window.showWarningMessage(vscode.l10n.t('{0} is not in the workspace any more.', path));
    return;
  }
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(file));
  const end = document.lineAt(Math.min(lastLine, document.lineCount) - 1).range.end;
  await vscode.window.showTextDocument(document, {
    selection: new vscode.Range(new vscode.Position(firstLine - 1, 0), end),
  });
}
