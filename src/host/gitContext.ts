import * as vscode from 'vscode';
import type { CallOrigin } from '../gateways/callOrigin.ts';

/** The part of the built-in Git extension's API that is used here. */
interface GitRepository {
  readonly state: {
    readonly HEAD: { readonly name?: string } | undefined;
    readonly onDidChange: vscode.Event<void>;
  };
  getCommit(ref: string): Promise<{ readonly message: string }>;
}
interface GitApi {
  readonly onDidOpenRepository: vscode.Event<GitRepository>;
  getRepository(uri: vscode.Uri): GitRepository | null;
}
interface GitExtension {
  readonly enabled: boolean;
  getAPI(version: 1): GitApi;
}

/** The folder, branch and commit that the user works on, according to Git. */
export class GitContext implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #followed = new Map<GitRepository, vscode.Disposable>();
  #api: Promise<GitApi | null> | null = null;
  #opened: vscode.Disposable | null = null;

  /** Fires when a repository is found, or its branch or commit changes. */
  readonly onDidChange = this.#changed.event;

  /** The folder of the active editor, otherwise the first one. */
  get folder(): vscode.WorkspaceFolder | undefined {
    const active = vscode.window.activeTextEditor?.document.uri;
    return (active && vscode.workspace.getWorkspaceFolder(active)) ?? vscode.workspace.workspaceFolders?.[0];
  }

  async branch(): Promise<string | null> {
    return (await this.#repository())?.state.HEAD?.name ?? null;
  }

  /** The origin of a call through this front door. */
  async callOrigin(door: string, folder = this.folder): Promise<CallOrigin> {
    return { door, folder: folder?.uri.fsPath ?? null, branch: await this.branch() };
  }

  /** First line of the last commit message. */
  async lastCommit(): Promise<string | null> {
    try {
      const commit = await (await this.#repository())?.getCommit('HEAD');
      return commit?.message.split('\n', 1)[0]?.trim() || null;
    } catch {
      // The repository has no commit.
      return null;
    }
  }

  dispose(): void {
    this.#opened?.dispose();
    for (const following of this.#followed.values()) following.dispose();
    this.#changed.dispose();
  }

  async #repository(): Promise<GitRepository | null> {
    const { folder } = this;
    if (!folder) return null;
    this.#api ??= this.#openApi();
    const repository = (await this.#api)?.getRepository(folder.uri) ?? null;
    if (repository && !this.#followed.has(repository)) {
      this.#followed.set(
        repository,
        repository.state.onDidChange(() => this.#changed.fire()),
      );
    }
    return repository;
  }

  /** Null if Git is not installed or disabled. */
  async #openApi(): Promise<GitApi | null> {
    try {
      const git = await vscode.extensions.getExtension<GitExtension>('vscode.git')?.activate();
      if (!git?.enabled) return null;
      const api = git.getAPI(1);
      this.#opened = api.onDidOpenRepository(() => this.#changed.fire());
      return api;
    } catch {
      return null;
    }
  }
}
