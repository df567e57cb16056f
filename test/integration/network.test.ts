import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createProxy, request as httpRequest } from 'node:http';
import { createServer } from 'node:https';
import { connect, createServer as createServerOfSockets, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Network, type NetworkOptions } from '../../src/sessions/network.ts';
import { setEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { patience } from '../support/patience.ts';

const fixture = (name: string): string => join(import.meta.dirname, '../fixtures', name);
const certificate = readFileSync(fixture('localhost.certificate.pem'), 'utf8');

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A server whose certificate no one has signed. */
async function secureServer(): Promise<string> {
  const key = readFileSync(fixture('localhost.key.pem'));
  const server = createServer({ key, cert: certificate }, (_request, response) => {
    response.writeHead(200, { connection: 'close' }).end('hello');
  });
  return `https://localhost:${await listening(server)}/`;
}

/** A proxy that notes what is asked of it. */
async function proxyServer(): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const proxy = createProxy((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    httpRequest(request.url ?? '', { headers: { connection: 'close' } }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    }).end();
  });
  proxy.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`);
    const [host = '', port = ''] = (request.url ?? '').split(':');
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
  });
  return { url: `http://127.0.0.1:${await listening(proxy)}`, asked };
}

async function get(url: string, options: Partial<NetworkOptions> = {}): Promise<string> {
  const network = new Network({ environment: process.env, ...options });
  onTestFinished(() => network.dispose());
  const { status, body } = await network.request(url, { signal: AbortSignal.timeout(patience) });
  return `${status} ${body}`;
}

it('a proxy that begins to answer and never ends is given up', async () => {
  setEnvironment({});
  const proxy = createServerOfSockets((socket) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 200 OK\r\nx-endless: ');
    const drip = setInterval(() => socket.write('a'.repeat(1_000)), 20);
    socket.once('close', () => clearInterval(drip));
  });
  const url = `http://127.0.0.1:${await listening(proxy)}`;
  const network = new Network({ environment: process.env, proxy: url });
  onTestFinished(() => network.dispose());
  const { signal } = new AbortController();
  await expect(network.request('https://example.com/', { signal })).rejects.toThrow(
    /can’t be used: it did not open the way in time/,
  );
});

it('a proxy that wants a login is named, without what was tried', async () => {
  setEnvironment({});
  const proxy = createProxy((_request, response) => response.writeHead(407).end());
  proxy.on('connect', (_request, socket) => {
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
  });
  const port = await listening(proxy);
  const options = { proxy: `http://ada:hunter2@127.0.0.1:${port}` };
  for (const url of ['http://service.example/', 'https://service.example/'])
    await expect(get(url, options)).rejects.toThrow(`The proxy 127.0.0.1:${port} wants a login (HTTP 407).`);
});

describe('certificates', () => {
  it('that nobody has signed are refused', async () => {
    setEnvironment({});
    await expect(get(await secureServer())).rejects.toThrow(/self-signed|self signed/i);
  });

  it('that AWS_CA_BUNDLE names are trusted', async () => {
    const bundle = join(temporaryFolder(), 'bundle.pem');
    writeFileSync(bundle, certificate);
    expect(await get(await secureServer(), { environment: { AWS_CA_BUNDLE: bundle } })).toBe('200 hello');
  });

  it('are not looked at where a person has turned that off', async () => {
    expect(await get(await secureServer(), { strictCertificates: false })).toBe('200 hello');
  });

  it('of a bundle that is not there are a fault of the settings', async () => {
    await expect(get(await secureServer(), { environment: { AWS_CA_BUNDLE: '/none' } })).rejects.toThrow(
      "AWS_CA_BUNDLE can't be read",
    );
  });
});

describe('a proxy', () => {
  it('of the environment is gone through, to secure places by a tunnel', async () => {
    const proxy = await proxyServer();
    setEnvironment({ HTTPS_PROXY: proxy.url });
    const url = await secureServer();
    expect(await get(url, { strictCertificates: false })).toBe('200 hello');
    expect(proxy.asked).toEqual([`CONNECT ${new URL(url).host}`]);
  });

  it('of the editor stands above the environment, but not for what is named', async () => {
    const [mine, other] = [await proxyServer(), await proxyServer()];
    const target = createProxy((_request, response) => {
      response.writeHead(200, { connection: 'close' }).end('hello');
    });
    const { port } = { port: await listening(target) };
    setEnvironment({ HTTP_PROXY: other.url, NO_PROXY: '' });
    const url = `http://127.0.0.2:${port}/`;
    await expect(get(url, { proxy: mine.url })).resolves.toBeDefined();
    expect(mine.asked).toEqual([`GET ${url}`]);
    expect(other.asked).toEqual([]);
    await get(`http://127.0.0.1:${port}/`, { proxy: mine.url });
    expect(mine.asked).toHaveLength(1);
    await get(`http://127.0.0.1:${port}/`, { proxy: mine.url, noProxy: ['127.0.0.1'] });
    expect(mine.asked).toHaveLength(1);
  });
});
