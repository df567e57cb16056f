import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { percentage, percentages } from '../../../src/pricing/shares.ts';
import { testSeed } from '../../support/random.ts';

const tenthsOf = (shares: readonly (number | null)[]): number[] =>
  shares.map((share) => Math.round((share ?? Number.NaN) * 10));

describe('shares of a sum', () => {
  it.each<[bigint[], (number | null)[]]>([
    [[], []],
    [
      [0n, 0n],
      [null, null],
    ],
    [[5n], [100]],
    [
      [1n, 1n, 1n],
      [33.4, 33.3, 33.3],
    ],
    [
      [2n, 1n],
      [66.7, 33.3],
    ],
    [
      [1n, 1n, 1n, 1n, 1n, 1n, 1n],
      [14.3, 14.3, 14.3, 14.3, 14.3, 14.3, 14.2],
    ],
    [
      [999_999n, 1n],
      [100, 0],
    ],
    // A bill may have corrected a row below nothing.
    [
      [11n, -1n],
      [110, -10],
    ],
    [
      [-5n, 2n],
      [null, null],
    ],
  ])('of case %#', (parts, shares) => {
    expect(percentages(parts)).toEqual(shares);
  });

  it('add up to 100, and none is a tenth away from what it is', () => {
    const amounts = fc.array(fc.bigInt(0n, 10n ** 15n), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(amounts, (parts) => {
        const whole = parts.reduce((sum, part) => sum + part, 0n);
        fc.pre(whole > 0n);
        const tenths = tenthsOf(percentages(parts));
        expect(tenths.reduce((sum, one) => sum + one, 0)).toBe(1000);
        parts.forEach((part, index) => {
          const exact = (1000 * Number(part)) / Number(whole);
          expect(Math.abs((tenths[index] ?? Number.NaN) - exact)).toBeLessThan(1 + 1e-6);
        });
      }),
      { seed: testSeed() },
    );
  });
});

describe('one share', () => {
  it.each<[bigint, bigint, number | null]>([
    [2n, 3n, 66.7],
    [1n, 3n, 33.3],
    [1n, 2000n, 0.1],
    [1n, 2001n, 0],
    [-2n, 3n, -66.7],
    [-1n, 2000n, 0],
    [1n, 0n, null],
  ])('%s of %s is %s %%', (part, whole, share) => {
    expect(percentage(part, whole)).toBe(share);
  });
});
