import type { GatewayError } from '../../errors.ts';
import type { AttemptOrigin, GovernedResponse } from '../modelCalls.ts';

/** Adds up the attempts of one request. */
export class AttemptTally {
  /** Whether the caller has seen a part of an answer: then nothing is repeated. */
  answering = false;
  last: GovernedResponse | null = null;
  /** The attempt that the budget refused, if one did: why no more were made. */
  refusal: GovernedResponse | null = null;
  readonly #now: () => number;
  readonly #startedAt: number;
  #number = 1;
  #group: string | null = null;
  #attempts = 0;
  #cost = 0n;
  #estimatedBecause: string | null = null;
  #estimated = false;

  /** `now` in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#startedAt = now();
  }

  add(response: GovernedResponse): void {
    this.last = response;
    this.#group ??= response.attemptGroup;
    this.#attempts += response.attempts;
    this.#cost += response.cost;
    this.#estimated ||= response.costEstimated;
    this.#estimatedBecause ??= response.costEstimatedBecause;
    if (response.error?.exitCode === 3) this.refusal = response;
  }

  /** How the next attempt is recorded; null if the first one isn't recorded. */
  next({ code }: GatewayError, fallbackFrom: string | null): AttemptOrigin | null {
    this.#number += 1;
    return this.#group === null
      ? null
      : { group: this.#group, number: this.#number, after: code, fallbackFrom };
  }

  /** The response to the request: its last attempt, with the money and time of all. */
  total(response: GovernedResponse, fallbackFrom: string | null): GovernedResponse {
    const processingTimeMs = Math.max(this.#now() - this.#startedAt, response.processingTimeMs);
    const earlierMs = processingTimeMs - response.processingTimeMs;
    const { timeToFirstTokenMs, stages, adjustments, modelUsed } = response;
    const told = `${fallbackFrom} was not available; ${modelUsed} answered instead.`;
    return {
      ...response,
      processingTimeMs,
      timeToFirstTokenMs: timeToFirstTokenMs === null ? null : timeToFirstTokenMs + earlierMs,
      // Waits and earlier attempts come before the last one is admitted.
      stages: stages && { ...stages, admission: stages.admission + earlierMs },
      adjustments: fallbackFrom !== null && response.success ? [...adjustments, told] : adjustments,
      attempts: this.#attempts,
      attemptGroup: this.#group,
      fallbackFrom,
      cost: this.#cost,
      costEstimated: this.#estimated,
      costEstimatedBecause: this.#estimatedBecause,
    };
  }
}
