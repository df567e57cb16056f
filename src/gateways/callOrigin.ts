import { isAbsolute, relative, resolve } from 'node:path';
import type { CallDescription } from '../ledger/records.ts';
import { realPath, workspaceKey } from '../workspaceKey.ts';

/** Where a call comes from, as its front door knows it. */
export interface CallOrigin {
  /** The front door: `chat`, `cli`, … */
  door: string;
  /** A folder of the workspace; null where there is none. */
  folder: string | null;
  branch: string | null;
  /** Path of the file that the call is about. */
  file?: string | undefined;
}

/** As long as a record lets it be. */
const mostFileCharacters = 1000;

/** The origin as records have it: a workspace has one name, by whatever path it was reached. */
export function recordedOrigin(
  origin: CallOrigin | undefined,
): Pick<CallDescription, 'workspace' | 'branch' | 'command' | 'file'> {
  if (!origin) return { workspace: null, branch: null, command: null };
  const { door, folder, branch, file } = origin;
  const workspace = folder === null ? null : workspaceKey(folder);
  const inWorkspace = workspace === null || file === undefined ? null : pathInside(workspace, file);
  return { workspace, branch, command: door, ...(inWorkspace !== null && { file: inWorkspace }) };
}

/** A path from a folder, with `/`; null for one outside, which is no business of the folder's records. */
function pathInside(folder: string, file: string): string | null {
  const path = relative(folder, realPath(resolve(file)));
  if (path === '' || path.startsWith('..') || isAbsolute(path)) return null;
  return path.replaceAll('\\', '/').slice(0, mostFileCharacters);
}
