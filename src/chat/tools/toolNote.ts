import type { Note, NoteValue } from '../../ledger/records.ts';
import type { DecidedUse } from './chatTool.ts';

/** Of the paths in a note, together, in bytes of JSON: a note holds 4,096. */
const mostPathBytes = 3_000;

/** The record that a call's answer asked for a tool, who decided about it, and what was read. */
export function toolNote(userId: string, { tool, approval, paths }: DecidedUse): Note {
  const named: string[] = [];
  let bytes = 0;
  for (const path of paths.map((one) => one.toWellFormed())) {
    bytes += Buffer.byteLength(JSON.stringify(path)) + 1;
    if (bytes > mostPathBytes) break;
    named.push(path);
  }
  const more = paths.length - named.length;
  const data: Record<string, NoteValue> = { user_id: userId, tool: tool ?? 'unknown tool', approval };
  if (named.length > 0) data['paths'] = named;
  if (more > 0) data['more_paths'] = more;
  return { topic: 'call.tool', data };
}

/** The tool of such a note, in a line; null for another note. */
export function toolUsed({ topic, data }: Note): string | null {
  const { tool, approval, paths } = data;
  if (topic !== 'call.tool' || typeof tool !== 'string' || typeof approval !== 'string') return null;
  const read = Array.isArray(paths) ? ` ${paths.join(', ')}` : '';
  return `${tool}${read} (${approval})`;
}
