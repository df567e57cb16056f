import { describe, expect, it } from 'vitest';
import { pricedModelIds } from '../../../src/pricing/priceTable.ts';
import { modelKey, ModelMatcher } from '../../../src/reconciliation/modelNames.ts';

const profile = 'arn:aws:bedrock:us-east-1:1:application-inference-profile/abc';

/** What stands behind the ids of these tests. */
function baseOf(id: string): string {
  if (id.endsWith('/team')) return 'us.anthropic.claude-sonnet-4-6';
  return id.includes(':inference-profile/') ? (id.split('/')[1] ?? '') : id;
}

function matcher(recorded: string[], mapping: [string, string][] = []): ModelMatcher {
  return new ModelMatcher({ mapping: new Map(mapping), recorded, known: pricedModelIds(), baseOf });
}

function find(
  matched: ModelMatcher,
  names: string[],
  route: string | null = null,
  region: string | null = null,
): ReturnType<ModelMatcher['find']> {
  return matched.find({ names, route, region });
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
    const route = modelId.startsWith('global.') ? 'global' : null;
    expect(find(matcher([modelId]), [billed], route)).toEqual({ modelId });
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
    expect(find(both, ['Claude4.6Sonnet'], 'global')).toEqual({
      modelId: 'global.anthropic.claude-sonnet-4-6',
    });
    expect(find(both, ['Claude4.6Sonnet'], null)).toEqual({ modelId: 'us.anthropic.claude-sonnet-4-6' });
  });

  it('that may be two recorded models is neither', () => {
    const two = matcher(['us.anthropic.claude-sonnet-4-6', 'anthropic.claude-sonnet-4-6']);
    expect(find(two, ['Claude4.6Sonnet'], null)).toEqual({
      why: 'it may be us.anthropic.claude-sonnet-4-6 or anthropic.claude-sonnet-4-6',
      candidates: ['us.anthropic.claude-sonnet-4-6', 'anthropic.claude-sonnet-4-6'],
    });
  });

  it('is what the mapping says before anything else, and the very resource before a name', () => {
    const arn = profile;
    const names = [arn, 'NovaPro'];
    expect(find(matcher([arn, 'amazon.nova-pro-v1:0']), names, null)).toEqual({ modelId: arn });
    expect(find(matcher([arn], [['NovaPro', 'ours']]), names, null)).toEqual({ modelId: 'ours' });
  });

  it('that the ledger never recorded is found in the price table, or named as unknown', () => {
    expect(find(matcher([]), ['NovaPro'], null)).toEqual({ modelId: 'amazon.nova-pro-v1:0' });
    expect(find(matcher([]), ['NovaPro'], 'us')).toEqual({ modelId: 'us.amazon.nova-pro-v1:0' });
    expect(find(matcher([]), ['Nobody7X'], null)).toEqual({
      why: 'no model with this name is known',
      candidates: null,
    });
    expect(find(matcher([]), ['Claude4.6Sonnet'], 'ca')).toMatchObject({ candidates: [] });
  });

  it.each([
    ['us-east-1', 'us.anthropic.claude-sonnet-4-6'],
    ['us-west-2', 'us.anthropic.claude-sonnet-4-6'],
    ['ca-central-1', 'us.anthropic.claude-sonnet-4-6'],
    ['eu-central-1', 'eu.anthropic.claude-sonnet-4-6'],
    ['eu-west-2', 'eu.anthropic.claude-sonnet-4-6'],
    ['ap-southeast-2', 'au.anthropic.claude-sonnet-4-6'],
    ['ap-northeast-1', 'jp.anthropic.claude-sonnet-4-6'],
  ])('that was called from %s is the profile of that region', (region, modelId) => {
    const all = matcher(
      ['us', 'eu', 'au', 'jp', 'global'].map((one) => `${one}.anthropic.claude-sonnet-4-6`),
    );
    expect(find(all, ['Claude Sonnet 4.6 (Amazon Bedrock Edition)'], null, region)).toEqual({ modelId });
  });

  it('that no recorded profile can have been called for is none of them', () => {
    const us = matcher(['us.anthropic.claude-sonnet-4-6']);
    expect(find(us, ['Claude4.6Sonnet'], null, 'eu-central-1')).toEqual({
      why: 'us.anthropic.claude-sonnet-4-6 is not called through the region from eu-central-1',
      candidates: ['us.anthropic.claude-sonnet-4-6'],
    });
    expect(find(us, ['Claude4.6Sonnet'], 'global', 'us-east-1')).toMatchObject({
      why: expect.stringContaining('through global'),
    });
    expect(find(us, ['eu.anthropic.claude-sonnet-4-6', 'Claude4.6Sonnet'])).toEqual({
      modelId: 'eu.anthropic.claude-sonnet-4-6',
    });
  });

  it('that an ARN stands for is that ARN, or in doubt beside the id itself', () => {
    const arn = 'arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-6';
    const team = 'arn:aws:bedrock:us-east-1:1:application-inference-profile/team';
    expect(find(matcher([arn]), ['Claude4.6Sonnet'], null, 'us-east-1')).toEqual({ modelId: arn });
    expect(find(matcher([team]), ['Claude4.6Sonnet'], null, 'us-east-1')).toEqual({ modelId: team });
    expect(find(matcher([team, arn]), ['Claude4.6Sonnet'])).toMatchObject({ candidates: [team, arn] });
  });

  it('may be any ARN of which nobody knows what is behind it', () => {
    expect(find(matcher([profile]), ['Claude4.6Sonnet'])).toMatchObject({ candidates: [profile] });
    expect(find(matcher([profile, 'us.amazon.nova-pro-v1:0']), ['NovaPro'])).toMatchObject({
      candidates: ['us.amazon.nova-pro-v1:0', profile],
    });
  });

  it('is the application profile that the bill names, recorded or not', () => {
    const other = profile.replace('abc', 'other');
    expect(find(matcher(['us.amazon.nova-pro-v1:0']), [other, 'NovaPro'])).toEqual({ modelId: other });
  });
});
