import { basename } from 'node:path';
import * as vscode from 'vscode';

const scheme = 'tidyllm-workflow';
/** Older ones are forgotten; an editor that still shows one keeps its text. */
const mostTexts = 50;

/** Texts about workflows that are read and not edited: analyses, proposed files, results of steps. */
export class WorkflowDocuments implements vscode.Disposable {
  readonly #texts = new Map<string, string>();
  readonly #registration: vscode.Disposable;
  #count = 0;

  constructor() {
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(scheme, {
      provideTextDocumentContent: ({ query }) => this.#texts.get(query) ?? '',
    });
  }

  /** The place of a text; the ending of its name decides how it is shown. */
  add(name: string, text: string): vscode.Uri {
    const key = String((this.#count += 1));
    this.#texts.set(key, text);
    const [oldest] = this.#texts.keys();
    if (this.#texts.size > mostTexts && oldest !== undefined) this.#texts.delete(oldest);
    return vscode.Uri.from({ scheme, path: `/${basename(name)}`, query: key });
  }

  async show(name: string, text: string): Promise<void> {
    const document = await vscode.workspace.openTextDocument(this.add(name, text));
    await vscode.window.showTextDocument(document);
  }

  dispose(): void {
    this.#registration.dispose();
  }
}
