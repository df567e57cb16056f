import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { ParsedWorkflow } from '../../workflow/workflowDocument.ts';
import { localFolders } from '../configuration.ts';

const pattern = '.tidyllm/workflows/*.{yaml,yml,json}';
/** Nobody selects from more. */
const mostFiles = 500;

/** A workflow as its file has it now, open or on disk. */
export interface WorkflowFile {
  /** Absolute path. */
  path: string;
  text: string;
  parsed: ParsedWorkflow;
}

/** The files of workflows of this window: those in the workspace's folders, and those that were named to a command. */
export class WorkflowFiles implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #named = new Set<string>();
  readonly #registrations: vscode.Disposable;
  #watchers: vscode.Disposable = vscode.Disposable.from();

  /** Fires when a file comes, changes on the disk, or goes. */
  readonly onDidChange = this.#changed.event;

  constructor() {
    const follow = (): void => {
      this.#follow();
      this.#changed.fire();
    };
    this.#registrations = vscode.workspace.onDidChangeWorkspaceFolders(follow);
    this.#follow();
  }

  /** From now on the file counts as a workflow. */
  name(path: string): void {
    if (this.#named.has(path)) return;
    this.#named.add(path);
    this.#changed.fire();
  }

  /** Absolute paths, in order. */
  async paths(): Promise<string[]> {
    const found = await Promise.all(
      localFolders().map((folder) =>
        vscode.workspace.findFiles(new vscode.RelativePattern(folder, pattern), null, mostFiles),
      ),
    );
    return [...new Set([...found.flat().map(({ fsPath }) => fsPath), ...this.#named])].sort();
  }

  /** What can be read of them. */
  async read(): Promise<WorkflowFile[]> {
    const files = await Promise.all((await this.paths()).map((path) => readWorkflow(path).catch(() => null)));
    return files.filter((file) => file !== null);
  }

  isWorkflow({ scheme, fsPath }: vscode.Uri): boolean {
    if (scheme !== 'file') return false;
    return (
      /[\\/]\.tidyllm[\\/]workflows[\\/][^\\/]+\.(yaml|yml|json)$/.test(fsPath) || this.#named.has(fsPath)
    );
  }

  dispose(): void {
    this.#registrations.dispose();
    this.#watchers.dispose();
    this.#changed.dispose();
  }

  #follow(): void {
    this.#watchers.dispose();
    const fire = (): void => this.#changed.fire();
    this.#watchers = vscode.Disposable.from(
      ...localFolders().flatMap((folder) => {
        const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(folder, pattern));
        return [watcher, watcher.onDidCreate(fire), watcher.onDidChange(fire), watcher.onDidDelete(fire)];
      }),
    );
  }
}

/** A workflow's file as it is in the editor, or on disk. Throws for a file that can't be read. */
export async function readWorkflow(path: string): Promise<WorkflowFile> {
  // The schemas that they load would slow down the start of the extension.
  const [{ currentText }, { parseWorkflow }] = await Promise.all([
    import('../languageFeatures.ts'),
    import('../../workflow/workflowDocument.ts'),
  ]);
  const text = await currentText(path);
  return { path, text, parsed: parseWorkflow(path, text) };
}

/** Its name, or that of the file. */
export function workflowTitle({ path, parsed: { workflow } }: WorkflowFile): string {
  return workflow?.name ?? basename(path);
}
