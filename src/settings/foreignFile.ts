import { existsSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Why a workspace's file must be ignored, with the fix; null if it may be used. The file, its folder and the
 * folder above must belong to this user or root and not be writable by everybody: a folder above the work, such as
 * a shared one, may hold anybody's file. Members of a file's group may write, because groups are set up
 * deliberately. Null also for a missing file, and on Windows, which has no such owners.
 */
export function foreignFile(file: string, user = process.getuid?.()): string | null {
  if (user === undefined || !existsSync(file)) return null;
  const folder = dirname(file);
  const fault = [dirname(folder), folder, file]
    .map((path) => faultOf(path, user))
    .find((one) => one !== null);
  return fault === undefined ? null : `this file is ignored: ${fault}`;
}

function faultOf(path: string, user: number): string | null {
  let found: Stats;
  try {
    found = statSync(path);
  } catch {
    // If stat fails, reading fails too, and reports why.
    return null;
  }
  // The reader refuses a device or a pipe, whoever owns it.
  if (!found.isFile() && !found.isDirectory()) return null;
  const { uid, mode } = found;
  if (uid !== user && uid !== 0)
    return `${path} belongs to another user (${uid}); to use it, take ownership with chown`;
  // In a sticky folder, such as /tmp, nobody can replace another user's files.
  const writable = (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
  return writable ? `everybody may write to ${path}; to use it, run chmod o-w` : null;
}
