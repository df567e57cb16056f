import type { CallDescription } from '../ledger/records.ts';
import { workspaceKey } from '../workspaceKey.ts';

/** Where a call comes from, as its front door knows it. */
export interface CallOrigin {
  /** The front door: `chat`, `cli`, … */
  door: string;
  /** A folder of the workspace; null where there is none. */
  folder: string | null;
  branch: string | null;
}

/** The origin as records have it: a workspace has one name, by whatever path it was reached. */
export function recordedOrigin(
  origin: CallOrigin | undefined,
): Pick<CallDescription, 'workspace' | 'branch' | 'command'> {
  if (!origin) return { workspace: null, branch: null, command: null };
  const { door, folder, branch } = origin;
  return { workspace: folder === null ? null : workspaceKey(folder), branch, command: door };
}
