import { setTimeout as delay } from 'node:timers/promises';
import type { GatewayError } from '../../errors.ts';
import type { Pacing } from '../ports.ts';

export const systemPacing: Pacing = {
  now: () => performance.timeOrigin + performance.now(),
  sleep: (milliseconds, signal) => delay(milliseconds, undefined, { signal }),
  random: Math.random,
};

export interface RetrySettings {
  /** Attempts per call, the first included. */
  attempts: number;
  baseDelayMs: number;
  maxDelayMs: number;
}

/** A provider that asks for a longer pause than this is not waited for. */
const longestRetryAfterMs = 60_000;
/** Retries that may be made at once after a quiet time. */
const fullBudget = 10;
/** What each success earns: retries stay under a fifth of the calls, as in Envoy's default retry budget. */
const earnedBySuccess = 0.2;

/**
 * How long to wait before an attempt, in milliseconds: full jitter under an exponential limit, but never less than the
 * provider asked for. Null if it asked for too long. Source of the formula: "Exponential Backoff And Jitter", AWS
 * Architecture Blog, 2015.
 */
export function retryDelay(
  { attempt, error }: { attempt: number; error: GatewayError },
  { baseDelayMs, maxDelayMs }: RetrySettings,
  random: () => number,
): number | null {
  const asked = error.retryAfterMs ?? 0;
  if (asked > longestRetryAfterMs) return null;
  const limit = Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1));
  return Math.max(asked, Math.round(random() * limit));
}

/** Keeps retries from multiplying the load on a service that fails: one budget per back-end and model. */
export class RetryBudget {
  readonly #left = new Map<string, number>();

  /** Takes one retry; false if none is left. */
  take(service: string): boolean {
    const left = this.#left.get(service) ?? fullBudget;
    if (left < 1) return false;
    this.#left.set(service, left - 1);
    return true;
  }

  succeeded(service: string): void {
    const left = this.#left.get(service);
    if (left !== undefined) this.#left.set(service, Math.min(fullBudget, left + earnedBySuccess));
  }
}
