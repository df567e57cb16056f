import { quantileSorted } from 'simple-statistics';

/** Quantiles of durations and the like; null where there are no values. */
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

/** Two decimals: enough for milliseconds, and free of the noise of binary fractions. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
