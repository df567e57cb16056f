import { mkdirSync, statSync, watch, type FSWatcher } from 'node:fs';

const delayMs = 50;

/** Tells listeners that a ledger's folder has changed, by this process or another. */
export class FolderWatch {
  readonly #directory: string;
  readonly #listeners = new Set<() => void>();
  #watcher: FSWatcher | null = null;
  /** Inode of the folder that is watched. */
  #watched = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Call the result to stop. */
  add(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#watch();
    return () => {
      this.#listeners.delete(listener);
    };
  }

  notify(): void {
    this.again();
    for (const listener of this.#listeners) listener();
  }

  /** Where a ledger was set aside, another folder is in its place. */
  again(): void {
    if (!this.#watcher) return;
    const inode = statSync(this.#directory, { throwIfNoEntry: false })?.ino ?? this.#watched;
    if (inode === this.#watched) return;
    this.#watcher.close();
    this.#watcher = null;
    this.#watch();
  }

  dispose(): void {
    this.#listeners.clear();
    this.#watcher?.close();
    this.#watcher = null;
    if (this.#timer) clearTimeout(this.#timer);
  }

  #watch(): void {
    if (this.#watcher) return;
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      this.#watcher = watch(this.#directory, { persistent: false }, () => {
        this.#timer ??= setTimeout(() => {
          this.#timer = null;
          this.notify();
        }, delayMs);
      });
      this.#watcher.on('error', () => undefined);
      this.#watched = statSync(this.#directory).ino;
    } catch {
      // If the folder can't be watched, the first call that uses it reports the error.
      this.#watcher = null;
    }
  }
}
