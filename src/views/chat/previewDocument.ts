import * as vscode from 'vscode';

const scheme = 'tidyllm-preview';
const uri = vscode.Uri.from({ scheme, path: `/${vscode.l10n.t('What will be sent')}.txt` });

/** A read-only document of what the next question would send, as it was when it was last asked for. */
export class PreviewDocument implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;
  // The editor looks for the event when the provider is registered.
  readonly #registration = vscode.workspace.registerTextDocumentContentProvider(scheme, this);
  #text = '';

  async show(text: string): Promise<void> {
    this.#text = text;
    this.#changed.fire(uri);
    await vscode.window.showTextDocument(uri, { preview: true, preserveFocus: true });
  }

  provideTextDocumentContent(): string {
    return this.#text;
  }

  dispose(): void {
    this.#registration.dispose();
    this.#changed.dispose();
  }
}
