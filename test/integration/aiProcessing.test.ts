import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import type { AnswerFiles } from '../../src/adapters/answerFiles.ts';
import type { Core } from '../../src/core/core.ts';
import type { AnswerEvent, LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import { microToUsd } from '../../src/pricing/cost.ts';
import type { Behaviour } from '../standIn/bedrockStandIn.ts';
import { gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';

const quick = { TIDYLLM_RETRY_BASE_DELAY_MS: '1', TIDYLLM_RETRY_MAX_DELAY_MS: '5' };
const retrying = { ...quick, TIDYLLM_RETRY_ATTEMPTS: '3' };
const caching = { TIDYLLM_CACHE_ENABLED: 'true' };

const request: LlmRequest = {
  prompt: 'Why is the sky blue?',
  modelId: 'claude-sonnet',
  auditReason: 'JIRA-1 sky',
  maxTokens: 50,
};

/** The stand-in refuses the first calls as named, and answers the others. */
function refusing(gateway: TestGateway, ...refusals: Behaviour['refusal'][]): void {
  gateway.standIn.behave = (_call, index) => (refusals[index] ? { refusal: refusals[index] } : {});
}

async function ask(core: Core, changes: Partial<LlmRequest> = {}): Promise<LlmResponse> {
  return core.registry.calls().execute({ ...request, ...changes });
}

async function spent({ ledger }: Core): Promise<{ spent: bigint; reserved: bigint }> {
  const { spent: all, reserved } = await ledger.budget();
  return { spent: all, reserved };
}

/** The notes of what a call belongs to. */
async function attemptNotes(core: TestGateway['core']) {
  return (await recordsOf(core, 'note')).filter(({ topic }) => topic === 'call.attempt');
}

describe('a call that fails for a while', () => {
  test.each(['throttled', 'not-ready', 'internal', 'unavailable'] as const)(
    'is repeated after %s, each attempt with a record of its own, and charged once',
    async (refusal) => {
      const gateway = await gatewayOnStandIn(retrying);
      refusing(gateway, refusal, refusal);
      const response = await ask(gateway.core);
      expect(response).toMatchObject({ success: true, attempts: 3, fallbackFrom: null, cacheHit: false });
      expect(gateway.standIn.calls).toHaveLength(3);
      expect(await recordsOf(gateway.core, 'RESERVE')).toHaveLength(3);
      expect(await recordsOf(gateway.core, 'VOID')).toHaveLength(2);
      expect(await recordsOf(gateway.core, 'SETTLE')).toHaveLength(1);
      const notes = await attemptNotes(gateway.core);
      expect(notes.map(({ topic, data }) => [topic, data['first_call_id'], data['number']])).toEqual([
        ['call.attempt', response.attemptGroup, 2],
        ['call.attempt', response.attemptGroup, 3],
      ]);
      expect(await spent(gateway.core)).toEqual({ spent: response.cost, reserved: 0n });
    },
  );

  test('is repeated after a time-out of the model, which may be billed, and then every attempt is charged', async () => {
    const gateway = await gatewayOnStandIn(retrying);
    refusing(gateway, 'timeout');
    const response = await ask(gateway.core);
    expect(response).toMatchObject({ success: true, attempts: 2, costEstimated: true });
    const charges = (await recordsOf(gateway.core, 'SETTLE')).map((record) => BigInt(record.cost_micro_usd));
    expect(charges).toHaveLength(2);
    expect(response.cost).toBe(charges.reduce((sum, cost) => sum + cost, 0n));
    expect(await spent(gateway.core)).toEqual({ spent: response.cost, reserved: 0n });
  });

  test.each(['validation', 'denied', 'not-found', 'quota', 'on-demand'] as const)(
    'is not repeated after %s, which would come again',
    async (refusal) => {
      const gateway = await gatewayOnStandIn(retrying);
      refusing(gateway, refusal);
      const response = await ask(gateway.core);
      expect(response).toMatchObject({ success: false, attempts: 1, cost: 0n });
      expect(gateway.standIn.calls).toHaveLength(1);
    },
  );

  test('ends with the last error once its attempts are used up, and nothing is charged', async () => {
    const gateway = await gatewayOnStandIn(retrying);
    refusing(gateway, 'throttled', 'throttled', 'throttled');
    const response = await ask(gateway.core);
    expect(response).toMatchObject({ success: false, attempts: 3, cost: 0n });
    expect(response.error?.code).toBe('backend_throttled');
    expect(gateway.standIn.calls).toHaveLength(3);
    expect(await spent(gateway.core)).toEqual({ spent: 0n, reserved: 0n });
  });

  test('is not repeated once a part of the answer was shown', async () => {
    const gateway = await gatewayOnStandIn(retrying);
    const texts: string[] = [];
    const response = await gateway.core.registry
      .calls()
      .execute(
        { ...request, prompt: '@stand-in:cut' },
        { onEvent: (event: AnswerEvent) => event.type === 'text' && texts.push(event.text) },
      );
    expect(response).toMatchObject({ success: false, status: 'incomplete', attempts: 1 });
    expect(texts.length).toBeGreaterThan(0);
    expect(gateway.standIn.calls).toHaveLength(1);
  });

  test('stops waiting at once when its caller stops it', async () => {
    const gateway = await gatewayOnStandIn({
      ...retrying,
      TIDYLLM_RETRY_BASE_DELAY_MS: '3600000',
      TIDYLLM_RETRY_MAX_DELAY_MS: '3600000',
    });
    refusing(gateway, 'throttled', 'throttled', 'throttled');
    const stop = new AbortController();
    const calling = gateway.core.registry.calls().execute(request, { signal: stop.signal });
    await expect.poll(() => recordsOf(gateway.core, 'VOID')).toHaveLength(1);
    stop.abort();
    const response = await calling;
    expect(response).toMatchObject({ status: 'cancelled', attempts: 1 });
    expect(response.error?.code).toBe('cancelled');
    expect(gateway.standIn.calls).toHaveLength(1);
  });

  test('stops at the cap: each attempt reserves anew', async () => {
    const lost = { ...request, prompt: '@stand-in:reset' };
    const { core } = await gatewayOnStandIn(retrying);
    const worst = core.registry.calls().worstCase(lost);
    const limit = microToUsd((worst * 3n) / 2n);
    const gateway = await gatewayOnStandIn({ ...retrying, TIDYLLM_BUDGET_DAILY_LIMIT_USD: limit });
    const response = await gateway.core.registry.calls().execute(lost);
    expect(response).toMatchObject({ status: 'refused', attempts: 1, cost: worst, costEstimated: true });
    expect(response.error?.code).toBe('budget_exceeded');
    expect(await spent(gateway.core)).toEqual({ spent: worst, reserved: 0n });
  });

  test('does not pause a model that refuses, however often', async () => {
    const gateway = await gatewayOnStandIn({ ...quick, TIDYLLM_RETRY_PAUSE_AFTER_FAILURES: '2' });
    const refused = ['validation', 'denied', 'not-found', 'throttled', 'quota'] as const;
    refusing(gateway, ...refused);
    for (let call = 0; call < refused.length; call += 1)
      expect(await ask(gateway.core)).toMatchObject({ success: false, attempts: 1 });
    expect(await ask(gateway.core)).toMatchObject({ success: true });
  });

  test('pauses a model that keeps failing, and records the calls that were not sent', async () => {
    const gateway = await gatewayOnStandIn({ ...quick, TIDYLLM_RETRY_PAUSE_AFTER_FAILURES: '5' });
    gateway.standIn.behave = () => ({ refusal: 'internal' });
    for (let call = 0; call < 5; call += 1) await ask(gateway.core);
    const response = await ask(gateway.core);
    expect(response).toMatchObject({ status: 'failed', attempts: 0, cost: 0n, gatewayTracked: true });
    expect(response.error).toMatchObject({ code: 'backend_paused', exitCode: 6 });
    expect(gateway.standIn.calls).toHaveLength(5);
    expect(await recordsOf(gateway.core, 'REFUSE')).toHaveLength(1);
    const health = await gateway.core.registry.healthCheck(AbortSignal.timeout(5_000));
    expect(health.ai_processing.state).toBe('degraded');
  });
});

describe('the limit of calls at once', () => {
  const one = { ...quick, TIDYLLM_AI_CONCURRENCY: '1', TIDYLLM_RETRY_IDLE_TIMEOUT_MS: '300' };

  async function stopped(
    core: Core,
    prompt: string,
    when: 'at once' | 'in the answer',
  ): Promise<LlmResponse> {
    const stop = new AbortController();
    if (when === 'at once') stop.abort();
    return core.registry
      .calls()
      .execute({ ...request, prompt }, { signal: stop.signal, onEvent: () => stop.abort() });
  }

  test('has room again after every end of a call', async () => {
    const { core } = await gatewayOnStandIn(one);
    const ends = [
      await ask(core),
      await ask(core, { stream: false }),
      await ask(core, { prompt: '@stand-in:stall' }),
      await ask(core, { prompt: '@stand-in:reset' }),
      await ask(core, { prompt: '@stand-in:denied' }),
      await ask(core, { auditReason: '' }),
      await stopped(core, '@stand-in:slow', 'in the answer'),
      await stopped(core, 'hello', 'at once'),
    ];
    expect(ends.map(({ status }) => status)).toEqual([
      ...['success', 'success', 'incomplete', 'failed', 'failed', 'refused', 'cancelled', 'cancelled'],
    ]);
    expect(await ask(core)).toMatchObject({ success: true });
  });

  test('drops a call that was stopped while it waited, and records it', async () => {
    // The call at the gate may stand there for as long as a busy machine takes.
    const { core, standIn } = await gatewayOnStandIn({ ...one, TIDYLLM_RETRY_IDLE_TIMEOUT_MS: '60000' });
    const running = ask(core, { prompt: '@stand-in:gate' });
    await expect.poll(() => standIn.calls).toHaveLength(1);
    const stop = new AbortController();
    const waiting = core.registry.calls().execute(request, { signal: stop.signal });
    stop.abort();
    expect(await waiting).toMatchObject({ status: 'cancelled', attempts: 0, gatewayTracked: true });
    standIn.openGate();
    expect(await running).toMatchObject({ success: true });
    expect(standIn.calls).toHaveLength(1);
    expect(await ask(core)).toMatchObject({ success: true });
  });
});

describe('fallback models', () => {
  const settings = 'ai:\n  fallback_models:\n    claude-sonnet: [nova-lite]\n';

  async function withFallback(): Promise<TestGateway> {
    const file = join((await gatewayOnStandIn()).home, 'fallback.yaml');
    writeFileSync(file, settings);
    return gatewayOnStandIn({ ...quick, TIDYLLM_RETRY_ATTEMPTS: '2', ...caching }, { settingsFile: file });
  }

  test('answer while the named model fails; record and answer say so', async () => {
    const gateway = await withFallback();
    refusing(gateway, 'unavailable', 'unavailable');
    const response = await ask(gateway.core);
    expect(response).toMatchObject({ success: true, attempts: 3, fallbackFrom: 'claude-sonnet' });
    expect(response.modelUsed).toContain('nova-lite');
    expect(response.adjustments.join()).toContain('claude-sonnet was not available');
    const note = (await attemptNotes(gateway.core)).at(-1);
    expect(note).toMatchObject({
      topic: 'call.attempt',
      data: { fallback_from: 'claude-sonnet', number: 3 },
    });
  });

  test('are not asked when the request forbids them', async () => {
    const gateway = await withFallback();
    refusing(gateway, 'unavailable', 'unavailable');
    expect(await ask(gateway.core, { fallback: false })).toMatchObject({ success: false, attempts: 2 });
  });

  test('give no answer to an identical request that waits for the first', async () => {
    const { core, standIn } = await withFallback();
    let second: Promise<LlmResponse> | null = null;
    standIn.behave = (_call, index) => {
      // The other request comes while the first is under way, and the fallback leaves it time to join.
      second ??= ask(core, { fallback: false });
      return index < 2 ? { refusal: 'unavailable' } : { firstTokenDelayMs: index === 2 ? 300 : 0 };
    };
    expect((await ask(core)).fallbackFrom).toBe('claude-sonnet');
    const response = await (second as Promise<LlmResponse> | null);
    expect(response).toMatchObject({ success: true, cacheHit: false, fallbackFrom: null });
    expect(response?.modelUsed).toContain('claude-sonnet');
  });

  test('give no answer to later requests for the named model', async () => {
    const gateway = await withFallback();
    refusing(gateway, 'unavailable', 'unavailable');
    await ask(gateway.core);
    const second = await ask(gateway.core);
    expect(second).toMatchObject({ success: true, cacheHit: false, fallbackFrom: null });
    expect(second.modelUsed).toContain('claude-sonnet');
  });
});

describe('the cache', () => {
  function filesIn(core: Core): string[] {
    const { directory } = core.cache;
    return readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json.gz'))
      .map((name) => join(directory, name));
  }

  test('answers the same request again at no cost, with a record that names the call', async () => {
    const { core, standIn } = await gatewayOnStandIn(caching);
    const first = await ask(core);
    const before = await spent(core);
    const events: AnswerEvent[] = [];
    const second = await core.registry
      .calls()
      .execute({ ...request, auditReason: 'JIRA-2 again' }, { onEvent: (event) => events.push(event) });
    expect(second).toMatchObject({
      success: true,
      cacheHit: true,
      cost: 0n,
      attempts: 0,
      gatewayTracked: true,
    });
    expect(second.content).toBe(first.content);
    expect(second.tokenUsage).toEqual(first.tokenUsage);
    expect(events.map(({ type }) => type)).toEqual(['text', 'block_end', 'stop']);
    expect(standIn.calls).toHaveLength(1);
    expect(await spent(core)).toEqual(before);
    const opening = (await recordsOf(core, 'RESERVE')).at(-1);
    expect(opening).toMatchObject({ reason: 'JIRA-2 again', reserved_micro_usd: '0' });
    const note = (await recordsOf(core, 'note')).at(-1);
    expect(note).toMatchObject({
      topic: 'call.cached',
      data: { from_call_id: first.auditTrail?.callId, saved_micro_usd: first.cost.toString() },
    });
  });

  test.each<[string, Partial<LlmRequest>]>([
    ['prompt', { prompt: 'Why is the sky grey?' }],
    ['system prompt', { system: 'Be brief.' }],
    ['model', { modelId: 'nova-lite' }],
    ['answer length', { maxTokens: 51 }],
    ['temperature', { temperature: 0.1 }],
    ['user', { userId: 'bob' }],
    ['stop sequence', { stopSequences: ['.'] }],
    ['additional field', { additionalFields: { top_k: 3 } }],
    ['tool', { tools: [{ name: 'look', description: 'Looks.', input_schema: { type: 'object' } }] }],
  ])('has no answer for another %s', async (_name, changes) => {
    const { core } = await gatewayOnStandIn(caching);
    await ask(core);
    expect((await ask(core, changes)).cacheHit).toBe(false);
  });

  test('has no answer for another workspace where policy keeps them apart', async () => {
    const { core } = await gatewayOnStandIn({ ...caching, TIDYLLM_CACHE_SCOPE: 'workspace' });
    const [here, there] = [temporaryFolder(), temporaryFolder()];
    const from = (folder: string): Partial<LlmRequest> => ({
      origin: { door: 'test', folder, branch: null },
    });
    await ask(core, from(here));
    expect((await ask(core, { ...from(here), userId: 'bob' })).cacheHit).toBe(true);
    expect((await ask(core, from(there))).cacheHit).toBe(false);
  });

  test('is passed by when the request says so, and keeps the newer answer', async () => {
    const { core, standIn } = await gatewayOnStandIn(caching);
    await ask(core);
    expect((await ask(core, { cache: false })).cacheHit).toBe(false);
    expect(standIn.calls).toHaveLength(2);
    expect((await ask(core)).cacheHit).toBe(true);
  });

  test('keeps answers above the highest temperature only when asked', async () => {
    const { core } = await gatewayOnStandIn(caching);
    const warm = { modelId: 'nova-lite', temperature: 0.9 };
    await ask(core, warm);
    expect((await ask(core, warm)).cacheHit).toBe(false);
    await ask(core, { ...warm, cache: true });
    expect((await ask(core, { ...warm, cache: true })).cacheHit).toBe(true);
  });

  test.each([
    '@stand-in:stop=max_tokens',
    '@stand-in:stop=guardrail_intervened',
    '@stand-in:stop=content_filtered',
  ])('keeps no answer that ended with %s', async (prompt) => {
    const { core } = await gatewayOnStandIn(caching);
    await ask(core, { prompt });
    expect((await ask(core, { prompt })).cacheHit).toBe(false);
  });

  test('asks a model once for the same request at the same time, with a record for each', async () => {
    const { core, standIn } = await gatewayOnStandIn(caching);
    const responses = await Promise.all(
      [1, 2, 3].map((index) => ask(core, { auditReason: `JIRA-${index}` })),
    );
    expect(responses.map(({ success }) => success)).toEqual([true, true, true]);
    expect(responses.filter(({ cacheHit }) => cacheHit)).toHaveLength(2);
    expect(standIn.calls).toHaveLength(1);
    expect(new Set(responses.map(({ auditTrail }) => auditTrail?.callId)).size).toBe(3);
  });

  test('asks a model once also if the answer comes while the cache is looked up', async () => {
    const { core, standIn } = await gatewayOnStandIn(caching);
    standIn.behave = () => ({ firstTokenDelayMs: 300 });
    const first = ask(core);
    await expect.poll(() => standIn.calls.length).toBe(1);
    const cache = core.cache as AnswerFiles;
    const find = cache.find.bind(cache);
    vi.spyOn(cache, 'find').mockImplementationOnce(async (key) => {
      const found = await find(key);
      await first;
      return found;
    });
    expect(await ask(core)).toMatchObject({ success: true, cacheHit: true });
    expect(standIn.calls).toHaveLength(1);
  });

  test('lets the others go on when the one who asked first stops', async () => {
    const { core, standIn } = await gatewayOnStandIn(caching);
    const stop = new AbortController();
    standIn.behave = (_call, index) => ({ firstTokenDelayMs: index === 0 ? 60_000 : 0 });
    const first = core.registry.calls().execute(request, { signal: stop.signal });
    // Whichever reaches the model first is the one that the other waits for.
    await expect.poll(() => standIn.calls.length).toBe(1);
    const second = ask(core);
    await setImmediate();
    stop.abort();
    expect((await first).status).toBe('cancelled');
    expect(await second).toMatchObject({ success: true, cacheHit: false });
  });

  test('takes a file that was damaged, cut or put there by others for no answer', async () => {
    const { core } = await gatewayOnStandIn(caching);
    const damages: ((path: string) => void)[] = [
      (path) => truncateSync(path, 20),
      (path) => writeFileSync(path, 'nonsense'),
      (path) => {
        const bytes = readFileSync(path);
        bytes[bytes.length - 12] = (bytes[bytes.length - 12] ?? 0) ^ 1;
        writeFileSync(path, bytes);
      },
    ];
    for (const damage of damages) {
      await ask(core);
      const [path = ''] = filesIn(core);
      damage(path);
      expect((await ask(core)).cacheHit).toBe(false);
    }
    expect((await ask(core)).cacheHit).toBe(true);
  });

  test('shows neither prompt nor answer in its files', async () => {
    const { core } = await gatewayOnStandIn(caching);
    const { content } = await ask(core);
    const [path = ''] = filesIn(core);
    const text = gunzipSync(readFileSync(path)).toString('utf8');
    expect(content.length).toBeGreaterThan(10);
    expect(text).not.toContain(content.slice(0, 10));
    expect(text).not.toContain('sky');
  });

  test('forgets the answers of a user whose content is erased', async () => {
    const { core } = await gatewayOnStandIn(caching);
    await ask(core);
    await core.eraseContent('ada', 'JIRA-9 request for erasure');
    expect(filesIn(core)).toEqual([]);
    expect((await ask(core)).cacheHit).toBe(false);
  });

  test('leaves files alone that others put into its folder', async () => {
    const { core } = await gatewayOnStandIn(caching);
    const others = [join(core.cache.directory, 'logs'), join(core.cache.directory, '%E0%A4%A')].map(
      (folder) => {
        mkdirSync(folder, { recursive: true });
        const path = join(folder, 'old.json.gz');
        writeFileSync(path, 'not ours');
        utimesSync(path, 0, 0);
        return path;
      },
    );
    await ask(core);
    expect(await core.cache.models()).toMatchObject([{ files: 1 }]);
    expect(await core.cache.clear()).toMatchObject({ files: 1 });
    expect(others.filter((path) => existsSync(path))).toEqual(others);
  });

  test('says what is wrong with a folder that can’t be used, and calls go on', async () => {
    const { core } = await gatewayOnStandIn(caching);
    writeFileSync(core.cache.directory, 'a file');
    expect(await ask(core)).toMatchObject({ success: true });
    const fault = {
      code: 'service_failed',
      message: expect.stringContaining(core.cache.directory) as string,
    };
    await expect(core.cache.models()).rejects.toMatchObject(fault);
    await expect(core.cache.clear()).rejects.toMatchObject(fault);
  });

  test('prevents no record of an erasure where its folder can’t be used', async () => {
    const { core } = await gatewayOnStandIn(caching);
    writeFileSync(core.cache.directory, 'a file');
    await ask(core);
    await core.eraseContent('ada', 'JIRA-9 request for erasure');
    expect(await recordsOf(core, 'tombstone')).toMatchObject([{ reason: 'JIRA-9 request for erasure' }]);
  });

  test('still asks for a reason', async () => {
    const { core } = await gatewayOnStandIn(caching);
    await ask(core);
    const response = await ask(core, { auditReason: ' ' });
    expect(response).toMatchObject({ status: 'refused', cacheHit: false });
    expect(response.error?.code).toBe('audit_reason_missing');
  });

  test('replays reasoning with its signature, tool calls and usage', async () => {
    const { core } = await gatewayOnStandIn(caching);
    const asked: Partial<LlmRequest> = {
      prompt: '@stand-in:use-tool',
      reasoning: { budget_tokens: 1024 },
      maxTokens: 2_000,
      tools: [{ name: 'look', description: 'Looks.', input_schema: { type: 'object' } }],
    };
    const first = await ask(core, asked);
    const second = await ask(core, asked);
    expect(second.cacheHit).toBe(true);
    expect(second.message).toEqual(first.message);
    expect(second.tokenUsage).toEqual(first.tokenUsage);
    expect(second.stopReason).toBe('tool_use');
  });
});
