import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import type { LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';

const arn = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3';
const opus = 'anthropic.claude-opus-4-8';

/** A gateway whose settings map `mine` to an application profile; its control plane is the stand-in's. */
async function gateway(settings = '', options: { controlPlane?: boolean } = {}): Promise<TestGateway> {
  const opened = await gatewayOnStandIn();
  const file = join(opened.home, 'settings.yaml');
  writeFileSync(file, `bedrock: { model_mapping: { mine: "${arn}" } }\n${settings}`);
  Object.assign(process.env, {
    TIDYLLM_SETTINGS: file,
    ...(options.controlPlane !== false && { AWS_ENDPOINT_URL_BEDROCK: opened.standIn.url }),
  });
  const core = await compose({ environment: process.env, user: 'ada' });
  onTestFinished(() => core.dispose());
  return { ...opened, core };
}

function ask({ core }: TestGateway, request: Partial<LlmRequest> = {}): Promise<LlmResponse> {
  const corporate = core.registry.calls();
  return corporate.execute({
    prompt: 'hi',
    auditReason: 'JIRA-1 profile',
    modelId: 'mine',
    ...request,
  });
}

function modelArns(...regions: string[]): string[] {
  return regions.map((region) => `arn:aws:bedrock:${region}::foundation-model/${opus}`);
}

describe('an application inference profile', () => {
  it('has the limits, prices and sampling of the model that AWS says is behind it', async () => {
    const opened = await gateway();
    opened.standIn.profiles = { listed: [], models: { [arn]: modelArns('us-east-1', 'us-west-2') } };
    const response = await ask(opened);
    expect(response).toMatchObject({ success: true, modelUsed: arn, costEstimated: false });
    expect(opened.standIn.calls[0]).toMatchObject({ modelId: arn });
    expect(opened.standIn.calls[0]?.body.inferenceConfig).toEqual({ maxTokens: 4000 });
    const [reserve] = await recordsOf(opened.core, 'RESERVE');
    expect(reserve).toMatchObject({
      model: 'mine',
      model_id: arn,
      price_key: `us.${opus}`,
      temperature: null,
    });
    await ask(opened);
    expect(opened.standIn.asked).toHaveLength(1);
  });

  it('is priced before the first call of an agreement, in a process that asked nothing yet', async () => {
    const opened = await gateway();
    opened.standIn.profiles = { listed: [], models: { [arn]: modelArns('us-east-1', 'us-west-2') } };
    const environment = process.env as Record<string, string>;
    const run = ['flow', 'run', '[Performance Test]', '--param', 'calls=1', '--param', 'model=mine'];
    const { document, code } = await tidyllmJson(run, { environment });
    expect({ code, ...document }).toMatchObject({ code: 0, outcome: 'success', calls: 1 });
  });

  it('is refused where AWS may not be asked, with both ways out', async () => {
    const opened = await gateway();
    const response = await ask(opened);
    expect(response.error).toMatchObject({ code: 'price_unknown' });
    expect(response.error?.hint).toContain('bedrock:GetInferenceProfile');
    expect(response.error?.hint).toContain(`models."${arn}".base`);
    expect(opened.standIn.calls).toEqual([]);
  });

  it.each([
    ['its friendly name', 'mine', `us.${opus}`],
    ['its ARN', arn, `us.${opus}`],
    ['an alias of ours', 'mine', 'claude-opus'],
  ])('is what models.<id>.base says of %s, without asking', async (_name, key, base) => {
    const opened = await gateway(`models: { "${key}": { base: ${base} } }\n`);
    const response = await ask(opened);
    expect(response).toMatchObject({ success: true, modelUsed: arn });
    expect(opened.standIn.asked).toEqual([]);
    expect(opened.standIn.calls[0]?.body.inferenceConfig).toEqual({ maxTokens: 4000 });
    expect((await recordsOf(opened.core, 'RESERVE'))[0]).toMatchObject({ price_key: `us.${opus}` });
  });

  it('keeps the cap that its friendly name has, before and after AWS was asked', async () => {
    const opened = await gateway('budget: { per_model_usd: { mine: 0.000001 } }\n');
    opened.standIn.profiles = { listed: [], models: { [arn]: modelArns('us-east-1') } };
    expect((await ask(opened)).error?.code).toBe('budget_exceeded');
    expect((await ask(opened, { modelId: arn })).error?.code).toBe('budget_exceeded');
  });

  it('with a base that nobody knows is a warning, and refused with that base', async () => {
    const opened = await gateway(
      `models: { mine: { base: nonexisting }, "${arn}x": { base: us.${opus} } }\n`,
    );
    expect(opened.core.loaded.warnings.map(({ message }) => message)).toEqual([
      'models."mine".base: model "nonexisting" is unknown',
    ]);
    const { error } = await ask(opened);
    expect(error).toMatchObject({ code: 'price_unknown' });
    expect(error?.message).toBe(`No price is known for ${arn}, whose base is nonexisting.`);
  });

  it.each(['min', 'claude-sonet', 'us.anthropic.nothing', 'Mine'])(
    'whose base is written for %s, which is no model, is a warning',
    async (name) => {
      const opened = await gateway(`models: { ${name}: { base: us.${opus} } }\n`);
      expect(opened.core.loaded.warnings).toMatchObject([
        {
          severity: 'warning',
          message: `models: model "${name}" is unknown, so its base has no effect`,
        },
      ]);
    },
  );

  it('is asked of nobody where calls go to an endpoint of their own', async () => {
    const opened = await gateway('', { controlPlane: false });
    expect((await ask(opened)).error?.code).toBe('price_unknown');
  });
});

describe('the account’s own list of profiles', () => {
  it('stands above the table: what it has can be called, and what is offered is from it', async () => {
    const opened = await gateway();
    opened.standIn.profiles = { listed: ['eu.amazon.nova-lite-v1:0', `us.${opus}`], models: {} };
    const served = await ask(opened, { modelId: 'eu.amazon.nova-lite-v1:0' });
    expect(served).toMatchObject({ success: true, modelUsed: 'eu.amazon.nova-lite-v1:0' });
    const refused = await ask(opened, { modelId: `apac.${opus}` });
    expect(refused.error).toMatchObject({ code: 'model_not_recognized' });
    expect(refused.error?.hint).toContain(`use us.${opus} or ${opus}.`);
    expect(opened.standIn.asked).toEqual(['/inference-profiles']);
  });

  it('that can’t be had leaves what the table says', async () => {
    const opened = await gateway();
    const refused = await ask(opened, { modelId: 'eu.amazon.nova-lite-v1:0' });
    expect(refused.error).toMatchObject({ code: 'model_not_in_region' });
    expect(refused.error?.hint).toContain('us.amazon.nova-lite-v1:0');
    expect((await ask(opened, { modelId: 'us.amazon.nova-lite-v1:0' })).success).toBe(true);
  });
});

describe('a price that was not published for the region', () => {
  it('is marked with its reason in record, answer and terminal, and reserved in full', async () => {
    const opened = await gatewayOnStandIn({
      AWS_REGION: 'eu-west-2',
      TIDYLLM_BUDGET_UNKNOWN_PRICE: 'us.anthropic.claude-opus-4-8',
    });
    const environment = process.env as Record<string, string>;
    const command = ['chat', '--reason', 'JIRA-1 price', '--model', 'zai.glm-5', 'hello'];
    const { document, code } = await tidyllmJson(command, { environment });
    expect(code).toBe(0);
    expect(document).toMatchObject({
      success: true,
      cost_estimated: true,
      cost_estimated_because:
        'no price is published for eu-west-2; the highest one elsewhere applies, and the bill may exceed it',
    });
    expect((await tidyllm(command, { environment })).stderr).toContain(
      '(estimated: no price is published for eu-west-2; the highest one elsewhere applies, and the bill may exceed it)',
    );
    const [settle] = await recordsOf(opened.core, 'SETTLE');
    expect(settle).toMatchObject({
      estimated: true,
      estimated_because:
        'no price is published for eu-west-2; the highest one elsewhere applies, and the bill may exceed it',
      unit_prices: null,
    });
    const [reserve] = await recordsOf(opened.core, 'RESERVE');
    expect(reserve).toMatchObject({ price_key: 'dearest:zai.glm-5', region: 'eu-west-2' });
  });

  it('refuses the call by default', async () => {
    const { core, standIn } = await gatewayOnStandIn({ AWS_REGION: 'eu-west-2' });
    const response = await core.registry
      .calls()
      .execute({ prompt: 'hello', auditReason: 'JIRA-1 price', modelId: 'zai.glm-5' });
    expect(response).toMatchObject({ status: 'refused', cost: 0n, error: { code: 'price_unknown' } });
    expect(standIn.calls).toEqual([]);
  });
});

it('--temperature none leaves the temperature to the model', async () => {
  const { standIn } = await gatewayOnStandIn();
  const environment = process.env as Record<string, string>;
  const command = ['chat', '--reason', 'JIRA-1 cool', '--temperature', 'none', 'hello'];
  expect((await tidyllm(command, { environment })).code).toBe(0);
  expect(standIn.calls[0]?.body.inferenceConfig).toEqual({ maxTokens: 4000 });
  expect((await tidyllm([...command.slice(0, 4), 'cold', 'hello'], { environment })).code).toBe(2);
});

it('a temperature that the model doesn’t take is left out, and the terminal says so', async () => {
  const { core, standIn } = await gatewayOnStandIn();
  const environment = process.env as Record<string, string>;
  const command = ['chat', '--reason', 'JIRA-1 cool', '--model', `us.${opus}`];
  const asked = await tidyllm([...command, '--temperature', '0.5', 'hello'], { environment });
  expect(asked).toMatchObject({ code: 0, stderr: expect.stringContaining('takes no temperature') });
  const usual = await tidyllm([...command, 'hello'], { environment });
  expect(usual.stderr).not.toContain('temperature');
  expect(standIn.calls.map(({ body }) => body.inferenceConfig)).toEqual([
    { maxTokens: 4000 },
    { maxTokens: 4000 },
  ]);
  expect(await recordsOf(core, 'RESERVE')).toMatchObject([{ temperature: null }, { temperature: null }]);
});
