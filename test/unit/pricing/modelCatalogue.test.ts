import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import table from '../../../src/pricing/bedrockPrices.json' with { type: 'json' };
import { worstCaseCost, type PriceTier } from '../../../src/pricing/cost.ts';
import { ModelCatalogue, type CatalogueOptions } from '../../../src/pricing/modelCatalogue.ts';

function catalogue(options: Partial<CatalogueOptions> = {}): ModelCatalogue {
  return new ModelCatalogue({
    mapping: {},
    prices: {},
    unknownPrice: 'refuse',
    region: 'us-east-1',
    ...options,
  });
}

function failure(action: () => unknown): GatewayError {
  try {
    action();
  } catch (error) {
    if (GatewayError.is(error)) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('model names', () => {
  it('resolves the user’s mapping before built-in aliases', () => {
    expect(catalogue().resolve('claude-3-sonnet').modelId).toBe('us.anthropic.claude-sonnet-4-6');
    const mapped = catalogue({
      mapping: { 'claude-3-sonnet': 'us.anthropic.claude-opus-4-8', fast: 'claude-haiku' },
    });
    expect(mapped.resolve('claude-3-sonnet').modelId).toBe('us.anthropic.claude-opus-4-8');
    expect(mapped.resolve('fast').modelId).toBe('us.anthropic.claude-haiku-4-5-20251001-v1:0');
  });

  it('takes model ids, inference-profile ids and ARNs as they are', () => {
    const arn = 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6';
    expect(catalogue().resolve('global.anthropic.claude-sonnet-4-6').priceKey).toBe(
      'global.anthropic.claude-sonnet-4-6',
    );
    expect(catalogue().resolve(arn)).toMatchObject({
      modelId: arn,
      priceKey: 'us.anthropic.claude-sonnet-4-6',
    });
  });

  it('prices a call by the service tier it asks for, and refuses one without a price', () => {
    const id = 'us.amazon.nova-2-lite-v1:0';
    const standard = catalogue().resolve(id);
    const priority = catalogue().resolve(id, 'priority');
    expect(priority.priceKey).toBe(`${id}#priority`);
    expect(worstCaseCost(priority.tiers, 1000, 1000)).toBeGreaterThan(
      worstCaseCost(standard.tiers, 1000, 1000) ?? 0n,
    );
    expect(priority.prices.standard).toEqual(standard.tiers);
    expect(failure(() => catalogue().resolve('claude-sonnet', 'priority')).code).toBe('price_unknown');
  });

  it('knows no batch price beyond a long-context threshold', () => {
    const { tiers } = catalogue().resolve('us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'batch');
    expect(worstCaseCost(tiers, 200_000, 1)).toBe(330_009n);
    expect(worstCaseCost(tiers, 200_001, 1)).toBeNull();
  });

  it('names the nearest known model and the place to add an unknown one', () => {
    const error = failure(() => catalogue().resolve('claude-sonet'));
    expect(error.code).toBe('model_not_recognized');
    expect(error.message).toContain('Model ID not recognized');
    expect(error.hint).toContain('claude-sonnet');
    expect(error.hint).toContain('bedrock.model_mapping');
  });

  it('names successors of a retired model', () => {
    const error = failure(() => catalogue().resolve('anthropic.claude-3-sonnet-20240229-v1:0'));
    expect(error.code).toBe('model_retired');
    expect(error.hint).toContain('us.anthropic.claude-sonnet-4-6');
  });

  it('refuses a profile that the region can’t call and names those it can', () => {
    const error = failure(() => catalogue({ region: 'eu-central-1' }).resolve('claude-sonnet'));
    expect(error.code).toBe('model_not_in_region');
    expect(error.hint).toContain('eu.anthropic.claude-sonnet-4-6');
    expect(catalogue({ region: 'eu-central-1' }).resolve('eu.anthropic.claude-sonnet-4-6').name).toBeTruthy();
  });

  it('knows which models refuse sampling parameters', () => {
    const refusing = Object.entries(table.models).find(
      ([id, entry]) => id.startsWith('us.') && JSON.stringify(entry).includes('"samplingParams":false'),
    );
    expect(catalogue().resolve(refusing?.[0] ?? '').samplingParameters).toBe(false);
    expect(catalogue().resolve('amazon.nova-pro-v1:0').samplingParameters).toBe(true);
  });
});

describe('prices', () => {
  it('refuses a model without a price, also one from the mapping', () => {
    const unknown = catalogue({
      mapping: { mine: 'arn:aws:bedrock:us-east-1:1:application-inference-profile/abc' },
    });
    const error = failure(() => unknown.resolve('mine'));
    expect(error.code).toBe('price_unknown');
    expect(error.exitCode).toBe(5);
  });

  it('takes prices of settings.yaml first, and the policy’s table for unknown ones', () => {
    const own = catalogue({ prices: { 'amazon.nova-pro-v1:0': { input: '1', output: '2' } } });
    expect(own.resolve('amazon.nova-pro-v1:0').tiers[0]).toMatchObject({ input: '1', output: '2' });
    const policy = catalogue({ mapping: { mine: 'my.model' }, unknownPrice: 'us.anthropic.claude-opus-4-8' });
    expect(policy.resolve('mine').priceKey).toBe('us.anthropic.claude-opus-4-8');
  });

  it('takes the regional price where there is one', () => {
    const key = Object.keys(table.models).find((name) => name.startsWith('bedrock/ap-northeast-1/'));
    const modelId = key?.split('/').at(-1) ?? '';
    expect(catalogue({ region: 'ap-northeast-1' }).resolve(modelId).priceKey).toBe(key);
  });

  it('has a worst case for every chat model of the table', () => {
    const unpriced = Object.entries(table.models)
      .filter(([, { mode }]) => mode === 'chat')
      .filter(([, { tiers }]) => worstCaseCost(tiers as PriceTier[], 1_000_000, 1000) === null)
      .map(([name]) => name);
    expect(unpriced.filter((name) => !name.includes('pegasus'))).toEqual([]);
  });
});
