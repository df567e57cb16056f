import { parseDecimal, type PriceTier } from '../pricing/cost.ts';
import { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import { dearestPrices, pricesAt } from '../pricing/priceTable.ts';
import type { Settings } from './schema.ts';

/** Why a workspace may not replace the current model, in one phrase; null if it may. */
export function dearerModel(asked: string, { aws, bedrock, models, prices }: Settings): string | null {
  const own = aws.bedrock.default_model;
  if (asked.trim().toLowerCase().startsWith('arn:')) return 'is an ARN, which only the user may name';
  const catalogue = new ModelCatalogue({
    mapping: bedrock.model_mapping,
    bases: models,
    prices,
    unknownPrice: 'refuse',
    // Names mean the same everywhere; the region only decides what can be called.
    region: 'us-east-1',
  });
  if (catalogue.modelIdOf(asked) === catalogue.modelIdOf(own)) return null;
  const tiersOf = (name: string): readonly PriceTier[] | undefined => {
    const id = catalogue.modelIdOf(name);
    const written = Object.hasOwn(prices, id) ? prices[id] : undefined;
    if (written) return [{ aboveInputTokens: 0, input: written.input, output: written.output }];
    const base = catalogue.baseIdOf(name);
    return (pricesAt(base) ?? dearestPrices(base))?.prices.standard;
  };
  const [askedTiers, ownTiers] = [tiersOf(asked), tiersOf(own)];
  if (!askedTiers) return `is "${asked}", for which no price is known`;
  if (!ownTiers) return `is "${asked}", and no price of "${own}" is known to compare it with`;
  return isDearer(askedTiers, ownTiers) ? `is "${asked}", which is dearer than "${own}"` : null;
}

/** Whether input or output costs more than with the other, at any length of the input. */
function isDearer(asked: readonly PriceTier[], own: readonly PriceTier[]): boolean {
  const lengths = [...asked, ...own].map(({ aboveInputTokens }) => aboveInputTokens);
  return lengths.some((length) =>
    (['input', 'output'] as const).some((name) => {
      const [price, most] = [asked, own].map((tiers) => tierAt(tiers, length)?.[name]);
      return price === undefined || most === undefined || parseDecimal(price) > parseDecimal(most);
    }),
  );
}

function tierAt(tiers: readonly PriceTier[], length: number): PriceTier | undefined {
  return tiers
    .filter(({ aboveInputTokens }) => aboveInputTokens <= length)
    .toSorted((one, other) => other.aboveInputTokens - one.aboveInputTokens)[0];
}
