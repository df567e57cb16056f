import type { AgentOptions, ClientRequest } from 'node:http';
import { HttpProxyAgent } from 'http-proxy-agent';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { getProxyForUrl } from 'proxy-from-env';
import { GatewayError, messageOf } from '../errors.ts';
import { withoutPassword } from '../withoutPassword.ts';
import { withoutStray } from '../strayCharacters.ts';

/** The time limit of a proxy's answer, which could otherwise be endless. */
const openingTimeoutMs = 10_000;
const quiet = 'Correct it, or unset it to connect without a proxy.';

/**
 * The proxy that the environment names for an address; null for none. Without a scheme it is http, as the
 * AWS CLI and curl take it. Throws `settings_invalid` for an invalid address.
 */
export function proxyOfEnvironment(url: string): string | null {
  if (!getProxyForUrl(url)) return null;
  const scheme = new URL(url).protocol.replace(':', '');
  const names = [`${scheme}_proxy`, 'all_proxy'].flatMap((name) => [name, name.toUpperCase()]);
  const name = names.find((one) => process.env[one]) ?? '';
  return proxyAddress(process.env[name] ?? '', name);
}

/** A proxy's address as it is used. `from` is the setting that it comes from. Throws `settings_invalid`. */
export function proxyAddress(text: string, from: string): string {
  const told = withoutStray(text);
  const address = told.includes('://') ? told : `http://${told}`;
  const url = URL.parse(address);
  if (url && /^https?:$/.test(url.protocol) && url.hostname) return address;
  const wrong = `${from} names no http or https proxy: "${withoutPassword(address)}".`;
  const form = 'Write the proxy as http://host:port.';
  throw new GatewayError('settings_invalid', wrong, { hint: `${form} ${quiet}` });
}

/** An agent that goes to http addresses by way of a proxy. */
export class ProxyAgent extends HttpProxyAgent<string> {
  override async connect(...given: Parameters<HttpProxyAgent<string>['connect']>) {
    try {
      return await super.connect(...given);
    } catch (error) {
      throw failedProxy(this.proxy, error);
    }
  }
}

/** An agent that goes to https addresses through a proxy's tunnel. */
export class TunnelAgent extends HttpsProxyAgent<string> {
  readonly #options = this.connectOpts;

  constructor(proxy: string, options: AgentOptions) {
    super(proxy, options);
    this.on('proxyConnect', ({ statusCode }: { statusCode: number }, request: ClientRequest) => {
      if (statusCode !== 200) request.destroy(refusedByProxy(this.proxy, statusCode));
    });
  }

  override async connect(...given: Parameters<HttpsProxyAgent<string>['connect']>) {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), openingTimeoutMs);
    try {
      // Read before anything is waited for, so connections at the same time have each their own.
      this.connectOpts = Object.assign({}, this.#options, { signal: late.signal });
      return await super.connect(...given);
    } catch (error) {
      throw failedProxy(
        this.proxy,
        late.signal.aborted ? new Error('it did not open the way in time') : error,
      );
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A proxy that answered without opening the tunnel. */
export function refusedByProxy({ host }: URL, status: number): GatewayError {
  const [what, hint] =
    status === 407
      ? [
          'wants a login (HTTP 407)',
          'Put user and password into the address of the proxy, or use one that asks for none.',
        ]
      : Number.isInteger(status)
        ? [
            `does not open the way (HTTP ${status})`,
            'Ask who runs the proxy to allow this address, or list it in NO_PROXY if it can be reached without.',
          ]
        : ['does not speak HTTP', 'Check the address of the proxy: it must be one for http and https.'];
  return new GatewayError('service_failed', `The proxy ${host} ${what}.`, { hint, retryable: true });
}

function failedProxy({ host }: URL, error: unknown): GatewayError {
  const why = error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : messageOf(error);
  return new GatewayError('service_failed', `The proxy ${host} can’t be used: ${why}`, {
    hint: 'Check HTTPS_PROXY or HTTP_PROXY, in VS Code http.proxy, and that the proxy is up.',
    retryable: true,
    cause: error,
  });
}
