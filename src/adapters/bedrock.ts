import { addAbortListener } from 'node:events';
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  type ConverseCommandInput,
  type ServiceTier as BedrockServiceTier,
  type TokenUsage as BedrockUsage,
} from '@aws-sdk/client-bedrock-runtime';
import { fromNodeProviderChain } from '@aws-sdk/credential-providers';
import {
  loadConfig,
  loadSharedConfigFiles,
  NODE_REGION_CONFIG_FILE_OPTIONS,
  NODE_REGION_CONFIG_OPTIONS,
} from '@smithy/core/config';
import { getEndpointFromInstructions } from '@smithy/core/endpoints';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { GatewayError, type GatewayErrorCode } from '../errors.ts';
import type { Health } from '../gateways/gateway.ts';
import type { ModelBackend, ModelCall, ModelEvent } from '../gateways/ports.ts';
import type { ServiceTier, TokenUsage } from '../pricing/cost.ts';
import {
  brokenStream,
  failedCall,
  failedCredentials,
  incompleteStream,
  stalledStream,
} from './bedrockErrors.ts';

/** A place without instance credentials must say so quickly. */
const metadataTimeoutMs = 500;
const connectionTimeoutMs = 5_000;
const fallbackRegion = 'us-east-1';
/** A whole answer at once is silent until it is there; the longest take minutes. */
const wholeAnswerTimeoutMs = 600_000;
/** A connection whose answer is complete gets this long to end by itself. */
const endTimeoutMs = 1_000;
/** No context is near this; more is a fault of whoever counted. */
const mostTokens = 1_000_000_000;

export interface BedrockOptions {
  /** Null takes whatever the AWS SDK finds. */
  profile: string | null;
  region: string | null;
  /** Null takes the SDK's own endpoint and its environment variables. */
  endpoint: string | null;
  /** Silence after which a call counts as stalled, in milliseconds. */
  idleTimeoutMs: number;
}

/**
 * Whether anything about AWS credentials is configured. Broken ones (an expired login, a profile that
 * isn't there) count as found, so that they are reported and never quietly replaced by the mock.
 */
export async function findCredentials(options: Pick<BedrockOptions, 'profile'>): Promise<'found' | 'absent'> {
  if (options.profile !== null && options.profile !== 'default') return 'found';
  if (await isConfigured()) return 'found';
  try {
    await credentialChain(options.profile)();
    return 'found';
  } catch {
    // Only the machine's own role is left to ask, and it has none.
    return 'absent';
  }
}

/** Whether the environment or the default profile says where credentials come from, right or wrong. */
async function isConfigured(): Promise<boolean> {
  if (credentialVariables.some((name) => process.env[name])) return true;
  const { configFile, credentialsFile } = await loadSharedConfigFiles({ ignoreCache: true });
  const keys = Object.keys({ ...configFile['default'], ...credentialsFile['default'] });
  return keys.some((key) => !['region', 'output'].includes(key));
}

const credentialVariables = [
  'AWS_ACCESS_KEY_ID',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
];

/** Amazon Bedrock through the AWS SDK's Converse and ConverseStream. */
export async function createBedrockBackend(options: BedrockOptions): Promise<ModelBackend> {
  if (options.endpoint === null) requireEndpointOfEnvironment();
  const region = options.region ?? (await regionOfProfile(options.profile));
  const client = new BedrockRuntimeClient({
    region,
    ...(options.profile === null ? {} : { profile: options.profile }),
    ...(options.endpoint === null ? {} : { endpoint: options.endpoint }),
    credentials: credentialChain(options.profile),
    // A bearer key in the environment would otherwise replace the credentials that were chosen.
    authSchemePreference: ['sigv4'],
    // HTTP/1.1: broken streams throw, and corporate proxies understand it.
    requestHandler: new NodeHttpHandler({ connectionTimeout: connectionTimeoutMs }),
    // Each attempt is a reservation of its own, so the SDK makes one.
    maxAttempts: 1,
  });
  return new BedrockBackend(client, region, await endpointOf(client, region), options);
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

/** The region of the profile, as every AWS tool reads it. */
async function regionOfProfile(profile: string | null): Promise<string> {
  const sources = { ...NODE_REGION_CONFIG_FILE_OPTIONS, ...(profile === null ? {} : { profile }) };
  return loadConfig({ ...NODE_REGION_CONFIG_OPTIONS, default: fallbackRegion }, sources)();
}

function credentialChain(profile: string | null): ReturnType<typeof fromNodeProviderChain> {
  return fromNodeProviderChain({
    ...(profile === null ? {} : { profile }),
    timeout: metadataTimeoutMs,
    maxRetries: 0,
    ignoreCache: true,
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
  readonly simulated = false;
  readonly region: string;
  readonly location: string;
  readonly #client: BedrockRuntimeClient;
  readonly #endpoint: string;
  readonly #idleTimeoutMs: number;
  readonly #profile: string | null;
  /** How the last call ended: what no check without a call can know. */
  #lastCall: { error: GatewayError | null; at: Date } | null = null;

  constructor(client: BedrockRuntimeClient, region: string, endpoint: string, options: BedrockOptions) {
    this.#client = client;
    this.region = region;
    this.#endpoint = endpoint;
    this.#idleTimeoutMs = options.idleTimeoutMs;
    this.#profile = options.profile;
    this.location = `${region} · ${endpoint}`;
  }

  async prepare(signal: AbortSignal): Promise<void> {
    try {
      await unlessAborted(this.#client.config.credentials(), signal);
    } catch (error) {
      signal.throwIfAborted();
      throw failedCredentials(error, this.#profile);
    }
  }

  async *converse(call: ModelCall, signal: AbortSignal): AsyncGenerator<ModelEvent> {
    try {
      yield* this.#converse(call, signal);
      this.#lastCall = { error: null, at: new Date() };
    } catch (error) {
      if (GatewayError.is(error) && error.code !== 'cancelled') this.#lastCall = { error, at: new Date() };
      throw error;
    }
  }

  async *#converse(call: ModelCall, signal: AbortSignal): AsyncGenerator<ModelEvent> {
    const watchdog = new IdleWatchdog(
      call.stream ? this.#idleTimeoutMs : Math.max(this.#idleTimeoutMs, wholeAnswerTimeoutMs),
      signal,
    );
    try {
      yield* call.stream ? this.#stream(call, watchdog) : this.#whole(call, watchdog);
    } finally {
      watchdog.stop();
    }
  }

  async *#whole(call: ModelCall, watchdog: IdleWatchdog): AsyncGenerator<ModelEvent> {
    const command = new ConverseCommand(inputOf(call));
    const response = await this.#client
      .send(command, { abortSignal: watchdog.signal })
      .catch((error: unknown) =>
        Promise.reject(watchdog.explain(error, 'unknown') ?? failedCall(error, this.#where(call))),
      );
    const text = (response.output?.message?.content ?? []).map((block) => block.text ?? '').join('');
    if (text) yield { type: 'text', text };
    yield { type: 'stop', reason: response.stopReason ?? 'unknown' };
    yield {
      type: 'usage',
      usage: usageOf(response.usage),
      serviceTier: servedIn(response.serviceTier),
    };
  }

  async *#stream(call: ModelCall, watchdog: IdleWatchdog): AsyncGenerator<ModelEvent> {
    const command = new ConverseStreamCommand(inputOf(call));
    const response = await this.#client
      .send(command, { abortSignal: watchdog.signal })
      .catch((error: unknown) =>
        Promise.reject(watchdog.explain(error, 'received') ?? failedCall(error, this.#where(call))),
      );
    let stopped = false;
    let measured = false;
    try {
      for await (const event of response.stream ?? []) {
        watchdog.reset();
        const delta = event.contentBlockDelta?.delta;
        if (delta?.text) yield { type: 'text', text: delta.text };
        else if (delta) yield { type: 'hidden', bytes: Buffer.byteLength(JSON.stringify(delta)) };
        if (event.messageStop) {
          stopped = true;
          yield { type: 'stop', reason: event.messageStop.stopReason ?? 'unknown' };
        }
        if (event.metadata) {
          measured = true;
          yield {
            type: 'usage',
            usage: usageOf(event.metadata.usage),
            serviceTier: servedIn(event.metadata.serviceTier),
          };
        }
        // All is said; a connection that stays open need not end.
        if (stopped && measured) watchdog.expectEnd();
      }
    } catch (error) {
      if (GatewayError.is(error)) throw error;
      if (!stopped || !measured) throw watchdog.explain(error, 'received') ?? brokenStream(error);
    }
    // Some ways to stop end the iterator without an error.
    const interrupted = watchdog.explain(null, 'received');
    if (interrupted && !(stopped && measured)) throw interrupted;
    if (!stopped || !measured) throw incompleteStream();
  }

  /** An unsigned request to the endpoint's root: any answer shows that it is reachable and how far away. */
  async checkHealth(signal: AbortSignal): Promise<Health> {
    const checkedAt = new Date().toISOString();
    const startedAt = performance.now();
    try {
      await this.prepare(signal);
      await fetch(this.#endpoint, { method: 'HEAD', signal, redirect: 'manual' });
    } catch (thrown) {
      const error = GatewayError.is(thrown)
        ? thrown
        : failedCall(reasonOf(thrown), { region: this.region, modelId: '' });
      return { state: 'failed', latencyMs: null, evidence: this.location, error, checkedAt };
    }
    const latencyMs = performance.now() - startedAt;
    const last = this.#lastCall;
    const evidence = `Credentials found; ${this.#endpoint} answers; ${describeLast(last)}.`;
    const refused = last?.error && refusals.includes(last.error.code) ? last.error : null;
    if (refused) return { state: 'failed', latencyMs, evidence, error: refused, checkedAt };
    return { state: 'healthy', latencyMs, evidence, error: null, checkedAt };
  }

  dispose(): void {
    this.#client.destroy();
  }

  #where(call: ModelCall): { region: string; modelId: string } {
    return { region: this.region, modelId: call.modelId };
  }
}

/** Failures that the next call would meet again. */
const refusals: readonly GatewayErrorCode[] = ['credentials_expired', 'access_denied'];

function describeLast(last: { error: GatewayError | null; at: Date } | null): string {
  if (!last) return 'no call was made yet';
  return last.error
    ? `the last call failed at ${last.at.toISOString()}: ${last.error.message}`
    : `the last call succeeded at ${last.at.toISOString()}`;
}

/** fetch wraps the reason of a failed connection in its `cause`. */
function reasonOf(error: unknown): unknown {
  return error instanceof TypeError && error.cause !== undefined ? error.cause : error;
}

/** A login helper may take for ever; the caller need not wait for it. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  using _listener = addAbortListener(signal, () => {
    aborted.reject(signal.reason as Error);
  });
  return await Promise.race([work, aborted.promise]);
}

function inputOf(call: ModelCall): ConverseCommandInput {
  return {
    modelId: call.modelId,
    messages: call.messages.map(({ role, content }) => ({ role, content: [{ text: content }] })),
    ...(call.system === null ? {} : { system: [{ text: call.system }] }),
    inferenceConfig: {
      maxTokens: call.maxTokens,
      ...(call.temperature === null ? {} : { temperature: call.temperature }),
    },
    ...(call.serviceTier === 'flex' || call.serviceTier === 'priority'
      ? { serviceTier: { type: call.serviceTier } }
      : {}),
    requestMetadata: call.metadata,
  };
}

/** Reserved capacity is paid for by the hour; its tokens count as standard ones, the most they can be. */
function servedIn(serviceTier: BedrockServiceTier | undefined): ServiceTier | undefined {
  const type = serviceTier?.type;
  return type === 'default' || type === 'reserved' ? 'standard' : type;
}

/** Throws `stream_incomplete` for figures that can't be true: what they would cost is unknown. */
function usageOf(usage: BedrockUsage | undefined): TokenUsage {
  if (!usage) throw incompleteStream();
  const written = usage.cacheWriteInputTokens ?? 0;
  const oneHour = (usage.cacheDetails ?? [])
    .filter(({ ttl }) => ttl === '1h')
    .reduce((sum, { inputTokens }) => sum + (inputTokens ?? 0), 0);
  const counted = {
    input: usage.inputTokens ?? -1,
    output: usage.outputTokens ?? -1,
    cacheRead: usage.cacheReadInputTokens ?? 0,
    cacheWrite5m: written - oneHour,
    cacheWrite1h: oneHour,
  };
  const possible = Object.values(counted).every(
    (count) => Number.isSafeInteger(count) && count >= 0 && count < mostTokens,
  );
  if (!possible) throw incompleteStream();
  return counted;
}

/** Ends a call that stays silent, and tells that apart from a caller who stopped it. */
class IdleWatchdog {
  readonly #idleTimeoutMs: number;
  readonly #caller: AbortSignal;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout;
  #stalled = false;

  constructor(idleTimeoutMs: number, caller: AbortSignal) {
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#caller = caller;
    this.#timer = this.#start(idleTimeoutMs);
  }

  #start(timeoutMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#stalled = true;
      this.#controller.abort();
    }, timeoutMs);
  }

  /** The answer is complete: from now on silence is short. */
  expectEnd(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start(endTimeoutMs);
  }

  get signal(): AbortSignal {
    return AbortSignal.any([this.#caller, this.#controller.signal]);
  }

  reset(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** The error of a call that was stopped or stalled; null when neither happened. */
  explain(cause: unknown, billing: 'received' | 'unknown'): GatewayError | null {
    if (this.#stalled) return stalledStream(this.#idleTimeoutMs, cause);
    if (this.#caller.aborted)
      return new GatewayError('cancelled', 'The call was stopped.', { billing, cause });
    return null;
  }
}
