import { randomUUID } from 'node:crypto';
import { mkdir, open, readlink, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemCodeOf } from './errors.ts';

/**
 * Writes a private file atomically and durably and replaces an existing one. Follows a symbolic link.
 * A missing folder is created for this user only. A pipe or a device is written into.
 * Throws the system error and leaves the existing file.
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

/** The target of a path through symbolic links; it need not exist. Throws the system error. */
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

/** Syncs a folder and its parents up to the parent of the first one that was created. */
async function syncFolders(folder: string, made: string | undefined): Promise<void> {
  // Windows can't open folders; its file system orders these writes itself.
  if (process.platform === 'win32') return;
  await using handle = await open(folder);
  await handle.sync();
  if (made !== undefined && folder.startsWith(made)) await syncFolders(dirname(folder), made);
}
