import { AsyncLocalStorage } from 'node:async_hooks';
import type { Agent } from 'node:http';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { GatewayError } from '../errors.ts';

/** The longest time that a server needs for the TLS handshake, through any proxies. */
const agreementTimeoutMs = 10_000;

/** The state of one request being sent. */
export interface Departure {
  /**
   * Whether a byte of it was written to an established connection: accepted by the proxy and through TLS.
   * Otherwise no server can have read it or charged for it.
   */
  begun: boolean;
}

const underWay = new AsyncLocalStorage<Departure>();

/** Does work that sends one request through a watched agent, and notes whether it left. */
export function departing<T>(departure: Departure, work: () => Promise<T>): Promise<T> {
  departure.begun = false;
  return underWay.run(departure, work);
}

/** An agent that tells its requests when their connection is established, and limits the wait for it. */
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
    if (departure) departure.begun = true;
    reuseSocket(socket, request);
  };
  return agent;
}

/** Holds back what is written until TCP is connected and, with TLS, until the handshake is done. */
function whenStanding(socket: Socket, then: () => void): void {
  if (socket instanceof TLSSocket) socket.once('secureConnect', then);
  else if (socket.connecting) socket.once('connect', then);
  // The socket that replays a proxy's refusal was never connected, and can't be written to.
  else if (socket.writable) then();
}

/** Without this a server that accepts the connection and stays silent gets as long as an answer. */
function limitAgreement(socket: TLSSocket): void {
  const timer = setTimeout(() => {
    const message = `The secure connection took longer than ${agreementTimeoutMs / 1000} s.`;
    const hint = 'Check the network, and the proxy and the endpoint if there are any.';
    socket.destroy(new GatewayError('service_failed', message, { hint, retryable: true }));
  }, agreementTimeoutMs);
  for (const event of ['secureConnect', 'close']) socket.once(event, () => clearTimeout(timer));
}
