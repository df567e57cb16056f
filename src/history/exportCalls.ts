import { randomUUID } from 'node:crypto';
import { constants, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { csvText } from '../csv.ts';
import { GatewayError, systemCodeOf } from '../errors.ts';
import { unwritable } from '../unwritable.ts';
import { linkTarget } from '../replaceFile.ts';
import { callJson, type HistoryCall, type HistoryFilter } from './calls.ts';
import type { CallPage } from './historyIndex.ts';

export const exportFormats = ['jsonl', 'csv'] as const;
export type ExportFormat = (typeof exportFormats)[number];

const callsInChunk = 1000;

/** Reads a page of calls: `HistoryIndex.page`, in this thread or another. */
export type ReadPage = (filter: HistoryFilter, limit: number, cursor: number | null) => Promise<CallPage>;

/**
 * The matching calls, newest first, as pieces of text: one JSON document per line, in the form of
 * `audit list`, or CSV with a header line (RFC 4180).
 */
export async function* exportCalls(
  page: ReadPage,
  filter: HistoryFilter,
  format: ExportFormat,
  signal?: AbortSignal,
): AsyncGenerator<{ text: string; calls: number }> {
  let cursor: number | null = null;
  let first = true;
  do {
    signal?.throwIfAborted();
    const { calls, next }: CallPage = await page(filter, callsInChunk, cursor);
    const text =
      format === 'csv'
        ? csvText(csvColumns, calls.map(csvRecord), { header: first })
        : calls.map((call) => `${JSON.stringify(callJson(call))}\n`).join('');
    yield { text, calls: calls.length };
    first = false;
    cursor = next;
  } while (cursor !== null);
}

type Chunks = AsyncIterable<{ text: string; calls: number }>;
type OnProgress = (calls: number) => void;

/**
 * Writes a private file atomically and follows a symbolic link; a pipe or a
 * device is written into directly. Returns the number of calls. Throws as described in `unwritable`.
 */
export async function exportToFile(path: string, chunks: Chunks, onProgress?: OnProgress): Promise<number> {
  const hint = 'Use another file with --out, or check the disk and the permissions of its folder.';
  try {
    const found = await stat(path).catch(nullIfMissing);
    if (found && !found.isFile() && !found.isDirectory()) {
      await using stream = await open(path, constants.O_WRONLY);
      return await writeChunks(stream, chunks, onProgress);
    }
    if (found?.isDirectory())
      throw new GatewayError('invalid_request', `${path} can’t be written: it is a folder.`, { hint });
    return await replaceFile(await linkTarget(path), chunks, onProgress);
  } catch (error) {
    if (systemCodeOf(error) === undefined || GatewayError.is(error)) throw error;
    throw unwritable(path, error, hint);
  }
}

async function replaceFile(path: string, chunks: Chunks, onProgress?: OnProgress): Promise<number> {
  const draft = `${path}.${randomUUID()}.part`;
  try {
    let written: number;
    {
      await using file = await open(draft, 'wx', 0o600);
      written = await writeChunks(file, chunks, onProgress);
      await file.sync();
    }
    await rename(draft, path);
    return written;
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function writeChunks(file: FileHandle, chunks: Chunks, onProgress?: OnProgress): Promise<number> {
  let written = 0;
  for await (const { text, calls } of chunks) {
    await file.writeFile(text);
    written += calls;
    onProgress?.(written);
  }
  return written;
}

function nullIfMissing(error: unknown): null {
  if (systemCodeOf(error) === 'ENOENT') return null;
  throw error;
}

const csvColumns = [
  'call_id',
  'sequence',
  'time',
  'user_id',
  'model',
  'backend',
  'reason',
  'outcome',
  'input_tokens',
  'output_tokens',
  'cache_read_input_tokens',
  'cache_write_input_tokens',
  'total_tokens',
  'cost_usd',
  'cost_estimated',
  'processing_time_ms',
  'cache_hit',
  'account',
  'caller_arn',
  'workspace',
  'branch',
  'hash',
];

function csvRecord(call: HistoryCall): Record<string, unknown> {
  const { token_usage: usage, ...rest } = callJson(call);
  return { ...rest, ...(usage as object) };
}
