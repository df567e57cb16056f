import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { replaceFile } from '../replaceFile.ts';

export interface FileToSave {
  /** Of the dialog. */
  title: string;
  name: string;
  filters: Readonly<Record<string, string[]>>;
  /** For the file that was chosen: its name may say what is wanted. */
  content: (target: vscode.Uri) => string | Uint8Array;
  /** What is told of it, by its path. */
  told: (path: string) => string;
}

/** Asks where to, the workspace first, writes whole or not at all, and offers to open it. */
export async function saveFile({ title, name, filters, content, told }: FileToSave): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(homedir());
  const defaultUri = vscode.Uri.joinPath(folder, name);
  const target = await vscode.window.showSaveDialog({ defaultUri, filters: { ...filters }, title });
  if (!target) return;
  if (target.scheme === 'file') await replaceFile(target.fsPath, content(target));
  else await vscode.workspace.fs.writeFile(target, Buffer.from(content(target)));
  const open = vscode.l10n.t('Open');
  if ((await vscode.window.showInformationMessage(told(target.fsPath), open)) === open)
    await vscode.commands.executeCommand('vscode.open', target);
}
