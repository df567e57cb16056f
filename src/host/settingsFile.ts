import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { systemCodeOf } from '../errors.ts';
import { composeOptions } from './configuration.ts';
import type { SettingsPlace } from './fixes.ts';

/** The settings.yaml in use: where it is, opening it, and following its changes. */
export class SettingsFile implements vscode.Disposable {
  readonly #example: vscode.Uri;
  readonly #onChange: () => void;
  #watched: { path: string; watcher: vscode.Disposable } | null = null;

  /** `example` is the commented file that a new settings.yaml begins with. */
  constructor(example: vscode.Uri, onChange: () => void) {
    this.#example = example;
    this.#onChange = onChange;
  }

  async path(): Promise<string> {
    // Loaded late, as it is not needed at once.
    const { settingsPath } = await import('../settings/settingsPlaces.ts');
    const options = composeOptions();
    return settingsPath(options.environment, options);
  }

  /** Opens the file at a place; creates it from the example when it isn't there. */
  async open(place?: SettingsPlace): Promise<void> {
    const path = await this.path();
    if (!existsSync(path)) await createOnce(path, await readFile(this.#example.fsPath, 'utf8'));
    const editor = await vscode.window.showTextDocument(vscode.Uri.file(path));
    if (!place) return;
    const position = positionOf(editor.document, place);
    editor.selection = new vscode.Selection(position, position);
    editor.revealRange(editor.selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  }

  /** Calls back when the file in use is created, changed or deleted, by whomever. */
  async follow(): Promise<void> {
    const path = await this.path();
    if (this.#watched?.path === path) return;
    this.#watched?.watcher.dispose();
    const pattern = new vscode.RelativePattern(vscode.Uri.file(dirname(path)), basename(path));
    const watcher = vscode.workspace.createFileSystemWatcher(pattern);
    const events = [watcher.onDidCreate, watcher.onDidChange, watcher.onDidDelete];
    this.#watched = {
      path,
      watcher: vscode.Disposable.from(watcher, ...events.map((event) => event(this.#onChange))),
    };
  }

  dispose(): void {
    this.#watched?.watcher.dispose();
  }
}

/** Writes a file that nobody else has made meanwhile; it appears complete or not at all. */
async function createOnce(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, text, { flag: 'wx', mode: 0o600 });
  try {
    await link(temporary, path);
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error;
  } finally {
    await rm(temporary);
  }
}

/** A key is found in a comment too, as in the example. */
function positionOf(document: vscode.TextDocument, place: SettingsPlace): vscode.Position {
  if ('line' in place) return new vscode.Position(place.line - 1, place.column - 1);
  const found = new RegExp(`^[\\s#]*(?=${place.key}:)`, 'm').exec(document.getText());
  return document.positionAt(found ? found.index + found[0].length : 0);
}
