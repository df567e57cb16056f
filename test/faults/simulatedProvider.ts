import { GatewayError } from '../../src/errors.ts';
import type {
  CallOptions,
  CallPlan,
  GovernedCalls,
  LlmRequest,
  GovernedResponse,
} from '../../src/gateways/modelCalls.ts';
import type { VirtualTime } from '../support/virtualTime.ts';

/** A phase of a provider's day. */
export type Weather = 'fair' | 'slow' | 'throttling' | 'outage' | 'hanging';

export const worstCost = 10n;

/** What a provider met, moment by moment: equal for equal seeds. */
export interface SeenAttempt {
  call: string;
  startedAt: number;
  weather: Weather;
  outcome: string;
}

/**
 * The level below in virtual time: a budget that reserves the worst case of each attempt, and a provider whose weather
 * changes. It stands for no vendor: only the order and the number of attempts are of interest.
 */
export class SimulatedProvider implements GovernedCalls {
  weather: Weather = 'fair';
  /** Calls at once above which it throttles. */
  capacity = 4;
  readonly attempts: SeenAttempt[] = [];
  refused = 0;
  spent = 0n;
  reserved = 0n;
  running = 0;
  mostRunning = 0;
  mostHeld = 0n;
  readonly #time: VirtualTime;
  readonly #random: () => number;
  readonly #cap: bigint;

  constructor(time: VirtualTime, random: () => number, cap: bigint) {
    this.#time = time;
    this.#random = random;
    this.#cap = cap;
  }

  getCapabilities(): { providers: string[]; models: string[] } {
    return { providers: ['bedrock'], models: ['model'] };
  }

  worstCase(): bigint {
    return worstCost;
  }

  plan(): Promise<CallPlan> {
    return Promise.resolve({ backend: 'bedrock', modelId: 'model', temperature: 0 } as CallPlan);
  }

  replay(): Promise<GovernedResponse> {
    return Promise.reject(new Error('Nothing is cached here.'));
  }

  refuse(_request: LlmRequest, error: GatewayError): Promise<GovernedResponse> {
    this.refused += 1;
    return Promise.resolve(response(error, 0n, 0));
  }

  async execute(request: LlmRequest, { signal }: CallOptions = {}): Promise<GovernedResponse> {
    if (this.spent + this.reserved + worstCost > this.#cap)
      return response(new GatewayError('budget_exceeded', 'No money is left.'), 0n, 0);
    this.reserved += worstCost;
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    const held = this.spent + this.reserved;
    if (held > this.mostHeld) this.mostHeld = held;
    const seen = {
      call: request.prompt ?? '',
      startedAt: this.#time.now(),
      weather: this.weather,
      outcome: '',
    };
    this.attempts.push(seen);
    const { error, cost } = await this.#answer(signal);
    seen.outcome = error?.code ?? 'success';
    this.running -= 1;
    this.reserved -= worstCost;
    this.spent += cost;
    return response(error, cost, 1);
  }

  async #answer(signal: AbortSignal | undefined): Promise<{ error: GatewayError | null; cost: bigint }> {
    const overloaded = this.running > this.capacity;
    try {
      if (this.weather === 'outage') {
        await this.#time.sleep(50, signal);
        return { error: failing('backend_failed'), cost: 0n };
      }
      if (this.weather === 'throttling' || overloaded) {
        await this.#time.sleep(20, signal);
        const asksFor = this.#random() < 0.5 ? 2_000 : undefined;
        return { error: failing('backend_throttled', asksFor), cost: 0n };
      }
      if (this.weather === 'hanging') {
        await this.#time.sleep(30_000, signal);
        return { error: failing('stream_stalled'), cost: worstCost };
      }
      await this.#time.sleep((this.weather === 'slow' ? 20_000 : 500) * (0.5 + this.#random()), signal);
      return { error: null, cost: 1n + BigInt(Math.floor(this.#random() * 9)) };
    } catch {
      return { error: new GatewayError('cancelled', 'The call was stopped.'), cost: worstCost };
    }
  }
}

function failing(
  code: 'backend_failed' | 'backend_throttled' | 'stream_stalled',
  retryAfterMs?: number,
): GatewayError {
  return new GatewayError(code, 'It failed.', { retryable: true, retryAfterMs });
}

function response(error: GatewayError | null, cost: bigint, attempts: number): GovernedResponse {
  return {
    success: error === null,
    status: error === null ? 'success' : 'failed',
    error,
    cost,
    attempts,
    costEstimated: false,
    costEstimatedBecause: null,
    attemptGroup: null,
    fallbackFrom: null,
    processingTimeMs: 0,
    timeToFirstTokenMs: null,
    stages: null,
    adjustments: [],
    modelUsed: 'model',
    backend: 'bedrock',
  } as unknown as GovernedResponse;
}
