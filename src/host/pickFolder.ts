import * as vscode from 'vscode';
import { localFolders } from './configuration.ts';

/** The path of the workspace's folder on this machine, or of one of several that a person selects; undefined for none. */
export async function pickFolder({
  none,
  placeHolder,
}: {
  /** Told where no folder is open. */
  none: string;
  placeHolder: string;
}): Promise<string | undefined> {
  const [first, ...others] = localFolders();
  if (!first) {
    void vscode.window.showInformationMessage(none);
    return undefined;
  }
  if (others.length === 0) return first.uri.fsPath;
  const items = [first, ...others].map(({ name, uri }) => ({ label: name, description: uri.fsPath }));
  return (await vscode.window.showQuickPick(items, { placeHolder }))?.description;
}
