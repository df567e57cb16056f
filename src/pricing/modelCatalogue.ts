import { distance } from 'fastest-levenshtein';
import { GatewayError } from '../errors.ts';
import { isOnDemand, isProfile, isSourceRegion, profileOf, profilesFrom, servedIds } from './availability.ts';
import type { PriceTier, ServiceTier } from './cost.ts';
import { baseOfProfile, isApplicationProfile, type ProfileDirectory } from './inferenceProfiles.ts';
import { modelKind } from './modelFamily.ts';
import {
  dearestPrices,
  directIds,
  directPrices,
  entryOf,
  pricedModelIds,
  pricesAt,
  publishedPrices,
  type FoundPrices,
  type PricesByServiceTier,
  type Vendor,
} from './priceTable.ts';

/** Without a prototype: a model called "constructor" is not known. */
function named<T>(values: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.assign(Object.create(null) as Record<string, T>, values);
}

/** Ids known to Bedrock: those it serves, and newer models with a price. */
const knownIds: ReadonlySet<string> = new Set(
  [...servedIds(), ...pricedModelIds()].filter((id) => isProfile(id) !== false),
);

/** Friendly names that work in us-east-1 without a mapping; `bedrock.model_mapping` overrides them. */
const builtInAliases: Readonly<Record<string, string>> = named({
  'claude-sonnet': 'us.anthropic.claude-sonnet-4-6',
  'claude-3-sonnet': 'us.anthropic.claude-sonnet-4-6',
  'claude-haiku': 'us.anthropic.claude-haiku-4-5-20251001-v1:0',
  'claude-3-haiku': 'us.anthropic.claude-haiku-4-5-20251001-v1:0',
  'claude-opus': 'us.anthropic.claude-opus-4-8',
  'nova-micro': 'us.amazon.nova-micro-v1:0',
  'nova-lite': 'us.amazon.nova-lite-v1:0',
  'nova-pro': 'us.amazon.nova-pro-v1:0',
});

/** The same of models that make embeddings. */
const embeddingAliases: Readonly<Record<string, string>> = named({
  'titan-embed': 'amazon.titan-embed-text-v2:0',
  'cohere-embed': 'cohere.embed-multilingual-v3',
});

/**
 * Whose ids the models have: those of Bedrock, those of a vendor's own service, or names that only the server knows,
 * so that settings.yaml has to say what is behind them.
 */
export type ModelOffer = 'bedrock' | Vendor | 'named';

/** Friendly names that work without a mapping at a vendor's own service. */
const directAliases: Readonly<Record<Vendor, Readonly<Record<string, string>>>> = {
  anthropic: named({
    'claude-sonnet': 'claude-sonnet-4-6',
    'claude-3-sonnet': 'claude-sonnet-4-6',
    'claude-haiku': 'claude-haiku-4-5',
    'claude-3-haiku': 'claude-haiku-4-5',
    'claude-opus': 'claude-opus-4-8',
  }),
  openai: named({
    gpt: 'gpt-5.4',
    'gpt-mini': 'gpt-5.4-mini',
    'gpt-nano': 'gpt-5.4-nano',
  }),
};

function aliasesOf(offer: ModelOffer): Readonly<Record<string, string>> {
  if (offer === 'bedrock') return builtInAliases;
  return offer === 'named' ? named({}) : directAliases[offer];
}

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
  /** Whose models these are; Bedrock's by default. */
  offer?: ModelOffer;
  /** `bedrock.model_mapping` of settings.yaml, or `ai.model_mapping` for others than Bedrock's. */
  mapping: Readonly<Record<string, string>>;
  /** `models` of settings.yaml: the model behind a name, id or ARN. */
  bases?: Readonly<Record<string, { base: string }>>;
  /** Names with their own cap; their models are looked up for every call. */
  capped?: readonly string[];
  prices: PriceOverrides;
  /** `refuse`, or the entry that prices models without a price. */
  unknownPrice: string;
  /** USD per 1,000,000 characters that a guardrail reads; null or omitted if unknown. */
  guardrailPrice?: string | null;
  region: string;
  /** Asks AWS about the account's profiles; omitted if AWS isn't asked. */
  profiles?: ProfileDirectory | undefined;
}

/** A callable model: known, not retired, priced. */
export interface Model {
  /** The requested name. */
  name: string;
  /** The id that is sent: model id, inference-profile id or ARN. */
  modelId: string;
  /** The model or profile behind it, which sets limits, prices and capabilities. */
  baseId: string;
  /** The price entry used, for the record; a suffix such as `#flex` names a service tier. */
  priceKey: string;
  /** Why the prices are only an upper bound, in one phrase; null if they were published for this call. */
  priceEstimatedBecause: string | null;
  /** Prices of the requested service tier. */
  tiers: readonly PriceTier[];
  prices: PricesByServiceTier;
  maxInputTokens: number | null;
  maxOutputTokens: number | null;
  /** False if the model refuses temperature and topP. */
  samplingParameters: boolean;
  /** Capabilities in the price table (`vision`, `tools`, …); a missing one is unknown. */
  supports: Readonly<Record<string, boolean>>;
}

/** Delay before AWS is asked again after it didn't answer, in milliseconds. */
const askAgainMs = 60_000;

/** Names, ids and prices of models in one region. */
export class ModelCatalogue {
  readonly #options: CatalogueOptions;
  readonly #offer: ModelOffer;
  readonly #aliases: Readonly<Record<string, string>>;
  /** The base from the settings, by id. */
  readonly #bases: ReadonlyMap<string, string>;
  /** Profiles that AWS lists for this region; null if not asked yet or AWS can't be asked. */
  #listed: ReadonlySet<string> | null = null;
  /** Models behind application profiles according to AWS, by ARN. */
  readonly #found = new Map<string, string>();
  /** Questions to AWS about profiles, with their time: milliseconds since the epoch. */
  readonly #asked = new Map<string, { at: number; answered: Promise<void> }>();

  constructor(options: CatalogueOptions) {
    this.#options = { ...options, mapping: named(options.mapping), prices: named(options.prices) };
    this.#offer = options.offer ?? 'bedrock';
    this.#aliases = aliasesOf(this.#offer);
    const bases = Object.entries(options.bases ?? {});
    this.#bases = new Map(bases.map(([name, { base }]) => [this.modelIdOf(name), this.modelIdOf(base)]));
  }

  get guardrailPrice(): string | null {
    return this.#options.guardrailPrice ?? null;
  }

  /** Every friendly name of a model that answers, the user's first. */
  names(): string[] {
    return [...new Set([...Object.keys(this.#options.mapping), ...Object.keys(this.#aliases)])];
  }

  /** The models a person may select; names that can't be called now are omitted. */
  available(): Model[] {
    return this.#resolvable(this.names());
  }

  /**
   * Every priced, current model that can be called from this region, once per id: by its friendly name
   * if it has one. If a model has a profile, the profile is listed, not the bare id.
   */
  callable(now = new Date()): Model[] {
    const today = now.toISOString().slice(0, 10);
    const current = this.#pricedIds().filter((id) => (entryOf(id)?.deprecationDate ?? '9999') > today);
    const byId = this.#resolvable([...Object.keys(this.#options.prices), ...current])
      .filter(({ tiers }) => tiers.every(({ input, output }) => input !== undefined && output !== undefined))
      .map((model) => ({ model, kind: modelKind(model) }));
    const profiled = new Set(byId.flatMap(({ kind }) => (kind.geography === null ? [] : [kind.bareId])));
    const ids = byId.filter(
      ({ kind: { vendor, geography, bareId } }) =>
        this.#offer !== 'bedrock' ||
        // "@" occurs in ids of other clouds.
        (vendor !== null && !bareId.includes('@') && (geography !== null || !profiled.has(bareId))),
    );
    const models = [...this.available(), ...ids.map(({ model }) => model)];
    return [...Map.groupBy(models, ({ modelId }) => modelId).values()].flatMap(([first]) => first ?? []);
  }

  #pricedIds(): string[] {
    if (this.#offer === 'bedrock') return pricedModelIds();
    return this.#offer === 'named' ? [...this.#bases.keys()] : directIds(this.#offer);
  }

  #resolvable(names: readonly string[]): Model[] {
    return names.flatMap((name) => {
      try {
        return [this.resolve(name)];
      } catch (error) {
        if (GatewayError.is(error)) return [];
        throw error;
      }
    });
  }

  /**
   * Asks AWS, if allowed, what only AWS knows about a name: the model behind a profile, and which profiles exist. Also
   * asks about names with a cap, which may be profiles of the same model.
   */
  async learn(name: string): Promise<void> {
    const { profiles, capped = [] } = this.#options;
    if (!profiles) return;
    await Promise.all([...new Set([name, ...capped])].map((one) => this.#learnBase(one, profiles)));
    const modelId = this.modelIdOf(name);
    if (profileOf(modelId) && this.#listed === null && !this.#isCallable(modelId)) {
      const listed = await profiles.list();
      if (listed) this.#listed = new Set(listed);
    }
  }

  /** The model or profile behind an application profile. */
  #learnBase(name: string, profiles: ProfileDirectory): Promise<void> {
    const modelId = this.modelIdOf(name);
    if (this.#found.has(modelId) || this.#bases.has(modelId) || !isApplicationProfile(modelId))
      return Promise.resolve();
    // Concurrent calls share one question. Without permission each question fails; calls needn't wait for it.
    const asked = this.#asked.get(modelId);
    if (asked && Date.now() - asked.at < askAgainMs) return asked.answered;
    const answered = profiles.modelsOf(modelId).then((models) => {
      const base = models && baseOfProfile(models);
      if (base) this.#found.set(modelId, base);
    });
    this.#asked.set(modelId, { at: Date.now(), answered });
    return answered;
  }

  /** Asks AWS about every name of the mapping and others. */
  async learnAll(others: readonly string[] = []): Promise<void> {
    const names = new Set([...Object.keys(this.#options.mapping), ...others]);
    await Promise.all([...names].map((name) => this.learn(name)));
  }

  /** The id sent for a name, even if it can't be called; null for an unknown name. */
  idOf(name: string): string | null {
    const modelId = this.modelIdOf(name);
    const isKnown = this.#isVouched(name, modelId) || this.#isKnown(idInArn(modelId));
    // What the models of a server of its own stand for is a vendor's, priced and capped as such.
    const standsFor = this.#offer === 'named' && directPrices(modelId) !== undefined;
    return isKnown || standsFor ? modelId : null;
  }

  #isKnown(id: string): boolean {
    return this.#offer === 'bedrock' ? knownIds.has(id) : this.#pricedIds().includes(id);
  }

  /**
   * Finds the model behind a friendly name, model id, inference-profile id or ARN, priced for its service tier.
   * Throws `model_not_recognized`, `model_retired`, `model_not_in_region` or `price_unknown`, also if the model isn't
   * made for the use.
   */
  resolve(
    name: string,
    serviceTier: ServiceTier = 'standard',
    use: 'answer' | 'embedding' = 'answer',
  ): Model {
    const modelId = this.modelIdOf(name);
    const baseId = this.#baseOf(modelId);
    const entry = entryOf(baseId);
    if (entry?.retired) throw retired(name, baseId);
    this.#requireKnown(name, modelId);
    this.#requireUse(baseId, isForEmbeddings(baseId), use);
    const { key, prices, estimatedBecause } = this.#price(modelId, baseId);
    const tiers = prices[serviceTier];
    if (!tiers) {
      const message = `No price is known for ${modelId} in the service tier ${serviceTier}.`;
      throw new GatewayError('price_unknown', message, {
        hint: 'Omit the service tier: standard has a price.',
      });
    }
    return {
      name,
      modelId,
      baseId,
      priceKey: serviceTier === 'standard' ? key : `${key}#${serviceTier}`,
      priceEstimatedBecause: estimatedBecause,
      tiers,
      prices,
      maxInputTokens: entry?.maxInputTokens ?? null,
      maxOutputTokens: entry?.maxOutputTokens ?? null,
      samplingParameters: entry?.supports?.['samplingParams'] !== false,
      supports: entry?.supports ?? {},
    };
  }

  #requireUse(baseId: string, embeds: boolean, use: 'answer' | 'embedding'): void {
    if (embeds === (use === 'embedding')) return;
    const fault = embeds ? "only creates embeddings; it can't answer" : 'creates no embeddings';
    const names = embeds ? this.names() : Object.keys(embeddingAliases);
    throw new GatewayError('model_not_recognized', `The model ${baseId} ${fault}.`, {
      hint: `Use one of: ${names.join(', ')}.`,
    });
  }

  /** The id behind a name, whether or not it can be called. */
  modelIdOf(name: string): string {
    const mapped = this.#options.mapping[name] ?? name;
    return (
      this.#aliases[mapped] ?? (this.#offer === 'bedrock' ? embeddingAliases[mapped] : undefined) ?? mapped
    );
  }

  /** The model or profile behind a name, id or ARN; an unknown ARN is its own base. */
  baseIdOf(name: string): string {
    return this.#baseOf(this.modelIdOf(name));
  }

  /** The key of a model's cap and totals: its bare id, whatever name, ARN or profile is called. */
  capKeyOf(name: string): string {
    return bareIdOf(this.baseIdOf(name));
  }

  #baseOf(modelId: string): string {
    return this.#bases.get(modelId) ?? this.#found.get(modelId) ?? idInArn(modelId);
  }

  /** Ids from the mapping, the prices or the account are accepted without a check. */
  #isVouched(name: string, modelId: string): boolean {
    const written = this.#options.mapping[name] === modelId || modelId in this.#options.prices;
    return written || (modelId.startsWith('arn:') && profileOf(idInArn(modelId)) === null);
  }

  #requireKnown(name: string, modelId: string): void {
    if (this.#isVouched(name, modelId) || this.#isCallable(modelId)) return;
    const id = idInArn(modelId);
    if (this.#offer !== 'bedrock') throw this.#notOffered(name);
    if (knownIds.has(id) || this.#listed?.has(id)) throw this.#notInRegion(name, id);
    throw this.#notRecognized(name, id);
  }

  /** Whether Bedrock knows an id and it may be called from this region; AWS's own list overrides the table. */
  #isCallable(modelId: string): boolean {
    const id = idInArn(modelId);
    if (this.#offer !== 'bedrock') return this.#isKnown(id);
    if (profileOf(id) === null) return knownIds.has(id);
    return this.#listed?.has(id) ?? (knownIds.has(id) && isSourceRegion(id, this.#options.region));
  }

  #notRecognized(name: string, id: string): GatewayError {
    const base = profileOf(id)?.baseId ?? '';
    const here = knownIds.has(base) ? this.#callableHere(base) : [];
    const known = [...this.names(), ...knownIds];
    const hint =
      here.length > 0
        ? `Bedrock has no such profile; from ${this.#options.region} use ${here.join(' or ')}.`
        : `Nearest known: ${nearestNames(name, known).join(', ')}.`;
    return new GatewayError('model_not_recognized', `Model ID not recognized: "${name}".`, {
      hint: `${hint} Or add it to bedrock.model_mapping in settings.yaml.`,
    });
  }

  #notOffered(name: string): GatewayError {
    const nearest = nearestNames(name, [...this.names(), ...this.#pricedIds()]);
    const known = nearest.length > 0 ? `Nearest known: ${nearest.join(', ')}. ` : '';
    return new GatewayError('model_not_recognized', `Model ID not recognized: "${name}".`, {
      hint: `${known}Map it in ai.model_mapping, or name the model behind it as models."${name}".base in settings.yaml. Calls that name no model use aws.bedrock.default_model.`,
    });
  }

  #notInRegion(name: string, id: string): GatewayError {
    const { region } = this.#options;
    const here = this.#callableHere(profileOf(id)?.baseId ?? id);
    const suggestion = here.length > 0 ? ` (${here.join(' or ')})` : '';
    return new GatewayError('model_not_in_region', `The model ${id} can't be called from ${region}.`, {
      hint: `Map "${name}" to a profile of your region in bedrock.model_mapping of settings.yaml${suggestion}, or change aws.region.`,
    });
  }

  /** Ids by which a model can be called from this region. */
  #callableHere(baseId: string): string[] {
    const { region } = this.#options;
    const profiles = this.#listed
      ? [...this.#listed].filter((id) => profileOf(id)?.baseId === baseId)
      : profilesFrom(region, baseId).filter((id) => knownIds.has(id));
    return [...profiles, ...(isOnDemand(baseId, region) ? [baseId] : [])];
  }

  #price(modelId: string, baseId: string): FoundPrices & { estimatedBecause: string | null } {
    const { region, unknownPrice } = this.#options;
    const own = this.#ownPrices(modelId) ?? this.#ownPrices(baseId);
    const published = this.#offer === 'bedrock' ? publishedPrices(baseId, region) : directPrices(baseId);
    const exact = own ?? published;
    if (exact) return { ...exact, estimatedBecause: null };
    const policy = this.#ownPrices(unknownPrice) ?? pricesAt(unknownPrice);
    // `refuse`, and any other name without prices.
    if (!policy) throw this.#priceUnknown(modelId, baseId);
    const dearest = this.#offer === 'bedrock' ? dearestPrices(baseId) : undefined;
    const where = profileOf(baseId) ? 'for this profile' : `for ${region}`;
    if (dearest)
      return {
        ...dearest,
        estimatedBecause: `no price is published ${where}; the highest one elsewhere applies, and the bill may exceed it`,
      };
    return {
      ...policy,
      estimatedBecause: `no price is known; budget.unknown_price applies the price of ${unknownPrice}`,
    };
  }

  #ownPrices(key: string): FoundPrices | undefined {
    const override = this.#options.prices[key];
    return override && { key: `settings:${key}`, prices: { standard: [fromOverride(override)] } };
  }

  #priceUnknown(modelId: string, baseId: string): GatewayError {
    if (isApplicationProfile(modelId) && baseId === modelId)
      return new GatewayError(
        'price_unknown',
        `The model behind ${modelId} is unknown, and so is its price.`,
        {
          hint: `Allow bedrock:GetInferenceProfile, or set models."${modelId}".base in settings.yaml.`,
        },
      );
    return dearestPrices(baseId)
      ? priceUnknown(
          modelId,
          ` in ${this.#options.region}, and budget.unknown_price refuses the price of another region`,
        )
      : priceUnknown(modelId, baseId === idInArn(modelId) ? '' : `, whose base is ${baseId}`);
  }
}

function isForEmbeddings(baseId: string): boolean {
  return entryOf(baseId)?.mode === 'embedding';
}

export function priceUnknown(modelId: string, detail = ''): GatewayError {
  return new GatewayError('price_unknown', `No price is known for ${modelId}${detail}.`, {
    hint: `Add prices."${modelId}" with input and output (USD per 1,000,000 tokens) to settings.yaml.`,
  });
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

/** A model id without the geography of a profile: `us.x` and `global.x` are the model `x`. */
export function bareIdOf(baseId: string): string {
  const id = idInArn(baseId);
  return profileOf(id)?.baseId ?? id;
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
