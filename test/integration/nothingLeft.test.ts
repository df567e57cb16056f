import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createProxy, type IncomingHttpHeaders } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import type { LlmResponse } from '../../src/gateways/modelCalls.ts';
import type { Core } from '../../src/core/core.ts';
import { isolatedEnvironment, setEnvironment } from '../support/gateways.ts';
import { portOf } from '../support/listeningPort.ts';
import { recordsOf } from '../support/records.ts';
import { temporaryFolder } from '../support/temporary.ts';

const fixture = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../fixtures', name));
const certificate = { key: fixture('localhost.key.pem'), cert: fixture('localhost.certificate.pem') };
const bundle = join(import.meta.dirname, '../fixtures/localhost.certificate.pem');
const keys = { AWS_ACCESS_KEY_ID: 'AKIASTANDIN', AWS_SECRET_ACCESS_KEY: 'secret' };

/** A port where nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function coreWith(environment: Record<string, string>): Promise<Core> {
  setEnvironment({
    ...isolatedEnvironment(temporaryFolder()),
    ...{ AWS_REGION: 'us-east-1', TIDYLLM_USER: 'ada', TIDYLLM_RETRY_IDLE_TIMEOUT_MS: '1500' },
    ...{ HTTP_PROXY: '', HTTPS_PROXY: '', ALL_PROXY: '', NO_PROXY: '' },
    ...{ http_proxy: '', https_proxy: '', all_proxy: '', no_proxy: '' },
    ...environment,
  });
  const core = await compose({ environment: process.env });
  onTestFinished(() => core.dispose());
  return core;
}

function ask(core: Core, stream = true, signal?: AbortSignal): Promise<LlmResponse> {
  const gateway = core.registry.calls();
  const request = { prompt: 'hello', auditReason: 'JIRA-1 nothing left', stream };
  return gateway.execute(request, signal ? { signal } : {});
}

/** A call fails for nothing: no cost, no held money, and a hint. */
async function expectFree(core: Core, said: RegExp, stream = true): Promise<void> {
  const response = await ask(core, stream);
  const { success, cost, error } = response;
  expect({ success, cost, estimated: response.costEstimated }).toEqual({
    success: false,
    cost: 0n,
    estimated: false,
  });
  expect(`${error?.message} ${error?.hint}`).toMatch(said);
  // What libraries say to programmers.
  expect(error?.message).not.toMatch(/@smithy|routines|openssl|EPROTO|\n/);
  expect(error?.hint).not.toBe('');
  expect(await core.budget()).toMatchObject({ spent: 0n, reserved: 0n });
  expect(await recordsOf(core, 'SETTLE')).toEqual([]);
}

/** How a proxy treats a CONNECT; gets the socket after the request's head came. */
const tunnels: Record<string, [behave: (socket: Socket) => void, said: RegExp]> = {
  'wants a login': [answers(407), /wants a login \(HTTP 407\)\. Put user and password/],
  forbids: [answers(403), /does not open the way \(HTTP 403\)\. Ask who runs the proxy/],
  'has no such host': [answers(404), /HTTP 404/],
  'sends elsewhere': [answers(302), /HTTP 302/],
  'fails itself': [answers(500), /HTTP 500/],
  'can’t reach Bedrock': [answers(502), /HTTP 502/],
  'is overloaded': [answers(503), /HTTP 503/],
  'has no time': [answers(504), /HTTP 504/],
  closes: [(socket) => socket.end(), /The proxy 127\.0\.0\.1:\d+ can’t be used/],
  resets: [(socket) => socket.resetAndDestroy(), /The proxy 127\.0\.0\.1:\d+ can’t be used/],
  'sends rubbish': [(socket) => socket.end('220 smtp ready\r\n\r\n'), /does not|can’t be used/],
  'speaks another protocol': [(socket) => socket.end('\u0015\u0003\u0001\r\n\r\n'), /does not speak HTTP/],
  'never answers': [() => undefined, /took too long|no connection was established within 5 s/],
  'opens the way, then closes': [
    (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'),
    /Bedrock can’t be reached/,
  ],
  'opens the way to nothing that speaks TLS': [
    (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nplain text'),
    /Bedrock can’t be reached/,
  ],
  'opens the way to silence': [
    (socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\n'),
    /Connecting to Bedrock took too long|The secure connection took longer than 10 s/,
  ],
};

function answers(status: number): (socket: Socket) => void {
  return (socket) => {
    socket.end(`HTTP/1.1 ${status} No\r\ncontent-type: text/html\r\n\r\n<html>SECRET page</html>`);
  };
}

/** Opens the way to a server of this machine, whatever was asked for. */
function openTo(port: number): (socket: Socket) => void {
  return (socket) => {
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
  };
}

async function proxyThat(behave: (socket: Socket) => void): Promise<number> {
  const proxy = createProxy();
  proxy.on('connect', (_request, socket: Socket) => behave(socket));
  return portOf(proxy);
}

/** A server that speaks TLS, and how far a call came with it. */
async function secureServer(
  seen: (request: string) => 'answer' | 'reset' | 'silence',
): Promise<{ port: number; requests: IncomingHttpHeaders[] }> {
  const requests: IncomingHttpHeaders[] = [];
  const server = createSecureServer(certificate, (request, response) => {
    if (request.method === 'POST') requests.push(request.headers);
    const reaction = request.method === 'POST' ? seen(request.url ?? '') : 'answer';
    if (reaction === 'reset') request.socket.destroy();
    if (reaction === 'answer') response.writeHead(404).end();
  });
  return { port: await portOf(server), requests };
}

describe('a proxy through which nothing got', () => {
  it.each(Object.entries(tunnels))('that %s costs nothing', async (_how, [behave, said]) => {
    const proxy = await proxyThat(behave);
    const core = await coreWith({ ...keys, HTTPS_PROXY: `http://127.0.0.1:${proxy}` });
    await expectFree(core, said);
    await expectFree(core, said, false);
  });

  it.each([
    ['that refuses connections', async () => `http://127.0.0.1:${await closedPort()}`, /ECONNREFUSED/],
    [
      'whose name is not known',
      () => Promise.resolve('http://proxy.invalid:3128'),
      /proxy\.invalid:3128 can’t be used/,
    ],
    [
      'that is to speak TLS and doesn’t',
      async () => `https://127.0.0.1:${await proxyThat(answers(200))}`,
      /can’t be used/,
    ],
  ])('%s costs nothing', async (_which, address, said) => {
    await expectFree(await coreWith({ ...keys, HTTPS_PROXY: await address() }), said);
  });

  it.each(['http', 'https'])('for %s addresses that refuses connections costs nothing', async (scheme) => {
    const address = `http://127.0.0.1:${await closedPort()}`;
    const endpoint = `${scheme}://bedrock.example:8080`;
    const core = await coreWith({
      ...keys,
      ALL_PROXY: address,
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: endpoint,
    });
    await expectFree(core, /The proxy 127\.0\.0\.1:\d+ can’t be used: .*ECONNREFUSED/);
  });

  it.each(['127.0.0.1:PORT', ' 127.0.0.1:PORT\r', '"http://127.0.0.1:PORT"', 'http://127.0.0.1:PORT/'])(
    'is found where it is written as %j',
    async (form) => {
      const port = await proxyThat(answers(503));
      const core = await coreWith({ ...keys, HTTPS_PROXY: form.replace('PORT', String(port)) });
      await expectFree(core, new RegExp(`The proxy 127.0.0.1:${port} does not open the way`));
    },
  );

  it.each(['socks5://ada:hunter2@127.0.0.1:1080', 'ftp://127.0.0.1', 'http://', 'http://a b', '1.2.3.4.5:x'])(
    'is refused by name before anything is paid where it is %s',
    async (address) => {
      const core = await coreWith({ ...keys, HTTPS_PROXY: address });
      const { status, error, cost } = await ask(core);
      expect({ status, cost }).toEqual({ status: 'refused', cost: 0n });
      expect(error).toMatchObject({
        code: 'settings_invalid',
        message: expect.stringContaining('HTTPS_PROXY names no http or https proxy') as string,
        hint: expect.stringContaining('http://host:port') as string,
      });
      expect(`${error?.message} ${error?.hint}`).not.toContain('hunter2');
      // What needs no network goes on.
      expect(await core.budget()).toMatchObject({ spent: 0n });
      expect(await core.sessions.checkHealth('bedrock')).toMatchObject({ state: 'failed' });
    },
  );
});

describe('TLS that is not agreed', () => {
  it('with a server that nobody vouches for costs nothing', async () => {
    const { port, requests } = await secureServer(() => 'answer');
    const core = await coreWith({
      ...keys,
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: `https://localhost:${port}`,
    });
    await expectFree(
      core,
      /self-signed certificate.* The certificate is not trusted: set NODE_EXTRA_CA_CERTS/,
    );
    expect(requests).toEqual([]);
  });

  it('with a server of another name costs nothing', async () => {
    const { port, requests } = await secureServer(() => 'answer');
    const proxy = await proxyThat(openTo(port));
    const core = await coreWith({
      ...{ ...keys, AWS_CA_BUNDLE: bundle, HTTPS_PROXY: `http://127.0.0.1:${proxy}` },
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: `https://bedrock.example`,
    });
    await expectFree(core, /is not in the cert/);
    expect(requests).toEqual([]);
  });

  it.each<[string, (socket: Socket) => void, RegExp]>([
    ['that closes', (socket) => socket.end(), /can’t be reached/],
    ['that resets', (socket) => socket.resetAndDestroy(), /can’t be reached/],
    ['that speaks something else', (socket) => socket.end('HTTP/1.1 400 Bad\r\n\r\n'), /can’t be reached/],
    ['that says nothing', () => undefined, /Connecting to Bedrock took too long/],
  ])('with a server %s costs nothing', async (_which, behave, said) => {
    const port = await portOf(createServer((socket) => socket.once('data', () => behave(socket))));
    const endpoint = `https://localhost:${port}`;
    await expectFree(await coreWith({ ...keys, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: endpoint }), said);
  });

  it.each([
    ['refuses connections', async () => `http://127.0.0.1:${await closedPort()}`],
    ['has no address', () => Promise.resolve('https://bedrock.invalid')],
  ])('a server that %s costs nothing', async (_how, endpoint) => {
    const core = await coreWith({ ...keys, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: await endpoint() });
    await expectFree(core, /Bedrock can’t be reached/);
  });

  it('and a call that is stopped meanwhile costs nothing', async () => {
    const stop = new AbortController();
    const port = await portOf(createServer((socket) => socket.once('data', () => stop.abort())));
    const endpoint = `https://localhost:${port}`;
    const core = await coreWith({ ...keys, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: endpoint });
    expect(await ask(core, true, stop.signal)).toMatchObject({ status: 'cancelled', cost: 0n });
  });
});

describe('once the request has left, the worst case stays charged', () => {
  async function through(
    reaction: 'reset' | 'silence',
    environment: (port: number) => Promise<Record<string, string>> | Record<string, string>,
  ): Promise<{ response: LlmResponse; requests: IncomingHttpHeaders[] }> {
    const { port, requests } = await secureServer(() => reaction);
    const core = await coreWith({
      ...keys,
      AWS_CA_BUNDLE: bundle,
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: `https://localhost:${port}`,
      ...(await environment(port)),
    });
    return { response: await ask(core), requests };
  }

  it.each(['reset', 'silence'] as const)('to a server that answers with %s', async (reaction) => {
    const { response, requests } = await through(reaction, () => ({}));
    expect(requests).toHaveLength(1);
    expect(response.cost).toBeGreaterThan(0n);
    expect(response.costEstimated).toBe(true);
  });

  it.each(['reset', 'silence'] as const)('through a proxy to a server with %s', async (reaction) => {
    const { response, requests } = await through(reaction, async (port) => {
      const proxy = await proxyThat(openTo(port));
      return { HTTPS_PROXY: `http://127.0.0.1:${proxy}` };
    });
    expect(requests).toHaveLength(1);
    expect(response.cost).toBeGreaterThan(0n);
  });

  it('to a plain server, directly and by way of a proxy', async () => {
    for (const name of ['AWS_ENDPOINT_URL_BEDROCK_RUNTIME', 'HTTP_PROXY']) {
      const port = await portOf(createServer((socket) => socket.once('data', () => socket.destroy())));
      const core = await coreWith({
        ...{ ...keys, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: 'http://bedrock.example' },
        [name]: `http://127.0.0.1:${port}`,
      });
      expect((await ask(core)).cost).toBeGreaterThan(0n);
    }
  });

  it('whatever somebody on the way answers, unless that says that nobody acted on the request', async () => {
    const free = [
      ...[301, 302, 307, 308, 400, 401, 404, 405, 407, 411, 413, 414, 415, 417, 421, 426, 428, 429, 431, 511],
    ];
    const charged = [
      ...[200, 204, 300, 303, 304, 402, 403, 406, 408, 409, 410, 412, 418, 422, 424, 425, 444, 451, 460, 499],
      ...[500, 501, 502, 503, 504, 520, 524, 599],
    ];
    let answer: [status: number, type: string, body: string] = [200, '', ''];
    const port = await portOf(
      createProxy((_request, response) => {
        const [status, type, body] = answer;
        response.writeHead(status, { 'content-type': type }).end(body);
      }),
    );
    const core = await coreWith({ ...keys, AWS_ENDPOINT_URL_BEDROCK_RUNTIME: `http://127.0.0.1:${port}` });
    for (const status of [...free, ...charged]) {
      for (const [type, body] of [
        ['text/html', '<html>SECRET page</html>'],
        ['application/json', `{ "code": ${status}, "message": "SECRET" }`],
        ['application/json', '{ "code": "timeout", "message": "SECRET" }'],
      ] as const) {
        answer = [status, type, body];
        const { success, cost, error } = await ask(core);
        expect({ status, type, success, free: cost === 0n }).toEqual({
          ...{ status, type, success: false, free: free.includes(status) },
        });
        expect(`${error?.message} ${error?.detail}`).not.toContain('SECRET');
      }
    }
  });

  it('over a connection that was used before and is dead by now', async () => {
    let calls = 0;
    const { response, core } = await (async () => {
      const { port } = await secureServer(() => (++calls === 1 ? 'answer' : 'reset'));
      const made = await coreWith({
        ...keys,
        AWS_CA_BUNDLE: bundle,
        AWS_ENDPOINT_URL_BEDROCK_RUNTIME: `https://localhost:${port}`,
      });
      return { response: await ask(made), core: made };
    })();
    expect(response.cost).toBe(0n);
    expect((await ask(core)).cost).toBeGreaterThan(0n);
  });
});

describe('keys that can’t stand in a request', () => {
  const parts = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'] as const;
  const around = ['\r', '\n', '\r\n', ' ', '\t', '"', "'"];
  const within = ['\r', '\n', ' ', '\t', 'é', '\u200b', '—', '😀', '\u007f'];
  const whole = { ...keys, AWS_SESSION_TOKEN: 'token' };

  it.each(parts.flatMap((part) => around.map((stray) => [part, stray] as const)))(
    '%s with %j around it is sent without',
    async (part, stray) => {
      const { port, requests } = await secureServer(() => 'answer');
      const quoted = /["']/.test(stray) ? `${stray}${whole[part]}${stray}` : `${whole[part]}${stray}`;
      const core = await coreWith({
        ...whole,
        [part]: quoted,
        AWS_CA_BUNDLE: bundle,
        AWS_ENDPOINT_URL_BEDROCK_RUNTIME: `https://localhost:${port}`,
      });
      // The server's own answer is what ends the call.
      expect((await ask(core)).error?.message).toContain('HTTP 404');
      expect(requests[0]?.authorization).toContain(`Credential=${whole.AWS_ACCESS_KEY_ID}/`);
      expect(requests[0]?.['x-amz-security-token']).toBe(whole.AWS_SESSION_TOKEN);
    },
  );

  it.each(parts.flatMap((part) => within.map((stray) => [part, stray] as const)))(
    '%s with %j in it is refused by name, unshown, for nothing',
    async (part, stray) => {
      const core = await coreWith({ ...whole, [part]: `AKIA${stray}HIDDEN` });
      const { error, cost } = await ask(core);
      expect(cost).toBe(0n);
      expect(error?.code).toBe('credentials_missing');
      const name = part.replace('AWS_', '').replaceAll('_', ' ').toLowerCase();
      expect(error?.message).toMatch(
        new RegExp(
          `^The ${name} of the AWS credentials \\(${part}\\) can’t be sent: it contains U\\+[0-9A-F]{4}`,
        ),
      );
      expect(`${error?.message} ${error?.hint}`).not.toContain('HIDDEN');
    },
  );

  it.each(parts)('%s of a profile or of the settings is named where it stands', async (part) => {
    const key = part.toLowerCase();
    const field = key.replace('aws_', '');
    const home = temporaryFolder();
    const values = { ...whole, [part]: 'AKIA HIDDEN' };
    const lines = parts.map((one) => `${one.toLowerCase()} = ${values[one]}\n`);
    writeFileSync(join(home, 'credentials'), `[work]\n${lines.join('')}`);
    const settings = parts.map((one) => `${one.replace('AWS_', '').toLowerCase()}: "\${MINE_${one}}"`);
    writeFileSync(join(home, 'settings.yaml'), `aws: { credentials: { ${settings.join(', ')} } }\n`);
    const mine = parts.map((one) => [`MINE_${one}`, values[one]]);
    const environments = [
      [{ AWS_PROFILE: 'work' }, `${key} of [work] in ${join(home, 'credentials')}`],
      [Object.fromEntries(mine) as Record<string, string>, `aws.credentials.${field} of settings.yaml`],
    ] as const;
    for (const [environment, place] of environments) {
      const files = { TIDYLLM_HOME: home, AWS_SHARED_CREDENTIALS_FILE: join(home, 'credentials') };
      const { error } = await ask(await coreWith({ ...files, ...environment }));
      expect(error?.message).toContain(`(${place}) can’t be sent: it contains U+0020.`);
      expect(error?.message).not.toContain('HIDDEN');
    }
  });

  it.each(within)('a bearer key with %j in it is refused by name', async (stray) => {
    const refused = await coreWith({
      AWS_BEARER_TOKEN_BEDROCK: `bearer${stray}HIDDEN`,
      TIDYLLM_AWS_BEDROCK_BEARER_TOKEN: 'true',
    }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'settings_invalid' });
    expect(String(refused)).toMatch(/AWS_BEARER_TOKEN_BEDROCK can’t be sent: it contains U\+/);
    expect(String(refused)).not.toContain('HIDDEN');
  });
});
