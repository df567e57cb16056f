import { lstat, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, systemCodeOf } from '../errors.ts';
import { requireAllowedPath, type DeniedPath } from '../retrieval/deniedPaths.ts';
import { readInside } from '../retrieval/workspaceFiles.ts';
import { foreignFile } from '../settings/foreignFile.ts';

/** What is not there: the file or folder, or one before it. */
const absent: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR']);

/** The names in a folder, sorted; without them, why the folder can't be read. */
export interface FolderNames {
  names: readonly string[];
  fault: string | null;
}

/** The names in a folder, by its path from a real folder; none if it isn't there. */
export async function namesIn(
  place: string,
  { followLinks = false }: { followLinks?: boolean } = {},
): Promise<FolderNames> {
  try {
    if (!followLinks && (await realpath(place)) !== place)
      return { names: [], fault: 'a link is on the way to it' };
    return { names: (await readdir(place)).sort(), fault: null };
  } catch (error) {
    return { names: [], fault: (await isAbsent(place, error)) ? null : messageOf(error) };
  }
}

/** A file's text, or why it is ignored. */
export type WorkspaceText = { text: string; fault: null } | { text: null; fault: string };

/**
 * The text of a file that a real folder may have; null if it has none. Links are not followed, and files that others
 * may write, or that policy keeps back, are ignored.
 */
export async function readWorkspaceText(
  root: string,
  path: string,
  denied: readonly DeniedPath[],
): Promise<WorkspaceText | null> {
  const place = join(root, path);
  const foreign = foreignFile(place);
  if (foreign !== null) return { text: null, fault: foreign };
  const text = await readInside(root, path);
  if (text !== null) return (await denialOf(place, denied)) ?? { text, fault: null };
  const error = await lstat(place).then(
    () => null,
    (caught: unknown) => caught,
  );
  if (error === null) return { text: null, fault: 'it is a link, or no text of up to 1 MB' };
  return (await isAbsent(place, error)) ? null : { text: null, fault: messageOf(error) };
}

/** Why policy keeps a file back; null if it doesn't. */
async function denialOf(
  place: string,
  denied: readonly DeniedPath[],
): Promise<{ text: null; fault: string } | null> {
  try {
    await requireAllowedPath(place, denied);
    return null;
  } catch (error) {
    return { text: null, fault: messageOf(error) };
  }
}

/** A link that leads nowhere is there. */
async function isAbsent(place: string, error: unknown): Promise<boolean> {
  if (!absent.has(systemCodeOf(error) ?? '')) return false;
  return lstat(place).then(
    () => false,
    () => true,
  );
}
