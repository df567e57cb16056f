import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { createFile } from '../createFile.ts';
import { settingsPath, workspaceFileName } from '../settings/settingsPlaces.ts';
import { GatewayError } from '../errors.ts';
import type { Place } from '../remedies.ts';
import {
  composeOptions,
  ignoredWorkspaceFiles,
  localFolders,
  settingsFilesInUse,
  type SettingsFileInUse,
} from './configuration.ts';

/** The settings files in use: locating, opening and watching them. */
export class SettingsFile implements vscode.Disposable {
  readonly #onChange: () => void;
  #watched: { paths: string; watchers: vscode.Disposable } | null = null;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Path of the user's file or its replacement. Rejects with `settings_invalid`. */
  // eslint-disable-next-line @typescript-eslint/require-await -- a failure is a rejection
  async path(): Promise<string> {
    const options = composeOptions();
    return settingsPath(options.environment, options);
  }

  /** Opens a file at a place, the user's by default; creates it with comments if it is missing. */
  async open(place?: Place): Promise<void> {
    const path = place && 'file' in place ? inUse(place.file) : await this.path();
    await createFromTemplate(path);
    const editor = await vscode.window.showTextDocument(vscode.Uri.file(path));
    if (!place) return;
    const position = positionOf(editor.document, place);
    editor.selection = new vscode.Selection(position, position);
    editor.revealRange(editor.selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  }

  /** Opens the file of a workspace folder; the user selects the folder if there are several. */
  async openOfWorkspace(): Promise<void> {
    const folders = localFolders();
    if (folders.length === 0) {
      await vscode.window.showInformationMessage(
        vscode.l10n.t('Workspace settings need an open folder on the gateway’s machine.'),
      );
      return;
    }
    if (!vscode.workspace.isTrusted) {
      await askForTrust();
      return;
    }
    const folder = folders.length === 1 ? folders[0] : await chooseFolder(folders);
    if (!folder) return;
    const path = join(folder.uri.fsPath, workspaceFileName);
    await createFromTemplate(path);
    await vscode.window.showTextDocument(vscode.Uri.file(path));
  }

  /** Calls back when a file in use is created, changed or deleted, by anyone. */
  follow(): void {
    const files = settingsFilesInUse();
    const paths = files.map(({ path }) => path).join('\n');
    if (this.#watched?.paths === paths) return;
    this.#watched?.watchers.dispose();
    const watchers = vscode.Disposable.from(...files.map((file) => watch(file, this.#onChange)));
    this.#watched = { paths, watchers };
  }

  dispose(): void {
    this.#watched?.watchers.dispose();
  }
}

/**
 * Calls back when a file is created, changed or deleted. A workspace's file is also deleted with its folder,
 * which the editor reports only for the folder.
 */
export function watch({ path, kind }: SettingsFileInUse, onChange: () => void): vscode.Disposable {
  const folder = dirname(path);
  const [base, glob] =
    kind === 'user'
      ? [folder, basename(path)]
      : [dirname(folder), `{${basename(folder)},${basename(folder)}/${basename(path)}}`];
  const watcher = vscode.workspace.createFileSystemWatcher(
    new vscode.RelativePattern(vscode.Uri.file(base), glob),
  );
  const events = [watcher.onDidCreate, watcher.onDidChange, watcher.onDidDelete];
  return vscode.Disposable.from(watcher, ...events.map((event) => event(onChange)));
}

/** Throws `invalid_request` for any other file, because other extensions can call the command. */
function inUse(file: string): string {
  const known = [...settingsFilesInUse().map(({ path }) => path), ...ignoredWorkspaceFiles()];
  if (known.includes(file)) return file;
  throw new GatewayError('invalid_request', `${file} is not a settings file in use.`);
}

async function createFromTemplate(path: string): Promise<void> {
  if (existsSync(path)) return;
  // Loaded on use, because it loads the schema and the YAML library.
  const { settingsTemplate } = await import('../settings/settingsTexts.ts');
  createFile(path, settingsTemplate());
}

async function askForTrust(): Promise<void> {
  const manage = vscode.l10n.t('Manage Workspace Trust');
  const chosen = await vscode.window.showInformationMessage(
    vscode.l10n.t('Trust the workspace to apply and open its settings.'),
    manage,
  );
  if (chosen === manage) await vscode.commands.executeCommand('workbench.trust.manage');
}

async function chooseFolder(
  folders: readonly vscode.WorkspaceFolder[],
): Promise<vscode.WorkspaceFolder | undefined> {
  const items = folders.map((folder) => ({ label: folder.name, description: folder.uri.fsPath, folder }));
  const placeHolder = vscode.l10n.t('Select the folder of the settings');
  return (await vscode.window.showQuickPick(items, { placeHolder }))?.folder;
}

/** Also finds a key in a comment, as in the template. */
function positionOf(document: vscode.TextDocument, place: Place): vscode.Position {
  if ('line' in place) return new vscode.Position(place.line - 1, place.column - 1);
  const found = new RegExp(`^[\\s#]*(?=${place.key}:)`, 'm').exec(document.getText());
  return document.positionAt(found ? found.index + found[0].length : 0);
}
