/** Tokens of one call by price class. As in Bedrock, `input` excludes cache reads and writes. */
export interface TokenUsage {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite5m: number;
  cacheWrite1h: number;
}

/** USD per 1,000,000 tokens as decimal strings; a missing class is unknown, never free. */
export interface PriceTier {
  /** The tier applies to the whole request once input + cacheRead + cacheWrite exceeds this. */
  aboveInputTokens: number;
  input?: string | undefined;
  output?: string | undefined;
  cacheRead?: string | undefined;
  cacheWrite5m?: string | undefined;
  cacheWrite1h?: string | undefined;
}

/** Service tier: `flex` may wait, `priority` is preferred, `batch` is a job with many requests. */
export const serviceTiers = ['standard', 'flex', 'priority', 'batch'] as const;
export type ServiceTier = (typeof serviceTiers)[number];

export type PriceClass = keyof TokenUsage;
export const priceClasses = ['input', 'output', 'cacheRead', 'cacheWrite5m', 'cacheWrite1h'] as const;

export const noTokens: TokenUsage = { input: 0, output: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0 };

export function addTokens(one: TokenUsage, other: TokenUsage): TokenUsage {
  return {
    input: one.input + other.input,
    output: one.output + other.output,
    cacheRead: one.cacheRead + other.cacheRead,
    cacheWrite5m: one.cacheWrite5m + other.cacheWrite5m,
    cacheWrite1h: one.cacheWrite1h + other.cacheWrite1h,
  };
}

/** Tokens that count towards the context: all that is sent, cached or not. */
export function contextTokens(usage: TokenUsage): number {
  return usage.input + usage.cacheRead + usage.cacheWrite5m + usage.cacheWrite1h;
}

export function totalTokens(usage: TokenUsage): number {
  return contextTokens(usage) + usage.output;
}

/** Maximum decimals of a price; more are refused, not rounded. */
const priceDecimals = 12;
const priceScale = 10n ** BigInt(priceDecimals);
const microDollar = priceScale / 1_000_000n;

/** A decimal string as an integer count of 10^-12. Throws `RangeError` on anything else. */
export function parseDecimal(text: string): bigint {
  const match = /^(\d{1,15})(?:\.(\d{1,12}))?$/.exec(text);
  if (!match)
    throw new RangeError(`"${text}" is not a decimal number with at most ${priceDecimals} decimals`);
  return BigInt(match[1] ?? '0') * priceScale + BigInt((match[2] ?? '').padEnd(priceDecimals, '0'));
}

/** The product of two `parseDecimal` numbers as a decimal string. Throws `RangeError` if digits would be lost. */
export function decimalText(product: bigint): string {
  if (product % priceScale !== 0n) throw new RangeError(`a product has more than ${priceDecimals} decimals`);
  const value = product / priceScale;
  const fraction = (value % priceScale).toString().padStart(priceDecimals, '0').replace(/0+$/, '');
  return `${value / priceScale}${fraction && `.${fraction}`}`;
}

/** The price tier of a request with this context size. */
export function tierFor(tiers: readonly PriceTier[], usage: TokenUsage): PriceTier | undefined {
  const context = contextTokens(usage);
  return tiers
    .filter((tier) => tier.aboveInputTokens === 0 || context > tier.aboveInputTokens)
    .reduce<PriceTier | undefined>(
      (best, tier) => (best && best.aboveInputTokens > tier.aboveInputTokens ? best : tier),
      undefined,
    );
}

/**
 * Cost in micro-USD, rounded once, up. USD per million tokens is micro-USD per token, so the sum of
 * tokens × price is exact before rounding.
 *
 * If a class has tokens but no price, returns the first such class instead of a cost.
 */
export function costOf(tiers: readonly PriceTier[], usage: TokenUsage): bigint | { unpriced: PriceClass } {
  const tier = tierFor(tiers, usage);
  let scaled = 0n;
  for (const priceClass of priceClasses) {
    const tokens = usage[priceClass];
    if (tokens === 0) continue;
    const price = tier?.[priceClass];
    if (price === undefined) return { unpriced: priceClass };
    scaled += BigInt(tokens) * parseDecimal(price);
  }
  return (scaled + priceScale - 1n) / priceScale;
}

/**
 * The maximum cost of a call in micro-USD: every input token at the dearest class in which it could be
 * billed in any tier it could reach, and `maxTokens` of output at the dearest output price.
 * Null if input or output has no price.
 */
export function worstCaseCost(
  tiers: readonly PriceTier[],
  inputTokens: number,
  maxTokens: number,
): bigint | null {
  const reachable = tiers.filter(
    (tier) => tier.aboveInputTokens === 0 || inputTokens > tier.aboveInputTokens,
  );
  const dearest = (classes: readonly PriceClass[]): bigint | null => {
    const prices = reachable.flatMap((tier) => classes.flatMap((name) => tier[name] ?? [])).map(parseDecimal);
    return prices.length === 0 ? null : prices.reduce((a, b) => (a > b ? a : b));
  };
  if (reachable.some((tier) => tier.input === undefined || tier.output === undefined)) return null;
  const input = dearest(['input', 'cacheRead', 'cacheWrite5m', 'cacheWrite1h']);
  const output = dearest(['output']);
  if (input === null || output === null) return null;
  return (BigInt(inputTokens) * input + BigInt(maxTokens) * output + priceScale - 1n) / priceScale;
}

/** Micro-USD as an exact decimal string of USD: `6100n` is `0.0061`. */
export function microToUsd(micro: bigint): string {
  const sign = micro < 0n ? '-' : '';
  const absolute = micro < 0n ? -micro : micro;
  const fraction = (absolute % 1_000_000n).toString().padStart(6, '0').replace(/0+$/, '');
  return `${sign}${absolute / 1_000_000n}${fraction ? `.${fraction}` : ''}`;
}

/** A decimal string of USD as micro-USD, rounded down, so that a limit never grows by rounding. */
export function usdToMicro(usd: string): bigint {
  return parseDecimal(usd) / microDollar;
}

/** A person's amount as micro-USD. Throws `RangeError` also if `usdToMicro` would round. */
export function amountToMicro(usd: string): bigint {
  if (parseDecimal(usd) % microDollar !== 0n) throw new RangeError(`"${usd}" has more than 6 decimals`);
  return usdToMicro(usd);
}

/** Money as people read it: `$0.0061`, `$12.30`, `$1,000`. Display only; records keep micro-USD. */
export function formatUsd(micro: bigint): string {
  const usd = Number(micro) / 1e6;
  const magnitude = Math.abs(usd);
  if (magnitude !== 0 && magnitude < 0.000001) return '< $0.000001';
  const fractionDigits =
    magnitude === 0 || Number.isInteger(usd) ? 0 : magnitude < 0.01 ? 6 : magnitude < 1 ? 4 : 2;
  const text = new Intl.NumberFormat('en-US', {
    minimumFractionDigits: fractionDigits === 6 ? 4 : fractionDigits === 4 ? 2 : fractionDigits,
    maximumFractionDigits: fractionDigits,
  }).format(magnitude);
  return `${usd < 0 ? '-' : ''}$${text}`;
}
