import { randomUUID } from 'node:crypto';
import { GatewayError } from '../errors.ts';
import type { BudgetStatus } from '../ledger/budgetStatus.ts';
import { microToUsd } from '../pricing/cost.ts';
import type { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import { budgetBlocked, comparisonExceeded } from './budgetRefusals.ts';
import type { AnswerEvent, LlmRequest, LlmResponse, ModelCalls } from './modelCalls.ts';
import type { CallTracker, EndedRun } from './ports.ts';
import type { GatewayRegistry } from './registry.ts';

/** How many models one comparison may have. */
export const fewestModels = 2;
export const mostModels = 8;

/** What a comparison needs of the core. */
export interface ComparisonCore {
  readonly registry: Pick<GatewayRegistry, 'calls'>;
  readonly catalogue: Pick<ModelCatalogue, 'learn' | 'modelIdOf'>;
  /** Told of each comparison that ended. */
  readonly tracking: { readonly tracker: Pick<CallTracker, 'run'> };
  budget(): Promise<Pick<BudgetStatus, 'limit' | 'remaining' | 'overruns' | 'timeZone'>>;
}

/** One model of a comparison, before its call. */
export interface ComparedModel {
  /** As it was named. */
  readonly name: string;
  /** The most that its call can cost, micro-USD; 0 for a refused one. */
  readonly worstCase: bigint;
  /** Why its call will be refused: unknown, retired, unpriced, …; null if it can be made. */
  readonly refusal: GatewayError | null;
}

/** Receives what a comparison's calls do, each with its model's name. */
export interface ComparisonListener {
  onEvent?: (model: string, event: AnswerEvent) => void;
  onEnd?: (model: string, response: LlmResponse) => void;
}

/**
 * One prompt for several models under one reason. Each answer is a call of its own through every gateway, with its
 * reservation, cache, fallbacks and record; the records carry the comparison's id.
 */
export class Comparison {
  readonly id = randomUUID();
  readonly models: readonly ComparedModel[];
  readonly #request: LlmRequest;
  readonly #calls: ModelCalls;
  readonly #budget: () => ReturnType<ComparisonCore['budget']>;
  readonly #tracker: Pick<CallTracker, 'run'>;
  readonly #stops: ReadonlyMap<string, AbortController>;

  private constructor(
    request: LlmRequest,
    models: readonly ComparedModel[],
    calls: ModelCalls,
    core: ComparisonCore,
  ) {
    this.models = models;
    this.#request = request;
    this.#calls = calls;
    this.#budget = () => core.budget();
    this.#tracker = core.tracking.tracker;
    this.#stops = new Map(models.map(({ name }) => [name, new AbortController()]));
  }

  /**
   * Prices the request for every model; nothing is reserved or sent. Throws `invalid_request` for too few or too many
   * models and for one that is named twice, and `gateway_unavailable`.
   */
  static async of(
    request: Omit<LlmRequest, 'modelId'>,
    names: readonly string[],
    core: ComparisonCore,
  ): Promise<Comparison> {
    requireDistinct(names, core.catalogue);
    const calls = core.registry.calls();
    const models = await Promise.all(names.map((name) => priced(request, name, calls, core.catalogue)));
    return new Comparison(request, models, calls, core);
  }

  /** The most that all calls together can cost, micro-USD. */
  get worstCase(): bigint {
    return this.models.reduce((sum, { worstCase }) => sum + worstCase, 0n);
  }

  /** Throws `budget_exceeded` or `budget_blocked` if today's budget can't pay for the whole. */
  async requireBudget(): Promise<void> {
    const { limit, remaining, overruns, timeZone } = await this.#budget();
    if (overruns > 0) throw budgetBlocked(overruns, timeZone);
    if (this.worstCase > remaining)
      throw comparisonExceeded(this.worstCase, { left: remaining, limit, timeZone });
  }

  /**
   * Asks all models at once, and resolves when every call has ended, in the order of the models. A failed call is a
   * response with its error, and the others go on. Throws what `requireBudget` throws, before any call.
   */
  async run({ onEvent, onEnd }: ComparisonListener = {}): Promise<LlmResponse[]> {
    await this.requireBudget();
    const startedAt = new Date().toISOString();
    const responses = await Promise.all(
      this.models.map(async ({ name }) => {
        const response = await this.#calls.execute(this.#requestFor(name), {
          signal: this.#stopOf(name).signal,
          onEvent: (event) => onEvent?.(name, event),
        });
        onEnd?.(name, response);
        return response;
      }),
    );
    this.#tracker.run(this.#ended(startedAt, responses));
    return responses;
  }

  #ended(startedAt: string, responses: readonly LlmResponse[]): EndedRun {
    const metrics = responses.flatMap(({ cost, processingTimeMs, tokenUsage }, index): [string, number][] => {
      const { name = '' } = this.models[index] ?? {};
      return [
        [`${name}/cost_usd`, Number(microToUsd(cost))],
        [`${name}/duration_ms`, Math.round(processingTimeMs)],
        [`${name}/output_tokens`, tokenUsage.output],
      ];
    });
    return {
      kind: 'comparison',
      id: this.id,
      name: 'comparison',
      startedAt,
      failed: responses.every(({ success }) => !success),
      parameters: { models: this.models.map(({ name }) => name).join(', ') },
      metrics: Object.fromEntries(metrics),
    };
  }

  /** Stops one model's call, or all of them: what has arrived is charged, the rest is not asked for. */
  cancel(model?: string): void {
    const stopped = model === undefined ? [...this.#stops.keys()] : [model];
    for (const name of stopped) this.#stopOf(name).abort();
  }

  #requestFor(modelId: string): LlmRequest {
    return { ...this.#request, modelId, comparison: { id: this.id, models: this.models.length } };
  }

  #stopOf(model: string): AbortController {
    const stop = this.#stops.get(model);
    if (!stop) throw new TypeError('The model is not in this comparison.');
    return stop;
  }
}

async function priced(
  request: LlmRequest,
  name: string,
  calls: ModelCalls,
  catalogue: ComparisonCore['catalogue'],
): Promise<ComparedModel> {
  try {
    await catalogue.learn(name);
    return { name, worstCase: calls.worstCase({ ...request, modelId: name }), refusal: null };
  } catch (error) {
    if (!GatewayError.is(error)) throw error;
    return { name, worstCase: 0n, refusal: error };
  }
}

/** Two names of one model would compare it with itself. */
function requireDistinct(names: readonly string[], catalogue: ComparisonCore['catalogue']): void {
  const byId = Map.groupBy(names, (name) => catalogue.modelIdOf(name));
  const [again] = [...byId].filter(([, same]) => same.length > 1);
  if (again) {
    const [id, [one = '', other = '']] = again;
    throw new GatewayError(
      'invalid_request',
      one === other ? `The model ${one} is named twice.` : `${one} and ${other} are the same model, ${id}.`,
      { hint: 'Nothing was sent. Name each model once.' },
    );
  }
  if (names.length < fewestModels || names.length > mostModels) {
    throw new GatewayError(
      'invalid_request',
      `A comparison needs ${fewestModels} to ${mostModels} models, not ${names.length}.`,
      { hint: 'Nothing was sent.' },
    );
  }
}
