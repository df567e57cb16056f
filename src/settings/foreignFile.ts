import { existsSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Why a workspace's file is not this user's to follow, with what mends it; null where it is. It, its folder and the
 * folder above must belong to this user or root, and nobody else may write to them: a folder above the work, such as
 * one that many share, may hold a file of anybody. Members of a file's group may write: who works with such groups
 * means it. Null also for a file that isn't there, and on Windows, which has no such owners.
 */
export function foreignFile(file: string, user = process.getuid?.()): string | null {
  if (user === undefined || !existsSync(file)) return null;
  const folder = dirname(file);
  const fault = [dirname(folder), folder, file]
    .map((path) => faultOf(path, user))
    .find((one) => one !== null);
  return fault === undefined ? null : `this file does not count: ${fault}`;
}

function faultOf(path: string, user: number): string | null {
  let found: Stats;
  try {
    found = statSync(path);
  } catch {
    // What can't be looked at can't be read either, and that says why.
    return null;
  }
  // A device or a pipe is refused by who reads it, whomever it belongs to.
  if (!found.isFile() && !found.isDirectory()) return null;
  const { uid, mode } = found;
  if (uid !== user && uid !== 0)
    return `${path} belongs to another user (${uid}); take it over with chown to have it followed`;
  // In a sticky folder, such as /tmp, nobody can replace what is another's.
  const writable = (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
  return writable
    ? `everybody may write to ${path}; take that away with chmod o-w to have it followed`
    : null;
}
