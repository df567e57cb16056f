import { binomialDistribution } from 'simple-statistics';
import { describe, expect, it } from 'vitest';
import { chanceOfAtLeast } from '../../../src/flow/statistics.ts';

describe('the chance of at least so many hits', () => {
  it.each([1, 2, 3, 7, 20])('is the upper tail of the binomial distribution of %i trials', (trials) => {
    for (const probability of [0.01, 0.17, 0.5, 0.65, 0.9]) {
      const pmf = binomialDistribution(trials, probability) ?? [];
      for (let hits = 0; hits <= trials; hits += 1) {
        const tail = pmf.slice(hits).reduce((sum, one) => sum + one, 0);
        expect(chanceOfAtLeast(hits, { trials, probability })).toBeCloseTo(tail, 3);
      }
    }
  });

  it('is exact where it is easy to say', () => {
    expect(chanceOfAtLeast(3, { trials: 3, probability: 0.65 })).toBeCloseTo(0.274625, 12);
    expect(chanceOfAtLeast(0, { trials: 3, probability: 0 })).toBe(1);
    expect(chanceOfAtLeast(1, { trials: 3, probability: 0 })).toBe(0);
    expect(chanceOfAtLeast(3, { trials: 3, probability: 1 })).toBe(1);
  });

  it('is a number for a million calls', () => {
    expect(chanceOfAtLeast(900_000, { trials: 1_000_000, probability: 0.5 })).toBe(0);
    expect(chanceOfAtLeast(500_000, { trials: 1_000_000, probability: 0.5 })).toBeCloseTo(0.5, 2);
  });
});
