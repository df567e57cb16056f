import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import type { GatewayErrorCode } from '../../src/errorCodes.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { directServices, gatewayOn, type DirectService } from '../support/directGateways.ts';
import { portOf } from '../support/listeningPort.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';

const environmentOfTest = (): Record<string, string> => process.env as Record<string, string>;
const quick = { TIDYLLM_RETRY_IDLE_TIMEOUT_MS: '400' };
const secret = 'SECRET-PROMPT';

/** A failure before the answer: what the service says, and what it means to the caller. */
const refusals: [said: string, code: GatewayErrorCode, retryable: boolean][] = [
  ['400 invalid_request_error wrong', 'backend_rejected', false],
  ['400 invalid_request_error Your credit balance is too low', 'access_denied', false],
  ['401 authentication_error invalid key', 'access_denied', false],
  ['402 billing_error pay', 'access_denied', false],
  ['403 permission_error no', 'access_denied', false],
  ['404 not_found_error model', 'backend_rejected', false],
  ['413 request_too_large big', 'backend_rejected', false],
  ['429 rate_limit_error slow down', 'backend_throttled', true],
  ['429 insufficient_quota pay', 'access_denied', false],
  ['500 api_error broken', 'backend_failed', true],
  ['503 unavailable_error later', 'backend_throttled', true],
  ['529 overloaded_error busy', 'backend_throttled', true],
];

describe.each(directServices.map((service) => [service.name, service] as const))('%s', (_name, service) => {
  const billingOfStopped = service.showsReasoning ? 'received' : 'unknown';

  it.each(['stream', 'whole'])(
    'answers the command line, and the call is recorded and charged (%s)',
    async (way) => {
      const { core, standIn } = await gatewayOn(service);
      const command = ['chat', '--backend', service.id, '--reason', 'JIRA-1 direct', '-m', service.model];
      const options = way === 'whole' ? ['--no-stream'] : [];
      const { document, code } = await tidyllmJson([...command, ...options, '@stand-in:text=Grüße 😀'], {
        environment: environmentOfTest(),
      });
      expect({ code, ...document }).toMatchObject({
        ...{ code: 0, success: true, backend: service.id, simulated: false, stop_reason: 'end_turn' },
        ...{ content: 'Grüße 😀', cost_estimated: false, gateway_tracked: true },
      });
      expect(Number(document['cost_usd'])).toBeGreaterThan(0);
      expect(standIn.calls).toHaveLength(1);
      expect(await recordsOf(core, 'RESERVE')).toMatchObject([{ backend: service.id, region: 'global' }]);
      expect(await recordsOf(core, 'SETTLE')).toMatchObject([{ outcome: 'success', estimated: false }]);
    },
  );

  it.each(refusals)('says what a refusal means, for nothing: %s', async (said, code, retryable) => {
    const { ask, core, standIn } = await gatewayOn(service);
    standIn.headers = { 'retry-after': '7' };
    for (const stream of [true, false]) {
      const response = await ask({ prompt: `@stand-in:refuse=${said}`, stream });
      expect(response).toMatchObject({
        success: false,
        cost: 0n,
        error: { code, retryable, billing: 'none' },
      });
      expect(response.error?.retryAfterMs).toBe(7_000);
      expect(response.error?.hint).not.toBe('');
    }
    expect(await core.budget()).toMatchObject({ spent: 0n, reserved: 0n });
  });

  it.each<[Record<string, string>, boolean, number | undefined]>([
    [{ 'retry-after-ms': '1500', 'retry-after': '9' }, true, 1_500],
    [{ 'x-should-retry': 'false' }, false, undefined],
    [{ 'retry-after': 'soon' }, true, undefined],
  ])('goes by the headers of a refusal: %j', async (headers, retryable, retryAfterMs) => {
    const { ask, standIn } = await gatewayOn(service);
    standIn.headers = headers;
    const { error } = await ask({ prompt: '@stand-in:refuse=429 rate_limit_error slow down' });
    expect(error).toMatchObject({ retryable });
    expect(error?.retryAfterMs).toBe(retryAfterMs ?? null);
  });

  it('takes a refusal that should be tried again as one that may be', async () => {
    const { ask, standIn } = await gatewayOn(service);
    standIn.headers = { 'x-should-retry': 'true' };
    const { error } = await ask({ prompt: '@stand-in:refuse=400 invalid_request_error busy' });
    expect(error).toMatchObject({ code: 'backend_rejected', retryable: true });
  });

  it('fails for nothing where the first event of HTTP 200 is an error, and keeps its kind', async () => {
    const { ask } = await gatewayOn(service);
    const response = await ask({ prompt: '@stand-in:fail=529 overloaded_error busy' });
    expect(response).toMatchObject({
      ...{ success: false, cost: 0n, content: '' },
      error: { code: 'backend_throttled', retryable: true, billing: 'none' },
    });
  });

  it('fails where an error comes in the middle, keeps its kind, and charges what came', async () => {
    const { ask } = await gatewayOn(service);
    const response = await ask({ prompt: '@stand-in:break=429 rate_limit_error slow down' });
    expect(response).toMatchObject({
      ...{ success: false, status: 'incomplete', costEstimated: true },
      error: { code: 'backend_throttled', retryable: true, billing: billingOfStopped },
    });
    expect(response.error?.message).toContain('cut off');
    expect(response.content).not.toBe('');
    expect(response.cost).toBeGreaterThan(0n);
  });

  it.each(['early-end', 'cut'])('never takes a stream that ends too soon for an answer: %s', async (way) => {
    const { ask } = await gatewayOn(service);
    const response = await ask({ prompt: `@stand-in:${way}` });
    expect(response).toMatchObject({
      ...{ success: false, status: 'incomplete', costEstimated: true },
      error: { code: 'stream_incomplete', retryable: true, billing: 'unknown' },
    });
    expect(response.tokenUsage.output).toBe(2000);
  });

  it.each(['stall', 'hang'])('stops waiting for a stream that is silent: %s', async (way) => {
    const { ask, standIn } = await gatewayOn(service, quick);
    const response = await ask({ prompt: `@stand-in:${way}` });
    expect(response).toMatchObject({ success: false, error: { code: 'stream_stalled', billing: 'unknown' } });
    await expect.poll(() => standIn.open).toBe(0);
  });

  it('doesn’t wait for the connection to end once all is said', async () => {
    const { ask } = await gatewayOn(service);
    expect(await ask({ prompt: '@stand-in:open-end' })).toMatchObject({
      success: true,
      costEstimated: false,
    });
  });

  it('shows nothing of a page that someone else answers with', async () => {
    const { ask } = await gatewayOn(service);
    for (const stream of [true, false]) {
      const { error } = await ask({ prompt: '@stand-in:html', stream });
      expect(error).toMatchObject({ code: 'backend_failed', billing: 'unknown', detail: null });
      expect(JSON.stringify([error?.message, error?.hint])).not.toContain('SECRET');
    }
  });

  it('charges what came when a person stops the call, marked as estimated, and closes the connection', async () => {
    const { ask, standIn, core } = await gatewayOn(service);
    const stop = new AbortController();
    const asked = core.registry
      .calls()
      .execute(
        { prompt: '@stand-in:stall', auditReason: 'JIRA-1 stop', modelId: service.model, maxTokens: 2000 },
        { signal: stop.signal, onEvent: (event) => event.type === 'text' && stop.abort() },
      );
    const response = await asked;
    expect(response).toMatchObject({
      status: 'cancelled',
      costEstimated: true,
      error: { billing: billingOfStopped },
    });
    expect(response.cost).toBeGreaterThan(0n);
    // Hidden reasoning may have used all tokens that were allowed.
    if (service.showsReasoning) expect(response.tokenUsage.output).toBeLessThan(2000);
    else expect(response.tokenUsage.output).toBe(2000);
    await expect.poll(() => standIn.open).toBe(0);
    expect(await ask({ prompt: 'and again' })).toMatchObject({ success: true });
  });

  it('uses one connection for calls after each other, and another where the server has closed it', async () => {
    const { ask, standIn } = await gatewayOn(service);
    for (const prompt of ['one', 'two']) expect(await ask({ prompt })).toMatchObject({ success: true });
    expect(standIn.connections).toBe(1);
    standIn.closeIdle();
    expect(await ask({ prompt: 'three' })).toMatchObject({
      success: true,
      cost: expect.any(BigInt) as bigint,
    });
    expect(standIn.calls).toHaveLength(3);
  });

  it('sends a call once where a new connection breaks, and says that the worst case is charged', async () => {
    const { ask, standIn } = await gatewayOn(service);
    const response = await ask({ prompt: '@stand-in:reset' });
    expect(response).toMatchObject({
      success: false,
      error: { code: 'backend_unreachable', billing: 'unknown', retryable: true },
    });
    expect(standIn.calls).toHaveLength(1);
  });

  it('can’t be reached for nothing', async () => {
    const server = createServer();
    const port = await portOf(server);
    await new Promise((resolve) => server.close(resolve));
    const away: DirectService = { ...service, settings: () => service.settings(`http://127.0.0.1:${port}`) };
    const { ask } = await gatewayOn(away);
    const response = await ask({ prompt: 'hello' });
    expect(response).toMatchObject({ cost: 0n, error: { code: 'backend_unreachable', billing: 'none' } });
    expect(response.error?.message).toContain(service.name);
  });

  it('asks for streams that are not packed, and reads packed ones', async () => {
    const { ask, standIn } = await gatewayOn(service);
    standIn.transport = { ...standIn.transport, gzip: true, pieceBytes: 11 };
    const response = await ask({ prompt: '@stand-in:text=naïve 😀 answer' });
    expect(response).toMatchObject({ success: true, content: 'naïve 😀 answer' });
    expect(standIn.calls[0]?.headers['accept-encoding']).toBe('identity');
  });

  it.each(['\n', '\r\n', '\r', 'mixed'] as const)(
    'reads streams however they are cut: lines end with %j',
    async (lineEnd) => {
      const { ask, standIn } = await gatewayOn(service);
      for (const pieceBytes of [1, 2, 3, 7, 0]) {
        for (const lastBlankLine of [true, false]) {
          standIn.transport = { lineEnd, pieceBytes, gzip: false, comments: pieceBytes !== 3, lastBlankLine };
          const response = await ask({ prompt: '@stand-in:text=naïve 😀 ﷺ' });
          expect(response).toMatchObject({ success: true, content: 'naïve 😀 ﷺ', costEstimated: false });
        }
      }
    },
  );

  it('ends an answer that has no end, and one that unpacks to far more', async () => {
    const { ask, standIn } = await gatewayOn(service);
    const endless = `@stand-in:text=${'long '.repeat(400_000)}`;
    standIn.transport = { ...standIn.transport, gzip: true };
    const response = await ask({ messages: [{ role: 'user', content: endless }], maxTokens: 16 });
    expect(response).toMatchObject({ error: { code: 'stream_incomplete', billing: 'unknown' } });
    expect(response.error?.message).toContain('more came than 16 tokens');
  });

  it.each(['sk-wrong-key', 'a-wrong-key-of-another-form'])(
    'never shows a key or a prompt in an error, a record or the output: %s',
    async (key) => {
      const { core } = await gatewayOn(service, { [service.keyVariable]: key });
      const command = ['--json', 'chat', '--reason', 'JIRA-1 keys', '-m', service.model, secret];
      const { stdout, stderr, code } = await tidyllm(command, { environment: environmentOfTest() });
      expect(code).toBe(6);
      expect(stdout).toContain(service.keyVariable);
      const journal = join(core.journal.directory, '00000001.journal');
      for (const text of [stdout, stderr, readFileSync(journal, 'utf8')]) {
        expect(text).not.toContain('wrong-key');
        expect(text).not.toContain(secret);
      }
    },
  );

  it('is named as who says its own words', async () => {
    await gatewayOn(service, { TIDYLLM_RETRY_ATTEMPTS: '1' });
    const command = ['chat', '--reason', 'JIRA-1 words', '-m', service.model];
    const prompt = '@stand-in:refuse=429 rate_limit_error slow down';
    const { stderr } = await tidyllm([...command, prompt], { environment: environmentOfTest() });
    expect(stderr).toContain(`\n${service.name}: slow down\n`);
  });

  it('refuses a key that no request can carry, without showing it', async () => {
    const started = gatewayOn(service, { [service.keyVariable]: 'sk-one\u0000two' });
    await expect(started).rejects.toMatchObject({ code: 'settings_invalid' });
    await expect(started).rejects.not.toThrow('sk-one');
  });

  it('stays at the address of the user whatever a workspace asks for', async () => {
    const { standIn } = await gatewayOn(service);
    const folder = temporaryFolder();
    const file = join(folder, 'settings.yaml');
    writeFileSync(file, service.settings('http://127.0.0.1:9'));
    const started = compose({ environment: process.env, workspaceFiles: [file] });
    await expect(started).rejects.toThrow(/endpoint can't be set by a workspace/);
    expect(standIn.calls).toEqual([]);
  });

  it('gives no cached answer of another address', async () => {
    const { ask, home } = await gatewayOn(service, { TIDYLLM_CACHE_ENABLED: 'true' });
    await ask({ prompt: 'Why is the sky blue?' });
    expect((await ask({ prompt: 'Why is the sky blue?' })).cacheHit).toBe(true);
    const other = await gatewayOn(service, { TIDYLLM_HOME: home, TIDYLLM_CACHE_ENABLED: 'true' });
    writeFileSync(join(home, 'settings.yaml'), service.settings(other.standIn.url));
    const moved = await compose({ environment: process.env, user: 'ada' });
    onTestFinished(() => moved.dispose());
    const again = { auditReason: 'JIRA-1 direct', modelId: service.model, maxTokens: 2000 };
    const answer = await moved.registry.calls().execute({ ...again, prompt: 'Why is the sky blue?' });
    expect(answer).toMatchObject({ success: true, cacheHit: false });
    expect(other.standIn.calls).toHaveLength(1);
  });

  it('is well in health where it answers, and is not where it refused the key', async () => {
    const { core, ask } = await gatewayOn(service);
    const healthy = await core.backend.checkHealth(AbortSignal.timeout(5_000));
    expect(healthy).toMatchObject({ state: 'healthy', error: null });
    expect(healthy.evidence).toContain('API key found');
    await ask({ prompt: '@stand-in:refuse=401 authentication_error no' });
    const refused = await core.backend.checkHealth(AbortSignal.timeout(5_000));
    expect(refused).toMatchObject({ state: 'failed', error: { code: 'access_denied' } });
  });
});

it('is refused where policy doesn’t allow it, and the default allows none of them', async () => {
  const home = temporaryFolder();
  for (const { id, keyVariable } of directServices) {
    const environment = { TIDYLLM_HOME: home, [keyVariable]: 'sk-any', AWS_EC2_METADATA_DISABLED: 'true' };
    await expect(compose({ environment, backend: id })).rejects.toMatchObject({
      code: 'backend_not_allowed',
    });
  }
});

it.each(
  directServices.filter(({ keyNeeded }) => keyNeeded).map((service) => [service.name, service] as const),
)('%s says how to give a key where there is none, before money is held', async (_name, service) => {
  const { ask, core, standIn } = await gatewayOn(service, { [service.keyVariable]: '' });
  const { error, cost } = await ask({ prompt: 'hello' });
  expect({ cost, error }).toMatchObject({ cost: 0n, error: { code: 'credentials_missing' } });
  expect(error?.hint).toContain(service.keyVariable);
  expect(await recordsOf(core, 'RESERVE')).toEqual([]);
  expect(standIn.calls).toEqual([]);
});
