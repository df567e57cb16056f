import { addAbortListener } from 'node:events';
import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import tls, {
  connect as connectTls,
  createSecureContext,
  rootCertificates,
  type SecureContext,
} from 'node:tls';
import { GatewayError, messageOf } from '../errors.ts';
import { readFileTextSync } from '../readFile.ts';
import type { Handshake } from '../gateways/services.ts';
import { withinSomeLimits } from './answerLimits.ts';
import { watched } from './departure.ts';
import { ProxyAgent, proxyAddress, proxyOfEnvironment, refusedByProxy, TunnelAgent } from './proxy.ts';

export const connectionTimeoutMs = 5_000;
/** An operating system's trusted certificates are a quarter of a megabyte. */
const mostBundleBytes = 10_000_000;

/** How this machine reaches others, beyond what the environment says. */
export interface NetworkOptions {
  environment: Readonly<Record<string, string | undefined>>;
  /** Proxy that overrides HTTP_PROXY and HTTPS_PROXY. */
  proxy?: string | undefined;
  /** Hosts that are reached without it. */
  noProxy?: readonly string[] | undefined;
  /** False takes any certificate. */
  strictCertificates?: boolean | undefined;
}

export interface HttpRequest {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  body: string;
  /** How far this computer's clock is behind the server's, in milliseconds; null where it doesn't say. */
  clockOffsetMs: number | null;
}

/** Connections by way of the proxy and with the certificates that this machine is configured for. */
export class Network {
  readonly #options: NetworkOptions;
  /** Reading hundreds of certificates is slow, so it is done once. */
  #trust: SecureContext | null = null;
  readonly #agents = new Map<string, HttpAgent>();

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** The connections to one server. Throws `settings_invalid`. */
  agentsFor(url: string): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
    return { httpAgent: this.#httpAgent(url), httpsAgent: this.#httpsAgent(url) };
  }

  /**
   * One request to a service. Throws the system error of a connection that fails, the abort's reason, or
   * `service_failed` for a proxy that wants a login.
   */
  async request(url: string, request: HttpRequest): Promise<HttpAnswer> {
    const sentAt = Date.now();
    const response = await this.open(url, request);
    const clockOffsetMs = clockOffset(response.headers, (sentAt + Date.now()) / 2);
    let body = '';
    for await (const chunk of response.setEncoding('utf8')) body += chunk as string;
    return { status: response.statusCode ?? 0, body, clockOffsetMs };
  }

  /** The same, until the answer begins: its body is still to be read. */
  async open(
    url: string,
    { method = 'GET', headers = {}, body = '', signal }: HttpRequest,
  ): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const secure = url.startsWith('https:');
    const agent = secure ? this.#httpsAgent(url) : this.#httpAgent(url);
    const send = secure ? httpsRequest : httpRequest;
    const sent = withinSomeLimits(() => send(url, { method, headers, signal, agent }, resolve));
    sent.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error));
    limitConnecting(sent);
    sent.end(body);
    const response = await promise;
    const proxy = this.#proxyFor(url);
    if (response.statusCode === 407 && proxy !== null) {
      response.destroy();
      throw refusedByProxy(new URL(proxy), 407);
    }
    return response;
  }

  /** Speaks TLS to the server of an address; not by way of a proxy. Throws the system error or the abort's reason. */
  async handshake(url: string, signal: AbortSignal): Promise<Handshake> {
    const { hostname, port } = new URL(url);
    if (this.#proxyFor(url) !== null) return { protocol: null, validUntil: null };
    const host = hostname.replace(/^\[|\]$/g, '');
    const { promise, resolve, reject } = Promise.withResolvers<null>();
    const servername = isIP(host) === 0 ? host : '';
    const socket = connectTls({ host, port: Number(port) || 443, servername, ...this.tls() }, () =>
      resolve(null),
    );
    using _listener = addAbortListener(signal, () => reject(signal.reason as Error));
    socket.once('error', reject);
    try {
      await promise;
      const { valid_to: until } = socket.getPeerCertificate();
      return { protocol: socket.getProtocol(), validUntil: until ? new Date(until) : null };
    } finally {
      socket.destroy();
    }
  }

  get checksCertificates(): boolean {
    return this.#options.strictCertificates !== false;
  }

  /** What TLS connections trust. Throws `settings_invalid` for a bundle that can't be read. */
  tls(): { secureContext: SecureContext; rejectUnauthorized: boolean } {
    this.#trust ??= createSecureContext({ ca: trusted(this.#options.environment['AWS_CA_BUNDLE']) });
    return { secureContext: this.#trust, rejectUnauthorized: this.checksCertificates };
  }

  dispose(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #httpAgent(url: string): HttpAgent {
    const proxy = this.#proxyFor(url);
    return this.#kept(`http ${proxy}`, () =>
      proxy === null ? new HttpAgent({ keepAlive: true }) : new ProxyAgent(proxy, { keepAlive: true }),
    );
  }

  #httpsAgent(url: string): HttpsAgent {
    const proxy = this.#proxyFor(url);
    return this.#kept(`https ${proxy}`, () => {
      const options = { keepAlive: true, ...this.tls() };
      if (proxy === null) return new HttpsAgent(options);
      const tunnel = new TunnelAgent(proxy, options);
      // Its options are for the connection to the proxy; these are for the connection through it.
      Object.assign(tunnel.options, this.tls());
      return tunnel;
    }) as HttpsAgent;
  }

  #kept(name: string, make: () => HttpAgent): HttpAgent {
    const agent = this.#agents.get(name) ?? watched(make());
    this.#agents.set(name, agent);
    return agent;
  }

  #proxyFor(url: string): string | null {
    const { proxy, noProxy = [] } = this.#options;
    if (!proxy) return proxyOfEnvironment(url);
    const { hostname } = new URL(url);
    const direct = ['localhost', '127.0.0.1', '[::1]', ...noProxy].some(
      (host) => hostname === host || hostname.endsWith(`.${host.replace(/^\*?\./, '')}`),
    );
    return direct ? null : proxyAddress(proxy, 'http.proxy');
  }
}

/** A server that doesn't take the connection would be waited for as long as for an answer. */
function limitConnecting(sent: ClientRequest): void {
  sent.once('socket', (socket) => {
    if (!socket.connecting) return;
    const late = (): void => {
      const message = `No connection was established within ${connectionTimeoutMs / 1000} s.`;
      sent.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' }));
    };
    const timer = setTimeout(late, connectionTimeoutMs);
    for (const event of ['connect', 'close']) socket.once(event, () => clearTimeout(timer));
  });
}

/**
 * How far a clock is behind the server's that sent these headers, in milliseconds; null where they don't say,
 * or were kept by a cache. `now` is when they were sent by that clock, in milliseconds since the epoch.
 */
export function clockOffset(headers: Record<string, unknown>, now: number): number | null {
  const { date, age } = headers;
  const serverTime = typeof date === 'string' && age === undefined ? Date.parse(date) : Number.NaN;
  return Number.isNaN(serverTime) ? null : Math.round(serverTime - now);
}

/** The certificates trusted by Node.js (with NODE_EXTRA_CA_CERTS), the operating system and the bundle. */
function trusted(bundle: string | undefined): string[] | undefined {
  // Node.js before 22.15 can't list them, and adds NODE_EXTRA_CA_CERTS only where nothing is listed.
  const { getCACertificates } = tls as Partial<typeof tls>;
  if (!getCACertificates) return bundle ? [...rootCertificates, readBundle(bundle)] : undefined;
  const certificates = [...getCACertificates('default'), ...getCACertificates('system')];
  return [...new Set([...certificates, ...(bundle ? [readBundle(bundle)] : [])])];
}

function readBundle(path: string): string {
  try {
    return readFileTextSync(path, mostBundleBytes);
  } catch (error) {
    throw new GatewayError('settings_invalid', `AWS_CA_BUNDLE can't be read: ${messageOf(error)}`, {
      hint: 'Let it name a file of certificates in PEM form, or unset it.',
      cause: error,
    });
  }
}
