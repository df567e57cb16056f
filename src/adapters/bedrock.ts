import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  type BedrockRuntimeServiceException as ServiceException,
  type ServiceTier as BedrockServiceTier,
  type TokenUsage as BedrockUsage,
} from '@aws-sdk/client-bedrock-runtime';
import { getEndpointFromInstructions } from '@smithy/core/endpoints';
import type { NodeHttpHandler } from '@smithy/node-http-handler';
import { GatewayError, type Billing } from '../errors.ts';
import type { Health } from '../gateways/gateway.ts';
import { clockFault, refusedFromMs } from '../gateways/clock.ts';
import type { ConformedCall, ModelBackend, ModelCall, ModelEvent } from '../gateways/ports.ts';
import type { ServiceTier, TokenUsage } from '../pricing/cost.ts';
import type { Model } from '../pricing/modelCatalogue.ts';
import { sameKeys, type AwsKeys } from '../sessions/awsCredentials.ts';
import { awsRequestHandler } from '../sessions/awsRequestHandler.ts';
import { isExpired } from '../sessions/awsErrors.ts';
import { UnboundedAnswer, withinLimits } from '../sessions/answerLimits.ts';
import { check, unlessAborted } from '../sessions/check.ts';
import { departing, type Departure } from '../sessions/departure.ts';
import { clockOffset, type Network } from '../sessions/network.ts';
import { incompleteStream, overlongAnswer, unreadableUsage } from './answerErrors.ts';
import { boundedAnswer, wireLimits, type AnswerWatchdog } from './answerWatchdog.ts';
import { brokenStream, failedCall } from './bedrockErrors.ts';
import { conformToEmbedding, embeddingBody, eventsOfEmbedding } from './embeddings.ts';
import { LastCall } from './lastCall.ts';
import { readableUsage } from './readableUsage.ts';
import { conformToConverse } from './converse/rules.ts';
import { converseInput, eventsOfBlock, eventsOfStream } from './converse/wire.ts';

/** How Bedrock is reached and paid for. */
export interface BedrockOptions {
  credentials: {
    /** Valid keys; throws `credentials_missing` or `credentials_expired`. */
    keys: () => Promise<AwsKeys>;
    /** Looks them up again at the next use. */
    forget: () => void;
  };
  /** A bearer key that replaces credentials; null signs every request. */
  bearerToken: string | null;
  network: Network;
  profile: string | null;
  region: string;
  /** Null takes the SDK's own endpoint and its environment variables. */
  endpoint: string | null;
  /** Silence after which a call counts as stalled, in milliseconds. */
  idleTimeoutMs: number;
}

/** Amazon Bedrock through the AWS SDK's Converse and ConverseStream, and InvokeModel for embeddings. */
export async function createBedrockBackend(options: BedrockOptions): Promise<ModelBackend> {
  if (options.endpoint === null) requireEndpointOfEnvironment();
  const probe = clientOf(options);
  const endpoint = await endpointOf(probe, options.region);
  probe.destroy();
  return new BedrockBackend(endpoint, options);
}

function clientOf(
  options: BedrockOptions,
  own?: { requestHandler: NodeHttpHandler; keys: AwsKeys | null; clockOffsetMs: number },
): BedrockRuntimeClient {
  const { region, profile, endpoint, bearerToken } = options;
  return new BedrockRuntimeClient({
    region,
    ...(profile === null ? {} : { profile }),
    ...(endpoint === null ? {} : { endpoint }),
    ...(own?.keys && { credentials: own.keys }),
    ...(bearerToken !== null && { token: { token: bearerToken } }),
    // A bearer key in the environment would otherwise replace the credentials that were chosen.
    authSchemePreference: [bearerToken === null ? 'sigv4' : 'httpBearerAuth'],
    ...(own && { requestHandler: own.requestHandler, systemClockOffset: own.clockOffsetMs }),
    // Each attempt is a reservation of its own, so the SDK makes one.
    maxAttempts: 1,
  });
}

/** Throws `settings_invalid` when the endpoint that the environment gives the SDK is no address. */
function requireEndpointOfEnvironment(): void {
  const name = ['AWS_ENDPOINT_URL_BEDROCK_RUNTIME', 'AWS_ENDPOINT_URL'].find((one) => process.env[one]);
  const value = process.env[name ?? ''];
  if (name === undefined || /^https?:$/.test(URL.parse(value ?? '')?.protocol ?? '')) return;
  throw new GatewayError('settings_invalid', `${name} must be an http or https address, not "${value}".`, {
    hint: 'Correct the variable, or unset it to use the endpoint of AWS.',
  });
}

/** Where the SDK will send calls, its environment variables and profile settings included. */
async function endpointOf(client: BedrockRuntimeClient, region: string): Promise<string> {
  const command = {
    getEndpointParameterInstructions: () => ConverseCommand.getEndpointParameterInstructions(),
  };
  const { url } = await getEndpointFromInstructions({ Region: region }, command, { ...client.config });
  return url.origin;
}

class BedrockBackend implements ModelBackend {
  readonly id = 'bedrock';
  readonly name = 'Bedrock';
  readonly embeds = true;
  readonly simulated = false;
  readonly region: string;
  readonly location: string;
  readonly #endpoint: string;
  readonly #options: BedrockOptions;
  /** Made by the first call: looking things up needs no network. */
  #requestHandler: NodeHttpHandler | null = null;
  #client: { client: BedrockRuntimeClient; keys: AwsKeys | null } | null = null;
  /** How far this computer's clock is behind AWS's, as far as signatures need it. */
  #clockOffsetMs = 0;
  readonly #lastCall = new LastCall();

  constructor(endpoint: string, options: BedrockOptions) {
    this.region = options.region;
    this.#endpoint = endpoint;
    this.#options = options;
    this.location = `${options.region} · ${endpoint}`;
  }

  conform(call: ModelCall, model: Model): ConformedCall {
    return call.content.embedding ? conformToEmbedding(call, model) : conformToConverse(call, model);
  }

  async prepare(signal: AbortSignal): Promise<void> {
    await unlessAborted(this.#ready(), signal);
  }

  /** The client of the keys as they are now; connections are shared by all of them. */
  async #ready(): Promise<BedrockRuntimeClient> {
    const { credentials, bearerToken } = this.#options;
    const keys = bearerToken === null ? await credentials.keys() : null;
    if (this.#client && sameKeys(this.#client.keys, keys)) return this.#client.client;
    const client = clientOf(this.#options, {
      requestHandler: (this.#requestHandler ??= awsRequestHandler(this.#options.network, this.#endpoint)),
      keys,
      clockOffsetMs: this.#clockOffsetMs,
    });
    this.#client = { client, keys };
    return client;
  }

  /** Sends, and once more if AWS refused the request for a wrong clock or expired keys. */
  async #send<Output>(
    departure: Departure,
    send: (client: BedrockRuntimeClient) => Promise<Output>,
    mendsLeft = 2,
  ): Promise<Output> {
    const client = await this.#ready();
    const { keys = null } = this.#client ?? {};
    const clockOffsetMs = this.#clockOffsetMs;
    try {
      return await departing(departure, () => send(client));
    } catch (error) {
      const mended =
        mendsLeft > 0 && (this.#setClock(error, clockOffsetMs) || (await this.#renewKeys(error, keys)));
      if (!mended) throw error;
      return this.#send(departure, send, mendsLeft - 1);
    }
  }

  /** Adopts the server's clock from a refusal, as the SDK does; false if the call already used it. */
  #setClock(error: unknown, used: number): boolean {
    const { $metadata, $response } = (error ?? {}) as Partial<ServiceException>;
    if (![401, 403].includes($metadata?.httpStatusCode ?? 0)) return false;
    const offset = clockOffset($response?.headers ?? {}, Date.now());
    if (offset === null || Math.abs(offset - used) < refusedFromMs) return false;
    this.#clockOffsetMs = offset;
    this.#client = null;
    return true;
  }

  /** Whether a refusal says that the keys have expired, and there are new ones. */
  async #renewKeys(error: unknown, used: AwsKeys | null): Promise<boolean> {
    if (!isExpired(error) || this.#options.bearerToken !== null) return false;
    this.#options.credentials.forget();
    return this.#ready().then(
      () => !sameKeys(used, this.#client?.keys ?? null),
      () => false,
    );
  }

  async *converse(call: ModelCall, signal: AbortSignal): AsyncGenerator<ModelEvent> {
    const { idleTimeoutMs } = this.#options;
    const limits = { service: 'Bedrock', idleTimeoutMs };
    const answer = boundedAnswer(call, limits, signal, (watchdog) =>
      call.content.embedding
        ? this.#embedding(call, watchdog)
        : call.stream
          ? this.#stream(call, watchdog)
          : this.#whole(call, watchdog),
    );
    yield* this.#lastCall.of(answer);
  }

  /** Waits for the answer to begin. A call that fails before anything of it left costs nothing, whatever failed. */
  async #answered<Output>(
    call: ModelCall,
    watchdog: AnswerWatchdog,
    stopped: Billing,
    send: (client: BedrockRuntimeClient, signal: AbortSignal) => Promise<Output>,
  ): Promise<Output> {
    const departure = { begun: false };
    const { signal } = watchdog;
    try {
      return await withinLimits(wireLimits(call), () =>
        this.#send(departure, (client) => send(client, signal)),
      );
    } catch (error) {
      const { begun } = departure;
      if (error instanceof UnboundedAnswer && error.$metadata.httpStatusCode === 200)
        throw overlongAnswer(call.maxTokens);
      throw watchdog.explain(error, begun ? stopped : 'none') ?? failedCall(error, this.#where(call), begun);
    }
  }

  async *#whole(call: ModelCall, watchdog: AnswerWatchdog): AsyncGenerator<ModelEvent> {
    const command = new ConverseCommand(converseInput(call));
    const response = await this.#answered(call, watchdog, 'unknown', (client, abortSignal) =>
      client.send(command, { abortSignal }),
    );
    for (const [index, block] of (response.output?.message?.content ?? []).entries())
      yield* eventsOfBlock(block, index, call.toolNames);
    yield { type: 'stop', reason: response.stopReason ?? 'unknown' };
    yield {
      type: 'usage',
      usage: usageOf(response.usage),
      total: response.usage?.totalTokens,
      serviceTier: servedIn(response.serviceTier),
    };
  }

  async *#embedding(call: ModelCall, watchdog: AnswerWatchdog): AsyncGenerator<ModelEvent> {
    const input = { modelId: call.modelId, contentType: 'application/json', accept: 'application/json' };
    const command = new InvokeModelCommand({ ...input, body: embeddingBody(call) });
    let counted: string | null = null;
    // The SDK's result has no headers, and only they count the tokens of some models.
    command.middlewareStack.add(
      (next) => async (args) => {
        const result = await next(args);
        const { headers = {} } = result.response as { headers?: Record<string, string> };
        counted = headers['x-amzn-bedrock-input-token-count'] ?? null;
        return result;
      },
      { step: 'deserialize', name: 'countedTokens' },
    );
    const { body } = await this.#answered(call, watchdog, 'unknown', (client, abortSignal) =>
      client.send(command, { abortSignal }),
    );
    yield* eventsOfEmbedding(call, body, counted);
  }

  async *#stream(call: ModelCall, watchdog: AnswerWatchdog): AsyncGenerator<ModelEvent> {
    const command = new ConverseStreamCommand(converseInput(call));
    const response = await this.#answered(call, watchdog, 'received', (client, abortSignal) =>
      client.send(command, { abortSignal }),
    );
    let stopped = false;
    let measured = false;
    try {
      for await (const event of response.stream ?? []) {
        watchdog.reset();
        // With yield* an async generator waits once more for each.
        for (const one of eventsOfStream(event, call.toolNames)) yield one;
        if (event.messageStop) {
          stopped = true;
          yield { type: 'stop', reason: event.messageStop.stopReason ?? 'unknown' };
        }
        if (event.metadata) {
          measured = true;
          yield {
            type: 'usage',
            usage: usageOf(event.metadata.usage),
            total: event.metadata.usage?.totalTokens,
            serviceTier: servedIn(event.metadata.serviceTier),
          };
        }
        // The answer is complete; the connection may stay open.
        if (stopped && measured) watchdog.expectEnd();
      }
    } catch (error) {
      if (error instanceof UnboundedAnswer) {
        if (!stopped || !measured) throw overlongAnswer(call.maxTokens);
      } else if (GatewayError.is(error)) throw error;
      else if (!stopped || !measured)
        throw watchdog.explain(error, 'received') ?? brokenStream(error, this.#where(call));
    }
    // Some ways to stop end the iterator without an error.
    const interrupted = watchdog.explain(null, 'received');
    if (interrupted && !(stopped && measured)) throw interrupted;
    if (!stopped) throw incompleteStream();
    if (!measured) throw unreadableUsage();
  }

  /** An unsigned request to the endpoint's root: any answer shows that it is reachable and how far away. */
  async checkHealth(signal: AbortSignal): Promise<Health> {
    let prepared = false;
    let clockOffsetMs = null as number | null;
    const found = await check(
      signal,
      async () => {
        await this.prepare(signal);
        prepared = true;
        const reached = await this.#reach(signal);
        ({ clockOffsetMs } = reached);
        return reached.evidence;
      },
      (error) =>
        prepared
          ? failedCall(error, { region: this.region, modelId: '' }, false)
          : credentialsOutstanding(error),
    );
    const health = { ...found, ...(clockOffsetMs !== null && { clockOffsetMs }) };
    return this.#lastCall.applyTo(health);
  }

  /** The evidence that the endpoint is there, and how far this computer's clock is behind. */
  async #reach(signal: AbortSignal): Promise<{ evidence: string; clockOffsetMs: number | null }> {
    const { status, clockOffsetMs } = await this.#options.network.request(this.#endpoint, {
      method: 'HEAD',
      signal,
    });
    if (status >= 500) {
      throw new GatewayError('backend_failed', `${this.#endpoint} answers with HTTP ${status}.`, {
        hint: 'Bedrock or a proxy on the way to it is down; try again, and check the endpoint.',
        retryable: true,
      });
    }
    const fault = clockFault(clockOffsetMs);
    const clock = fault === null ? '' : `; ${fault}, which calls correct for`;
    const evidence = `Credentials found; ${this.#endpoint} answers; ${this.#lastCall.text}${clock}.`;
    return { evidence, clockOffsetMs };
  }

  dispose(): void {
    this.#requestHandler?.destroy();
  }

  #where(call: ModelCall): { region: string; modelId: string } {
    return { region: this.region, modelId: call.modelId };
  }
}

function credentialsOutstanding(cause: unknown): GatewayError {
  return new GatewayError('credentials_missing', 'The AWS credentials did not come in time.', {
    hint: 'See whether the credential process or login of the profile waits for something.',
    cause,
  });
}

/** Reserved capacity is paid for by the hour; its tokens count as standard ones, the most they can be. */
function servedIn(serviceTier: BedrockServiceTier | undefined): ServiceTier | undefined {
  const type = serviceTier?.type;
  return type === 'default' || type === 'reserved' ? 'standard' : type;
}

/** Throws `stream_incomplete` for figures that can't be read: what they would cost is unknown. */
function usageOf(usage: BedrockUsage | undefined): TokenUsage {
  if (!usage) throw unreadableUsage();
  const written = usage.cacheWriteInputTokens ?? 0;
  const oneHour = (usage.cacheDetails ?? [])
    .filter(({ ttl }) => ttl === '1h')
    .reduce((sum, { inputTokens }) => sum + (inputTokens ?? 0), 0);
  return readableUsage({
    input: usage.inputTokens ?? -1,
    output: usage.outputTokens ?? -1,
    cacheRead: usage.cacheReadInputTokens ?? 0,
    cacheWrite5m: written - oneHour,
    cacheWrite1h: oneHour,
  });
}
