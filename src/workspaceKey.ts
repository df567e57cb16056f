import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** What marks the folder that work belongs to, the more telling first: a repository, then our own folder. */
const marks = ['.git', '.tidyllm'];

/**
 * The one name of the workspace that a folder belongs to, by whatever path it was reached: the real path of its
 * repository, of the nearest folder with `.tidyllm`, or of the folder itself. A path that isn't there is itself.
 */
export function workspaceKey(folder: string): string {
  const real = realPath(folder);
  for (const mark of marks) {
    const marked = nearest(real, mark);
    if (marked !== null) return marked;
  }
  return real;
}

/** A path without links; of one that isn't there, its absolute form. */
export function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return resolve(path);
  }
}

function nearest(folder: string, mark: string): string | null {
  if (existsSync(join(folder, mark))) return folder;
  const parent = dirname(folder);
  return parent === folder ? null : nearest(parent, mark);
}
