import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { replaceFile } from '../replaceFile.ts';

export interface FileToSave {
  /** The dialog's title. */
  title: string;
  name: string;
  filters: Readonly<Record<string, string[]>>;
  /** The content for the selected file, whose extension may decide the format. */
  content: (target: vscode.Uri) => string | Uint8Array;
  /** The message after saving, given the path. */
  told: (path: string) => string;
}

/** Asks for a file (in the workspace by default), writes it atomically, and offers to open it. */
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
