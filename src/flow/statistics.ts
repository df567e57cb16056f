import { quantileSorted } from 'simple-statistics';

/** Quantiles, such as of durations; null without values. */
export interface Distribution {
  count: number;
  p50: number | null;
  p90: number | null;
  p95: number | null;
  p99: number | null;
  max: number | null;
}

export function distribution(values: readonly number[]): Distribution {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number | null =>
    sorted.length > 0 ? round(quantileSorted(sorted, share)) : null;
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/**
 * The probability of at least so many hits by chance, given the number of trials and the probability of each: the
 * upper tail of the binomial distribution, from 0 to 1.
 */
export function chanceOfAtLeast(
  hits: number,
  { trials, probability }: { trials: number; probability: number },
): number {
  if (hits <= 0 || probability >= 1) return 1;
  if (probability <= 0) return 0;
  // In logarithms, because a probability to the power of many calls underflows.
  let logarithm = hits * Math.log(probability) + (trials - hits) * Math.log1p(-probability);
  for (let index = 1; index <= hits; index += 1) logarithm += Math.log((trials - hits + index) / index);
  let term = Math.exp(logarithm);
  let sum = 0;
  for (let index = hits; index <= trials; index += 1) {
    sum += term;
    term *= ((trials - index) / (index + 1)) * (probability / (1 - probability));
  }
  return Math.min(1, sum);
}

/** Rounds to two decimals: enough for milliseconds, and without the noise of binary fractions. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
