import { describe, expect, it } from 'vitest';
import table from '../../../src/pricing/directPrices.json' with { type: 'json' };
import { parseDecimal, worstCaseCost, type ServiceTier } from '../../../src/pricing/cost.ts';
import { ModelCatalogue, type CatalogueOptions } from '../../../src/pricing/modelCatalogue.ts';

function catalogue(
  offer: CatalogueOptions['offer'],
  options: Partial<CatalogueOptions> = {},
): ModelCatalogue {
  const defaults = { mapping: {}, prices: {}, unknownPrice: 'refuse', region: 'global' };
  return new ModelCatalogue({ ...defaults, ...options, ...(offer && { offer }) });
}

function codeOf(resolve: () => unknown): string {
  try {
    resolve();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'resolved';
}

describe('prices of a vendor’s own service', () => {
  it('are all decimals, with a price for input and output', () => {
    for (const { tiers } of Object.values(table.models))
      for (const { input, output } of tiers)
        expect([input, output].map(parseDecimal).every((one) => one >= 0n)).toBe(true);
  });

  it('are those of the model, not of the same model on Bedrock', () => {
    const model = catalogue('anthropic').resolve('claude-sonnet');
    expect(model).toMatchObject({ modelId: 'claude-sonnet-4-6', priceKey: 'anthropic/claude-sonnet-4-6' });
    expect(model.tiers).toMatchObject([{ input: '3', output: '15', cacheRead: '0.3', cacheWrite1h: '6' }]);
  });

  it('rise above a threshold of input, for all of the call', () => {
    const { tiers } = catalogue('openai').resolve('gpt-5.4');
    expect(tiers).toMatchObject([
      { aboveInputTokens: 0, input: '2.5' },
      { aboveInputTokens: 272_000, input: '5' },
    ]);
    expect(worstCaseCost(tiers, 300_000, 0)).toBe(1_500_000n);
  });

  it.each<[ServiceTier, string]>([
    ['flex', '1.25'],
    ['priority', '5'],
  ])('are those of the service tier %s', (serviceTier, input) => {
    const model = catalogue('openai').resolve('gpt-5.4', serviceTier);
    expect(model).toMatchObject({ priceKey: `openai/gpt-5.4#${serviceTier}`, tiers: [{ input }, {}] });
  });

  it('are unknown in a service tier without any, and for a model of another vendor', () => {
    expect(codeOf(() => catalogue('anthropic').resolve('claude-sonnet', 'flex'))).toBe('price_unknown');
    expect(codeOf(() => catalogue('anthropic').resolve('gpt-5.4'))).toBe('model_not_recognized');
    expect(codeOf(() => catalogue('openai').resolve('us.anthropic.claude-sonnet-4-6'))).toBe(
      'model_not_recognized',
    );
    expect(codeOf(() => catalogue('bedrock').resolve('claude-sonnet-4-6'))).toBe('model_not_recognized');
  });
});

describe('a server with names of its own', () => {
  const own = { prices: { llama: { input: '0.1', output: '0.2' } }, bases: { team: { base: 'gpt-5.4' } } };

  it('has the models that the settings name, at their price or that of the model behind them', () => {
    const named = catalogue('named', own);
    expect(named.resolve('llama')).toMatchObject({ priceKey: 'settings:llama' });
    expect(named.resolve('team')).toMatchObject({
      modelId: 'team',
      baseId: 'gpt-5.4',
      priceKey: 'openai/gpt-5.4',
    });
    expect(named.callable().map(({ modelId }) => modelId)).toEqual(['llama', 'team']);
  });

  it('has no other, whatever the table has under that name', () => {
    expect(codeOf(() => catalogue('named', own).resolve('gpt-5.4'))).toBe('model_not_recognized');
  });

  it('has no price for a model that is only mapped', () => {
    expect(codeOf(() => catalogue('named', { mapping: { x: 'own-model' } }).resolve('x'))).toBe(
      'price_unknown',
    );
  });
});
