import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BedrockProfiles } from '../../src/adapters/bedrockProfiles.ts';
import type { LlmResponse } from '../../src/gateways/modelCalls.ts';
import { withinLimits } from '../../src/sessions/answerLimits.ts';
import { Network } from '../../src/sessions/network.ts';
import { gatewayOnStandIn, type TestGateway } from '../support/gateways.ts';
import { portOf } from '../support/listeningPort.ts';
import { recordsOf } from '../support/records.ts';
import { patience } from '../support/patience.ts';

const mebibyte = 1024 * 1024;
/** What this process may grow by, with the server that means harm inside it; without limits it is some 2 GB. */
const mostGrowth = 300 * mebibyte;

/** Bytes of memory at the most so far. */
const peak = (): number => process.resourceUsage().maxRSS * 1024;

function ask({ core }: TestGateway, kind: string, stream = true): Promise<LlmResponse> {
  const gateway = core.registry.calls();
  return gateway.execute({
    ...{ prompt: `@stand-in:hostile=${kind}`, auditReason: 'JIRA-1 hostile', maxTokens: 4, stream },
  });
}

/** What is left of a call that was cut: its record, and nothing that is still held. */
async function settled({ core }: TestGateway): Promise<unknown> {
  const { reserved } = await core.ledger.budget();
  expect(reserved).toBe(0n);
  return (await recordsOf(core, 'SETTLE'))[0];
}

describe('an answer of Bedrock without bounds is cut, and charged as one whose end is unknown', () => {
  it.each([
    ['text', true, 'more came than 4 tokens can be'],
    ['unknown-events', true, 'more came than 4 tokens can be'],
    ['declared-event', true, 'more came than 4 tokens can be'],
    ['whole', false, 'more came than 4 tokens can be'],
    ['error', true, 'can’t be read (HTTP 500)'],
    ['error', false, 'can’t be read (HTTP 500)'],
    ['header', true, 'Header overflow'],
    ['header', false, 'Header overflow'],
  ])('%s, as a stream: %s', async (kind, stream, told) => {
    const gateway = await gatewayOnStandIn();
    const before = peak();
    const response = await ask(gateway, kind, stream);
    expect(response).toMatchObject({ success: false, gatewayTracked: true, costEstimated: true });
    expect(response.error?.message).toContain(told);
    expect(response.cost).toBeGreaterThan(0n);
    expect(await settled(gateway)).toMatchObject({ estimated: true, error_code: response.error?.code });
    expect(peak() - before).toBeLessThan(mostGrowth);
  });

  it('a refusal without end costs nothing', async () => {
    const gateway = await gatewayOnStandIn();
    const before = peak();
    const response = await ask(gateway, 'refusal');
    expect(response).toMatchObject({ success: false, gatewayTracked: true, cost: 0n });
    expect(response.error?.message).toContain('can’t be read (HTTP 400)');
    expect(peak() - before).toBeLessThan(mostGrowth);
  });

  it.each(['drip-reasoning', 'drip-empty', 'drip-unknown', 'drip-headers'])(
    '%s ends when its time is over',
    async (kind) => {
      const gateway = await gatewayOnStandIn({ TIDYLLM_RETRY_IDLE_TIMEOUT_MS: '200' });
      const response = await ask(gateway, kind);
      expect(response).toMatchObject({ success: false, gatewayTracked: true, costEstimated: true });
      expect(response.error?.code).toMatch(/^stream_(incomplete|stalled)$/);
      expect(response.cost).toBeGreaterThan(0n);
      expect(await settled(gateway)).toMatchObject({ estimated: true });
    },
  );

  it('as many tokens as were allowed are never too much, each in an event of its own', async () => {
    const { core } = await gatewayOnStandIn();
    const text = Array.from({ length: 2_000 }, () => '\u0001'.repeat(20)).join(' ');
    const response = await core.registry.calls().execute({
      ...{ prompt: `@stand-in:text=${text}`, auditReason: 'JIRA-1 long', maxTokens: 2_000 },
    });
    expect(response).toMatchObject({ error: null, success: true, content: text });
  });
});

/** A server that answers every request with a body that never ends. */
async function endlessServer(status = 200, { pieceBytes = mebibyte, pauseMs = 0 } = {}): Promise<string> {
  const server = createHttpServer((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).write('{"a":"');
    const gone = once(response, 'close');
    void (async () => {
      while (!response.destroyed) {
        if (pauseMs > 0) await delay(pauseMs);
        const isRead = response.write(Buffer.alloc(pieceBytes, 'a'));
        if (!isRead) await Promise.race([once(response, 'drain'), gone]);
      }
    })();
  });
  return `http://127.0.0.1:${await portOf(server)}`;
}

describe('an answer without end of any other service is not read on', () => {
  it.each([200, 400, 500])('S3, MLflow and STS, with HTTP %i', async (status) => {
    const url = await endlessServer(status);
    const { core } = await gatewayOnStandIn({
      ...{ TIDYLLM_S3_BUCKET: 'audit', TIDYLLM_S3_ENDPOINT: url, TIDYLLM_MLFLOW_TRACKING_URI: url },
      AWS_ENDPOINT_URL_STS: url,
    });
    const before = peak();
    const signal = AbortSignal.timeout(patience);
    const found = [
      await core.sessions.checkHealth('mlflow'),
      await core.sessions.exercise('mlflow', signal),
      await core.sessions.exercise('s3', signal),
      await core.sessions.exercise('aws', signal),
    ];
    for (const { state, error } of found) {
      expect({ state, message: error?.message }).toMatchObject({
        state: 'failed',
        message: expect.stringMatching(
          /^127\.0\.0\.1 sent more than 4000000 bytes; the rest was not read\.$/,
        ),
      });
    }
    expect(peak() - before).toBeLessThan(mostGrowth);
  });

  it('PostgreSQL, with a message that declares 2 GB', async () => {
    const server = createServer((socket) => {
      socket.once('data', () => {
        socket.write(Buffer.from([0x45, 0x7f, 0xff, 0xff, 0xff]));
        const gone = once(socket, 'close');
        const pour = async (): Promise<void> => {
          while (!socket.destroyed) {
            if (!socket.write(Buffer.alloc(mebibyte))) await Promise.race([once(socket, 'drain'), gone]);
          }
        };
        // The client resets the connection, whatever is waited for then.
        gone.catch(() => undefined);
        pour().catch(() => undefined);
      });
    });
    const port = await portOf(server);
    const { core } = await gatewayOnStandIn({
      ...{ TIDYLLM_POSTGRES_HOST: '127.0.0.1', TIDYLLM_POSTGRES_PORT: String(port) },
      TIDYLLM_POSTGRES_SSL_MODE: 'disable',
    });
    const before = peak();
    const { state, error } = await core.sessions.checkHealth('postgres');
    expect({ state, message: error?.message }).toEqual({
      state: 'failed',
      message: `PostgreSQL at 127.0.0.1:${port} sent more than 4000000 bytes; the rest was not read.`,
    });
    expect(peak() - before).toBeLessThan(mostGrowth);
  });

  it.each([
    ['a container', (url: string) => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container` })],
    [
      'an instance',
      (url: string) => ({ AWS_EC2_METADATA_SERVICE_ENDPOINT: url, AWS_EC2_METADATA_DISABLED: 'false' }),
    ],
  ])('whoever hands out the role of %s', async (_name, variables) => {
    const { core } = await gatewayOnStandIn({
      ...{ AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' },
      ...variables(await endlessServer()),
    });
    const before = peak();
    const { error, found } = await core.sessions.credentialStatus();
    // An instance that doesn't answer as one is none.
    expect(error?.message ?? found).toSatisfy(
      (told: string | null) => told === null || /more than 100000/.test(told),
    );
    expect(peak() - before).toBeLessThan(mostGrowth);
  });

  it('whoever lends the role of a profile', async () => {
    const url = await endlessServer();
    const gateway = await gatewayOnStandIn({
      ...{ AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_ENDPOINT_URL_STS: url },
    });
    const role = 'role_arn = arn:aws:iam::123456789012:role/team\nsource_profile = keys\n';
    const keys = 'aws_access_key_id = AKIASTANDIN\naws_secret_access_key = secret\n';
    writeFileSync(join(gateway.home, 'aws-credentials'), `[keys]\n${keys}[default]\n${role}`);
    const before = peak();
    const { error } = await gateway.core.sessions.credentialStatus();
    expect(error?.message).toMatch(/more than 4000000 bytes/);
    expect(peak() - before).toBeLessThan(mostGrowth);
  });

  it('Bedrock’s control plane', async () => {
    process.env['AWS_ENDPOINT_URL_BEDROCK'] = await endlessServer();
    onTestFinished(() => {
      delete process.env['AWS_ENDPOINT_URL_BEDROCK'];
    });
    const keys = { accessKeyId: 'AKIASTANDIN', secretAccessKey: 'secret' };
    const network = new Network({ environment: process.env });
    onTestFinished(() => network.dispose());
    const profiles = new BedrockProfiles({
      ...{ keys: () => Promise.resolve(keys), bearerToken: null, network },
      ...{ profile: null, region: 'us-east-1' },
    });
    const before = peak();
    expect(await profiles.list()).toBeNull();
    expect(peak() - before).toBeLessThan(mostGrowth);
  });

  it('one that drips ends when its time is over', async () => {
    const url = await endlessServer(200, { pieceBytes: 1, pauseMs: 20 });
    const network = new Network({ environment: process.env });
    onTestFinished(() => network.dispose());
    const { signal } = new AbortController();
    const asked = withinLimits({ bytes: mebibyte, milliseconds: 200 }, () =>
      network.request(url, { signal }),
    );
    await expect(asked).rejects.toThrow('did not end its answer within 0.2 s');
  });
});
