import { describe, expect, it } from 'vitest';
import { billedLine } from '../../../src/reconciliation/billedUsage.ts';

function line(usageType: string, columns: Record<string, string> = {}): ReturnType<typeof billedLine> {
  const all: Record<string, string> = {
    line_item_line_item_type: 'Usage',
    line_item_product_code: 'AmazonBedrock',
    line_item_usage_type: usageType,
    line_item_currency_code: 'USD',
    ...columns,
  };
  return billedLine(
    Object.assign((name: string) => all[name] ?? '', {
      all: new Set(Object.keys(all)),
      values: Object.values(all),
    }),
  );
}

describe('a line of a bill', () => {
  it.each([
    ['USE1-NovaMicro-input-tokens', 'NovaMicro', 'input', null],
    ['USE1-NovaMicro-output-tokens', 'NovaMicro', 'output', null],
    ['USE1-Nova2.0Lite-cache-read-input-token-count', 'Nova2.0Lite', 'cache_read', null],
    ['USW2-Claude4.5Sonnet-cache-write-input-token-count', 'Claude4.5Sonnet', 'cache_write', null],
    ['USE1-NovaPro-input-tokens-batch', 'NovaPro', 'input', null],
    ['USE1-NovaPro-output-tokens-flex', 'NovaPro', 'output', null],
    ['EUC1-NovaLite-input-tokens-cross-region-eu', 'NovaLite', 'input', 'eu'],
    ['USE1-Claude4Sonnet-input-tokens-cross-region-global', 'Claude4Sonnet', 'input', 'global'],
    ['USE1-deepseek.v3.2-output-tokens', 'deepseek.v3.2', 'output', null],
    ['USE1-moonshotai.kimi-k2.5-input', 'moonshotai.kimi-k2.5', 'input', null],
    [
      'USW2-anthropic.claude-opus-4-8-mantle-cache-write-tokens-standard',
      'anthropic.claude-opus-4-8',
      'cache_write',
      null,
    ],
  ])('%s is %s’s %s', (usageType, name, tokenClass, route) => {
    expect(line(usageType)).toMatchObject({ kind: 'tokens', tokenClass, model: { names: [name], route } });
  });

  it.each([
    ['USE1-MP:USE1_InputTokenCount-Units', 'input', null],
    ['USE1-MP:USE1_OutputTokenCount_Global-Units', 'output', 'global'],
    ['USE1-MP:USE1_ResponseTokenCount-Units', 'output', null],
    ['USE1-MP:USE1_CacheReadInputTokenCount-Units', 'cache_read', null],
    ['USE1-MP:USE1_CacheWriteInputTokenCount-Units', 'cache_write', null],
    ['USE1-MP:USE1_CacheWrite1hInputTokenCount_Global-Units', 'cache_write_1h', 'global'],
    ['USE1-MP:USE1_input_tokens_standard-Units', 'input', null],
    ['USE1-MP:USE1_output_tokens_global_standard-Units', 'output', 'global'],
    ['USE1-MP:USE1_cache_write_tokens_1h_standard-Units', 'cache_write_1h', null],
    ['USE1-MP:USE1_cache_read_tokens_standard-Units', 'cache_read', null],
    ['USE1-MP:USE1_cached_input_tokens_standard-Units', 'cache_read', null],
    ['APN1-MP:APN1_MillionBatchInputTokens-Units', 'input', null],
  ])('%s is of the Marketplace product that it names', (usageType, tokenClass, route) => {
    const names = ['Claude Sonnet 4.6 (Amazon Bedrock Edition)'];
    const legacy = { line_item_product_code: 'a1b2c3d4e5f6g7h8i9j0', product_product_name: names[0] ?? '' };
    expect(line(usageType, legacy)).toMatchObject({ kind: 'tokens', tokenClass, model: { names, route } });
    const cur2 = { line_item_product_code: 'x', product: JSON.stringify({ product_name: names[0] }) };
    expect(line(usageType, cur2)).toMatchObject({ kind: 'tokens', tokenClass, model: { names, route } });
  });

  it.each([
    ['USE1-NovaCanvas-T2I-1024-Standard', {}, 'not a charge for tokens'],
    ['USE1-Guardrail-ContentPolicyUnitsConsumed', {}, 'not a charge for tokens'],
    ['USE1-NovaPro-ProvisionedThroughput-ModelUnits', {}, 'not a charge for tokens'],
    ['USE1-MP:USE1_Reserved_1Month_InputTPM_Geo-Units', {}, 'not a charge for tokens'],
    ['USE1-NovaMicro-input-tokens', { line_item_line_item_type: 'Tax' }, 'Tax line'],
    ['USE1-NovaMicro-input-tokens', { line_item_line_item_type: 'Credit' }, 'Credit line'],
  ])('%s %o is no usage of tokens, and none of a model’s figures depend on it', (usageType, columns, why) => {
    expect(line(usageType, columns)).toMatchObject({ kind: 'aside', why: expect.stringContaining(why) });
  });

  it.each([
    ['USE1-NovaMicro-input-tokens', { line_item_currency_code: 'CNY' }, 'charged in CNY'],
    ['USE1-NovaMicro-input-tokens', { line_item_currency_code: '' }, 'has no currency'],
    ['USE1-NovaMicro-input-tokens', { line_item_line_item_type: 'Fee' }, 'Fee line'],
    ['USE1-NovaMicro-input-tokens', { line_item_line_item_type: 'Usag' }, 'Usag line'],
    ['USE1-NovaMicro-input-tokens', { line_item_line_item_type: '' }, 'no line'],
    ['USE1-NovaMicro-1npu1-t0ken5', {}, 'usage type is unknown'],
    ['USE1-NovaMicro', {}, 'usage type is unknown'],
    ['USE1-NovaSonic-speech-input-tokens', {}, 'an unknown kind of tokens'],
    ['USE1-NovaMicro-input-tokens-custom-model', {}, 'an unknown kind of tokens'],
    ['USE1-MP:USE1_OutputTokenCount_CustomTier-Units', {}, 'an unknown kind of tokens'],
    ['USE1-MP:USE1_OutputTokenCount_WebSearch-Units', {}, 'an unknown kind of tokens'],
    [
      'USE1-MP:USE1_OutputUnits-Units',
      { line_item_product_code: 'a1b2', product_product_name: 'Claude' },
      'usage type is unknown',
    ],
  ])('%s %o may be tokens and can’t be read', (usageType, columns, why) => {
    expect(line(usageType, columns)).toMatchObject({ kind: 'unreadable', why: expect.stringContaining(why) });
  });

  it.each([
    ['USE1-NovaMicro-input-tokens', 'us-east-1'],
    ['EUC1-MP:EUC1_InputTokenCount-Units', 'eu-central-1'],
    ['APS3-MP:APS3_OutputTokenCount_Global-Units', 'ap-south-1'],
    ['UGW1-NovaPro-output-tokens', 'us-gov-west-1'],
    ['EU-NovaLite-input-tokens', 'eu-west-1'],
  ])('%s was called from %s', (usageType, region) => {
    expect(line(usageType)).toMatchObject({ model: { region } });
  });

  it('names its region in a column where the usage type doesn’t', () => {
    expect(line('NovaPro-input-tokens', { product_region_code: 'eu-north-1' })).toMatchObject({
      model: { region: 'eu-north-1' },
    });
    expect(line('NovaPro-input-tokens')).toMatchObject({ model: { region: null } });
  });

  it('that charges for tokens is taken for a model’s whatever its product is called', () => {
    const columns = { line_item_product_code: '4f2k', product: 'no JSON', line_item_currency_code: 'EUR' };
    expect(line('USE1-MP:USE1_InputTokenCount-Units', columns)).toMatchObject({
      kind: 'unreadable',
      model: { names: [] },
    });
  });

  it('of another service is none of ours', () => {
    const columns = { line_item_product_code: 'AmazonEC2' };
    expect(line('USE1-BoxUsage:m5.large', columns)).toEqual({ kind: 'other' });
  });

  it('names the resource first, which is an inference profile where one was used', () => {
    const arn = 'arn:aws:bedrock:us-east-1:1:application-inference-profile/abc';
    expect(line('USE1-NovaPro-input-tokens', { line_item_resource_id: arn })).toMatchObject({
      model: { names: [arn, 'NovaPro'] },
    });
  });
});
