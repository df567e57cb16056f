import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterChange,
  hunksBetween,
  linesOf,
  placesOf,
  withHunks,
  type Hunk,
} from '../../../../src/chat/apply/hunks.ts';

const text = fc.array(fc.constantFrom('a', 'b', 'c', '', '}'), { maxLength: 20 });

describe('hunks', () => {
  it('make one text of another, and are apart', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const hunks = hunksBetween(before, after);
        expect(withHunks(before, hunks)).toEqual(after);
        for (const [index, { start }] of hunks.entries()) {
          const last = hunks[index - 1];
          if (last) expect(start).toBeGreaterThan(last.start + last.removed);
        }
      }),
    );
  });

  it('give the same text whichever of them is taken first', () => {
    fc.assert(
      fc.property(text, text, fc.nat(), (before, after, chosen) => {
        const hunks = hunksBetween(before, after);
        const first = hunks[chosen % Math.max(hunks.length, 1)];
        if (!first) return;
        const change = { start: first.start, end: first.start + first.removed, lines: first.added.length };
        const rest = hunks.filter((hunk) => hunk !== first).map((hunk) => afterChange(hunk, change));
        expect(rest).not.toContain(null);
        expect(withHunks(withHunks(before, [first]), rest as Hunk[])).toEqual(after);
      }),
    );
  });

  it('have their places in the text that has all of them', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const hunks = hunksBetween(before, after);
        for (const [index, place] of placesOf(hunks).entries()) {
          const added = hunks[index]?.added ?? [];
          expect(after.slice(place, place + added.length)).toEqual(added);
        }
      }),
    );
  });

  it('fall away where their lines were edited, and move with edits before them', () => {
    const hunk = { start: 5, removed: 2, added: ['x'] };
    expect(afterChange(hunk, { start: 6, end: 7, lines: 1 })).toBeNull();
    expect(afterChange(hunk, { start: 4, end: 6, lines: 0 })).toBeNull();
    expect(afterChange(hunk, { start: 1, end: 1, lines: 3 })).toEqual({ ...hunk, start: 8 });
    expect(afterChange(hunk, { start: 7, end: 9, lines: 0 })).toEqual(hunk);
  });

  it('are of lines, however these end', () => {
    expect(linesOf('a\r\nb\nc\rd\r\n')).toEqual(['a', 'b', 'c', 'd', '']);
  });
});
