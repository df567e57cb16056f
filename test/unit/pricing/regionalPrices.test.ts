import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import availability from '../../../src/pricing/bedrockAvailability.json' with { type: 'json' };
import table from '../../../src/pricing/bedrockPrices.json' with { type: 'json' };
import { parseDecimal, priceClasses, type PriceTier } from '../../../src/pricing/cost.ts';
import { ModelCatalogue, type CatalogueOptions, type Model } from '../../../src/pricing/modelCatalogue.ts';
import { dearestPrices, publishedPrices } from '../../../src/pricing/priceTable.ts';
import { regionalRule } from '../../../src/pricing/regionalPriceRules.ts';

interface Offered {
  onDemand?: string[];
  profiles?: Record<string, string[]>;
}

const models = Object.entries(availability.models as Record<string, Offered>);
const regions = [
  ...new Set(
    models.flatMap(([, { onDemand = [], profiles = {} }]) => [onDemand, ...Object.values(profiles)].flat()),
  ),
].sort();
const prices = table.models as Record<string, { mode: string; retired?: boolean; tiers: PriceTier[] }>;

function catalogue(region: string, options: Partial<CatalogueOptions> = {}): ModelCatalogue {
  return new ModelCatalogue({ mapping: {}, prices: {}, unknownPrice: 'refuse', region, ...options });
}

function outcome(action: () => Model): Model | GatewayError {
  try {
    return action();
  } catch (error) {
    if (GatewayError.is(error)) return error;
    throw error;
  }
}

function base(tiers: readonly PriceTier[] | undefined): PriceTier | undefined {
  return tiers?.find(({ aboveInputTokens }) => aboveInputTokens === 0);
}

describe('a price holds for the region it was published for', () => {
  it('costs 1.1 times the global price for Claude in a region, also where the table has the global one', () => {
    const model = catalogue('eu-west-2').resolve('anthropic.claude-sonnet-4-6');
    expect(base(model.tiers)).toMatchObject({
      input: '3.3',
      output: '16.5',
      cacheRead: '0.33',
      cacheWrite1h: '6.6',
    });
    expect(model).toMatchObject({
      priceKey: '1.1*global.anthropic.claude-sonnet-4-6',
      priceEstimatedBecause: null,
    });
  });

  it('has a rule that every published price of its models agrees with', () => {
    const ruled = Object.keys(prices).filter(
      (id) => id.startsWith('global.') && regionalRule(id.slice(7), 'eu-west-1'),
    );
    expect(ruled.length).toBeGreaterThan(10);
    for (const id of ruled)
      for (const geography of ['us', 'eu', 'apac', 'au', 'jp']) {
        const published = prices[`${geography}.${id.slice(7)}`];
        if (!published) continue;
        const rule = publishedPrices(id.slice(7), 'eu-west-2');
        const { input, output } = base(published.tiers) ?? {};
        expect(base(rule?.prices.standard), `${geography}.${id}`).toMatchObject({ input, output });
      }
    expect(regionalRule('anthropic.claude-sonnet-4-20250514-v1:0', 'eu-west-1')).toBeUndefined();
    expect(regionalRule('anthropic.claude-3-5-sonnet-20241022-v2:0', 'eu-west-1')).toBeUndefined();
    expect(regionalRule('anthropic.claude-opus-4-1-20250805-v1:0', 'eu-west-1')).toBeUndefined();
  });

  it('refuses a model without a price for the region, and says where to write one', () => {
    const error = outcome(() => catalogue('eu-west-2').resolve('zai.glm-5'));
    expect(error).toMatchObject({ code: 'price_unknown', message: expect.stringContaining('in eu-west-2') });
    expect(outcome(() => catalogue('us-west-2').resolve('zai.glm-5'))).toMatchObject({
      priceEstimatedBecause: null,
    });
    const own = { 'zai.glm-5': { input: '1.55', output: '4.96' } };
    expect(catalogue('eu-west-2', { prices: own }).resolve('zai.glm-5')).toMatchObject({
      priceKey: 'settings:zai.glm-5',
      priceEstimatedBecause: null,
    });
  });

  it('is exact or refused for every model in every region, and never below what is known with a policy', () => {
    const unpublished: string[] = [];
    let exact = 0;
    for (const [modelId, { onDemand = [], profiles = {} }] of models) {
      if (!(modelId in prices) || prices[modelId]?.mode !== 'chat' || prices[modelId].retired) continue;
      const places: [string, string][] = [
        ...onDemand.map((region): [string, string] => [modelId, region]),
        ...Object.entries(profiles).flatMap(([geography, sources]) =>
          sources.map((region): [string, string] => [`${geography}.${modelId}`, region]),
        ),
      ];
      for (const [id, region] of places) {
        const strict = outcome(() => catalogue(region).resolve(id));
        const lenient = outcome(() =>
          catalogue(region, { unknownPrice: 'us.anthropic.claude-opus-4-8' }).resolve(id),
        );
        expect(GatewayError.is(lenient), `${id} ${region}`).toBe(false);
        if (!GatewayError.is(strict)) {
          expect(strict.priceEstimatedBecause).toBeNull();
          exact += 1;
          continue;
        }
        expect(strict.code, `${id} ${region}`).toBe('price_unknown');
        unpublished.push(`${id} ${region}`);
        const taken = lenient as Model;
        expect(taken.priceEstimatedBecause).toContain('the highest one elsewhere');
        for (const [key, { tiers }] of Object.entries(prices)) {
          if (
            key
              .split('/')
              .at(-1)
              ?.replace(/^(us|eu|apac|au|jp|global|us-gov)\./, '') !== modelId
          )
            continue;
          for (const name of priceClasses) {
            const known = base(tiers)?.[name];
            if (known !== undefined)
              expect(parseDecimal(base(taken.tiers)?.[name] ?? '0')).toBeGreaterThanOrEqual(
                parseDecimal(known),
              );
          }
        }
      }
    }
    expect(exact).toBeGreaterThan(500);
    // 61 models are offered on demand where the table has no price for them.
    const bare = new Set(unpublished.filter((place) => !/^(us|eu|apac|au|jp|ca|in|global)\./.test(place)));
    expect(bare).toContain('zai.glm-5 eu-west-2');
    expect(bare).not.toContain('anthropic.claude-sonnet-4-6 eu-west-2');
  });

  it('refuses where the policy names nothing that has a price', () => {
    const refused = catalogue('us-east-1', { mapping: { mine: 'my.model' }, unknownPrice: 'Refuse' });
    expect(() => refused.resolve('mine')).toThrow(/No price is known/);
    expect(() => catalogue('eu-west-2', { unknownPrice: 'Refuse' }).resolve('zai.glm-5')).toThrow(
      /No price is known/,
    );
  });

  it('marks the price that the policy names for models nobody has a price for', () => {
    const options = { mapping: { mine: 'my.model' }, unknownPrice: 'us.anthropic.claude-opus-4-8' };
    expect(catalogue('us-east-1', options).resolve('mine')).toMatchObject({
      priceKey: 'us.anthropic.claude-opus-4-8',
      priceEstimatedBecause: expect.stringContaining('budget.unknown_price'),
    });
  });

  it('takes the dearest of each class and tier that a model has anywhere', () => {
    const dearest = dearestPrices('eu.amazon.nova-lite-v1:0');
    expect(base(dearest?.prices.standard)).toMatchObject({
      input: '0.078',
      output: '0.312',
      cacheRead: '0.0195',
    });
    expect(dearestPrices('nobody.knows-it')).toBeUndefined();
  });
});

describe('every profile and every region', () => {
  const profiles = models.flatMap(([modelId, { profiles: sources = {} }]) =>
    Object.keys(sources).map((geography) => ({
      id: `${geography}.${modelId}`,
      sources: sources[geography] ?? [],
    })),
  );

  it('lets a profile be called from its source regions alone, and offers only what can be called', () => {
    const offered = new Set(
      profiles.flatMap(({ id, sources }) => sources.map((region) => `${region} ${id}`)),
    );
    for (const [id, { onDemand = [] }] of models)
      for (const region of onDemand) offered.add(`${region} ${id}`);
    for (const region of regions) {
      // What can't be priced here is another matter.
      const priced = catalogue(region, { unknownPrice: 'us.anthropic.claude-opus-4-8' });
      for (const { id, sources } of profiles) {
        const found = outcome(() => priced.resolve(id));
        if (sources.includes(region)) {
          if (GatewayError.is(found))
            expect(`${found.code} ${found.message}`).toMatch(/model_retired|only creates embeddings/);
          continue;
        }
        if (!GatewayError.is(found)) throw new Error(`${id} can't be called from ${region}`);
        if (found.code !== 'model_not_in_region') continue;
        const [, names = ''] = /settings\.yaml \((.*)\)/.exec(found.hint) ?? [];
        for (const name of names.split(' or ').filter(Boolean))
          expect(offered).toContain(`${region} ${name}`);
      }
    }
  });

  it('names no profile that doesn’t exist', () => {
    const error = outcome(() => catalogue('ap-southeast-1').resolve('claude-sonnet'));
    expect(error).toMatchObject({ code: 'model_not_in_region' });
    expect((error as GatewayError).hint).toContain('(global.anthropic.claude-sonnet-4-6)');
    const unknown = outcome(() => catalogue('ap-southeast-1').resolve('apac.anthropic.claude-sonnet-4-6'));
    expect(unknown).toMatchObject({
      code: 'model_not_recognized',
      hint: expect.stringContaining('from ap-southeast-1 use global.anthropic.claude-sonnet-4-6'),
    });
  });

  it('knows source regions outside a geography', () => {
    const model = catalogue('il-central-1').resolve('eu.amazon.nova-lite-v1:0');
    expect(model).toMatchObject({ modelId: 'eu.amazon.nova-lite-v1:0', priceEstimatedBecause: null });
  });

  it('leaves an id of the mapping to the user, whatever the table says', () => {
    const mapping = { mine: 'apac.amazon.nova-lite-v1:0', newer: 'apac.anthropic.claude-sonnet-4-6' };
    expect(catalogue('eu-central-1', { mapping }).resolve('mine').modelId).toBe('apac.amazon.nova-lite-v1:0');
    expect(catalogue('ap-southeast-1', { mapping }).resolve('newer').modelId).toBe(
      'apac.anthropic.claude-sonnet-4-6',
    );
  });

  it('falls back on the geography in a region that is newer than the table', () => {
    expect(catalogue('eu-north-9').resolve('eu.amazon.nova-lite-v1:0').name).toBeTruthy();
    expect(outcome(() => catalogue('eu-north-9').resolve('us.amazon.nova-lite-v1:0'))).toMatchObject({
      code: 'model_not_in_region',
    });
  });

  it.each([
    'bedrock/claude_platform/claude-sonnet-4-6',
    'bedrock/eu-west-2/zai.glm-5',
    'bedrock/invoke/anthropic.claude-3-5-sonnet-20240620-v1:0',
    'claude-sonnet-4-5-20250929-v1:0',
    'anthropic.claude-haiku-4-5@20251001',
    'constructor',
    'toString',
    '1.1*global.anthropic.claude-sonnet-4-6',
    'dearest:zai.glm-5',
  ])('%s is no id that Bedrock knows', (name) => {
    expect(outcome(() => catalogue('us-east-1').resolve(name))).toMatchObject({
      code: 'model_not_recognized',
    });
    expect(
      outcome(() => catalogue('us-east-1', { unknownPrice: 'us.anthropic.claude-opus-4-8' }).resolve(name)),
    ).toMatchObject({
      code: 'model_not_recognized',
    });
  });

  it('takes no key of the table for an id', () => {
    for (const key of Object.keys(prices).filter((name) => name.includes('/')))
      expect(outcome(() => catalogue('us-east-1').resolve(key))).toMatchObject({
        code: 'model_not_recognized',
      });
  });
});
