import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { GatewayError, type Billing } from '../../errors.ts';
import type { Health } from '../../gateways/gateway.ts';
import type { BackendId } from '../../gateways/modelCalls.ts';
import type { ConformedCall, ModelBackend, ModelCall, ModelEvent } from '../../gateways/ports.ts';
import type { Model } from '../../pricing/modelCatalogue.ts';
import { UnboundedAnswer, withinLimits } from '../../sessions/answerLimits.ts';
import { check } from '../../sessions/check.ts';
import { departing, type Departure } from '../../sessions/departure.ts';
import type { Network } from '../../sessions/network.ts';
import { withoutPassword } from '../../withoutPassword.ts';
import { incompleteStream, overlongAnswer, unreadable } from '../answerErrors.ts';
import { boundedAnswer, wireLimits, type AnswerWatchdog } from '../answerWatchdog.ts';
import { LastCall } from '../lastCall.ts';
import { failedAnswer, failedRequest, refusal, type DirectService } from './directErrors.ts';
import { OverlongStream, serverSentEvents } from './serverSentEvents.ts';
import { fieldsIn, StreamedFailure, type StreamReader, type Wire } from './wire.ts';

/** How a service is reached. */
export interface DirectOptions {
  id: BackendId;
  service: Omit<DirectService, 'secrets'>;
  wire: Wire;
  /** The address of the calls. */
  url: string;
  /** Headers that carry the key; null if there is none and the service needs one. */
  authorization: Record<string, string> | null;
  network: Network;
  /** Silence after which a call counts as stalled, in milliseconds. */
  idleTimeoutMs: number;
}

/** A service that is asked over HTTP with a key and answers in JSON or server-sent events. */
export class DirectBackend implements ModelBackend {
  readonly id: BackendId;
  readonly name: string;
  readonly simulated = false;
  readonly region = 'global';
  readonly location: string;
  readonly #options: DirectOptions & { service: DirectService };
  readonly #lastCall = new LastCall();

  constructor(options: DirectOptions) {
    this.id = options.id;
    this.name = options.service.name;
    this.#options = { ...options, service: { ...options.service, secrets: secretsIn(options) } };
    this.location = withoutPassword(options.url);
  }

  conform(call: ModelCall, model: Model): ConformedCall {
    return this.#options.wire.conform(call, model);
  }

  prepare(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#authorization();
    return Promise.resolve();
  }

  #authorization(): Record<string, string> {
    const { authorization, service } = this.#options;
    if (authorization) return authorization;
    throw new GatewayError('credentials_missing', `There is no API key for ${service.name}.`, {
      hint: service.keyAdvice,
      remedy: service.keyRemedy,
    });
  }

  converse(call: ModelCall, signal: AbortSignal): AsyncGenerator<ModelEvent> {
    const { service, idleTimeoutMs } = this.#options;
    const limits = { service: service.name, idleTimeoutMs };
    const answer = boundedAnswer(call, limits, signal, (watchdog) =>
      call.stream ? this.#stream(call, watchdog) : this.#whole(call, watchdog),
    );
    return this.#lastCall.of(answer);
  }

  /** Waits for the answer to begin. A call that fails before anything of it left costs nothing, whatever failed. */
  async #answered<T>(
    call: ModelCall,
    watchdog: AnswerWatchdog,
    stopped: Billing,
    read: (response: IncomingMessage) => Promise<T>,
  ): Promise<T> {
    const { service } = this.#options;
    const departure: Departure = { begun: false };
    try {
      const response = await withinLimits(wireLimits(call), () =>
        this.#send(call, departure, watchdog.signal),
      );
      const { statusCode: status = 0, headers } = response;
      if (status !== 200) throw refusal({ status, headers, body: await jsonIn(response, call) }, service);
      return await read(response);
    } catch (error) {
      const { begun } = departure;
      if (error instanceof OverlongStream) throw overlongAnswer(call.maxTokens);
      if (error instanceof UnboundedAnswer && error.$metadata.httpStatusCode === 200)
        throw overlongAnswer(call.maxTokens);
      throw watchdog.explain(error, begun ? stopped : 'none') ?? failedRequest(error, service, begun);
    }
  }

  #send(call: ModelCall, departure: Departure, signal: AbortSignal): Promise<IncomingMessage> {
    const { wire, url, network } = this.#options;
    const headers = {
      'content-type': 'application/json',
      // What unpacks may hold back what has come.
      'accept-encoding': 'identity',
      ...wire.headers(call),
      ...this.#authorization(),
    };
    const request = { method: 'POST', headers, body: JSON.stringify(wire.body(call)), signal };
    return departing(departure, () => network.open(url, request));
  }

  async *#whole(call: ModelCall, watchdog: AnswerWatchdog): AsyncGenerator<ModelEvent> {
    const { service } = this.#options;
    const body = await this.#answered(call, watchdog, 'unknown', (response) => jsonIn(response, call));
    if (body === null) throw unreadable(service, 200, null);
    yield* this.#wholeIn(body, call);
  }

  #wholeIn(body: unknown, call: ModelCall): ModelEvent[] {
    const { wire, service } = this.#options;
    try {
      return wire.whole(fieldsIn(body), call);
    } catch (error) {
      if (!(error instanceof StreamedFailure)) throw error;
      throw failedAnswer(error.body, { billing: wire.billingOfStopped, begun: false }, service);
    }
  }

  async *#stream(call: ModelCall, watchdog: AnswerWatchdog): AsyncGenerator<ModelEvent> {
    const { wire } = this.#options;
    const response = await this.#answered(call, watchdog, wire.billingOfStopped, (answer) =>
      Promise.resolve(answer),
    );
    if (!/^text\/event-stream\b/i.test(response.headers['content-type'] ?? '')) {
      yield* await this.#unstreamed(call, response, watchdog);
      return;
    }
    const reader = wire.reader(call);
    let begun = false;
    try {
      for await (const message of serverSentEvents(watched(response, watchdog), mostCharacters(call))) {
        for (const event of reader.take(message)) {
          begun = true;
          yield event;
        }
        // The answer is complete; the connection may stay open.
        if (reader.complete) watchdog.expectEnd();
      }
    } catch (error) {
      if (!reader.complete) throw this.#broken(error, call, watchdog, { accepted: reader.accepted, begun });
    } finally {
      response.destroy();
    }
    yield* this.#ended(reader, watchdog);
  }

  /** Some ways to stop end the stream without an error. */
  #ended(reader: StreamReader, watchdog: AnswerWatchdog): ModelEvent[] {
    const interrupted = watchdog.explain(null, this.#options.wire.billingOfStopped);
    if (interrupted && !reader.complete) throw interrupted;
    return reader.end();
  }

  #broken(
    error: unknown,
    { maxTokens }: ModelCall,
    watchdog: AnswerWatchdog,
    state: { accepted: boolean; begun: boolean },
  ): unknown {
    if (error instanceof OverlongStream || error instanceof UnboundedAnswer) return overlongAnswer(maxTokens);
    if (GatewayError.is(error)) return error;
    const { service, wire } = this.#options;
    const { accepted, begun } = state;
    const billing = accepted ? wire.billingOfStopped : 'none';
    if (error instanceof StreamedFailure) return failedAnswer(error.body, { billing, begun }, service);
    return watchdog.explain(error, wire.billingOfStopped) ?? incompleteStream(error);
  }

  /** A server that answers at once, or fails, although it was asked for a stream. */
  async #unstreamed(
    call: ModelCall,
    response: IncomingMessage,
    watchdog: AnswerWatchdog,
  ): Promise<ModelEvent[]> {
    const { service } = this.#options;
    let body: unknown;
    try {
      body = await jsonIn(response, call);
    } catch (error) {
      throw this.#broken(error, call, watchdog, { accepted: true, begun: false });
    }
    if (body === null) throw unreadable(service, 200, null);
    return this.#wholeIn(body, call);
  }

  /** A request without a key to the server's root: any answer shows that it is reachable and how far away. */
  async checkHealth(signal: AbortSignal): Promise<Health> {
    const { network, service, url } = this.#options;
    const { origin } = new URL(url);
    const found = await check(
      signal,
      async () => {
        const key = Object.keys(this.#authorization()).length > 0 ? 'API key found; ' : '';
        const { status } = await network.request(origin, { method: 'HEAD', signal });
        if (status < 500) return `${key}${origin} answers; ${this.#lastCall.text}.`;
        throw new GatewayError('backend_failed', `${origin} answers with HTTP ${status}.`, {
          hint: `${service.name} or a proxy on the way to it is down; try again, and check the endpoint.`,
          retryable: true,
        });
      },
      (error) => failedRequest(error, service, false),
    );
    return this.#lastCall.applyTo(found);
  }

  dispose(): void {
    // The network keeps the connections.
  }
}

/** As many characters as may come over the wire in bytes, packed or not. */
function mostCharacters(call: ModelCall): number {
  return wireLimits(call).bytes;
}

/** The body of an answer, unpacked; each piece of it shows that the service is not stalled. */
async function* watched(response: IncomingMessage, watchdog: AnswerWatchdog): AsyncGenerator<Uint8Array> {
  for await (const chunk of unpacked(response)) {
    watchdog.reset();
    yield chunk as Uint8Array;
  }
}

function unpacked(response: IncomingMessage): NodeJS.ReadableStream {
  const encoding = response.headers['content-encoding'] ?? 'identity';
  const unpackers: Record<string, () => NodeJS.ReadWriteStream> = {
    gzip: createGunzip,
    deflate: createInflate,
    br: createBrotliDecompress,
  };
  const unpack = unpackers[encoding.toLowerCase()];
  // Errors of either end are thrown where the result is read.
  return unpack ? pipeline(response, unpack(), () => undefined) : response;
}

/** The JSON of an answer; null for what is none. Throws `OverlongStream`, and what the connection throws. */
async function jsonIn(response: IncomingMessage, call: ModelCall): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of unpacked(response)) {
    received += (chunk as Uint8Array).length;
    if (received > mostCharacters(call)) {
      response.destroy();
      throw new OverlongStream();
    }
    chunks.push(chunk as Uint8Array);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    return null;
  }
}

/** The key or password in the headers, without the scheme before it. */
function secretsIn({ authorization }: DirectOptions): string[] {
  return Object.values(authorization ?? {}).map((value) => value.slice(value.lastIndexOf(' ') + 1));
}
