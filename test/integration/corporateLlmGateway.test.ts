import { readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BudgetExceeded } from '../../src/gateways/budgetRefusals.ts';
import type { CallOptions, LlmRequest, LlmResponse } from '../../src/gateways/modelCalls.ts';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import { gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { storedRecords } from '../support/ledgers.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { patience } from '../support/patience.ts';

const reason = 'JIRA-1 test the gateway';

async function ask(
  { core }: TestGateway,
  request: Partial<LlmRequest>,
  options: CallOptions = {},
): Promise<LlmResponse> {
  const gateway = core.registry.calls();
  return gateway.execute({ prompt: 'hello', auditReason: reason, ...request }, options);
}

function kinds({ core }: TestGateway): string[] {
  return storedRecords(core.journal.directory).map(({ kind }) => kind);
}

describe('a governed call', () => {
  it('streams the answer, settles the exact cost and is recorded', async () => {
    const gateway = await gatewayOnStandIn();
    const pieces: string[] = [];
    const usage = {
      inputTokens: 1000,
      outputTokens: 200,
      totalTokens: 1200,
      cacheReadInputTokens: 500,
      cacheWriteInputTokens: 300,
      cacheDetails: [{ ttl: '1h', inputTokens: 100 }],
    };
    const prompt = `@stand-in:usage=${JSON.stringify(usage)}`;
    const response = await ask(
      gateway,
      { prompt },
      { onEvent: (event) => event.type === 'text' && pieces.push(event.text) },
    );
    expect(response).toMatchObject({
      success: true,
      status: 'success',
      modelUsed: 'us.anthropic.claude-sonnet-4-6',
      backend: 'bedrock',
      simulated: false,
      tokenUsage: { input: 1000, output: 200, cacheRead: 500, cacheWrite5m: 200, cacheWrite1h: 100 },
      // 1000 × 3.3 + 200 × 16.5 + 500 × 0.33 + 200 × 4.125 + 100 × 6.6
      cost: 8250n,
      costEstimated: false,
      gatewayTracked: true,
      error: null,
    });
    expect(pieces.length).toBeGreaterThan(10);
    expect(pieces.join('')).toBe(response.content);
    expect(kinds(gateway)).toEqual([
      'header',
      'key',
      'policy_change',
      'RESERVE',
      'DISPATCH',
      'note',
      'SETTLE',
    ]);
    expect(await gateway.core.budget()).toMatchObject({ spent: 8250n, reserved: 0n });
    expect(await verifyLedger(gateway.core.journal)).toMatchObject({ ok: true, records: 7 });
  });

  it('sends the seeds’ defaults, the call id and neither reason nor user', async () => {
    const gateway = await gatewayOnStandIn();
    const response = await ask(gateway, {});
    const [call] = gateway.standIn.calls;
    expect(call?.body.inferenceConfig).toEqual({ maxTokens: 4000, temperature: 0.7 });
    expect(call?.metadata).toEqual({ tidyllm_call_id: response.auditTrail?.callId });
  });

  it('keeps the prompt and the answer out of the journal', async () => {
    const gateway = await gatewayOnStandIn();
    const response = await ask(gateway, { prompt: 'the secret recipe @stand-in:text=rosemary' });
    expect(response.content).toBe('rosemary');
    const journal = JSON.stringify(storedRecords(gateway.core.journal.directory));
    expect(journal).not.toContain('recipe');
    expect(journal).not.toContain('rosemary');
    expect(journal).toContain('request_hmac');
  });

  it('leaves nothing that others can read, locks included', async () => {
    const gateway = await gatewayOnStandIn();
    await ask(gateway, {});
    const { directory } = gateway.core.journal;
    const names = readdirSync(directory);
    expect(names).toContain('lock.db');
    expect(names.some((name) => name.startsWith('alive-'))).toBe(true);
    for (const name of names) expect(statSync(join(directory, name)).mode & 0o077).toBe(0);
  });

  it('asks for the whole answer at once when told so', async () => {
    const gateway = await gatewayOnStandIn();
    const response = await ask(gateway, { stream: false });
    expect(response.success).toBe(true);
    expect(gateway.standIn.calls[0]?.operation).toBe('converse');
  });

  it('is complete when all was said, though the connection stays open', async () => {
    const gateway = await gatewayOnStandIn();
    expect(await ask(gateway, { prompt: '@stand-in:open-end' })).toMatchObject({
      success: true,
      costEstimated: false,
    });
  });

  it('charges tokens of a class without a price at the dearest there is, marked as estimated', async () => {
    const gateway = await gatewayOnStandIn();
    const usage = { inputTokens: 0, outputTokens: 0, totalTokens: 1000, cacheReadInputTokens: 1000 };
    const prompt = `@stand-in:usage=${JSON.stringify(usage)}`;
    const response = await ask(gateway, { prompt, modelId: 'mistral.mistral-7b-instruct-v0:2' });
    expect(response).toMatchObject({ success: true, costEstimated: true });
    expect(response.cost).toBe(150n);
  });

  it('is signed with the chosen credentials, whatever bearer key is in the environment', async () => {
    const gateway = await gatewayOnStandIn({ AWS_BEARER_TOKEN_BEDROCK: 'somebody-elses-key' });
    expect((await ask(gateway, {})).success).toBe(true);
  });

  it('names in the record what a person can see: one line, no hidden characters, no prompt for a model', async () => {
    const gateway = await gatewayOnStandIn();
    await ask(gateway, {
      auditReason: 'JIRA-1\n#99 success\u202e ok',
      userId: '  ',
      modelId: 'my secret prompt',
    });
    const record = storedRecords(gateway.core.journal.directory).at(-1);
    expect(record).toMatchObject({
      reason: 'JIRA-1 #99 success ok',
      user_id: 'ada',
      model: '(not a model name)',
    });
  });

  it('is durable before the first byte leaves', async () => {
    const gateway = await gatewayOnStandIn();
    const answer = ask(gateway, { prompt: '@stand-in:gate' }, { onEvent: () => undefined });
    await expect.poll(() => gateway.standIn.calls.length).toBe(1);
    expect(kinds(gateway)).toEqual(['header', 'key', 'policy_change', 'RESERVE', 'DISPATCH', 'note']);
    expect((await gateway.core.budget()).reserved).toBeGreaterThan(0n);
    gateway.standIn.openGate();
    expect((await answer).success).toBe(true);
  });
});

describe('a call is refused before any byte leaves', () => {
  it.each<[string, Partial<LlmRequest>, string, number]>([
    ['without a reason', { auditReason: '' }, 'audit_reason_missing', 4],
    ['with a blank reason', { auditReason: ' \t\n' }, 'audit_reason_missing', 4],
    ['with too short a reason', { auditReason: 'x' }, 'audit_reason_missing', 4],
    ['with an invisible reason', { auditReason: '\u200b\u200b\u200b' }, 'audit_reason_missing', 4],
    ['with a reason without a word', { auditReason: '...' }, 'audit_reason_missing', 4],
    ['with the name of a built-in', { modelId: 'constructor' }, 'model_not_recognized', 5],
    ['with a model of embeddings', { modelId: 'amazon.titan-embed-text-v2:0' }, 'model_not_recognized', 5],
    ['with an unknown model', { modelId: 'gpt-nothing' }, 'model_not_recognized', 5],
    ['with a retired model', { modelId: 'anthropic.claude-3-sonnet-20240229-v1:0' }, 'model_retired', 5],
    ['with an empty prompt', { prompt: '  ' }, 'invalid_request', 2],
    ['with a temperature out of range', { temperature: 1.5 }, 'invalid_request', 2],
    ['with too long an answer', { maxTokens: 10_000_000 }, 'invalid_request', 2],
  ])('%s', async (_name, request, code, exitCode) => {
    const gateway = await gatewayOnStandIn();
    const response = await ask(gateway, request);
    expect(response).toMatchObject({ success: false, status: 'refused', cost: 0n, gatewayTracked: true });
    expect(response.error).toMatchObject({ code, exitCode });
    expect(gateway.standIn.calls).toHaveLength(0);
    expect(kinds(gateway)).toEqual(['header', 'key', 'REFUSE']);
  });

  it('when its worst case doesn’t fit, with what would', async () => {
    const gateway = await gatewayOnStandIn({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.01' });
    const response = await ask(gateway, {});
    expect(response.error).toBeInstanceOf(BudgetExceeded);
    expect(response.error?.exitCode).toBe(3);
    const { offer } = response.error as BudgetExceeded;
    const smaller = await ask(gateway, { maxTokens: offer.maxTokens ?? 0 });
    expect(smaller.success).toBe(true);
    expect(gateway.standIn.calls).toHaveLength(1);
    const cheaper = await gatewayOnStandIn({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.01' });
    expect((await ask(cheaper, { modelId: offer.models[0]?.name ?? '' })).success).toBe(true);
  });
});

describe('a call that fails', () => {
  it.each<[string, string]>([
    ['throttled', 'backend_throttled'],
    ['not-ready', 'backend_throttled'],
    ['quota', 'backend_throttled'],
    ['validation', 'backend_rejected'],
    ['on-demand', 'backend_rejected'],
    ['denied', 'access_denied'],
    ['expired', 'credentials_expired'],
    ['not-found', 'backend_rejected'],
    ['internal', 'backend_failed'],
    ['unavailable', 'backend_failed'],
  ])('with %s before its stream costs nothing and releases the reservation', async (directive, code) => {
    const gateway = await gatewayOnStandIn();
    const response = await ask(gateway, { prompt: `@stand-in:${directive}` });
    expect(response).toMatchObject({ success: false, status: 'failed', cost: 0n, gatewayTracked: true });
    expect(response.error?.code).toBe(code);
    expect(response.error?.hint).not.toBe('');
    expect(gateway.standIn.calls).toHaveLength(1);
    expect(kinds(gateway).at(-1)).toBe('VOID');
    expect(await gateway.core.budget()).toMatchObject({ spent: 0n, reserved: 0n });
  });

  it.each<[string, string, string]>([
    ['timeout', 'backend_failed', 'failed'],
    ['model-error', 'backend_failed', 'failed'],
    ['reset', 'backend_unreachable', 'failed'],
    ['hang', 'stream_stalled', 'failed'],
    ['stall', 'stream_stalled', 'incomplete'],
    ['cut', 'stream_incomplete', 'incomplete'],
    ['early-end', 'stream_incomplete', 'incomplete'],
    ['no-metadata', 'stream_incomplete', 'incomplete'],
  ])('with %s is charged its worst case, marked as estimated', async (directive, code, status) => {
    const gateway = await gatewayOnStandIn({ TIDYLLM_RETRY_IDLE_TIMEOUT_MS: '200' });
    const prompt = `@stand-in:${directive}`;
    const worstCase = gateway.core.registry.calls().worstCase({ prompt, auditReason: reason });
    const response = await ask(gateway, { prompt });
    expect(response).toMatchObject({ success: false, status, cost: worstCase, costEstimated: true });
    expect(response.error?.code).toBe(code);
    expect(storedRecords(gateway.core.journal.directory).at(-1)).toMatchObject({
      kind: 'SETTLE',
      estimated: true,
    });
    expect(await gateway.core.budget()).toMatchObject({ spent: worstCase, reserved: 0n });
  });

  it.each([
    ['html', true],
    ['html', false],
    ['proxy-failure', true],
    ['proxy-failure', false],
  ])(
    'with %s in place of an answer (stream %s) is charged its worst case, and the page isn’t shown',
    async (name, stream) => {
      const gateway = await gatewayOnStandIn({ TIDYLLM_RETRY_IDLE_TIMEOUT_MS: '2000' });
      const response = await ask(gateway, { prompt: `@stand-in:${name}`, stream });
      expect(response).toMatchObject({ success: false, costEstimated: true, gatewayTracked: true });
      expect(response.cost).toBeGreaterThan(60_000n);
      expect(`${response.error?.message ?? ''}${response.error?.hint ?? ''}`).not.toContain('SECRET');
    },
  );

  it.each([
    '{}',
    '{"inputTokens":1.5,"outputTokens":1}',
    '{"inputTokens":-100,"outputTokens":1}',
    '{"inputTokens":1e30,"outputTokens":1}',
    '{"inputTokens":10}',
    '{"inputTokens":1,"outputTokens":1,"cacheWriteInputTokens":1,"cacheDetails":[{"ttl":"1h","inputTokens":100}]}',
  ])('with the impossible usage %s is charged its worst case, never less', async (usage) => {
    const gateway = await gatewayOnStandIn();
    for (const stream of [true, false]) {
      const response = await ask(gateway, { prompt: `@stand-in:usage=${usage}`, stream });
      expect(response).toMatchObject({ success: false, costEstimated: true, gatewayTracked: true });
      expect(response.error?.code).toBe('stream_incomplete');
      expect(response.error?.message).toBe('The answer is here, but what it used can’t be read.');
      expect(response.cost).toBeGreaterThan(60_000n);
    }
    expect((await ask(gateway, {})).success).toBe(true);
  });

  it('because the ledger could not record its end is no success', async () => {
    const gateway = await gatewayOnStandIn();
    const { directory } = gateway.core.journal;
    const answer = ask(gateway, { prompt: '@stand-in:gate' });
    await expect.poll(() => gateway.standIn.calls.length).toBe(1);
    renameSync(directory, `${directory}-away`);
    gateway.standIn.openGate();
    const response = await answer;
    expect(response).toMatchObject({ success: false, status: 'failed', gatewayTracked: false });
    expect(response.error?.exitCode).toBe(7);
    expect(response.content).not.toBe('');
    rmSync(directory, { recursive: true, force: true });
    renameSync(`${directory}-away`, directory);
    await gateway.core.ledger.recover();
    expect(await gateway.core.budget()).toMatchObject({ reserved: 0n, spent: response.cost });
  });

  it('for want of credentials has no reservation', async () => {
    const gateway = await gatewayOnStandIn({
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      AWS_PROFILE: 'nobody',
    });
    const response = await ask(gateway, {});
    expect(response.error?.code).toBe('credentials_missing');
    expect(kinds(gateway)).toEqual(['header', 'key', 'REFUSE']);
  });

  it('with an exception in mid-stream keeps what arrived and charges for it', async () => {
    const gateway = await gatewayOnStandIn();
    const response = await ask(gateway, { prompt: '@stand-in:exception' });
    expect(response).toMatchObject({ success: false, status: 'incomplete', costEstimated: true });
    expect(response.error?.code).toBe('backend_throttled');
    expect(response.content.length).toBeGreaterThan(20);
    expect(response.cost).toBeGreaterThan(0n);
    expect(response.cost).toBeLessThan(66_000n);
  });

  it('because nothing listens at the endpoint costs nothing', async () => {
    const gateway = await gatewayOnStandIn({ AWS_ENDPOINT_URL_BEDROCK_RUNTIME: 'http://127.0.0.1:9' });
    const response = await ask(gateway, {});
    expect(response).toMatchObject({ status: 'failed', cost: 0n });
    expect(response.error?.code).toBe('backend_unreachable');
  });

  it('because the region does not exist says so', async () => {
    const gateway = await gatewayOnStandIn({
      AWS_REGION: 'us-west-9',
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: '',
    });
    const response = await ask(gateway, {});
    expect(response.error?.code).toBe('backend_unreachable');
    expect(response.error?.hint).toContain('us-west-9');
  });
});

describe('the health of Bedrock', () => {
  it('is failed after AWS refused the credentials, and healthy after the next answer', async () => {
    const gateway = await gatewayOnStandIn();
    const check = () => gateway.core.backend.checkHealth(AbortSignal.timeout(patience));
    expect(await check()).toMatchObject({
      state: 'healthy',
      evidence: expect.stringContaining('no call was made'),
    });
    await ask(gateway, { prompt: '@stand-in:expired' });
    expect(await check()).toMatchObject({ state: 'failed', error: { code: 'credentials_expired' } });
    await ask(gateway, {});
    expect(await check()).toMatchObject({ state: 'healthy', evidence: expect.stringContaining('succeeded') });
  });

  it('stands for a broken credential helper, which is never taken for no AWS at all', async () => {
    const folder = temporaryFolder();
    const config = join(folder, 'config');
    writeFileSync(config, '[default]\ncredential_process = /bin/false\n');
    const gateway = await gatewayOnStandIn({
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      AWS_CONFIG_FILE: config,
    });
    expect(gateway.core.backend.simulated).toBe(false);
    const response = await ask(gateway, {});
    expect(response.error?.code).toBe('credentials_missing');
    expect(gateway.standIn.calls).toHaveLength(0);
  });
});

describe('a call that is stopped', () => {
  it('in mid-stream is charged for what arrived, marked as estimated', async () => {
    const gateway = await gatewayOnStandIn();
    const stop = new AbortController();
    let seen = '';
    const response = await ask(
      gateway,
      { prompt: '@stand-in:slow' },
      {
        signal: stop.signal,
        onEvent: (event) => {
          if (event.type === 'text') seen += event.text;
          if (seen.length > 20) stop.abort();
        },
      },
    );
    expect(response).toMatchObject({
      status: 'cancelled',
      success: false,
      costEstimated: true,
      gatewayTracked: true,
    });
    expect(response.error?.exitCode).toBe(130);
    expect(response.content).toBe(seen);
    expect(response.cost).toBeGreaterThan(0n);
    expect(response.cost).toBeLessThan(66_000n);
  });

  it('while the model reasons unseen is charged for the reasoning too', async () => {
    const gateway = await gatewayOnStandIn();
    const stop = new AbortController();
    const answer = ask(gateway, { prompt: '@stand-in:reasoning', maxTokens: 4000 }, { signal: stop.signal });
    await expect.poll(() => gateway.standIn.calls.length).toBe(1);
    // The reasoning is in one write with the head of the answer.
    await new Promise((resolve) => setImmediate(resolve));
    await expect.poll(async () => (await fetch(gateway.standIn.url)).status).toBe(404);
    stop.abort();
    const response = await answer;
    expect(response).toMatchObject({ status: 'cancelled', content: '' });
    expect(response.tokenUsage.output).toBeGreaterThan(1000);
  });

  it('before it is sent costs nothing and sends nothing', async () => {
    const gateway = await gatewayOnStandIn();
    const response = await ask(gateway, {}, { signal: AbortSignal.abort() });
    expect(response).toMatchObject({ status: 'cancelled', cost: 0n });
    expect(gateway.standIn.calls).toHaveLength(0);
  });
});

describe('calls at once', () => {
  it('never hold more than the limit', async () => {
    const gateway = await gatewayOnStandIn({
      TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.5',
      TIDYLLM_AI_CONCURRENCY: '30',
    });
    const responses = await Promise.all(
      Array.from({ length: 30 }, () => ask(gateway, { prompt: '@stand-in:stall' })).map((call) =>
        Promise.race([
          call,
          expect
            .poll(() => gateway.standIn.calls.length)
            .toBe(7)
            .then(() => null),
        ]),
      ),
    );
    expect(responses.filter((response) => response?.status === 'refused')).toHaveLength(23);
    expect((await gateway.core.budget()).reserved).toBeLessThanOrEqual(500_000n);
    await gateway.standIn.close();
  });
});
