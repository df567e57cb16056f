import table from './bedrockPrices.json' with { type: 'json' };
import directTable from './directPrices.json' with { type: 'json' };
import { isCommercialRegion, profileOf } from './availability.ts';
import { serviceTiers, parseDecimal, priceClasses, type PriceTier, type ServiceTier } from './cost.ts';
import { regionalRule, scaled } from './regionalPriceRules.ts';

export interface PriceEntry {
  mode: string;
  tiers: PriceTier[];
  /** Prices of tiers other than standard, up to the first long-context threshold. */
  serviceTiers?: Partial<Record<ServiceTier, Omit<PriceTier, 'aboveInputTokens'>>>;
  maxInputTokens?: number;
  maxOutputTokens?: number;
  retired?: boolean;
  deprecationDate?: string;
  supports?: Record<string, boolean>;
}

/** Prices of a model by service tier; a tier without prices is missing. */
export type PricesByServiceTier = Readonly<Partial<Record<ServiceTier, readonly PriceTier[]>>>;

/** Prices and the table entry or rule that they come from. */
export interface FoundPrices {
  key: string;
  prices: PricesByServiceTier;
}

/** The vendors whose own services can be called; their keys in the table are `VENDOR/ID`. */
export const vendors = ['anthropic', 'openai'] as const;
export type Vendor = (typeof vendors)[number];

const entries = new Map(
  Object.entries<PriceEntry>({ ...(table.models as Record<string, PriceEntry>), ...directTable.models }),
);

/** Keys of the table that aren't ids: regional prices and prices of other services. */
function isId(key: string): boolean {
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[\w.:-]+$/.test(key) && !key.includes('@');
}

/** Model and inference-profile ids of the price table. */
export function pricedModelIds(): string[] {
  return [...entries.keys()].filter(isId);
}

/** Ids of the models that a vendor's own service has. */
export function directIds(vendor: Vendor): string[] {
  return [...entries.keys()].flatMap((key) =>
    key.startsWith(`${vendor}/`) ? key.slice(vendor.length + 1) : [],
  );
}

/** Prices of a model at its vendor's own service; undefined if it has none. */
export function directPrices(modelId: string): FoundPrices | undefined {
  const key = directKey(modelId);
  return key === undefined ? undefined : pricesAt(key);
}

function directKey(modelId: string): string | undefined {
  return vendors.map((vendor) => `${vendor}/${modelId}`).find((key) => entries.has(key));
}

/** The table entry of a model or profile, or of the model behind an unlisted profile; its price is its own. */
export function entryOf(modelId: string): PriceEntry | undefined {
  const bedrock = isId(modelId)
    ? (entries.get(modelId) ?? entries.get(profileOf(modelId)?.baseId ?? ''))
    : undefined;
  return bedrock ?? entries.get(directKey(modelId) ?? '');
}

/** Regions for which the prices of bare ids are published; others have their own entries. */
const regionsOfBareIds = ['us-east-1', 'us-east-2', 'us-west-2'];

/**
 * Prices published for a model or profile in a region: the table entry, or a provider's rule.
 * Undefined if there is none, even if other regions have prices.
 */
export function publishedPrices(modelId: string, region: string): FoundPrices | undefined {
  const regional = `bedrock/${region}/${modelId}`;
  if (entries.has(regional)) return pricesAt(regional);
  const profile = profileOf(modelId);
  const isOfPartition = profile?.geography === 'us-gov' || isCommercialRegion(region);
  if (profile && isOfPartition && isId(modelId) && entries.has(modelId)) return pricesAt(modelId);
  const baseId = profile?.baseId ?? modelId;
  const rule = profile?.geography === 'us-gov' ? undefined : regionalRule(baseId, region);
  const global = `global.${baseId}`;
  if (rule && profile?.geography !== 'global' && entries.has(global)) return pricesAt(global, rule.factor);
  return profile === null && isId(modelId) && regionsOfBareIds.includes(region)
    ? pricesAt(modelId)
    : undefined;
}

/** The highest published price of each class of a model anywhere; undefined for a model without prices. */
export function dearestPrices(modelId: string): FoundPrices | undefined {
  const baseId = profileOf(modelId)?.baseId ?? modelId;
  const found = [...entries]
    .filter(([key]) => {
      const id = key.split('/').at(-1) ?? '';
      return (profileOf(id)?.baseId ?? id) === baseId;
    })
    .map(([key]) => pricesAt(key)?.prices ?? {});
  if (found.length === 0) return undefined;
  const prices = serviceTiers.flatMap((tier) => {
    const all = found.flatMap((one) => (one[tier] ? [one[tier]] : []));
    return all.length === 0 ? [] : [[tier, dearestOf(all)]];
  });
  return { key: `dearest:${baseId}`, prices: Object.fromEntries(prices) as PricesByServiceTier };
}

function dearestOf(lists: readonly (readonly PriceTier[])[]): PriceTier[] {
  const thresholds = new Set(lists.flat().map(({ aboveInputTokens }) => aboveInputTokens));
  return [...thresholds].map((aboveInputTokens) => {
    const tiers = lists.flat().filter((tier) => tier.aboveInputTokens <= aboveInputTokens);
    const classes = priceClasses.flatMap((name) => {
      const prices = tiers.flatMap((tier) => tier[name] ?? []);
      return prices.length === 0
        ? []
        : [[name, prices.reduce((one, other) => (parseDecimal(one) >= parseDecimal(other) ? one : other))]];
    });
    return { aboveInputTokens, ...Object.fromEntries(classes) } as PriceTier;
  });
}

/** The prices of an entry, times a factor. */
export function pricesAt(key: string, factor?: string): FoundPrices | undefined {
  const entry = entries.get(key);
  if (!entry) return undefined;
  if (factor === undefined) return { key, prices: pricesByServiceTier(entry) };
  const tiers = entry.tiers.map((tier) => scaled(tier, factor));
  const others = Object.entries(entry.serviceTiers ?? {}).map(([name, tier]) => [name, scaled(tier, factor)]);
  const prices = pricesByServiceTier({ tiers, serviceTiers: Object.fromEntries(others) as object });
  return { key: `${factor}*${key}`, prices };
}

/** Above a long-context threshold only the standard tier has prices; those of the others are unknown. */
export function pricesByServiceTier(entry: Pick<PriceEntry, 'tiers' | 'serviceTiers'>): PricesByServiceTier {
  const unknownBeyond = entry.tiers
    .filter(({ aboveInputTokens }) => aboveInputTokens > 0)
    .map(({ aboveInputTokens }) => ({ aboveInputTokens }));
  const prices: Partial<Record<ServiceTier, readonly PriceTier[]>> = { standard: entry.tiers };
  for (const serviceTier of serviceTiers) {
    const other = entry.serviceTiers?.[serviceTier];
    if (other) prices[serviceTier] = [{ aboveInputTokens: 0, ...other }, ...unknownBeyond];
  }
  return prices;
}
