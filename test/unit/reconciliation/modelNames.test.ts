import { describe, expect, it } from 'vitest';
import { pricedModelIds } from '../../../src/pricing/modelCatalogue.ts';
import { modelKey, ModelMatcher } from '../../../src/reconciliation/modelNames.ts';

function matcher(recorded: string[], mapping: [string, string][] = []): ModelMatcher {
  return new ModelMatcher(new Map(mapping), recorded, pricedModelIds());
}

describe('a model’s name on a bill', () => {
  it.each([
    ['NovaMicro', 'us.amazon.nova-micro-v1:0'],
    ['Nova2.0Lite', 'amazon.nova-2-lite-v1:0'],
    ['Claude4.6Sonnet', 'us.anthropic.claude-sonnet-4-6'],
    ['Claude Sonnet 4.6 (Amazon Bedrock Edition)', 'global.anthropic.claude-sonnet-4-6'],
    ['Claude Haiku 4.5 (Amazon Bedrock Edition)', 'us.anthropic.claude-haiku-4-5-20251001-v1:0'],
    ['Claude3Haiku', 'anthropic.claude-3-haiku-20240307-v1:0'],
    ['Claude 3.5 Sonnet v2 (Amazon Bedrock Edition)', 'anthropic.claude-3-5-sonnet-20241022-v2:0'],
    ['Llama3-3-70B', 'us.meta.llama3-3-70b-instruct-v1:0'],
    ['Mistral7B', 'mistral.mistral-7b-instruct-v0:2'],
    ['Jamba1.5Large', 'ai21.jamba-1-5-large-v1:0'],
    ['openai.gpt-oss-120b', 'openai.gpt-oss-120b-1:0'],
    ['DeepSeekR1', 'us.deepseek.r1-v1:0'],
  ])('%s is %s', (billed, modelId) => {
    expect(modelKey(billed)).toBe(modelKey(modelId));
    expect(matcher([modelId]).find([billed], null)).toEqual({ modelId });
  });

  it('tells the models of the price table apart', () => {
    const bare = pricedModelIds().filter((id) => /^[a-z0-9]+\.[a-z]/.test(id));
    const other = bare.filter((id) => modelKey(id) === modelKey('anthropic.claude-sonnet-4-6'));
    expect(other.every((id) => id.endsWith('claude-sonnet-4-6'))).toBe(true);
    expect(modelKey('anthropic.claude-3-5-sonnet-20240620-v1:0')).not.toBe(
      modelKey('anthropic.claude-3-5-sonnet-20241022-v2:0'),
    );
  });

  it('goes to the profile of the geography that is billed', () => {
    const both = matcher(['us.anthropic.claude-sonnet-4-6', 'global.anthropic.claude-sonnet-4-6']);
    expect(both.find(['Claude4.6Sonnet'], 'global')).toEqual({
      modelId: 'global.anthropic.claude-sonnet-4-6',
    });
    expect(both.find(['Claude4.6Sonnet'], null)).toEqual({ modelId: 'us.anthropic.claude-sonnet-4-6' });
  });

  it('that may be two recorded models is neither', () => {
    const two = matcher(['us.anthropic.claude-sonnet-4-6', 'anthropic.claude-sonnet-4-6']);
    expect(two.find(['Claude4.6Sonnet'], null)).toEqual({
      why: 'it may be us.anthropic.claude-sonnet-4-6 or anthropic.claude-sonnet-4-6',
    });
  });

  it('is what the mapping says before anything else, and the very resource before a name', () => {
    const arn = 'arn:aws:bedrock:us-east-1:1:application-inference-profile/abc';
    const names = [arn, 'NovaPro'];
    expect(matcher([arn, 'amazon.nova-pro-v1:0']).find(names, null)).toEqual({ modelId: arn });
    expect(matcher([arn], [['NovaPro', 'ours']]).find(names, null)).toEqual({ modelId: 'ours' });
  });

  it('that the ledger never recorded is found in the price table, or named as unknown', () => {
    expect(matcher([]).find(['NovaPro'], null)).toEqual({ modelId: 'amazon.nova-pro-v1:0' });
    expect(matcher([]).find(['NovaPro'], 'us')).toEqual({ modelId: 'us.amazon.nova-pro-v1:0' });
    expect(matcher([]).find(['Nobody7X'], null)).toEqual({ why: 'no model of this name is known' });
  });
});
