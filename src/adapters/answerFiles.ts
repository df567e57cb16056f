import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import * as z from 'zod';
import { ContentKeys, subjectHash, type SubjectKey } from '../content/contentKeys.ts';
import { answerContentForm } from '../content/messages.ts';
import { seal, unseal } from '../content/sealing.ts';
import { GatewayError, systemCodeOf } from '../errors.ts';
import type { AnswerCache, CacheKey } from '../gateways/ports.ts';
import type { CachedAnswer } from '../gateways/modelCalls.ts';
import { systemFailureOf } from '../ledger/ledgerFailure.ts';

export interface AnswerFilesOptions {
  /** Holds a folder for each model. */
  directory: string;
  /** Where the subjects' keys are. */
  keys: string;
  ttlSeconds: number;
  /** Of all files together. */
  maxBytes: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

/** The files of one model. */
export interface ModelFiles {
  model: string;
  files: number;
  bytes: number;
}

const extension = '.json.gz';
/** Other files in these folders are not ours to count or delete. */
const answerName = /^[0-9a-f]{64}\.json\.gz$/;
const draftName = /^[0-9a-f]{64}\.json\.gz\.[0-9a-f-]{36}$/;
/** More than any answer, compressed and not. */
const mostBytes = 50_000_000;
/** After this many answers all files are counted again: other processes write too. */
const countEvery = 1000;
/** What is kept when there is too much, as a share of the bound. */
const keptShare = 0.9;
/** A draft this old was left by a process that died. */
const draftMs = 3_600_000;

const count = z.int().nonnegative();
const fileForm = z.strictObject({
  version: z.literal(1),
  /** Milliseconds since the epoch. */
  created: z.int(),
  subject_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Base64 of the sealed answer. */
  sealed: z.base64(),
});
const answerForm = z.strictObject({
  call_id: z.string(),
  model_used: z.string(),
  content: answerContentForm,
  stop_reason: z.nullable(z.string()),
  usage: z.strictObject({
    input: count,
    output: count,
    cacheRead: count,
    cacheWrite5m: count,
    cacheWrite1h: count,
  }),
  cost_micro_usd: z.string().regex(/^\d+$/),
});

interface StoredFile {
  path: string;
  bytes: number;
  modifiedMs: number;
}

/**
 * Answers in compressed files, `<model>/<hash>.json.gz`, each sealed under the key of the user who paid for it: a file
 * that someone put there opens for nobody, and erasing the user makes theirs unreadable.
 */
export class AnswerFiles implements AnswerCache {
  readonly #options: AnswerFilesOptions;
  readonly #keys: ContentKeys;
  readonly #now: () => number;
  #untilCount = 0;
  /** Bytes that may be added before the files are counted again. */
  #room = 0;

  constructor(options: AnswerFilesOptions) {
    this.#options = options;
    this.#keys = new ContentKeys(options.keys);
    this.#now = options.now ?? Date.now;
  }

  get directory(): string {
    return this.#options.directory;
  }

  async find(key: CacheKey): Promise<CachedAnswer | null> {
    const path = this.#path(key);
    try {
      const { size } = await stat(path);
      if (size > mostBytes) return null;
      const file = fileForm.parse(JSON.parse((await unzipped(await readFile(path))).toString('utf8')));
      const subjectKey = this.#keys.findHashed(file.subject_sha256);
      const age = this.#now() - file.created;
      if (!subjectKey || age < 0 || age >= this.#options.ttlSeconds * 1000) return null;
      return this.#opened(subjectKey, key, file);
    } catch {
      // A damaged file is no answer.
      return null;
    }
  }

  #opened(subjectKey: SubjectKey, key: CacheKey, file: z.infer<typeof fileForm>): CachedAnswer {
    const text = unseal(subjectKey, boundTo(key, file.created), Buffer.from(file.sealed, 'base64'));
    const answer = answerForm.parse(JSON.parse(text));
    return {
      callId: answer.call_id,
      modelUsed: answer.model_used,
      message: { role: 'assistant', content: answer.content },
      stopReason: answer.stop_reason,
      tokenUsage: answer.usage,
      cost: BigInt(answer.cost_micro_usd),
    };
  }

  async put(key: CacheKey, answer: CachedAnswer): Promise<void> {
    // An answer that can't be kept is given all the same.
    await this.#put(key, answer).catch(() => undefined);
  }

  async #put(key: CacheKey, answer: CachedAnswer): Promise<void> {
    const created = this.#now();
    const text = JSON.stringify({
      call_id: answer.callId,
      model_used: answer.modelUsed,
      content: answer.message.content,
      stop_reason: answer.stopReason,
      usage: answer.tokenUsage,
      cost_micro_usd: answer.cost.toString(),
    } satisfies z.input<typeof answerForm>);
    const sealed = seal(this.#keys.of(key.subject), boundTo(key, created), text).toString('base64');
    const file = { version: 1, created, subject_sha256: subjectHash(key.subject), sealed };
    const bytes = await zipped(JSON.stringify(file));
    if (bytes.length > Math.min(mostBytes, this.#options.maxBytes)) return;
    await this.#write(this.#path(key), bytes);
    this.#room -= bytes.length;
    this.#untilCount -= 1;
    if (this.#room < 0 || this.#untilCount < 0) await this.#prune();
  }

  /** The files of each model, most bytes first. Throws `service_failed` if the folder can't be read. */
  async models(): Promise<ModelFiles[]> {
    const { directory } = this.#options;
    const models = await this.#usable(async () =>
      Promise.all(
        (await folders(directory)).map(async (folder) => {
          const found = await filesIn(join(directory, folder));
          const bytes = found.reduce((sum, file) => sum + file.bytes, 0);
          return { model: decoded(folder), files: found.length, bytes };
        }),
      ),
    );
    return models.filter(({ files }) => files > 0).toSorted((one, other) => other.bytes - one.bytes);
  }

  /** Deletes the answers of one model, or all. Throws `service_failed` if that can't be done. */
  clear(model?: string): Promise<{ files: number; bytes: number }> {
    const { directory } = this.#options;
    return this.#usable(async () => {
      const chosen = (await folders(directory)).filter(
        (folder) => model === undefined || decoded(folder) === model,
      );
      const found = await Promise.all(chosen.map((folder) => filesIn(join(directory, folder))));
      return removeFiles(found.flat());
    });
  }

  /** Says for people what is wrong with the folder. */
  async #usable<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const [what] = systemFailureOf(error);
      throw new GatewayError('service_failed', `The cache in ${this.directory} can't be used: ${what}.`, {
        hint: 'Calls go on without it. Check the folder, or name another in cache.directory.',
        cause: error,
      });
    }
  }

  /** Deletes the answers that a user paid for. */
  async erase(subject: string): Promise<void> {
    const hash = subjectHash(subject);
    const theirs: StoredFile[] = [];
    for (const file of await this.#all()) {
      const owner = await ownerOf(file.path);
      if (owner === hash || owner === null) theirs.push(file);
    }
    await removeFiles(theirs);
  }

  #path({ model, hash }: CacheKey): string {
    return join(this.#options.directory, encodeURIComponent(model), `${hash}${extension}`);
  }

  /** Whole or not at all. Not synced: after a power failure an answer is asked for again. */
  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const draft = `${path}.${randomUUID()}`;
    const write = () => writeFile(draft, bytes, { mode: 0o600, flag: 'wx' });
    try {
      await write().catch(async (error: unknown) => {
        if (systemCodeOf(error) !== 'ENOENT') throw error;
        await this.#makeFolder(join(path, '..'));
        await write();
      });
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  async #makeFolder(folder: string): Promise<void> {
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (made === undefined) return;
    // Answers of a workspace are nobody's source code.
    await writeFile(join(this.#options.directory, '.gitignore'), '*\n', { flag: 'wx' }).catch(
      () => undefined,
    );
  }

  async #all(): Promise<StoredFile[]> {
    const { directory } = this.#options;
    return (
      await Promise.all((await folders(directory)).map((folder) => filesIn(join(directory, folder))))
    ).flat();
  }

  /** Deletes what is too old, then the oldest until the rest fits. */
  async #prune(): Promise<void> {
    const { maxBytes, ttlSeconds } = this.#options;
    const oldest = this.#now() - ttlSeconds * 1000;
    const files = (await this.#all()).toSorted((one, other) => other.modifiedMs - one.modifiedMs);
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const bound = total > maxBytes ? keptShare * maxBytes : maxBytes;
    let kept = 0;
    const removed = files.filter(({ bytes, modifiedMs }) => {
      if (modifiedMs < oldest || kept + bytes > bound) return true;
      kept += bytes;
      return false;
    });
    await removeFiles(removed);
    this.#room = maxBytes - kept;
    this.#untilCount = countEvery;
  }
}

const zipped = promisify(gzip);
const unzip = promisify(gunzip);

function unzipped(bytes: Buffer): Promise<Buffer> {
  return unzip(bytes, { maxOutputLength: 4 * mostBytes });
}

function boundTo({ model, hash }: CacheKey, created: number): Buffer {
  return Buffer.from(`TidyLLM answer 1\0${model}\0${hash}\0${created}`);
}

async function ownerOf(path: string): Promise<string | null> {
  try {
    return fileForm.parse(JSON.parse((await unzipped(await readFile(path))).toString('utf8'))).subject_sha256;
  } catch {
    return null;
  }
}

/** The model of a folder; one that this program didn't make stands for itself. */
function decoded(folder: string): string {
  try {
    return decodeURIComponent(folder);
  } catch {
    return folder;
  }
}

async function folders(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(emptyIfMissing);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** The answers in a folder; drafts of dead processes are deleted. */
async function filesIn(folder: string): Promise<StoredFile[]> {
  const names = (await readdir(folder, { withFileTypes: true }).catch(emptyIfMissing)).map(
    ({ name }) => name,
  );
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const entry = await stat(path).catch(() => null);
      if (!entry?.isFile()) return null;
      if (answerName.test(name)) return { path, bytes: entry.size, modifiedMs: entry.mtimeMs };
      if (draftName.test(name) && Date.now() - entry.mtimeMs > draftMs) await rm(path, { force: true });
      return null;
    }),
  );
  return found.filter((file) => file !== null);
}

async function removeFiles(files: readonly StoredFile[]): Promise<{ files: number; bytes: number }> {
  await Promise.all(files.map(({ path }) => rm(path, { force: true })));
  return { files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function emptyIfMissing(error: unknown): [] {
  if (systemCodeOf(error) === 'ENOENT') return [];
  throw error;
}
