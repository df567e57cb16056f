import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Writes a file of this user's own, whole and durable, in place of one that may be there; its folder is made
 * for this user alone. Throws the system error, and leaves what was there.
 */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
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

/** Syncs a folder, and those above it up to the parent of the first that had to be made. */
async function syncFolders(folder: string, made: string | undefined): Promise<void> {
  // Windows can't open folders; its file system orders these itself.
  if (process.platform === 'win32') return;
  await using handle = await open(folder);
  await handle.sync();
  if (made !== undefined && folder.startsWith(made)) await syncFolders(dirname(folder), made);
}
