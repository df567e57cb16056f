import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { SecretPlace } from './secretPlaces.ts';

/** Files that a thread gets, and reads, at once: of at most 1 MiB each. */
const filesAtOnce = 32;
/** Files that are worth a thread: it takes as long to start as to search them. */
const worthAThread = 256;
const mostThreads = 4;

/** As built, and as the tests run it. */
const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? './secretsWorker.ts' : './secretsWorker.js',
  import.meta.url,
);

/** The secrets in a file, or why it was not searched. */
export type Searched = SecretPlace[] | { because: string };

/** Names of files inside a folder. */
export interface FilesToSearch {
  folder: string;
  names: readonly string[];
}

/** Searches files for secrets, each by its name inside a folder, in threads: the answers are in the files' order. */
export async function searchFiles(
  folder: string,
  names: readonly string[],
  { signal, onProgress }: { signal: AbortSignal; onProgress: (share: number) => void },
): Promise<Searched[]> {
  const found: Searched[][] = [];
  let [next, searched] = [0, 0];
  /** The threads take turns. */
  const work = async (): Promise<void> => {
    await using thread = new SearchThread(signal);
    while (next * filesAtOnce < names.length) {
      const turn = next;
      next += 1;
      const some = names.slice(turn * filesAtOnce, (turn + 1) * filesAtOnce);
      found[turn] = await thread.search({ folder, names: some });
      searched += some.length;
      onProgress(searched / names.length);
    }
  };
  const threads = Math.min(availableParallelism(), mostThreads, Math.ceil(names.length / worthAThread));
  await Promise.all(Array.from({ length: threads }, work));
  return found.flat();
}

class SearchThread {
  readonly #worker = new Worker(workerUrl);
  readonly #ended = Promise.withResolvers<never>();

  constructor(signal: AbortSignal) {
    this.#worker.on('error', (error) => this.#ended.reject(error as Error));
    signal.addEventListener('abort', () => this.#ended.reject(signal.reason as Error), { once: true });
    // Nobody may be waiting.
    this.#ended.promise.catch(() => undefined);
    if (signal.aborted) this.#ended.reject(signal.reason as Error);
  }

  /** Throws the signal's reason once it aborts, and what the thread throws. */
  search(files: FilesToSearch): Promise<Searched[]> {
    const { promise, resolve } = Promise.withResolvers<Searched[]>();
    this.#worker.once('message', resolve);
    this.#worker.postMessage(files);
    return Promise.race([promise, this.#ended.promise]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
