import { parentPort } from 'node:worker_threads';
import { messageOf } from '../errors.ts';
import { TooManyFiles, WorkspaceIndex } from './workspaceIndex.ts';
import type { SearchRequest, SearchResponse } from './workspaceSearch.ts';

/** By their folders. */
const indexes = new Map<string, WorkspaceIndex>();
const running = new Map<number, AbortController>();
const post = (response: SearchResponse): void => parentPort?.postMessage(response);

parentPort?.on('message', (request: SearchRequest) => {
  if ('cancel' in request) running.get(request.cancel)?.abort();
  else void search(request);
});

async function search({
  id,
  folders,
  question,
  most,
}: Exclude<SearchRequest, { cancel: number }>): Promise<void> {
  const stopped = new AbortController();
  running.set(id, stopped);
  const key = folders.map(({ path }) => path).join('\0');
  const index = indexes.get(key) ?? new WorkspaceIndex(folders);
  // What the settings exclude may have changed since.
  index.folders = folders;
  indexes.set(key, index);
  try {
    const onProgress = (read: number, all: number): void => post({ id, read, all });
    const onDenied = (denied: number): void => post({ id, denied });
    post({ id, found: await index.search(question, most, { signal: stopped.signal, onProgress, onDenied }) });
  } catch (error) {
    if (error instanceof TooManyFiles) post({ id, folder: error.folder, files: error.files });
    else post({ id, failure: messageOf(error) });
  } finally {
    running.delete(id);
  }
}
