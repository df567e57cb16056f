import { existsSync } from 'node:fs';
import * as vscode from 'vscode';
import { ignoredWorkspaceFiles } from './configuration.ts';
import type { CoreHolder } from './coreHolder.ts';

const scheme = 'tidyllm-settings';
const uri = vscode.Uri.from({ scheme, path: `/${vscode.l10n.t('Settings in effect')}.yaml` });
const commentColumn = 48;

/** A read-only document of every value in effect with its origin; it follows the gateway. */
export class SettingsInEffectDocument implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #registrations: vscode.Disposable;

  readonly onDidChange = this.#changed.event;

  constructor(holder: CoreHolder) {
    this.#holder = holder;
    this.#registrations = vscode.Disposable.from(
      vscode.workspace.registerTextDocumentContentProvider(scheme, this),
      holder.onDidChange(() => this.#changed.fire(uri)),
    );
  }

  async open(): Promise<void> {
    await vscode.window.showTextDocument(uri, { preview: false });
  }

  async provideTextDocumentContent(): Promise<string> {
    const ignored = ignoredWorkspaceFiles()
      .filter((path) => existsSync(path))
      .map((path) => vscode.l10n.t('Ignored until the workspace is trusted: {0}', path));
    return `${[...ignored.map(comment), ...(await this.#lines())].join('\n')}\n`;
  }

  dispose(): void {
    this.#registrations.dispose();
    this.#changed.dispose();
  }

  async #lines(): Promise<string[]> {
    const { state } = this.#holder;
    if (state.kind === 'starting') return [comment(vscode.l10n.t('The gateway is starting.'))];
    if (state.kind === 'failed') return [comment(`${state.error.message}\n${state.error.hint}`)];
    const { loaded } = state.core;
    const [{ settingsInEffect }, { faultText }] = await Promise.all([
      import('../settings/settingsInEffect.ts'),
      import('../yamlDocument.ts'),
    ]);
    const notes = [
      loaded.file === null
        ? vscode.l10n.t('Settings file: none ({0})', loaded.userFile)
        : vscode.l10n.t('Settings file: {0}', loaded.file),
      ...loaded.workspaceFiles.map((path) => vscode.l10n.t('Tightened by: {0}', path)),
      ...(state.settingsError ? [vscode.l10n.t('Not applied: {0}', state.settingsError.message)] : []),
      ...loaded.warnings.map((warning) => vscode.l10n.t('Warning: {0}', faultText(warning))),
    ];
    const values = settingsInEffect(loaded).map(({ key, value, origin: { source, text } }) => {
      const where = source === 'default' ? source : `${source}: ${text}`;
      return `${`${key}: ${JSON.stringify(value)}`.padEnd(commentColumn)} # ${where}`;
    });
    return [...notes.map(comment), '', ...values];
  }
}

function comment(text: string): string {
  return text.replace(/^/gm, '# ');
}
