import canonicalize from 'canonicalize';
import { GatewayError } from '../errors.ts';
import type { Note, NoteData } from './records.ts';

/** A regular expression's source: dotted names in lower case. */
export const noteTopic = '[a-z][a-z0-9_.]{0,63}';
/** Of its data in canonical JSON. */
const mostBytes = 4_096;
/** The nesting depth of objects and lists, counting the data itself. */
const mostDepth = 4;
/** `time` is left out: by the times that stand in it, a write that was torn is told from a record that was changed. */
const memberName = /^(?!time$)[a-z][a-z0-9_]{0,63}$/;
const topic = new RegExp(`^${noteTopic}$`);

/** Whether a note may hold a value: an object, bounded in size and depth, of texts, integers and the like. */
export function isNoteData(value: unknown): value is NoteData {
  if (!isObject(value) || !fits(value, 0)) return false;
  return Buffer.byteLength(canonicalize(value) ?? '') <= mostBytes;
}

function fits(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'boolean') return true;
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return Number.isSafeInteger(value);
  if (typeof value !== 'object' || depth === mostDepth) return false;
  if (Array.isArray(value)) return value.every((entry) => fits(entry, depth + 1));
  return Object.entries(value).every(([name, member]) => memberName.test(name) && fits(member, depth + 1));
}

function isObject(value: unknown): value is object {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** Throws `invalid_request` for a note that readers would reject. */
export function requireNotes(notes: readonly Note[]): void {
  for (const note of notes) {
    if (topic.test(note.topic) && isNoteData(note.data)) continue;
    throw new GatewayError('invalid_request', `The note "${note.topic}" can't be recorded.`, {
      hint: 'See "Notes" in docs/ledger.md for what a note may hold.',
    });
  }
}
