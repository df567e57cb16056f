import { isAbsolute, relative, resolve } from 'node:path';
import type { CallDescription } from '../ledger/records.ts';
import { realPath, workspaceKey } from '../workspaceKey.ts';

/** Of a step's full id, in characters: deeper than anybody nests steps. */
const mostStep = 1000;

/** The origin of a call, according to its front door. */
export interface CallOrigin {
  /** The front door: `chat`, `cli`, … */
  door: string;
  /** A folder of the workspace; null if there is none. */
  folder: string | null;
  branch: string | null;
  /** Path of the file that the call is about. */
  file?: string | undefined;
}

/** Cut to the length that records allow. */
const mostFileCharacters = 1000;

/** The origin as recorded: a workspace has one name, whatever path leads to it. */
export function recordedOrigin(
  origin: CallOrigin | undefined,
): Pick<CallDescription, 'workspace' | 'branch' | 'command' | 'file'> {
  if (!origin) return { workspace: null, branch: null, command: null };
  const { door, folder, branch, file } = origin;
  const workspace = folder === null ? null : workspaceKey(folder);
  const inWorkspace = workspace === null || file === undefined ? null : pathInside(workspace, file);
  return { workspace, branch, command: door, ...(inWorkspace !== null && { file: inWorkspace }) };
}

/** A path relative to a folder, with `/`; null for one outside, which the folder's records don't name. */
function pathInside(folder: string, file: string): string | null {
  const path = relative(folder, realPath(resolve(file)));
  if (path === '' || path.startsWith('..') || isAbsolute(path)) return null;
  return path.replaceAll('\\', '/').slice(0, mostFileCharacters);
}

/** The id of a workflow's step as its note has it: the end of a long one. */
export function recordedStep(step: string): string {
  return step.slice(-mostStep);
}
