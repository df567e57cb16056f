/** A part of a whole in percent, one decimal, rounded to nearest; null if there is no whole. */
export function percentage(part: bigint, whole: bigint): number | null {
  if (whole <= 0n) return null;
  const doubled = 2n * 1000n * part + whole;
  return Number(floorDivided(doubled, 2n * whole)) / 10;
}

/**
 * Parts of their sum in percent, one decimal, adding up to 100: the remainder after rounding down goes to
 * the parts that lose most (largest remainder). Each null if the sum is not above zero.
 */
export function percentages(parts: readonly bigint[]): (number | null)[] {
  const whole = parts.reduce((sum, part) => sum + part, 0n);
  if (whole <= 0n) return parts.map(() => null);
  const tenths = parts.map((part) => floorDivided(1000n * part, whole));
  const lost = parts.map((part, index) => 1000n * part - (tenths[index] ?? 0n) * whole);
  const left = Number(1000n - tenths.reduce((sum, one) => sum + one, 0n));
  const mostLost = lost
    .map((_, index) => index)
    .sort((a, b) => Number((lost[b] ?? 0n) - (lost[a] ?? 0n)) || a - b)
    .slice(0, left);
  const raised = new Set(mostLost);
  return tenths.map((one, index) => (Number(one) + Number(raised.has(index))) / 10);
}

function floorDivided(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend < 0n && quotient * divisor !== dividend ? quotient - 1n : quotient;
}
