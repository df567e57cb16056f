import * as vscode from 'vscode';
import type { RunView } from '../../workflowRuns/runView.ts';
import type { CoreHolder } from '../coreHolder.ts';

/** Changes of runs closer together than this are told at once. */
const settleMs = 200;

/** As many as a person looks through. */
const mostListed = 200;

/** The runs of workflows: those of all processes, from their files, and those that this window can stop. */
export class WorkflowRuns implements vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #stops = new Map<string, () => void>();
  readonly #following: vscode.Disposable;
  #stopWatching = (): void => undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The last list: reading decrypts every run. */
  #listed: Promise<readonly RunView[]> | null = null;

  /** Fires when the file of a run changed, whoever works on it: everything that happens in a run is in there at once. */
  readonly onDidChange = this.#changed.event;

  constructor(holder: CoreHolder) {
    this.#holder = holder;
    this.#following = holder.onDidChange(() => this.#watch());
  }

  /** The last runs, newest first. Throws what reading them throws. */
  list(): Promise<readonly RunView[]> {
    this.#listed ??= this.#holder
      .use(async ({ workflows }) => (await workflows.list(mostListed)).runs)
      .catch((error: unknown) => {
        this.#listed = null;
        throw error;
      });
    return this.#listed;
  }

  /** Whether this window works on a run, and so can stop it. */
  isHere(runId: string): boolean {
    return this.#stops.has(runId);
  }

  stop(runId: string): void {
    this.#stops.get(runId)?.();
  }

  /** From now on this window can stop the run. Call the result when it ended. */
  begin(runId: string, stop: () => void): () => void {
    this.#stops.set(runId, stop);
    this.#tell();
    return () => {
      this.#stops.delete(runId);
      this.#tell();
    };
  }

  dispose(): void {
    for (const stop of this.#stops.values()) stop();
    clearTimeout(this.#timer);
    this.#stopWatching();
    this.#following.dispose();
    this.#changed.dispose();
  }

  #watch(): void {
    this.#stopWatching();
    const { state } = this.#holder;
    this.#stopWatching =
      state.kind === 'ready'
        ? state.core.workflows.onDidChange(() => this.#tellSoon())
        : (): void => undefined;
    this.#tell();
  }

  #tellSoon(): void {
    this.#timer ??= setTimeout(() => this.#tell(), settleMs);
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#listed = null;
    this.#changed.fire();
  }
}
