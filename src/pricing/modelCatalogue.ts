import { distance } from 'fastest-levenshtein';
import { GatewayError } from '../errors.ts';
import table from './bedrockPrices.json' with { type: 'json' };
import { serviceTiers, type PriceTier, type ServiceTier } from './cost.ts';

interface PriceEntry {
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

/** Null prototypes: a model called "constructor" is not known. */
const entries = withoutPrototype(table.models as Record<string, PriceEntry>);

function withoutPrototype<T>(entries: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.assign(Object.create(null) as Record<string, T>, entries);
}

/** Model and inference-profile ids of the price table. */
export function pricedModelIds(): string[] {
  return Object.keys(entries).filter((key) => !key.startsWith('bedrock/'));
}

/** Friendly names that work in us-east-1 as they are; `bedrock.model_mapping` stands above them. */
const builtInAliases: Readonly<Record<string, string>> = withoutPrototype({
  'claude-sonnet': 'us.anthropic.claude-sonnet-4-6',
  'claude-3-sonnet': 'us.anthropic.claude-sonnet-4-6',
  'claude-haiku': 'us.anthropic.claude-haiku-4-5-20251001-v1:0',
  'claude-3-haiku': 'us.anthropic.claude-haiku-4-5-20251001-v1:0',
  'claude-opus': 'us.anthropic.claude-opus-4-8',
  'nova-micro': 'us.amazon.nova-micro-v1:0',
  'nova-lite': 'us.amazon.nova-lite-v1:0',
  'nova-pro': 'us.amazon.nova-pro-v1:0',
});

/** Inference-profile prefixes that route within one geography, and the regions that can call them. */
const profileRegions: Readonly<Record<string, RegExp>> = {
  us: /^(us|ca)-(?!gov)/,
  'us-gov': /^us-gov-/,
  eu: /^eu-/,
  apac: /^ap-/,
  au: /^ap-southeast-[246]$/,
  jp: /^ap-northeast-[13]$/,
};

/** Prices written in settings.yaml, USD per 1,000,000 tokens. */
export type PriceOverrides = Readonly<
  Record<
    string,
    {
      input: string;
      output: string;
      cache_read?: string | undefined;
      cache_write_5m?: string | undefined;
      cache_write_1h?: string | undefined;
    }
  >
>;

export interface CatalogueOptions {
  /** `bedrock.model_mapping` of settings.yaml. */
  mapping: Readonly<Record<string, string>>;
  prices: PriceOverrides;
  /** `refuse`, or the entry that prices models without a price. */
  unknownPrice: string;
  region: string;
}

/** What a model costs, by how it is served; a tier without prices is missing. */
export type PricesByServiceTier = Readonly<Partial<Record<ServiceTier, readonly PriceTier[]>>>;

/** A model that may be called: known, not retired, priced. */
export interface Model {
  /** The name that was asked for. */
  name: string;
  /** What Bedrock is sent: model id, inference-profile id or ARN. */
  modelId: string;
  /** The price entry that was used, for the record; `#flex` at its end names a service tier. */
  priceKey: string;
  /** Prices of the service tier that was asked for. */
  tiers: readonly PriceTier[];
  prices: PricesByServiceTier;
  maxInputTokens: number | null;
  maxOutputTokens: number | null;
  /** False where the model refuses temperature and topP. */
  samplingParameters: boolean;
}

/** Names, ids and prices of models in one region. */
export class ModelCatalogue {
  readonly #options: CatalogueOptions;

  constructor(options: CatalogueOptions) {
    this.#options = {
      ...options,
      mapping: withoutPrototype(options.mapping),
      prices: withoutPrototype(options.prices),
    };
  }

  /** Every friendly name, the user's own first. */
  names(): string[] {
    return [...new Set([...Object.keys(this.#options.mapping), ...Object.keys(builtInAliases)])];
  }

  /** The models a person may pick; names that can't be called now are left out. */
  available(): Model[] {
    return this.names().flatMap((name) => {
      try {
        return [this.resolve(name)];
      } catch (error) {
        if (GatewayError.is(error)) return [];
        throw error;
      }
    });
  }

  /**
   * Finds the model behind a friendly name, model id, inference-profile id or ARN, priced as it is to be served.
   * Throws `model_not_recognized`, `model_retired`, `model_not_in_region` or `price_unknown`.
   */
  resolve(name: string, serviceTier: ServiceTier = 'standard'): Model {
    const modelId = this.#modelId(name);
    const baseId = idInArn(modelId);
    const entry = entries[baseId];
    if (entry?.retired) throw retired(name, baseId);
    if (entry?.mode === 'embedding') {
      throw new GatewayError(
        'model_not_recognized',
        `The model ${baseId} makes embeddings; it can't answer.`,
        {
          hint: `Choose one of: ${this.names().join(', ')}.`,
        },
      );
    }
    this.#requireRegion(name, baseId);
    const { key, prices } = this.#price(modelId, baseId);
    const tiers = prices[serviceTier];
    if (!tiers) {
      const message = `No price is known for ${modelId} in the service tier ${serviceTier}.`;
      throw new GatewayError('price_unknown', message, {
        hint: 'Leave the service tier out: standard has a price.',
      });
    }
    return {
      name,
      modelId,
      priceKey: serviceTier === 'standard' ? key : `${key}#${serviceTier}`,
      tiers,
      prices,
      maxInputTokens: entry?.maxInputTokens ?? null,
      maxOutputTokens: entry?.maxOutputTokens ?? null,
      samplingParameters: entry?.supports?.['samplingParams'] !== false,
    };
  }

  #modelId(name: string): string {
    const mapped = this.#options.mapping[name] ?? name;
    const modelId = builtInAliases[mapped] ?? mapped;
    const known = modelId in entries || modelId in this.#options.prices || modelId.startsWith('arn:');
    // An id someone wrote into the mapping is theirs to vouch for; a price is still required.
    if (known || name in this.#options.mapping) return modelId;
    const nearest = nearestNames(name, [...this.names(), ...Object.keys(entries)]);
    throw new GatewayError('model_not_recognized', `Model ID not recognized: "${name}".`, {
      hint: `Nearest known: ${nearest.join(', ')}. Or add it to bedrock.model_mapping in settings.yaml.`,
    });
  }

  #requireRegion(name: string, baseId: string): void {
    const prefix = profilePrefix(baseId);
    const { region } = this.#options;
    if (prefix === null || profileRegions[prefix]?.test(region) !== false) return;
    const bare = baseId.slice(prefix.length + 1);
    const here = ['global', ...Object.keys(profileRegions).filter((key) => profileRegions[key]?.test(region))]
      .map((key) => `${key}.${bare}`)
      .filter((id) => id in entries);
    const suggestion = here.length > 0 ? ` (${here.join(' or ')})` : '';
    throw new GatewayError('model_not_in_region', `The model ${baseId} can't be called from ${region}.`, {
      hint: `Map "${name}" to a profile of your region in bedrock.model_mapping of settings.yaml${suggestion}, or change aws.region.`,
    });
  }

  #price(modelId: string, baseId: string): { key: string; prices: PricesByServiceTier } {
    const { prices, region, unknownPrice } = this.#options;
    for (const key of [modelId, baseId]) {
      const override = prices[key];
      if (override) return { key: `settings:${key}`, prices: { standard: [fromOverride(override)] } };
    }
    const candidates = [`bedrock/${region}/${baseId}`, baseId];
    if (unknownPrice !== 'refuse') candidates.push(unknownPrice);
    for (const key of candidates) {
      const entry = entries[key];
      if (entry) return { key, prices: pricesByServiceTier(entry) };
      const override = prices[key];
      if (override) return { key: `settings:${key}`, prices: { standard: [fromOverride(override)] } };
    }
    throw priceUnknown(modelId);
  }
}

export function priceUnknown(modelId: string, detail = ''): GatewayError {
  return new GatewayError('price_unknown', `No price is known for ${modelId}${detail}.`, {
    hint: `Add prices."${modelId}" with input and output (USD per 1,000,000 tokens) to settings.yaml.`,
  });
}

/** Beyond a long-context threshold only the standard tier has prices; those of the others are unknown there. */
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

function fromOverride(price: PriceOverrides[string]): PriceTier {
  return {
    aboveInputTokens: 0,
    input: price.input,
    output: price.output,
    cacheRead: price.cache_read,
    cacheWrite5m: price.cache_write_5m,
    cacheWrite1h: price.cache_write_1h,
  };
}

/** `arn:aws:bedrock:us-east-1:1234:inference-profile/us.x` is `us.x`; anything else is itself. */
function idInArn(modelId: string): string {
  const match = /^arn:[^:]*:bedrock:[^:]*:[^:]*:(?:foundation-model|inference-profile)\/(.+)$/.exec(modelId);
  return match?.[1] ?? modelId;
}

function profilePrefix(baseId: string): string | null {
  const prefix = baseId.split('.', 1)[0] ?? '';
  return prefix in profileRegions ? prefix : null;
}

function retired(name: string, baseId: string): GatewayError {
  const family = /(opus|sonnet|haiku)/.exec(baseId)?.[1];
  const successors = Object.entries(builtInAliases).filter(
    ([alias]) => family && alias === `claude-${family}`,
  );
  const named = successors.map(([alias, id]) => `${alias} (${id})`).join(', ');
  return new GatewayError('model_retired', `AWS no longer serves the model ${baseId}.`, {
    hint: `Use ${named || 'a current model'} instead of "${name}", or map the name in bedrock.model_mapping.`,
  });
}

function nearestNames(name: string, known: readonly string[]): string[] {
  const bareName = name.toLowerCase();
  return known
    .map((candidate) => ({
      candidate,
      score: distance(bareName, candidate) / Math.max(bareName.length, candidate.length),
    }))
    .sort((a, b) => a.score - b.score)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}
