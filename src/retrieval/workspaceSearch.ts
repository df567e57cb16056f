import { Worker } from 'node:worker_threads';
import { requireWorkspaces, tooManyFiles } from './searchable.ts';
import type { SearchedFolder } from './workspaceFiles.ts';
import type { FoundChunk, SearchOptions } from './workspaceIndex.ts';

export type SearchRequest =
  | { id: number; folders: readonly SearchedFolder[]; question: string; most: number }
  /** Ends that search. */
  | { cancel: number };

/** Any number of `read` of `all` changed files for a search, then what was found or why nothing was. */
export type SearchResponse =
  | { id: number; read: number; all: number }
  /** How many files policy keeps back. */
  | { id: number; denied: number }
  | { id: number; found: FoundChunk[] }
  /** More than are searched. */
  | { id: number; folder: string; files: number }
  | { id: number; failure: string };

interface Search {
  onProgress: SearchOptions['onProgress'];
  onDenied: SearchOptions['onDenied'];
  resolve: (found: FoundChunk[]) => void;
  reject: (error: Error) => void;
}

/** As built, and as the tests run it. */
const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? './searchWorker.ts' : './searchWorker.js',
  import.meta.url,
);

/** The thread with the index of every workspace of this process. It starts with the first search. */
let worker: Worker | null = null;
let lastId = 0;
const searches = new Map<number, Search>();

/**
 * The best parts of the files of these folders for a question, best first. Files that changed since the last search are
 * read again first. Throws the signal's reason once it aborts, and `invalid_request` for a folder that is no workspace or
 * has too many files.
 */
export async function searchWorkspace(
  folders: readonly SearchedFolder[],
  question: string,
  most: number,
  { signal, onProgress, onDenied }: SearchOptions,
): Promise<FoundChunk[]> {
  await requireWorkspaces(folders.map(({ path }) => path));
  signal.throwIfAborted();
  const id = (lastId += 1);
  const thread = (worker ??= start());
  // The process must not end while it waits for the thread.
  thread.ref();
  const { promise, resolve, reject } = Promise.withResolvers<FoundChunk[]>();
  searches.set(id, { onProgress, onDenied, resolve, reject });
  const cancel = (): void => {
    thread.postMessage({ cancel: id } satisfies SearchRequest);
    reject(signal.reason as Error);
  };
  signal.addEventListener('abort', cancel, { once: true });
  thread.postMessage({ id, folders, question, most } satisfies SearchRequest);
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', cancel);
    searches.delete(id);
    if (searches.size === 0) thread.unref();
  }
}

function start(): Worker {
  const started = new Worker(workerUrl);
  started.on('message', (response: SearchResponse) => {
    const search = searches.get(response.id);
    if ('read' in response) search?.onProgress?.(response.read, response.all);
    else if ('denied' in response) search?.onDenied?.(response.denied);
    else if ('found' in response) search?.resolve(response.found);
    else if ('files' in response) search?.reject(tooManyFiles(response.folder, response.files));
    else search?.reject(new Error(response.failure));
  });
  const ended = (error: Error): void => {
    if (worker === started) worker = null;
    for (const search of searches.values()) search.reject(error);
  };
  started.on('error', ended);
  started.on('exit', () => ended(new Error('the search thread has ended')));
  return started;
}
