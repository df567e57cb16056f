import { diffArrays } from 'diff';

/** Milliseconds for the comparison of two texts; after that they differ as a whole. */
const compareWithinMs = 2_000;

/** Whole lines that take the place of others. */
export interface Hunk {
  /** The index of the first line that goes, or of the line before which lines come. */
  start: number;
  removed: number;
  added: readonly string[];
}

/** A change of a text: lines `start` to before `end` became `lines` lines. */
export interface LineChange {
  start: number;
  end: number;
  lines: number;
}

export function linesOf(text: string): string[] {
  return text.split(/\r\n|\r|\n/);
}

/** What makes one text of another, from its start to its end. */
export function hunksBetween(before: readonly string[], after: readonly string[]): Hunk[] {
  const parts = diffArrays([...before], [...after], { timeout: compareWithinMs });
  if (!parts) return [{ start: 0, removed: before.length, added: after }];
  const hunks: Hunk[] = [];
  let at = 0;
  let last: Hunk | null = null;
  for (const { value, added, removed } of parts) {
    if (!added && !removed) {
      at += value.length;
      last = null;
      continue;
    }
    if (!last) hunks.push((last = { start: at, removed: 0, added: [] }));
    if (removed) {
      last.removed += value.length;
      at += value.length;
    } else last.added = [...last.added, ...value];
  }
  return hunks;
}

/** A text with hunks in it, which are in order. */
export function withHunks(lines: readonly string[], hunks: readonly Hunk[]): string[] {
  let at = 0;
  const parts = hunks.flatMap(({ start, removed, added }) => {
    const before = lines.slice(at, start);
    at = start + removed;
    return [...before, ...added];
  });
  return [...parts, ...lines.slice(at)];
}

/** The index of each hunk's first line in the text that has all of them. */
export function placesOf(hunks: readonly Hunk[]): number[] {
  let moved = 0;
  return hunks.map(({ start, removed, added }) => {
    const place = start + moved;
    moved += added.length - removed;
    return place;
  });
}

/** A hunk in the text after a change; null where the change touched its lines. */
export function afterChange(hunk: Hunk, { start, end, lines }: LineChange): Hunk | null {
  if (end <= hunk.start) return { ...hunk, start: hunk.start + lines - (end - start) };
  return start >= hunk.start + hunk.removed ? hunk : null;
}
