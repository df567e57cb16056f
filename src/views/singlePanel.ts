import * as vscode from 'vscode';
import type * as z from 'zod/mini';
import { fillPanel, type PanelDependencies } from './webviewPanel.ts';

interface SinglePanelOptions<Schema extends z.ZodMiniType> {
  /** As the editor knows it. */
  viewType: string;
  title: () => string;
  /** The name of its built page. */
  page: string;
  /** Of what the view says. */
  schema: Schema;
  handle: (message: z.infer<Schema>) => Promise<void>;
  /** A panel was made or brought back, or the last one went away. */
  onDidChange: () => void;
  /** It came into sight, or went out of it. */
  onDidChangeVisibility?: () => void;
}

/** An editor with a webview, of which a window has at most one. */
export class SinglePanel<Schema extends z.ZodMiniType, Message> implements vscode.Disposable {
  readonly #options: SinglePanelOptions<Schema>;
  readonly #dependencies: PanelDependencies;
  #panel: vscode.WebviewPanel | null = null;

  constructor(dependencies: PanelDependencies, options: SinglePanelOptions<Schema>) {
    this.#dependencies = dependencies;
    this.#options = options;
  }

  get exists(): boolean {
    return this.#panel !== null;
  }

  get visible(): boolean {
    return this.#panel?.visible ?? false;
  }

  open(): void {
    const { viewType, title } = this.#options;
    if (this.#panel) this.#panel.reveal();
    else this.show(vscode.window.createWebviewPanel(viewType, title(), vscode.ViewColumn.Active));
  }

  /** Fills a panel: a new one, or one that the editor brings back, in the place of another. */
  show(panel: vscode.WebviewPanel): void {
    const { page, schema, handle, onDidChange, onDidChangeVisibility } = this.#options;
    this.#panel?.dispose();
    this.#panel = panel;
    panel.onDidChangeViewState(() => onDidChangeVisibility?.());
    panel.onDidDispose(() => {
      if (this.#panel !== panel) return;
      this.#panel = null;
      onDidChange();
    });
    fillPanel(panel, this.#dependencies, page, schema, handle);
    onDidChange();
  }

  entitle(title: string): void {
    if (this.#panel) this.#panel.title = title;
  }

  post(message: Message): void {
    void this.#panel?.webview.postMessage(message);
  }

  dispose(): void {
    this.#panel?.dispose();
  }
}
