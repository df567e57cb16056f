import { describe, expect, it } from 'vitest';
import { ModelCatalogue } from '../../../src/pricing/modelCatalogue.ts';
import { pricedModelIds } from '../../../src/pricing/priceTable.ts';
import { kinshipOf, modelKind } from '../../../src/pricing/modelFamily.ts';

const kindOf = (modelId: string, name = modelId) => modelKind({ modelId, name });
const catalogue = (region: string): ModelCatalogue =>
  new ModelCatalogue({ mapping: {}, prices: {}, unknownPrice: 'refuse', region });

describe('what a model id says', () => {
  it.each([
    ['us.anthropic.claude-sonnet-4-6', 'us', 'anthropic', 'claude'],
    ['anthropic.claude-v2:1', null, 'anthropic', 'claude'],
    ['us-gov.openai.gpt-oss-120b-1:0', 'us-gov', 'openai', 'gpt'],
    ['deepseek.v3.2', null, 'deepseek', 'v'],
    ['us.amazon.nova-2-lite-v1:0', 'us', 'amazon', 'nova'],
    ['moonshotai.kimi-k3', null, 'moonshot', 'kimi'],
    ['in.moonshotai.kimi-k3', 'in', 'moonshot', 'kimi'],
    ['arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-pro-v1:0', 'us', 'amazon', 'nova'],
    ['arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-8b-instruct-v1:0', null, 'meta', 'llama'],
  ])('%s', (modelId, geography, vendor, family) => {
    expect(kindOf(modelId)).toMatchObject({ geography, vendor, family });
  });

  it('takes the family of what only its name tells', () => {
    const arn = 'arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123';
    expect(kindOf(arn, 'claude-team')).toMatchObject({ geography: null, vendor: null, family: 'claude' });
    expect(kinshipOf(kindOf(arn, 'claude-team'), kindOf('us.anthropic.claude-haiku-5-5'))).toBe('family');
  });

  it('has a vendor for every priced model of Bedrock, whichever profile calls it', () => {
    for (const id of pricedModelIds().filter((one) => /^[a-z-]+\.[a-z]/.test(one))) {
      const { vendor, bareId } = kindOf(id);
      expect([id, vendor]).not.toEqual([id, null]);
      expect(kinshipOf(kindOf(id), kindOf(`global.${bareId}`))).toBe('family');
    }
  });
});

describe('the models that can be called', () => {
  it.each(['us-east-1', 'eu-west-1', 'ap-northeast-1', 'ap-southeast-2', 'us-gov-west-1'])(
    'from %s each resolve, have a price, and stand there once',
    (region) => {
      const models = catalogue(region).callable();
      expect(models.length).toBeGreaterThan(20);
      expect(new Set(models.map(({ modelId }) => modelId)).size).toBe(models.length);
      for (const { name, modelId } of models) expect(catalogue(region).resolve(name).modelId).toBe(modelId);
    },
  );

  it('leave out what is at its end, is called by a profile, or isn’t called so at Bedrock', () => {
    const ids = (now: string): string[] =>
      catalogue('us-east-1')
        .callable(new Date(now))
        .map(({ modelId }) => modelId);
    expect(ids('2026-10-01')).toContain('us.anthropic.claude-sonnet-4-20250514-v1:0');
    expect(ids('2026-10-15')).not.toContain('us.anthropic.claude-sonnet-4-20250514-v1:0');
    expect(ids('2026-10-01')).toEqual(
      expect.arrayContaining(['us.anthropic.claude-haiku-5-5', 'qwen.qwen3-coder-next']),
    );
    for (const id of ['anthropic.claude-haiku-5-5', 'anthropic.claude-haiku-4-5@20251001'])
      expect(ids('2026-10-01')).not.toContain(id);
  });
});
