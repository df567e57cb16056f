import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { Attachment } from '../chat/context/attachment.ts';
import {
  diffAttachment,
  fileAttachment,
  folderAttachment,
  mostImageBytes,
  requireNoKeys,
  textAttachment,
} from '../chat/context/attachments.ts';
import { GatewayError } from '../errors.ts';
import { readFileBytes } from '../readFile.ts';
import { requireAllowedPath, type DeniedPath } from '../retrieval/deniedPaths.ts';
import { isInside } from '../retrieval/workspaceFiles.ts';
import { localFolders } from './configuration.ts';
import { problemLines } from './problems.ts';

/** Makes what goes with a question, but for what policy keeps back. */
export type MakeAttachments = (
  denied: readonly DeniedPath[],
) => readonly Attachment[] | Promise<readonly Attachment[]>;

/** A file or folder by its address, with that of a remote as this extension host knows it. Throws `invalid_request`. */
export async function attachUri(uri: vscode.Uri, denied: readonly DeniedPath[]): Promise<Attachment> {
  const isRemote = uri.scheme === 'vscode-remote' && vscode.env.remoteName !== undefined;
  const place = isRemote ? vscode.Uri.file(uri.path) : uri;
  const name = nameOf(place);
  if (!vscode.workspace.fs.isWritableFileSystem(place.scheme) && place.scheme !== 'untitled')
    throw refused(
      vscode.l10n.t('{0} is not a file of this window.', uri.toString(true)),
      vscode.l10n.t('Save it to a file, and add that.'),
    );
  const real = await contentPath(place, name, denied);
  const open = vscode.workspace.textDocuments.find((one) => one.uri.toString() === place.toString());
  if (open?.isDirty || place.scheme === 'untitled')
    return textAttachment('file', name, (await vscode.workspace.openTextDocument(place)).getText());
  const { type } = await statOf(place, name);
  if ((type & vscode.FileType.Directory) !== 0)
    return folderAttachment(name, { path: real, denied }, new AbortController().signal);
  const bytes =
    place.scheme === 'file'
      ? await readFileBytes(real, mostImageBytes)
      : Buffer.from(await vscode.workspace.fs.readFile(place));
  return fileAttachment(name, bytes, (all) => vscode.workspace.decode(all, { uri: place }));
}

/** The files and folders that a menu passes, otherwise the active editor's file. */
export function attachUris(
  denied: readonly DeniedPath[],
  uri = vscode.window.activeTextEditor?.document.uri,
  all: readonly vscode.Uri[] = uri ? [uri] : [],
): Promise<Attachment[]> {
  if (all.length === 0)
    throw refused(vscode.l10n.t('No file is open.'), vscode.l10n.t('Open a text file first.'));
  return Promise.all(all.map((one) => attachUri(one, denied)));
}

/** The selected lines of an editor. Throws `invalid_request` if nothing is selected. */
export async function attachSelection(
  denied: readonly DeniedPath[],
  editor = vscode.window.activeTextEditor,
): Promise<Attachment> {
  if (!editor || editor.selection.isEmpty)
    throw refused(vscode.l10n.t('Nothing is selected.'), vscode.l10n.t('Select text in an editor first.'));
  return attachRange('selection', editor.document, { range: editor.selection, denied });
}

/** The errors and warnings that the editor shows of the workspace. */
export async function attachProblems(denied: readonly DeniedPath[]): Promise<Attachment> {
  const text = await problemLines(denied);
  if (text === '')
    throw refused(vscode.l10n.t('The editor shows no problems.'), vscode.l10n.t('Nothing is to be added.'));
  return textAttachment('problems', 'problems', text);
}

/** What changed since the last commit in a folder of the workspace. */
export function attachDiff(denied: readonly DeniedPath[], folder = localFolders()[0]): Promise<Attachment> {
  if (!folder)
    throw refused(vscode.l10n.t('No folder is open.'), vscode.l10n.t('Open the folder of a repository.'));
  return diffAttachment({ path: folder.uri.fsPath, denied }, new AbortController().signal);
}

/** What is selected in the active terminal: the editor gives it only by way of the clipboard, which is put back. */
export async function attachTerminalSelection(): Promise<Attachment> {
  const { clipboard } = vscode.env;
  const before = await clipboard.readText();
  await clipboard.writeText('');
  try {
    await vscode.commands.executeCommand('workbench.action.terminal.copySelection');
    const text = await clipboard.readText();
    if (text.trim() === '')
      throw refused(
        vscode.l10n.t('Nothing is selected in the terminal.'),
        vscode.l10n.t('Select text in it first.'),
      );
    return textAttachment('terminal', vscode.window.activeTerminal?.name ?? 'terminal', text);
  } finally {
    await clipboard.writeText(before);
  }
}

/** A symbol of the active editor that a person picks; undefined if none is. */
export async function attachSymbol(denied: readonly DeniedPath[]): Promise<Attachment | undefined> {
  const document = vscode.window.activeTextEditor?.document;
  const symbols =
    document &&
    (await vscode.commands.executeCommand<(vscode.DocumentSymbol | vscode.SymbolInformation)[] | undefined>(
      'vscode.executeDocumentSymbolProvider',
      document.uri,
    ));
  if (!document || !symbols?.length)
    throw refused(
      vscode.l10n.t('The active editor has no symbols.'),
      vscode.l10n.t('Open a file whose language is known.'),
    );
  const items = flat(symbols).map(({ name, range }) => ({
    label: name,
    description: vscode.l10n.t('line {0}', range.start.line + 1),
    range,
  }));
  const chosen = await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Add Symbol') });
  return chosen && attachRange('symbol', document, { range: chosen.range, symbol: chosen.label, denied });
}

function flat(
  symbols: readonly (vscode.DocumentSymbol | vscode.SymbolInformation)[],
): { name: string; range: vscode.Range }[] {
  return symbols.flatMap((one) =>
    'children' in one ? [one, ...flat(one.children)] : [{ name: one.name, range: one.location.range }],
  );
}

async function attachRange(
  kind: 'selection' | 'symbol',
  document: vscode.TextDocument,
  { range, symbol, denied }: { range: vscode.Range; symbol?: string; denied: readonly DeniedPath[] },
): Promise<Attachment> {
  const file = nameOf(document.uri);
  await contentPath(document.uri, file, denied);
  const [first, last] = [range.start.line + 1, range.end.line + 1];
  const lines = first === last ? `${first}` : `${first}-${last}`;
  const name = `${file}:${lines}`;
  return textAttachment(kind, symbol === undefined ? name : `${symbol} (${name})`, document.getText(range));
}

/** A path in the workspace; a file elsewhere has only its name, since its folders are nobody's business. */
function nameOf(uri: vscode.Uri): string {
  return vscode.workspace.getWorkspaceFolder(uri)
    ? vscode.workspace.asRelativePath(uri) || basename(uri.path)
    : basename(uri.path);
}

async function statOf(uri: vscode.Uri, name: string): Promise<vscode.FileStat> {
  try {
    return await vscode.workspace.fs.stat(uri);
  } catch (error) {
    throw new GatewayError('invalid_request', vscode.l10n.t('{0} can’t be read.', name), {
      hint: vscode.l10n.t('Nothing was attached. It may be gone, or on another machine.'),
      cause: error,
    });
  }
}

/**
 * Where the content of a file or folder is, all links followed. Throws `compliance_blocked` if
 * policy keeps it back, and `invalid_request` if it holds keys, or if what is added as a part of the workspace is elsewhere: a repository's links would name any file of this machine.
 */
async function contentPath(uri: vscode.Uri, name: string, denied: readonly DeniedPath[]): Promise<string> {
  requireNoKeys(name);
  await requireAllowedPath(uri.fsPath, denied);
  if (uri.scheme !== 'file') return uri.fsPath;
  const real = await realpath(uri.fsPath).catch(() => uri.fsPath);
  requireNoKeys(real);
  const folders = localFolders().map((folder) => folder.uri.fsPath);
  const isPart = vscode.workspace.getWorkspaceFolder(uri) !== undefined && !folders.includes(uri.fsPath);
  if (isPart && !(await isInside(folders, real)))
    throw refused(
      vscode.l10n.t('{0} leads by a link to {1}, which is outside of the workspace.', name, real),
      vscode.l10n.t('If that file may be sent, add it by its own path.'),
    );
  return real;
}

/** The same for a file that the view has, of which only the name is known. Throws `compliance_blocked`. */
export function requireAllowed(name: string, denied: readonly DeniedPath[]): Promise<void> {
  return requireAllowedPath(join('/', name), denied);
}

function refused(message: string, hint: string): GatewayError {
  return new GatewayError('invalid_request', message, {
    hint: `${vscode.l10n.t('Nothing was attached.')} ${hint}`,
  });
}
