import { isAbsolute, join, normalize } from 'node:path';
import * as vscode from 'vscode';
import { localFolders } from '../configuration.ts';
import { shownPath } from './mayWrite.ts';

/** Number of the workspace's files that are offered. */
const mostFiles = 2_000;

/** A file for code, and whether a person was asked for it. */
export interface ChosenFile {
  uri: vscode.Uri;
  asked: boolean;
}

/** The file that an answer names if there is one; otherwise the one that a person picks, perhaps a new one. */
export async function chooseFile(named: string | null): Promise<ChosenFile | null> {
  const places = named === null ? [] : placesOf(named);
  for (const uri of places) if (await exists(uri)) return { uri, asked: false };
  const ending =
    named === null || isOutside(named) ? [] : await vscode.workspace.findFiles(`**/${named}`, undefined, 2);
  if (ending.length === 1 && ending[0]) return { uri: ending[0], asked: false };
  const uri = await pickFile(places[0]);
  return uri ? { uri, asked: true } : null;
}

/** Where a named file may be: in a folder of the workspace, whose own name may come first. */
function placesOf(named: string): vscode.Uri[] {
  if (isAbsolute(named)) return [vscode.Uri.file(named)];
  const [first = '', ...rest] = named.split(/[\\/]/);
  const folders = localFolders();
  return [
    ...folders.map(({ uri }) => join(uri.fsPath, named)),
    ...folders.filter(({ name }) => name === first).map(({ uri }) => join(uri.fsPath, ...rest)),
  ].map((path) => vscode.Uri.file(path));
}

function isOutside(named: string): boolean {
  return isAbsolute(named) || normalize(named).startsWith('..') || /[{}[\]*?]/.test(named);
}

export async function exists(uri: vscode.Uri): Promise<boolean> {
  return vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
}

/** The file of the active editor comes first, after the new one that the answer names. */
async function pickFile(named: vscode.Uri | undefined): Promise<vscode.Uri | undefined> {
  const active = vscode.window.activeTextEditor?.document.uri;
  const isIn = active?.scheme === 'file' && vscode.workspace.getWorkspaceFolder(active) !== undefined;
  const files = await vscode.workspace.findFiles('**/*', undefined, mostFiles);
  const others = files.filter(({ path }) => path !== active?.path);
  const items = [
    ...(named
      ? [{ label: `$(new-file) ${shownPath(named)}`, description: vscode.l10n.t('new file'), uri: named }]
      : []),
    ...(isIn ? [{ label: shownPath(active), description: vscode.l10n.t('active editor'), uri: active }] : []),
    ...others.map((uri) => ({ label: shownPath(uri), uri })).sort((a, b) => a.label.localeCompare(b.label)),
  ];
  const title = vscode.l10n.t('Apply to Which File?');
  return (await vscode.window.showQuickPick(items, { title, matchOnDescription: true }))?.uri;
}
