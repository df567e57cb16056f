import { createServer, type Server } from 'node:net';
import { connect, createServer as createTlsServer, type ConnectionOptions } from 'node:tls';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { describe, expect, it, onTestFinished } from 'vitest';
import { messageOf } from '../../../src/errors.ts';
import { portOf } from '../../support/listeningPort.ts';

const fixture = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../../fixtures', name));
const certificate = { key: fixture('localhost.key.pem'), cert: fixture('localhost.certificate.pem') };

/** How TLS with a server fails: its words to programmers, and ours. */
async function failureWith(server: Server, options: ConnectionOptions = {}): Promise<[Error, string]> {
  const socket = connect({ port: await portOf(server), rejectUnauthorized: false, ...options });
  onTestFinished(() => void socket.destroy());
  const error = await new Promise<Error>((resolve) => {
    socket.once('error', resolve);
    // In TLS 1.3 a server refuses after the client is content.
    socket.resume();
  });
  return [error, messageOf(error)];
}

const answering = (bytes: string): Server =>
  createServer((socket) => socket.once('data', () => void socket.write(bytes)));
const speaking = (options: object): Server =>
  createTlsServer({ ...certificate, ...options }).on('tlsClientError', () => undefined);

describe('words of libraries for programmers', () => {
  it.each<[string, () => Server, ConnectionOptions, RegExp]>([
    ['plain http', () => answering('HTTP/1.1 400 Bad\r\n\r\n'), {}, /does not use TLS; it may be plain http/],
    ['another protocol', () => answering('220 smtp ready\r\n'), {}, /does not use TLS/],
    [
      'a server of later TLS',
      () => speaking({ minVersion: 'TLSv1.3' }),
      { maxVersion: 'TLSv1.2' },
      /none of the TLS versions of this computer/,
    ],
    [
      'a server of earlier TLS',
      () => speaking({ maxVersion: 'TLSv1.2' }),
      { minVersion: 'TLSv1.3' },
      /none of the TLS versions of this computer/,
    ],
    [
      'a server of other ciphers',
      () => speaking({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }),
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' },
      /no cipher in common/,
    ],
    [
      'a server that asks for a certificate',
      () => speaking({ requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.3' }),
      {},
      /requires a client certificate|the connection was closed|ECONNRESET/,
    ],
  ])('of TLS with %s', async (_which, server, options, said) => {
    const [error, words] = await failureWith(server(), options);
    expect(words).toMatch(said);
    expect(words).not.toMatch(/routines|openssl|\.c:\d|error:|\n|EPROTO/);
    expect(error.message).not.toBe(words);
  });

  it('of a connection that takes too long', async () => {
    // A socket that is never made stands for an address where nobody answers.
    const handler = new NodeHttpHandler({
      connectionTimeout: 20,
      httpAgent: new (await import('node:http')).Agent({ lookup: () => undefined }),
    });
    const request = { protocol: 'http:', hostname: 'nobody.invalid', method: 'GET', path: '/', headers: {} };
    const error: unknown = await handler.handle(request as never).catch((thrown: unknown) => thrown);
    expect(messageOf(error)).toBe('no connection was established within 0.02 s');
  });

  it.each([
    [
      'write EPROTO 408DA25:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/openssl/openssl/ssl/record/methods/tlsany_meth.c:77:\n',
      'TLS failed: the server does not use TLS; it may be plain http behind an https address',
    ],
    [
      '40:error:0A000458:SSL routines:ssl3_read_bytes:tlsv1 unrecognized name:../deps/openssl/x.c:1:SSL alert number 112\n',
      'TLS failed: it has no certificate for this name',
    ],
    ['40:error:0A0000FF:SSL routines:f:something new:../deps/x.c:1:\n', 'TLS failed: something new'],
    ['@smithy/node-http-handler - cannot do it.', 'cannot do it.'],
    ['socket hang up', 'the connection was closed'],
    [
      'Client network socket disconnected before secure TLS connection was established',
      'the connection was closed during the TLS handshake',
    ],
    ['connect ECONNREFUSED 127.0.0.1:1', 'connect ECONNREFUSED 127.0.0.1:1'],
  ])('%j', (message, words) => {
    expect(messageOf(new Error(message))).toBe(words);
  });
});
