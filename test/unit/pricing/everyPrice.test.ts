import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import table from '../../../src/pricing/bedrockPrices.json' with { type: 'json' };
import {
  costOf,
  priceClasses,
  worstCaseCost,
  type PriceTier,
  type TokenUsage,
} from '../../../src/pricing/cost.ts';
import { pricesByServiceTier } from '../../../src/pricing/priceTable.ts';

type Entry = Parameters<typeof pricesByServiceTier>[0];

/** Every price list of the table: each model in each way it can be served. */
const lists = Object.entries(table.models as unknown as Record<string, Entry>).flatMap(([key, entry]) =>
  Object.entries(pricesByServiceTier(entry)).map(([serviceTier, tiers]) => ({
    key: `${key} ${serviceTier}`,
    tiers,
  })),
);

/** A sum of fractions, reduced as it grows. */
class Fraction {
  readonly numerator: bigint;
  readonly denominator: bigint;

  constructor(numerator: bigint, denominator: bigint) {
    const divisor = greatestCommonDivisor(numerator, denominator);
    this.numerator = numerator / divisor;
    this.denominator = denominator / divisor;
  }

  static parse(decimal: string): Fraction {
    const point = decimal.indexOf('.');
    if (point === -1) return new Fraction(BigInt(decimal), 1n);
    const digits = decimal.length - point - 1;
    return new Fraction(BigInt(decimal.replace('.', '')), 10n ** BigInt(digits));
  }

  plus(other: Fraction): Fraction {
    return new Fraction(
      this.numerator * other.denominator + other.numerator * this.denominator,
      this.denominator * other.denominator,
    );
  }

  times(factor: number): Fraction {
    return new Fraction(this.numerator * BigInt(factor), this.denominator);
  }

  ceiling(): bigint {
    let whole = this.numerator / this.denominator;
    while (whole * this.denominator < this.numerator) whole += 1n;
    return whole;
  }
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? (a === 0n ? 1n : a) : greatestCommonDivisor(b, a % b);
}

/** The same cost from the decimals as they stand in the table; null where a class in use has no price. */
function exactCost(tiers: readonly PriceTier[], usage: TokenUsage): bigint | null {
  const sent = usage.input + usage.cacheRead + usage.cacheWrite5m + usage.cacheWrite1h;
  const sorted = [...tiers].sort((a, b) => b.aboveInputTokens - a.aboveInputTokens);
  const tier = sorted.find(({ aboveInputTokens }) => aboveInputTokens === 0 || sent > aboveInputTokens);
  let sum = new Fraction(0n, 1n);
  for (const name of priceClasses) {
    if (usage[name] === 0) continue;
    const price = tier?.[name];
    if (price === undefined) return null;
    sum = sum.plus(Fraction.parse(price).times(usage[name]));
  }
  return sum.ceiling();
}

/** Often near a long-context threshold, where a token decides the tier of a whole request. */
const count = fc.oneof(
  fc.nat(5_000),
  fc.nat(2_000_000),
  fc.constantFrom(0, 1, 99_999, 100_000, 100_001, 199_999, 200_000, 200_001, 272_000, 272_001),
);
const usages = fc.record({
  input: count,
  output: count,
  cacheRead: fc.oneof(fc.constant(0), count),
  cacheWrite5m: fc.oneof(fc.constant(0), count),
  cacheWrite1h: fc.oneof(fc.constant(0), count),
});

describe('every price of the table', () => {
  it('is there: 489 entries, with their service tiers', () => {
    expect(Object.keys(table.models)).toHaveLength(489);
    expect(lists).toHaveLength(489 + 105 + 136 + 123);
  });

  it('gives any usage the cost that exact fractions give, to the micro-dollar', () => {
    let priced = 0;
    for (const { key, tiers } of lists) {
      fc.assert(
        fc.property(usages, (usage) => {
          const exact = exactCost(tiers, usage);
          const cost = costOf(tiers, usage);
          if (exact === null) expect(cost, key).toHaveProperty('unpriced');
          else {
            priced += 1;
            expect(cost, key).toBe(exact);
          }
        }),
        { numRuns: 40 },
      );
    }
    expect(priced).toBeGreaterThan(lists.length);
  });

  it('has a worst case that no usage within its bounds exceeds', () => {
    const slack = fc.nat(50_000);
    for (const { key, tiers } of lists) {
      fc.assert(
        fc.property(usages, slack, slack, (usage, moreInput, moreOutput) => {
          const sent = usage.input + usage.cacheRead + usage.cacheWrite5m + usage.cacheWrite1h;
          const cost = costOf(tiers, usage);
          const worst = worstCaseCost(tiers, sent + moreInput, usage.output + moreOutput);
          if (typeof cost === 'bigint' && worst !== null) expect(cost <= worst, key).toBe(true);
        }),
        { numRuns: 40 },
      );
    }
  });
});
