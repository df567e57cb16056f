import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isScaled,
  lastTop,
  rowAt,
  rowHeight,
  scrollHeight,
  scrollTopOf,
} from '../../../src/views/audit/webview/scrollModel.ts';

const extent = fc.record({
  total: fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 50_000_000 })),
  height: fc.integer({ min: 1, max: 3000 }),
});

describe('a table of any length', () => {
  it('is never taller than a browser can draw', () => {
    fc.assert(
      fc.property(extent, (one) => {
        expect(scrollHeight(one)).toBeLessThanOrEqual(10_000_000);
      }),
    );
  });

  it('scrolls from the first row to the last', () => {
    fc.assert(
      fc.property(extent, (one) => {
        expect(rowAt(0, one)).toBe(0);
        const end = rowAt(Math.max(0, scrollHeight(one) - one.height), one);
        expect(end).toBeCloseTo(lastTop(one), 6);
        // The last row ends where the table ends.
        if (one.total * rowHeight > one.height)
          expect((end + one.height / rowHeight) / one.total).toBeCloseTo(1, 6);
      }),
    );
  });

  it('finds every row again where it was put', () => {
    fc.assert(
      fc.property(extent, fc.double({ min: 0, max: 1, noNaN: true }), (one, share) => {
        const row = lastTop(one) * share;
        expect(Math.abs(rowAt(scrollTopOf(row, one), one) - row)).toBeLessThan(1e-6 * (one.total + 1));
      }),
    );
  });

  it('moves by one pixel of rows for a pixel of scrolling, unless it is too long for that', () => {
    const short = { total: 400_000, height: 600 };
    expect(isScaled(short)).toBe(false);
    expect(rowAt(2400, short)).toBeCloseTo(100, 6);
    expect(isScaled({ total: 500_000, height: 600 })).toBe(true);
  });
});
