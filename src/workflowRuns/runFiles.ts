import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ContentKeys, subjectHash } from '../content/contentKeys.ts';
import { contentUnavailable } from '../content/contentUnavailable.ts';
import { isSealedFor } from '../content/sealedText.ts';
import { GatewayError, systemCodeOf } from '../errors.ts';
import { FolderWatch } from '../ledger/folderWatch.ts';
import { isReleased, KernelLock } from '../ledger/kernelLock.ts';
import { appendDurably, linesOf } from '../lineFile.ts';
import { openedLine, sealedLine, type RunLine } from './runLine.ts';

const extension = '.lines';

/** A run's file while this process works on the run: no other process can, because it holds the run's lock. */
export interface OpenRun {
  readonly lines: readonly RunLine[];
  /** Durable when it returns. Throws `content_unavailable`. */
  append(...lines: readonly RunLine[]): void;
  /** Lets other processes work on the run. */
  release(): void;
}

/**
 * Runs of workflows in append-only files, one each, in the state folder: `<id>.lines`. Every line is sealed with the key of
 * the user who runs it, and bound to its place, so that none can be taken out. Whoever works on a run holds its lock.
 */
export class RunFiles {
  readonly #directory: string;
  readonly #keys: ContentKeys;
  readonly #watch: FolderWatch;

  /** `keys` is the folder of the users' keys. */
  constructor({ directory, keys }: { directory: string; keys: string }) {
    this.#directory = directory;
    this.#keys = new ContentKeys(keys);
    this.#watch = new FolderWatch(directory);
  }

  /**
   * Takes the lock of a run, which may be new. Throws `flow_running` while another process works on it, and
   * `content_unavailable`.
   */
  async open(id: string, user: string): Promise<OpenRun> {
    const path = this.#path(id);
    let lock: KernelLock | null = null;
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      lock = new KernelLock(this.#lockPath(id));
      if (!lock.tryAcquire()) throw running(id);
      const read = await this.#read(id);
      return this.#opened({ id, user, lock, ...(read ?? { lines: [], end: 0 }) });
    } catch (error) {
      lock?.release();
      lock?.close();
      throw GatewayError.is(error) ? error : contentUnavailable(path, error);
    }
  }

  #opened({
    id,
    user,
    lock,
    lines: read,
    end: from,
  }: {
    id: string;
    user: string;
    lock: KernelLock;
    lines: RunLine[];
    end: number;
  }): OpenRun {
    const path = this.#path(id);
    let end = from;
    return {
      lines: read,
      append: (...added) => {
        const texts = added.map((line, index) =>
          sealedLine(this.#keys, user, { run: id, index: read.length + index }, line),
        );
        try {
          end = appendDurably(path, end, texts.join(''));
        } catch (error) {
          throw contentUnavailable(path, error);
        }
        read.push(...added);
      },
      release: () => {
        lock.release();
        lock.close();
      },
    };
  }

  /** Null if there is no such run. Throws `content_unavailable`, also for a file that was changed. */
  async read(id: string): Promise<readonly RunLine[] | null> {
    return (await this.#read(id))?.lines ?? null;
  }

  /** The first line of a run's file alone; null if there is none. Throws as `read` does. */
  async first(id: string): Promise<RunLine | null> {
    return (await this.#read(id, 1))?.lines[0] ?? null;
  }

  async #read(id: string, most = Infinity): Promise<{ lines: RunLine[]; end: number } | null> {
    const path = this.#path(id);
    const lines: RunLine[] = [];
    let end = 0;
    try {
      for await (const sealed of linesOf(path, 0)) {
        const line = openedLine(this.#keys, { run: id, index: lines.length }, sealed.text);
        if (!line) throw new Error(`line ${lines.length + 1} was changed, or its user was erased`);
        lines.push(line);
        ({ end } = sealed);
        if (lines.length === most) break;
      }
      return { lines, end };
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return null;
      throw GatewayError.is(error) ? error : contentUnavailable(path, error);
    }
  }

  /** Whether a process works on the run now. */
  isRunning(id: string): boolean {
    return !isReleased(this.#lockPath(id));
  }

  /** The ids of all runs, the one that was written last first. Throws `content_unavailable`. */
  async ids(): Promise<string[]> {
    const names = await readdir(this.#directory).catch((error: unknown) => {
      if (systemCodeOf(error) === 'ENOENT') return [];
      throw contentUnavailable(this.#directory, error);
    });
    const ids = names
      .filter((name) => /^[0-9a-f-]{36}\.lines$/.test(name))
      .map((name) => basename(name, extension));
    const written = await Promise.all(
      ids.map(async (id) => ({ id, at: (await stat(this.#path(id)).catch(() => null))?.mtimeMs ?? 0 })),
    );
    return written.toSorted((a, b) => b.at - a.at || a.id.localeCompare(b.id)).map(({ id }) => id);
  }

  /** Removes every run of this subject that no process works on. */
  async erase(subject: string): Promise<void> {
    const hash = subjectHash(subject);
    for (const id of await this.ids())
      for await (const { text } of linesOf(this.#path(id), 0)) {
        if (isSealedFor(hash, text)) await this.#remove(id);
        break;
      }
  }

  /** Removes runs to which nothing was added since a day YYYY-MM-DD. */
  async removeBefore(day: string): Promise<void> {
    for (const id of await this.ids()) {
      const { mtimeMs } = await stat(this.#path(id));
      if (mtimeMs < Date.parse(day)) await this.#remove(id);
    }
  }

  async #remove(id: string): Promise<void> {
    if (this.isRunning(id)) return;
    await rm(this.#path(id), { force: true });
    await rm(this.#lockPath(id), { force: true });
  }

  /** Tells of changes by any process. Call the result to stop. */
  onDidChange(listener: () => void): () => void {
    return this.#watch.add(listener);
  }

  dispose(): void {
    this.#watch.dispose();
  }

  #path(id: string): string {
    return join(this.#directory, `${id}${extension}`);
  }

  #lockPath(id: string): string {
    return join(this.#directory, `${id}.lock`);
  }
}

function running(id: string): GatewayError {
  return new GatewayError('flow_running', `Another process works on the run ${id}.`, {
    hint: 'Wait until it ends, or stop it there. "tidyllm workflow history" shows how far it is.',
    retryable: true,
  });
}
