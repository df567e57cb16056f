import { describe, expect, it } from 'vitest';
import { cosine, fused } from '../../../src/retrieval/fusion.ts';

describe('two ranks in one', () => {
  it('put first what is high in both, and count both the same', () => {
    const likeness: Record<string, number> = { a: 0.1, b: 0.9, c: 0.8, d: 0.2 };
    // Ranks by words 1 2 3 4, by likeness 4 1 2 3.
    expect(fused(['a', 'b', 'c', 'd'], (item) => likeness[item]!)).toEqual(['b', 'a', 'c', 'd']);
  });

  it('keep the first order where the second says nothing', () => {
    const items = Array.from({ length: 60 }, (_, index) => index);
    expect(fused(items, () => 0)).toEqual(items);
    expect(fused([], () => 0)).toEqual([]);
  });
});

describe('the cosine of two vectors', () => {
  it('is their likeness whatever their lengths, and 0 without a direction', () => {
    expect(cosine([3, 4], [6, 8])).toBeCloseTo(1, 12);
    expect(cosine([1, 0], [0, 5])).toBe(0);
    expect(cosine([1, 0], [-2, 0])).toBeCloseTo(-1, 12);
    expect(cosine([], [])).toBe(0);
    expect(cosine([0, 0], [1, 1])).toBe(0);
  });
});
