import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  costOf,
  formatUsd,
  microToUsd,
  noTokens,
  parseDecimal,
  tierFor,
  usdToMicro,
  worstCaseCost,
  type PriceTier,
  type TokenUsage,
} from '../../../src/pricing/cost.ts';

const tier: PriceTier = {
  aboveInputTokens: 0,
  input: '3',
  output: '15',
  cacheRead: '0.3',
  cacheWrite5m: '3.75',
  cacheWrite1h: '6',
};
const longContext: PriceTier = {
  ...tier,
  aboveInputTokens: 200_000,
  input: '6',
  output: '22.5',
  cacheRead: '0.6',
};

const usages = fc.record({
  input: fc.nat(2_000_000),
  output: fc.nat(200_000),
  cacheRead: fc.nat(2_000_000),
  cacheWrite5m: fc.nat(500_000),
  cacheWrite1h: fc.nat(500_000),
});

describe('cost of a call', () => {
  it('prices each class of tokens by its own price', () => {
    const usage: TokenUsage = {
      input: 1000,
      output: 100,
      cacheRead: 10_000,
      cacheWrite5m: 400,
      cacheWrite1h: 200,
    };
    expect(costOf([tier], usage)).toBe(3000n + 1500n + 3000n + 1500n + 1200n);
  });

  it('prices one-hour cache writes at their own rate, not the five-minute one', () => {
    expect(costOf([tier], { ...noTokens, cacheWrite1h: 1000 })).toBe(6000n);
    expect(costOf([tier], { ...noTokens, cacheWrite5m: 1000 })).toBe(3750n);
  });

  it('applies the long-context tier to the whole request, counting cached tokens', () => {
    expect(tierFor([tier, longContext], { ...noTokens, input: 200_000 })).toBe(tier);
    expect(tierFor([tier, longContext], { ...noTokens, input: 200_001 })).toBe(longContext);
    expect(tierFor([tier, longContext], { ...noTokens, input: 1, cacheRead: 200_000 })).toBe(longContext);
    expect(costOf([tier, longContext], { ...noTokens, input: 200_001, output: 2 })).toBe(1_200_006n + 45n);
  });

  it('rounds once, up, to the micro-dollar', () => {
    expect(
      costOf([{ aboveInputTokens: 0, input: '0.035', output: '0.14' }], { ...noTokens, input: 1, output: 1 }),
    ).toBe(1n);
    expect(
      costOf([{ aboveInputTokens: 0, input: '0.5', output: '0.5' }], { ...noTokens, input: 1, output: 1 }),
    ).toBe(1n);
  });

  it('names a class that has tokens but no price, and ignores one without tokens', () => {
    const prices: PriceTier = { aboveInputTokens: 0, input: '3', output: '15' };
    expect(costOf([prices], { ...noTokens, input: 1, cacheWrite5m: 1 })).toEqual({
      unpriced: 'cacheWrite5m',
    });
    expect(costOf([prices], { ...noTokens, input: 1 })).toBe(3n);
  });

  it('agrees with exact rational arithmetic for any usage', () => {
    const ratio = (price: string): [bigint, bigint] => {
      const [whole = '0', fraction = ''] = price.split('.');
      return [BigInt(whole + fraction), 10n ** BigInt(fraction.length)];
    };
    fc.assert(
      fc.property(usages, (usage) => {
        const applied =
          usage.input + usage.cacheRead + usage.cacheWrite5m + usage.cacheWrite1h > 200_000
            ? longContext
            : tier;
        let numerator = 0n;
        let denominator = 1n;
        for (const name of ['input', 'output', 'cacheRead', 'cacheWrite5m', 'cacheWrite1h'] as const) {
          const [n, d] = ratio(applied[name] ?? '0');
          numerator = numerator * d + n * BigInt(usage[name]) * denominator;
          denominator *= d;
        }
        const up = numerator / denominator + (numerator % denominator > 0n ? 1n : 0n);
        expect(costOf([tier, longContext], usage)).toBe(up);
      }),
    );
  });
});

describe('worst case of a call', () => {
  it('takes every input token at the dearest class and the whole answer', () => {
    expect(worstCaseCost([tier], 1000, 500)).toBe(6000n + 7500n);
  });

  it('uses only tiers that the input can reach', () => {
    expect(worstCaseCost([tier, longContext], 200_000, 1)).toBe(1_200_015n);
    expect(worstCaseCost([tier, longContext], 200_001, 1)).toBe(1_200_006n + 23n);
  });

  it('is null without a price for input or output', () => {
    expect(worstCaseCost([{ aboveInputTokens: 0, output: '1' }], 1, 1)).toBeNull();
    expect(worstCaseCost([], 1, 1)).toBeNull();
  });

  it('is never below the cost of a usage within its bounds', () => {
    fc.assert(
      fc.property(usages, (usage) => {
        const bound = usage.input + usage.cacheRead + usage.cacheWrite5m + usage.cacheWrite1h;
        const cost = costOf([tier, longContext], usage);
        const worst = worstCaseCost([tier, longContext], bound, usage.output);
        expect(typeof cost === 'bigint' && worst !== null && cost <= worst).toBe(true);
      }),
    );
  });
});

describe('amounts', () => {
  it.each([
    ['0', 0n],
    ['0.01', 10_000n],
    ['1000', 1_000_000_000n],
    ['0.0000019', 1n],
  ])('reads $%s as micro-USD, rounding down', (text, micro) => {
    expect(usdToMicro(text)).toBe(micro);
  });

  it.each(['', '-1', '1e3', '1,000', '.5', '0.0000000000001', 'NaN'])('refuses "%s"', (text) => {
    expect(() => parseDecimal(text)).toThrow(RangeError);
  });

  it('writes micro-USD as an exact decimal', () => {
    expect([0n, 1n, 6100n, 1_000_000n, -2_500_000n].map(microToUsd)).toEqual([
      '0',
      '0.000001',
      '0.0061',
      '1',
      '-2.5',
    ]);
  });

  it('shows money as people read it', () => {
    expect([0n, 3n, 6_036n, 61_000n, 20_000n, 12_300_000n, 1_000_000_000n].map(formatUsd)).toEqual([
      '$0',
      '$0.000003',
      '$0.006036',
      '$0.061',
      '$0.02',
      '$12.30',
      '$1,000',
    ]);
  });
});
