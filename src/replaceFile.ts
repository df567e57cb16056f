import { randomUUID } from 'node:crypto';
import { mkdir, open, readlink, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemCodeOf } from './errors.ts';

/**
 * Writes a file of this user's own, whole and durable, in place of one that may be there, where a symbolic link
 * leads to; its folder is made for this user alone. What is there and is no file (a pipe, a device) is written into.
 * Throws the system error, and leaves what was there.
 */
export async function replaceFile(asked: string, content: string | Uint8Array): Promise<void> {
  const path = await linkTarget(asked);
  const found = await stat(path).catch(nullIfMissing);
  if (found && !found.isFile()) {
    await writeFile(path, content);
    return;
  }
  const draft = `${path}.${randomUUID()}`;
  try {
    const made = await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    {
      await using file = await open(draft, 'wx', 0o600);
      await file.writeFile(content);
      await file.sync();
    }
    await rename(draft, path);
    await syncFolders(dirname(path), made);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Where a path leads through symbolic links, though nothing need be there yet. Throws the system error. */
export async function linkTarget(path: string): Promise<string> {
  const found = await realpath(path).catch(nullIfMissing);
  if (found !== null) return found;
  const link = await readlink(path).catch(() => null);
  return link === null ? path : linkTarget(resolve(dirname(path), link));
}

function nullIfMissing(error: unknown): null {
  if (systemCodeOf(error) === 'ENOENT') return null;
  throw error;
}

/** Syncs a folder, and those above it up to the parent of the first that had to be made. */
async function syncFolders(folder: string, made: string | undefined): Promise<void> {
  // Windows can't open folders; its file system orders these itself.
  if (process.platform === 'win32') return;
  await using handle = await open(folder);
  await handle.sync();
  if (made !== undefined && folder.startsWith(made)) await syncFolders(dirname(folder), made);
}
