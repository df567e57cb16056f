import { describe, expect, it } from 'vitest';
import { baseOfProfile } from '../../../src/pricing/inferenceProfiles.ts';

function arns(model: string, ...regions: string[]): string[] {
  return regions.map((region) => `arn:aws:bedrock:${region}::foundation-model/${model}`);
}

describe('the model behind an application profile', () => {
  it.each([
    [['us-east-1'], 'anthropic.claude-opus-4-8'],
    [['us-east-1', 'us-east-2', 'us-west-2'], 'us.anthropic.claude-opus-4-8'],
    [['us-east-1', 'ca-central-1'], 'us.anthropic.claude-opus-4-8'],
    [['eu-central-1', 'eu-north-1'], 'eu.anthropic.claude-opus-4-8'],
    [['ap-northeast-1', 'ap-northeast-3'], 'jp.anthropic.claude-opus-4-8'],
    [['ap-southeast-2', 'ap-southeast-4'], 'au.anthropic.claude-opus-4-8'],
    [['ap-northeast-1', 'ap-southeast-2'], 'apac.anthropic.claude-opus-4-8'],
    [['us-gov-east-1', 'us-gov-west-1'], 'us-gov.anthropic.claude-opus-4-8'],
    [['us-east-1', ''], 'global.anthropic.claude-opus-4-8'],
    [['us-east-1', 'eu-west-1'], 'global.anthropic.claude-opus-4-8'],
  ])('in %j is %s', (regions, base) => {
    expect(baseOfProfile(arns('anthropic.claude-opus-4-8', ...regions))).toBe(base);
  });

  it('is nothing where the ARNs are of no model, or of two', () => {
    expect(baseOfProfile([])).toBeNull();
    expect(baseOfProfile(['arn:aws:bedrock:us-east-1:1:custom-model/x'])).toBeNull();
    expect(baseOfProfile([...arns('a.b', 'us-east-1'), ...arns('c.d', 'us-east-1')])).toBeNull();
  });
});
