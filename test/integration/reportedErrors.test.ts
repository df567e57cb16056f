import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import type { CallOptions, LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import type { Core } from '../../src/core/core.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnStandIn } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';

/** Longer than any of these calls needs by its own counts, so that no reported usage exceeds its reservation. */
const padding = 'p'.repeat(20_000);
const sourceFolder = join(import.meta.dirname, '../../src');

function ask(core: Core, request: Partial<LlmRequest> = {}, options?: CallOptions): Promise<LlmResponse> {
  const gateway = core.registry.calls();
  return gateway.execute({ prompt: 'hello', auditReason: 'JIRA-1 reported', ...request }, options);
}

function using(usage: Record<string, unknown>): string {
  return `${padding} @stand-in:usage=${JSON.stringify({ inputTokens: 0, outputTokens: 0, totalTokens: 0, ...usage })}`;
}

/** A second process's view of the same home. */
async function anotherCore(): Promise<Core> {
  const core = await compose({ environment: process.env, user: 'grace' });
  onTestFinished(() => core.dispose());
  return core;
}

describe('classes of error that users of other gateways have reported', () => {
  it('streamed calls logged at $0: a stream costs what the same answer costs at once', async () => {
    const { core } = await gatewayOnStandIn();
    const streamed = await ask(core, { stream: true });
    const whole = await ask(core, { stream: false });
    expect(streamed.cost).toBeGreaterThan(0n);
    expect(streamed.cost).toBe(whole.cost);
    const settled = await recordsOf(core, 'SETTLE');
    expect(settled.map((record) => BigInt(record.cost_micro_usd))).toEqual([streamed.cost, whole.cost]);
    expect((await core.budget()).spent).toBe(streamed.cost + whole.cost);
  });

  it('cancelled streams lost: what was received is charged and recorded', async () => {
    const { core } = await gatewayOnStandIn();
    const stop = new AbortController();
    const response = await ask(
      core,
      { prompt: '@stand-in:slow' },
      {
        signal: stop.signal,
        onEvent: () => {
          stop.abort();
        },
      },
    );
    expect(response.status).toBe('cancelled');
    expect(response.cost).toBeGreaterThan(0n);
    expect(await recordsOf(core, 'SETTLE')).toMatchObject([
      { outcome: 'cancelled', cost_micro_usd: response.cost.toString(), estimated: true },
    ]);
    expect((await core.budget()).spent).toBe(response.cost);
  });

  it('cache tokens priced at $0 or twice: once each, beside the input and at their own price', async () => {
    const { core } = await gatewayOnStandIn();
    const usage = { inputTokens: 1000, cacheReadInputTokens: 2000, cacheWriteInputTokens: 3000 };
    const response = await ask(core, { prompt: using({ ...usage, totalTokens: 6000 }) });
    // 1000 × 3.3 + 2000 × 0.33 + 3000 × 4.125
    expect(response).toMatchObject({ cost: 3300n + 660n + 12_375n, costEstimated: false });
    expect(response.tokenUsage).toMatchObject({ input: 1000, cacheRead: 2000, cacheWrite5m: 3000 });
  });

  it('1-hour cache writes at the 5-minute rate: each lifetime at its own', async () => {
    const { core } = await gatewayOnStandIn();
    const cacheDetails = [
      { ttl: '1h', inputTokens: 1000 },
      { ttl: '5m', inputTokens: 500 },
    ];
    const response = await ask(core, { prompt: using({ cacheWriteInputTokens: 1500, cacheDetails }) });
    // 1000 × 6.6 + 500 × 4.125, rounded up
    expect(response).toMatchObject({ cost: 6600n + 2063n, costEstimated: false });
    expect(await recordsOf(core, 'SETTLE')).toMatchObject([
      { tokens: { cache_write_1h_input_tokens: 1000, cache_write_5m_input_tokens: 500 } },
    ]);
  });

  it('long-context tier ignored: one token over the threshold reprices the whole request', async () => {
    const { core } = await gatewayOnStandIn();
    const modelId = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
    const costs = [];
    for (const inputTokens of [200_000, 200_001]) {
      const prompt = `${'p'.repeat(200_000)}${using({ inputTokens })}`;
      costs.push((await ask(core, { modelId, prompt })).cost);
    }
    // 3.3 per million up to 200,000 tokens of context, 6.6 above
    expect(costs).toEqual([660_000n, 1_320_007n]);
  });

  it('budget checked after the call: nothing is sent that doesn’t fit', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.01' });
    const response = await ask(core);
    expect(response).toMatchObject({ status: 'refused', cost: 0n, error: { code: 'budget_exceeded' } });
    expect(standIn.calls).toHaveLength(0);
    expect(await recordsOf(core, 'REFUSE')).toHaveLength(1);
  });

  it('concurrent calls over the cap: two processes’ worth of calls hold no more than it', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.5' });
    const other = await anotherCore();
    const request = { prompt: '@stand-in:gate' };
    const worstCase = core.registry.calls().worstCase({ ...request, auditReason: 'JIRA-1' });
    const fitting = Number(500_000n / worstCase);
    const calls = Array.from({ length: 20 }, (_, index) => ask(index % 2 === 0 ? core : other, request));
    await expect.poll(() => standIn.calls.length).toBe(fitting);
    await expect.poll(async () => (await recordsOf(core, 'REFUSE')).length).toBe(20 - fitting);
    expect((await other.budget()).reserved).toBe(worstCase * BigInt(fitting));
    standIn.openGate();
    const responses = await Promise.all(calls);
    expect(responses.filter(({ success }) => success)).toHaveLength(fitting);
    expect(standIn.calls).toHaveLength(fitting);
  });

  it('reservations never released: however a call ends, nothing stays held', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_RETRY_IDLE_TIMEOUT_MS: '200' });
    const endings = ['text=ok', 'throttled', 'stall', 'cut', 'exception', 'no-metadata', 'html', 'reset'];
    for (const ending of endings) await ask(core, { prompt: `@stand-in:${ending}` });
    expect(standIn.calls).toHaveLength(endings.length);
    const reserved = await recordsOf(core, 'RESERVE');
    const ended = [...(await recordsOf(core, 'SETTLE')), ...(await recordsOf(core, 'VOID'))];
    expect(new Set(ended.map((record) => record.call_id))).toEqual(
      new Set(reserved.map((record) => record.call_id)),
    );
    expect((await core.budget()).reserved).toBe(0n);
  });

  it('unpriced models skipping the budget: refused, unless policy names a price, which then counts', async () => {
    const mapping = 'bedrock: { model_mapping: { ours: arn:aws:bedrock:us-east-1:1:imported-model/ours } }';
    const refusing = await gatewayOnStandIn();
    writeFileSync(join(refusing.home, 'settings.yaml'), mapping);
    const strict = await anotherCore();
    expect(await ask(strict, { modelId: 'ours' })).toMatchObject({
      status: 'refused',
      error: { code: 'price_unknown' },
    });
    expect(refusing.standIn.calls).toHaveLength(0);

    process.env['TIDYLLM_BUDGET_UNKNOWN_PRICE'] = 'us.anthropic.claude-opus-4-8';
    const lenient = await anotherCore();
    const response = await ask(lenient, { modelId: 'ours' });
    expect(response.cost).toBeGreaterThan(0n);
    expect((await lenient.budget()).spent).toBe(response.cost);
  });

  it('daily window never resetting: a new day of the policy’s zone begins at nothing', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-03-28T22:59:00Z') });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const { core } = await gatewayOnStandIn({
      TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.1',
      TIDYLLM_BUDGET_TIMEZONE: 'Europe/Berlin',
    });
    const usage = { inputTokens: 0, outputTokens: 3000, totalTokens: 3000 };
    const prompt = `@stand-in:usage=${JSON.stringify(usage)}`;
    const first = await ask(core, { prompt, maxTokens: 3000 });
    expect(first).toMatchObject({ success: true, cost: 49_500n });
    expect((await ask(core)).error?.code).toBe('budget_exceeded');
    expect((await core.budget()).day).toBe('2026-03-28');

    vi.setSystemTime(new Date('2026-03-28T23:00:00Z'));
    expect(await core.budget()).toMatchObject({ day: '2026-03-29', spent: 0n, reserved: 0n });
    expect((await ask(core)).success).toBe(true);
    expect(await core.budget('2026-03-28')).toMatchObject({ spent: first.cost });
  });

  it('cached answer of one user given to another: each call is made, and recorded, for who asked', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const ada = await ask(core, { userId: 'ada' });
    const grace = await ask(core, { userId: 'grace' });
    expect(standIn.calls).toHaveLength(2);
    const opened = await recordsOf(core, 'RESERVE');
    expect(opened.map(({ call_id, user_id }) => [call_id, user_id])).toEqual([
      [ada.auditTrail?.callId, 'ada'],
      [grace.auditTrail?.callId, 'grace'],
    ]);
    // Even the hashes of the same words differ: they are keyed by user and call.
    expect(new Set(opened.map(({ request_hmac }) => request_hmac)).size).toBe(2);
    expect(await recordsOf(core, 'SETTLE')).toHaveLength(2);
  });

  it('database down, rows silently dropped: without its record no call is made', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    expect((await ask(core)).success).toBe(true);
    const { directory } = core.journal;
    renameSync(directory, `${directory}-away`);
    writeFileSync(directory, 'not a folder');
    const refused = await ask(core);
    expect(refused).toMatchObject({ success: false, gatewayTracked: false, auditTrail: null, cost: 0n });
    expect(refused.error?.exitCode).toBe(7);
    expect(standIn.calls).toHaveLength(1);

    rmSync(directory);
    renameSync(`${directory}-away`, directory);
    expect((await ask(core)).success).toBe(true);
    expect(await recordsOf(core, 'SETTLE')).toHaveLength(2);
  });

  it('pass-through routes unmetered: every request at Bedrock has its reservation, by any front door', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    await ask(core);
    await ask(core, { stream: false });
    await ask(core, { prompt: '@stand-in:denied' });
    const environment = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => /^(AWS_|TIDYLLM_)/.test(name)),
    ) as Record<string, string>;
    const fromTerminal = await tidyllmJson(['chat', '--reason', 'JIRA-1 by terminal', 'hello'], {
      environment,
    });
    expect(fromTerminal.code).toBe(0);
    const reserved = await recordsOf(core, 'RESERVE');
    const dispatched = await recordsOf(core, 'DISPATCH');
    expect(standIn.calls.map(({ metadata }) => metadata['tidyllm_call_id'])).toEqual(
      reserved.map(({ call_id }) => call_id),
    );
    expect(dispatched).toHaveLength(4);

    // In the code there is one caller of a back-end, and what front doors get of it can't call a model.
    const callers = readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.tsx?$/.test(name) && !name.startsWith('adapters'))
      .filter((name) => /\.converse\(/.test(readFileSync(join(sourceFolder, name), 'utf8')));
    expect(callers).toEqual([join('gateways', 'corporateLlm', 'corporateLlmGateway.ts')]);
    expect(core.backend).not.toHaveProperty('converse');
  });
});
