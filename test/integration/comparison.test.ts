import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Core } from '../../src/core/core.ts';
import { Comparison } from '../../src/gateways/comparison.ts';
import type { LlmRequest } from '../../src/gateways/modelCalls.ts';
import { gatewayOnStandIn } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';

const request: LlmRequest = { prompt: 'Why is the sky blue?', auditReason: 'JIRA-1 compare', maxTokens: 50 };
const three = ['claude-sonnet', 'claude-haiku', 'nova-lite'];
const sonnet = 'us.anthropic.claude-sonnet-4-6';

function compare(core: Core, models: readonly string[]): Promise<Comparison> {
  return Comparison.of(request, models, core);
}

async function notesOf(core: Core, topic: string) {
  return (await recordsOf(core, 'note')).filter((note) => note.topic === topic);
}

describe('a comparison before it starts', () => {
  test('costs at most the sum of its models, and reserves and records nothing', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const comparison = await compare(core, three);
    const calls = core.registry.calls();
    const each = three.map((modelId) => calls.worstCase({ ...request, modelId }));
    expect(comparison.models.map(({ worstCase }) => worstCase)).toEqual(each);
    expect(comparison.worstCase).toBe(each.reduce((sum, cost) => sum + cost, 0n));
    expect(standIn.calls).toEqual([]);
    expect(await core.ledger.head()).toBeNull();
  });

  test('says which model will be refused and why', async () => {
    const { core } = await gatewayOnStandIn();
    const retired = 'anthropic.claude-3-sonnet-20240229-v1:0';
    const unpriced = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc';
    const comparison = await compare(core, ['claude-haiku', 'no-such-model', retired, unpriced]);
    expect(comparison.models.map(({ refusal }) => refusal?.code ?? null)).toEqual([
      null,
      'model_not_recognized',
      'model_retired',
      'price_unknown',
    ]);
    const haiku = core.registry.calls().worstCase({ ...request, modelId: 'claude-haiku' });
    expect(comparison.worstCase).toBe(haiku);
  });

  test.each([
    ['the same name twice', ['nova-lite', 'nova-pro', 'nova-lite'], 'The model nova-lite is named twice.'],
    [
      'two names of one model',
      ['claude-sonnet', 'claude-3-sonnet'],
      `claude-sonnet and claude-3-sonnet are the same model, ${sonnet}.`,
    ],
    ['one model', ['nova-lite'], 'A comparison needs 2 to 8 models, not 1.'],
    ['nine models', 'a b c d e f g h i'.split(' '), 'A comparison needs 2 to 8 models, not 9.'],
  ])('refuses %s', async (_what, models, message) => {
    const { core } = await gatewayOnStandIn();
    await expect(compare(core, models)).rejects.toMatchObject({ code: 'invalid_request', message });
  });

  test('refuses the whole before any call if the day can’t pay for it', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.0015' });
    const comparison = await compare(core, three);
    for (const { worstCase } of comparison.models) expect(worstCase).toBeLessThan(1_500n);
    expect(comparison.worstCase).toBeGreaterThan(1_500n);
    await expect(comparison.requireBudget()).rejects.toMatchObject({ code: 'budget_exceeded' });
    await expect(comparison.run()).rejects.toMatchObject({
      code: 'budget_exceeded',
      message: expect.stringMatching(
        /^The comparison may cost \$0\.00\d+, and \$0\.0015 of today's \$0\.0015 is left\.$/,
      ) as string,
    });
    expect(standIn.calls).toEqual([]);
    expect(await core.ledger.head()).toBeNull();
  });
});

describe('a comparison', () => {
  test('asks every model once, side by side, and its id joins their records', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    let together = 0;
    standIn.behave = (_call, _index, underWay) => {
      together = Math.max(together, underWay);
      return { firstTokenDelayMs: 50 };
    };
    const comparison = await compare(core, three);
    const texts = new Map<string, string>();
    const ended: string[] = [];
    const responses = await comparison.run({
      onEvent: (model, event) => {
        if (event.type === 'text') texts.set(model, (texts.get(model) ?? '') + event.text);
      },
      onEnd: (model) => ended.push(model),
    });
    expect(responses.map(({ modelUsed, success }) => [modelUsed, success])).toEqual(
      three.map((name) => [core.catalogue.modelIdOf(name), true]),
    );
    expect(three.map((name) => texts.get(name))).toEqual(responses.map(({ content }) => content));
    expect(ended.toSorted()).toEqual(three.toSorted());
    expect(standIn.calls).toHaveLength(3);
    expect(together).toBe(3);
    const reserves = await recordsOf(core, 'RESERVE');
    expect(reserves.map(({ reason }) => reason)).toEqual(Array(3).fill('JIRA-1 compare'));
    const notes = await notesOf(core, 'call.compared');
    expect(notes.map(({ data }) => data)).toEqual(Array(3).fill({ comparison_id: comparison.id, models: 3 }));
    expect(notes.map(({ call_id }) => call_id).toSorted()).toEqual(
      responses.map(({ auditTrail }) => auditTrail?.callId).toSorted(),
    );
    const cost = responses.reduce((sum, response) => sum + response.cost, 0n);
    expect(await core.ledger.budget()).toMatchObject({ spent: cost, reserved: 0n });
  });

  test('obeys the limit of calls at once', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_AI_CONCURRENCY: '1' });
    let together = 0;
    standIn.behave = (_call, _index, underWay) => {
      together = Math.max(together, underWay);
      return {};
    };
    const responses = await (await compare(core, three)).run();
    expect(responses.map(({ success }) => success)).toEqual([true, true, true]);
    expect(together).toBe(1);
  });

  test('goes on when one model fails, and records one that is refused', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.behave = ({ modelId }) => (modelId === sonnet ? { refusal: 'denied' } : {});
    const comparison = await compare(core, ['claude-sonnet', 'no-such-model', 'nova-lite']);
    const responses = await comparison.run();
    expect(responses.map(({ status }) => status)).toEqual(['failed', 'refused', 'success']);
    expect(responses.every(({ gatewayTracked }) => gatewayTracked)).toBe(true);
    expect(responses[1]?.error?.code).toBe('model_not_recognized');
    expect(await recordsOf(core, 'REFUSE')).toHaveLength(1);
  });

  test('stops one model, and the others go on', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const comparison = await compare(core, three);
    standIn.behave = ({ modelId }) => {
      if (modelId !== sonnet) return {};
      comparison.cancel('claude-sonnet');
      return { firstTokenDelayMs: 60_000 };
    };
    const responses = await comparison.run();
    expect(responses.map(({ status }) => status)).toEqual(['cancelled', 'success', 'success']);
    expect((await core.ledger.budget()).reserved).toBe(0n);
  });

  test('stops all models, those that wait for their turn too', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_AI_CONCURRENCY: '1' });
    const comparison = await compare(core, three);
    standIn.behave = () => {
      comparison.cancel();
      return { firstTokenDelayMs: 60_000 };
    };
    const responses = await comparison.run();
    expect(responses.map(({ status }) => status)).toEqual(Array(3).fill('cancelled'));
    expect(standIn.calls).toHaveLength(1);
    expect((await core.ledger.budget()).reserved).toBe(0n);
  });

  test('takes cached answers, each with a record that names the comparison', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_CACHE_ENABLED: 'true' });
    await (await compare(core, three)).run();
    const again = await compare(core, three);
    const responses = await again.run();
    expect(responses.map(({ cacheHit, cost }) => [cacheHit, cost])).toEqual(Array(3).fill([true, 0n]));
    expect(standIn.calls).toHaveLength(3);
    const notes = await notesOf(core, 'call.compared');
    expect(notes.filter(({ data }) => data['comparison_id'] === again.id)).toHaveLength(3);
  });

  test('says that a fallback answered', async () => {
    const settingsFile = join(temporaryFolder(), 'fallback.yaml');
    writeFileSync(settingsFile, 'ai:\n  fallback_models:\n    claude-sonnet: [nova-pro]\n');
    const { core, standIn } = await gatewayOnStandIn({}, { settingsFile });
    standIn.behave = ({ modelId }) => (modelId === sonnet ? { refusal: 'unavailable' } : {});
    const [first] = await (await compare(core, ['claude-sonnet', 'nova-lite'])).run();
    expect(first).toMatchObject({
      success: true,
      modelUsed: 'us.amazon.nova-pro-v1:0',
      fallbackFrom: 'claude-sonnet',
      adjustments: ['claude-sonnet was not available; us.amazon.nova-pro-v1:0 answered instead.'],
    });
    expect(await notesOf(core, 'call.compared')).toHaveLength(3);
  });
});
