import * as vscode from 'vscode';
import type { Attachment } from '../chat/context/attachment.ts';
import type { DeniedPath } from '../retrieval/deniedPaths.ts';
import { listFiles } from '../retrieval/workspaceFiles.ts';
import { attachDiff, attachProblems, attachSelection, attachSymbol, attachUri } from './attach.ts';
import { searchedFolders } from './searchedFolders.ts';

const mostFiles = 20_000;

interface ContextItem extends vscode.QuickPickItem {
  attach?: () => Promise<Attachment | undefined> | Attachment;
}

/** Asks what goes with the question: a kind of context or a file by its name; empty if nothing is chosen. */
export async function pickContext(denied: readonly DeniedPath[]): Promise<Attachment[]> {
  const chosen = await vscode.window.showQuickPick(items(denied), {
    title: vscode.l10n.t('Add Context'),
    placeHolder: vscode.l10n.t('Type the name of a file, or select what goes with the question'),
    matchOnDescription: true,
  });
  const attachment = await chosen?.attach?.();
  return attachment ? [attachment] : [];
}

async function items(denied: readonly DeniedPath[]): Promise<ContextItem[]> {
  const { t } = vscode.l10n;
  const browse = async (folders: boolean): Promise<Attachment | undefined> => {
    const [uri] =
      (await vscode.window.showOpenDialog({
        canSelectFiles: !folders,
        canSelectFolders: folders,
        openLabel: t('Add'),
      })) ?? [];
    return uri && attachUri(uri, denied);
  };
  const kinds: ContextItem[] = [
    { label: `$(list-selection) ${t('Selection')}`, attach: () => attachSelection(denied) },
    { label: `$(symbol-method) ${t('Symbol…')}`, attach: () => attachSymbol(denied) },
    { label: `$(warning) ${t('Problems')}`, attach: () => attachProblems(denied) },
    { label: `$(git-compare) ${t('Git Diff')}`, attach: () => attachDiff(denied) },
    { label: `$(folder) ${t('Folder…')}`, attach: () => browse(true) },
    { label: `$(file-media) ${t('File or Image…')}`, attach: () => browse(false) },
  ];
  const files = await workspaceFiles(denied);
  const separator = { label: t('Files'), kind: vscode.QuickPickItemKind.Separator };
  return [...kinds, separator, ...files.map((uri) => fileItem(uri, denied))];
}

/** Open files first; those that git ignores, the editor's settings exclude or policy keeps back are left out. */
async function workspaceFiles(denied: readonly DeniedPath[]): Promise<vscode.Uri[]> {
  const open = vscode.window.tabGroups.all.flatMap(({ tabs }) =>
    tabs.flatMap(({ input }) => (input instanceof vscode.TabInputText ? [input.uri] : [])),
  );
  const { signal } = new AbortController();
  const inFolders = await Promise.all(
    searchedFolders().map(async (folder) => {
      const root = vscode.Uri.file(folder.path);
      return (await listFiles({ ...folder, denied }, signal)).map((path) => vscode.Uri.joinPath(root, path));
    }),
  );
  const known = new Map([...open, ...inFolders.flat()].map((uri) => [uri.toString(), uri]));
  return [...known.values()].slice(0, mostFiles);
}

function fileItem(uri: vscode.Uri, denied: readonly DeniedPath[]): ContextItem {
  const path = vscode.workspace.asRelativePath(uri);
  const cut = path.lastIndexOf('/') + 1;
  return {
    label: `$(file) ${path.slice(cut)}`,
    description: path.slice(0, Math.max(0, cut - 1)),
    attach: () => attachUri(uri, denied),
  };
}
