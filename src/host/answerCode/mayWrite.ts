import * as vscode from 'vscode';
import { isKeyFile } from '../../retrieval/keyFiles.ts';
import { localFolders } from '../configuration.ts';
import { refusedPath, type Refused } from '../../refusedPath.ts';

/** A file as people know it: its path inside the workspace, otherwise the whole of it. */
export function shownPath(uri: vscode.Uri): string {
  return vscode.workspace.asRelativePath(uri).replaceAll('\\', '/');
}

/** Whether code may go into a file of the workspace, or into any that a person has open. If not, it was said why. */
export async function isWritable(uri: vscode.Uri, { open = false } = {}): Promise<boolean> {
  const refused = await refusalOf(uri);
  // A workspace that nobody trusts must not lead people to other files.
  if (refused === null || (refused === 'outside' && open && vscode.workspace.isTrusted)) return true;
  void vscode.window.showWarningMessage(refusal(refused, shownPath(uri)));
  return false;
}

/** As `isWritable`; a file that may hold keys is asked about too. */
export async function mayWrite(uri: vscode.Uri, options?: { open: boolean }): Promise<boolean> {
  return (await isWritable(uri, options)) && (!isKeyFile(uri.path) || mayWriteKeys(shownPath(uri)));
}

async function refusalOf({ scheme, fsPath }: vscode.Uri): Promise<Refused | null> {
  if (scheme === 'untitled') return null;
  if (scheme !== 'file') return 'outside';
  return refusedPath(
    localFolders().map(({ uri }) => uri.fsPath),
    fsPath,
  );
}

function refusal(refused: Refused, path: string): string {
  switch (refused) {
    case 'outside':
      return vscode.l10n.t(
        '{0} is outside of the workspace, so nothing was written. Open its folder and trust it, or copy the code.',
        path,
      );
    case 'link':
      return vscode.l10n.t(
        'A link is on the way to {0}, so nothing was written. Use the file that the link leads to.',
        path,
      );
    case 'git':
      return vscode.l10n.t('{0} is a file of git itself, so nothing was written. Copy the code.', path);
    case 'no_file':
      return vscode.l10n.t('{0} is not a file, so nothing was written. Choose a file.', path);
  }
}

async function mayWriteKeys(path: string): Promise<boolean> {
  const go = vscode.l10n.t('Write to It');
  const asked = vscode.l10n.t('{0} may hold keys. Write code of the answer to it?', path);
  return (await vscode.window.showWarningMessage(asked, { modal: true }, go)) === go;
}
