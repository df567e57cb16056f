import { isCommercialRegion } from './availability.ts';
import { decimalText, parseDecimal, priceClasses, type PriceTier } from './cost.ts';

/** A provider's published ratio of prices between the global profile and all other commercial regions and profiles. */
interface RegionalPriceRule {
  /** Base model ids that it applies to. */
  models: RegExp;
  /** Factor on the global price, for calls in a region and through a geography's profile. */
  factor: string;
  source: string;
}

const rules: readonly RegionalPriceRule[] = [
  {
    // Claude 4.5 and later; earlier models cost the same everywhere.
    models: /^anthropic\.claude-(?:(?:opus|sonnet|haiku)-4-[5-9](?!\d)|[a-z]+-(?:[5-9]|[1-9]\d)(?!\d))/,
    factor: '1.1',
    source:
      'aws.amazon.com/bedrock/pricing, tables "Global" and "Geo and In-region"; platform.claude.com/docs, "Claude in Amazon Bedrock", Regions',
  },
];

/** The rule for a base model id in a commercial region; other partitions have their own prices. */
export function regionalRule(baseId: string, region: string): RegionalPriceRule | undefined {
  return isCommercialRegion(region) ? rules.find(({ models }) => models.test(baseId)) : undefined;
}

/** A tier's prices times a decimal factor, exactly. */
export function scaled<Tier extends Partial<PriceTier>>(tier: Tier, factor: string): Tier {
  const times = parseDecimal(factor);
  const prices = priceClasses.flatMap((name) => {
    const price = tier[name];
    return price === undefined ? [] : [[name, decimalText(parseDecimal(price) * times)]];
  });
  return { ...tier, ...(Object.fromEntries(prices) as Partial<PriceTier>) };
}
