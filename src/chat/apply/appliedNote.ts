import type { Note } from '../../ledger/records.ts';

/** What a file took from an answer. */
export interface AppliedCode {
  /** Inside the workspace, with the folder's name where there are several; the whole path of a file elsewhere. */
  path: string;
  hunks: number;
  linesAdded: number;
  linesRemoved: number;
}

/** The record that a file took code of a call's answer. */
export function appliedNote(userId: string, { path, hunks, linesAdded, linesRemoved }: AppliedCode): Note {
  const file = { path, hunks, lines_added: linesAdded, lines_removed: linesRemoved };
  return { topic: 'call.applied', data: { user_id: userId, files: [file] } };
}

/** The files of such a note, each in a line; none of another note. */
export function appliedFiles({ topic, data }: Note): string[] {
  const files = topic === 'call.applied' && Array.isArray(data['files']) ? (data['files'] as unknown[]) : [];
  return files.flatMap((file) => {
    const { path, lines_added: added, lines_removed: removed } = (file ?? {}) as Record<string, unknown>;
    if (typeof path !== 'string' || typeof added !== 'number' || typeof removed !== 'number') return [];
    return [`${path} (+${added} −${removed})`];
  });
}
