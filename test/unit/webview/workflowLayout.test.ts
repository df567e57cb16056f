import { describe, expect, it } from 'vitest';
import {
  boxesOf,
  drawingOf,
  levelsOf,
  neighbourOf,
  type PlacedBox,
  type Rectangle,
} from '../../../src/views/workflow/webview/layout.ts';

const steps = [
  { id: 'read', after: [] },
  { id: 'outer.first', after: ['read'] },
  { id: 'outer.inner.left', after: ['outer.first'] },
  { id: 'outer.inner.right', after: ['outer.first'] },
  { id: 'outer', after: ['outer.inner.left', 'outer.inner.right'] },
  { id: 'write', after: ['outer', 'read'] },
];
const all = new Set(levelsOf(steps));

function overlaps(a: Rectangle, b: Rectangle): boolean {
  return Math.abs(a.x - b.x) < (a.width + b.width) / 2 && Math.abs(a.y - b.y) < (a.height + b.height) / 2;
}

describe('the boxes of a graph', () => {
  it('are its steps where all levels are open, each in its innermost level', () => {
    expect(levelsOf(steps)).toEqual(['outer', 'outer.inner']);
    const boxes = boxesOf(steps, all);
    expect(boxes.map(({ id, level }) => [id, level])).toEqual([
      ['read', null],
      ['outer.first', 'outer'],
      ['outer.inner.left', 'outer.inner'],
      ['outer.inner.right', 'outer.inner'],
      // It has work of its own, after the steps inside it.
      ['outer', 'outer'],
      ['write', null],
    ]);
    expect(boxes.every(({ isLevel }) => !isLevel)).toBe(true);
  });

  it('are closed levels in place of their steps, with what leads in and out', () => {
    const boxes = boxesOf(steps, new Set(['outer']));
    expect(boxes.map(({ id, isLevel, after }) => [id, isLevel, after])).toEqual([
      ['read', false, []],
      ['outer.first', false, ['read']],
      ['outer.inner', true, ['outer.first']],
      ['outer', false, ['outer.inner']],
      ['write', false, ['outer', 'read']],
    ]);
    const closed = boxesOf(steps, new Set());
    expect(closed.map(({ id }) => id)).toEqual(['read', 'outer', 'write']);
    expect(closed[1]?.steps).toHaveLength(4);
  });
});

describe('a drawing', () => {
  it.each(['LR', 'TB'] as const)('has no boxes on each other, and edges forward, %s', (direction) => {
    const many = Array.from({ length: 80 }, (_, at) => ({
      id: `level${Math.floor(at / 10)}.step${at}`,
      after:
        at === 0
          ? []
          : [Math.max(0, at - 1 - ((at * 5) % 9))].map((to) => `level${Math.floor(to / 10)}.step${to}`),
    }));
    const { boxes, edges, frames, width, height } = drawingOf(
      boxesOf(many, new Set(levelsOf(many))),
      direction,
    );
    expect(boxes).toHaveLength(80);
    expect(frames).toHaveLength(8);
    for (const [at, a] of boxes.entries())
      for (const b of boxes.slice(at + 1)) expect(overlaps(a, b)).toBe(false);
    const places = new Map<string, PlacedBox>(boxes.map((box) => [box.id, box]));
    const along = (id: string): number => places.get(id)![direction === 'LR' ? 'x' : 'y'];
    expect(edges.filter(({ from, to }) => along(from) >= along(to))).toEqual([]);
    const outside = boxes.filter(({ x, y }) => x < 0 || y < 0 || x > width || y > height);
    expect(outside).toEqual([]);
  });

  it('has frames around all boxes of their levels', () => {
    const { boxes, frames } = drawingOf(boxesOf(steps, all), 'LR');
    for (const frame of frames)
      for (const box of boxes.filter(({ id }) => id === frame.id || id.startsWith(`${frame.id}.`))) {
        expect(Math.abs(box.x - frame.x) + box.width / 2).toBeLessThanOrEqual(frame.width / 2);
        expect(Math.abs(box.y - frame.y) + box.height / 2).toBeLessThanOrEqual(frame.height / 2);
      }
  });
});

describe('an arrow key', () => {
  const drawing = drawingOf(boxesOf(steps, all), 'LR');
  it('leads along an edge and back, and to the neighbour of the same rank', () => {
    expect(neighbourOf(drawing, 'outer.first', 'back', 'LR')).toBe('read');
    expect(neighbourOf(drawing, 'outer', 'forward', 'LR')).toBe('write');
    expect(neighbourOf(drawing, 'write', 'forward', 'LR')).toBeNull();
    const ways = ['next', 'previous'] as const;
    const beside = ways.map((way) => neighbourOf(drawing, 'outer.inner.left', way, 'LR'));
    expect(beside.filter((id) => id !== null)).toEqual(['outer.inner.right']);
  });
});
