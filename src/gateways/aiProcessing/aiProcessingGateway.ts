import { GatewayError } from '../../errors.ts';
import type { AgreementContext, Gateway, Health, ServiceMetrics } from '../gateway.ts';
import {
  requestDefaults,
  type BackendId,
  type CachedAnswer,
  type CallOptions,
  type CallPlan,
  type GovernedCalls,
  type LlmRequest,
  type GovernedResponse,
  type LlmResponse,
} from '../modelCalls.ts';
import type { AnswerCache, CacheKey, CallTracker, Pacing } from '../ports.ts';
import { answerToKeep, cacheKeyOf, type CacheScope } from './cacheKey.ts';
import { AttemptTally } from './attemptTally.ts';
import { CircuitBreaker, type AttemptOutcome } from './circuitBreaker.ts';
import { ConcurrencyLimit, type LoadSignal } from './concurrencyLimit.ts';
import type { Slots } from './machineSlots.ts';
import { Metrics } from './metrics.ts';
import { retryDelay, RetryBudget, type RetrySettings } from './pacing.ts';

export interface ProcessingPolicy extends RetrySettings {
  /** Failures in a row after which a model is paused; 0 never pauses. */
  pauseAfterFailures: number;
  /** Calls at once: how many slots there are. */
  concurrency: number;
  /** Models to ask instead, in order, by requested name. */
  fallbackModels: Readonly<Record<string, readonly string[]>>;
  cacheScope: CacheScope;
  /** Requests with a higher temperature are cached only when asked. */
  cacheMaxTemperature: number;
  /** Those that policy allows; the one in use is of the level below. */
  backends: readonly BackendId[];
}

export interface AiProcessingDependencies {
  /** The corporate gateway. */
  below: GovernedCalls;
  policy: ProcessingPolicy;
  /** Null if caching is off. */
  cache: AnswerCache | null;
  slots: Slots;
  pacing: Pacing;
  tracker: CallTracker;
}

/** A request on its way to one model. */
interface Asked {
  request: LlmRequest;
  plan: CallPlan;
  signal: AbortSignal;
  onEvent: CallOptions['onEvent'];
  tally: AttemptTally;
}

/**
 * Level 2: answers from the cache, limits calls at once, repeats what failed for a while, and falls back to other
 * models. Every attempt is a governed call of the level below, with its own reservation and record.
 */
export class AiProcessingGateway implements Gateway {
  // Another extension in the same process could replace the deciding methods with its own.
  static {
    Object.freeze(this.prototype);
  }

  readonly id = 'ai_processing';
  readonly #below: GovernedCalls;
  readonly #policy: ProcessingPolicy;
  readonly #cache: AnswerCache | null;
  readonly #pacing: Pacing;
  readonly #tracker: CallTracker;
  readonly #breaker: CircuitBreaker;
  readonly #limit: ConcurrencyLimit;
  readonly #budget = new RetryBudget();
  readonly #metrics = new Metrics();
  /** Calls whose answer will be cached, by the hash of their key. */
  readonly #underWay = new Map<string, Promise<GovernedResponse>>();

  constructor({ below, policy, cache, slots, pacing, tracker }: AiProcessingDependencies) {
    this.#below = below;
    this.#policy = policy;
    this.#cache = cache;
    this.#pacing = pacing;
    this.#tracker = tracker;
    this.#breaker = new CircuitBreaker(policy.pauseAfterFailures, () => pacing.now());
    this.#limit = new ConcurrencyLimit(policy.concurrency, slots, () => pacing.now());
  }

  getCapabilities() {
    const { models } = this.#below.getCapabilities();
    const { backends, attempts } = this.#policy;
    return { backends, models, cacheEnabled: this.#cache !== null, retryEnabled: attempts > 1 };
  }

  /** What calls of this process came to, by back-end and model. */
  metrics(): ServiceMetrics[] {
    return this.#metrics.all(this.#breaker.states());
  }

  /** The most that one attempt can cost, in micro-USD: each further one reserves anew. */
  worstCase(request: LlmRequest): bigint {
    return this.#below.worstCase(request);
  }

  /** Degraded while a model is paused. */
  checkHealth(): Promise<Health> {
    const paused = this.#breaker.states().filter(({ state }) => state === 'open');
    const names = paused.map(({ service, pausedMs }) => `${service} for ${Math.ceil(pausedMs / 1000)} s`);
    const { attempts } = this.#policy;
    const many = attempts === 1 ? 'one attempt' : `up to ${attempts} attempts`;
    const evidence = `Cache ${this.#cache ? 'on' : 'off'}, ${many} per call.`;
    return Promise.resolve({
      state: paused.length > 0 ? 'degraded' : 'healthy',
      latencyMs: null,
      evidence: paused.length > 0 ? `Paused after repeated failures: ${names.join(', ')}.` : evidence,
      error: null,
      checkedAt: new Date().toISOString(),
    });
  }

  /** Nothing of an agreement is decided here that the level below doesn't decide for each call. */
  validateAgreement(_context: AgreementContext): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  execute(request: LlmRequest, options: CallOptions = {}): Promise<GovernedResponse> {
    return this.#tracker.call(this.id, () => this.#execute(request, options));
  }

  async #execute(request: LlmRequest, options: CallOptions): Promise<GovernedResponse> {
    const plan = await this.#planOf(request, options);
    // The level below refuses it with the same error, and records that.
    if (!plan) return this.#below.execute(request, options);
    const key = this.#keyOf(request, plan);
    if (key === null) return this.#ask(request, plan, options);
    return this.#askOnce(request, plan, key, options);
  }

  async #planOf(request: LlmRequest, options: CallOptions): Promise<CallPlan | null> {
    try {
      return await this.#below.plan(request, options);
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      return null;
    }
  }

  /** Null if the answer may not come from the cache, nor go into it. */
  #keyOf({ cache }: LlmRequest, plan: CallPlan): CacheKey | null {
    if (!this.#cache) return null;
    const { cacheMaxTemperature, cacheScope } = this.#policy;
    if (cache !== true && (plan.temperature ?? 0) > cacheMaxTemperature) return null;
    return cacheKeyOf(plan, cacheScope);
  }

  /** Waits for an identical call that is under way, or asks the cache, and only then asks a model. */
  async #askOnce(
    request: LlmRequest,
    plan: CallPlan,
    key: CacheKey,
    options: CallOptions,
  ): Promise<GovernedResponse> {
    if (request.cache === false) return this.#askAndKeep(request, plan, key, options);
    let same = this.#underWay.get(key.hash);
    if (!same) {
      const cached = await this.#cache?.find(key);
      if (cached) return this.#replay(request, plan, cached, options);
      // One may have begun meanwhile.
      same = this.#underWay.get(key.hash);
    }
    if (same) {
      const answer = await untilAborted(same, options.signal).catch(() => null);
      if (options.signal?.aborted) return this.#below.refuse(request, stopped());
      const kept = answer && ownAnswerOf(answer);
      // What failed for another caller is tried again for this one.
      return kept ? this.#replay(request, plan, kept, options) : this.#askOnce(request, plan, key, options);
    }
    const asking = this.#askAndKeep(request, plan, key, options);
    this.#underWay.set(key.hash, asking);
    try {
      return await asking;
    } finally {
      this.#underWay.delete(key.hash);
    }
  }

  async #replay(
    request: LlmRequest,
    plan: CallPlan,
    cached: CachedAnswer,
    options: CallOptions,
  ): Promise<GovernedResponse> {
    const response = await this.#below.replay(request, cached, options);
    if (response.success) this.#metrics.hit(serviceOf(plan));
    return response;
  }

  async #askAndKeep(
    request: LlmRequest,
    plan: CallPlan,
    key: CacheKey,
    options: CallOptions,
  ): Promise<GovernedResponse> {
    const response = await this.#ask(request, plan, options);
    const kept = ownAnswerOf(response);
    if (kept) await this.#cache?.put(key, kept);
    return response;
  }

  /** Asks the requested model, then its fallbacks in order. */
  async #ask(request: LlmRequest, plan: CallPlan, options: CallOptions): Promise<GovernedResponse> {
    const signal = options.signal ?? new AbortController().signal;
    const tally = new AttemptTally(() => this.#pacing.now());
    const seen = (event: Parameters<NonNullable<CallOptions['onEvent']>>[0]): void => {
      tally.answering = true;
      options.onEvent?.(event);
    };
    const isStopped = (): boolean => signal.aborted;
    const asked = { signal, tally, onEvent: seen };
    const first = await this.#askModel({ ...asked, request, plan });
    const name = request.modelId ?? requestDefaults.modelId;
    const fallbacks = request.fallback === false ? [] : (this.#policy.fallbackModels[name] ?? []);
    for (const modelId of fallbacks) {
      const { error } = tally.last ?? first;
      if (!error || isStopped() || !this.#mayAskAgain(error, asked)) break;
      const instead: LlmRequest = { ...request, modelId };
      const planned = await this.#planOf(instead, { signal });
      // A model that policy or its own limits exclude is passed over.
      if (!planned) continue;
      const attempt = tally.next(error, name);
      const repeated = { ...instead, ...(attempt && { attempt }) };
      const response = await this.#askModel({ ...asked, request: repeated, plan: planned });
      if (response.success || tally.answering || isStopped()) return tally.total(response, name);
    }
    return tally.total(first.success || isStopped() ? first : (tally.refusal ?? first), null);
  }

  /** Asks one model until it answers, or another attempt makes no sense. */
  async #askModel(asked: Asked): Promise<GovernedResponse> {
    const { plan, tally } = asked;
    const service = serviceOf(plan);
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#attempt(service, asked);
      tally.add(response);
      const { error } = response;
      if (error === null || attempt >= this.#policy.attempts || !this.#mayAskAgain(error, asked))
        return response;
      if (asked.signal.aborted) return { ...response, status: 'cancelled', error: stopped() };
      if (error.code === 'backend_paused' || !this.#budget.take(service)) return response;
      const delay = retryDelay({ attempt, error }, this.#policy, () => this.#pacing.random());
      if (delay === null) return response;
      this.#metrics.waited(service, delay);
      try {
        await this.#pacing.sleep(delay, asked.signal);
      } catch {
        return { ...response, status: 'cancelled', error: stopped() };
      }
      const { fallbackFrom = null } = asked.request.attempt ?? {};
      const next = tally.next(error, fallbackFrom);
      if (next) asked.request = { ...asked.request, attempt: next };
    }
  }

  /** Only what may pass, and never once the caller has seen a part of the answer. */
  #mayAskAgain({ retryable, exitCode }: GatewayError, { tally }: Pick<Asked, 'tally'>): boolean {
    return retryable && exitCode === 6 && !tally.answering;
  }

  /** One governed call, once the limit and its circuit let it through. */
  async #attempt(service: string, asked: Asked): Promise<GovernedResponse> {
    const { request, plan, signal } = asked;
    const pausedMs = this.#breaker.pausedMs(service);
    // What is paused now doesn't wait for its turn.
    if (pausedMs > 0) return this.#below.refuse(request, paused(plan.modelId, pausedMs));
    const queuedAt = this.#pacing.now();
    let leave: (load: LoadSignal) => void;
    try {
      leave = await this.#limit.enter(service, request.priority ?? requestDefaults.priority, signal);
    } catch (error) {
      if (signal.aborted) return this.#below.refuse(request, stopped());
      if (GatewayError.is(error)) return this.#below.refuse(request, error);
      throw error;
    }
    this.#metrics.waited(service, this.#pacing.now() - queuedAt);
    let load: LoadSignal = 'unknown';
    try {
      const response = await this.#throughCircuit(service, asked);
      load = loadOf(response);
      return response;
    } finally {
      leave(load);
    }
  }

  async #throughCircuit(
    service: string,
    { request, plan, signal, onEvent }: Asked,
  ): Promise<GovernedResponse> {
    const passage = this.#breaker.enter(service);
    if ('pausedMs' in passage) return this.#below.refuse(request, paused(plan.modelId, passage.pausedMs));
    let outcome: AttemptOutcome = 'neutral';
    try {
      const response = await this.#below.execute(request, { signal, ...(onEvent && { onEvent }) });
      outcome = outcomeOf(response);
      if (response.success) this.#budget.succeeded(service);
      this.#metrics.attempted(service, response);
      return response;
    } finally {
      passage.end(outcome);
    }
  }
}

/** What is kept of an answer of the requested model. That of a fallback answers no other request for this one. */
function ownAnswerOf(response: GovernedResponse): CachedAnswer | null {
  return response.fallbackFrom === null ? answerToKeep(response) : null;
}

/** A back-end's model: what retries, circuits and limits are kept for. */
function serviceOf({ backend, modelId }: CallPlan): string {
  return `${backend} ${modelId}`;
}

function loadOf({ success, error }: LlmResponse): LoadSignal {
  if (success) return 'served';
  return error?.code === 'backend_throttled' ? 'throttled' : 'unknown';
}

/** Only a service that is down counts as failing: one that refuses or throttles is up. */
function outcomeOf({ success, error }: LlmResponse): AttemptOutcome {
  if (success) return 'success';
  const down = ['backend_failed', 'backend_unreachable', 'stream_stalled', 'stream_incomplete'];
  return error?.retryable && down.includes(error.code) ? 'failure' : 'neutral';
}

function paused(model: string, pausedMs: number): GatewayError {
  const seconds = Math.max(1, Math.ceil(pausedMs / 1000));
  return new GatewayError('backend_paused', `Calls to ${model} are paused: it failed repeatedly.`, {
    hint: `It is tried again in ${seconds} s. Use another model meanwhile, or name a fallback in ai.fallback_models.`,
    retryable: true,
    retryAfterMs: pausedMs,
  });
}

function stopped(): GatewayError {
  return new GatewayError('cancelled', 'The call was stopped.');
}

/** Resolves as the promise does, or rejects when the signal aborts. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
