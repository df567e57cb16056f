import { AsyncLocalStorage } from 'node:async_hooks';
import type { Agent } from 'node:http';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { GatewayError } from '../errors.ts';

/** Longer than this no server, however far behind whatever proxies, needs to agree on TLS. */
const agreementTimeoutMs = 10_000;

/** What is known of one request on its way out. */
export interface Departure {
  /**
   * Whether a byte of it was handed to a connection that stands: with the proxy's consent and through TLS.
   * Without that nobody can have read, or charged for, anything of it.
   */
  begun: boolean;
  /** Whether it was sent on a connection that had carried another: the server may have closed it meanwhile. */
  reused?: boolean;
}

const underWay = new AsyncLocalStorage<Departure>();

/** Does work that sends one request through a watched agent, and notes whether it left. */
export function departing<T>(departure: Departure, work: () => Promise<T>): Promise<T> {
  departure.begun = false;
  departure.reused = false;
  return underWay.run(departure, work);
}

/** An agent whose requests are told when their connection stands, and don’t wait for ever until it does. */
export function watched<Watched extends Agent>(agent: Watched): Watched {
  const createConnection = agent.createConnection.bind(agent);
  const reuseSocket = agent.reuseSocket.bind(agent);
  agent.createConnection = (...given) => {
    const socket = createConnection(...given);
    if (socket instanceof TLSSocket) limitAgreement(socket);
    const departure = underWay.getStore();
    if (departure && socket instanceof Socket) whenStanding(socket, () => (departure.begun = true));
    return socket;
  };
  agent.reuseSocket = (socket, request) => {
    const departure = underWay.getStore();
    if (departure) Object.assign(departure, { begun: true, reused: true });
    reuseSocket(socket, request);
  };
  return agent;
}

/** What is written before is kept back: until TCP connects, and where there is TLS until it is agreed. */
function whenStanding(socket: Socket, then: () => void): void {
  if (socket instanceof TLSSocket) socket.once('secureConnect', then);
  else if (socket.connecting) socket.once('connect', then);
  // What a proxy's refusal is played back on was never connected, and can't be written to.
  else if (socket.writable) then();
}

/** A server that takes the connection and then says nothing would be waited for as long as for an answer. */
function limitAgreement(socket: TLSSocket): void {
  const timer = setTimeout(() => {
    const message = `No secure connection came to be within ${agreementTimeoutMs / 1000} s.`;
    const hint = 'Check the network, and the proxy and the endpoint if there are any.';
    socket.destroy(new GatewayError('service_failed', message, { hint, retryable: true }));
  }, agreementTimeoutMs);
  for (const event of ['secureConnect', 'close']) socket.once(event, () => clearTimeout(timer));
}
