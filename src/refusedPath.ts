import { lstat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/** Why code may not be written to a path: outside of every folder, over a link, into git's own files, or no file. */
export type Refused = 'outside' | 'link' | 'git' | 'no_file';

/** Why code may not be written to a path; null if it may, where a file is or a new one can be. */
export async function refusedPath(folders: readonly string[], path: string): Promise<Refused | null> {
  const folder = folders.find((one) => !isOutside(one, path));
  if (folder === undefined) return 'outside';
  const parts = relative(folder, path).split(sep);
  if (parts.some((part) => part.toLowerCase() === '.git')) return 'git';
  let place = folder;
  for (const [index, part] of parts.entries()) {
    place = join(place, part);
    const found = await lstat(place).catch(() => null);
    if (!found) return null;
    if (found.isSymbolicLink()) return 'link';
    if (index === parts.length - 1 ? !found.isFile() : !found.isDirectory()) return 'no_file';
  }
  return null;
}

/** Whether a path is not below a folder; the folder itself isn't. */
export function isOutside(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return (
    inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || join(folder, inside) !== join(path)
  );
}
