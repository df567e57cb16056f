import type { Priority } from '../modelCalls.ts';

const ranks: Readonly<Record<Priority, number>> = { low: 0, normal: 1, high: 2 };
/** A wait of this many milliseconds is worth one rank, so that nobody waits for ever. */
const rankMs = 5_000;

/** How a call went, for the limit of its service. */
export type LoadSignal = 'served' | 'throttled' | 'unknown';

interface Waiting {
  service: string;
  priority: Priority;
  since: number;
  start: () => void;
}

/**
 * Lets a bounded number of calls run at once, the most urgent and longest waiting first. A service that throttles is
 * given half as many, and one more for each round of calls that it serves (additive increase, multiplicative decrease).
 */
export class ConcurrencyLimit {
  readonly #most: number;
  readonly #now: () => number;
  readonly #waiting: Waiting[] = [];
  readonly #running = new Map<string, number>();
  /** Limits of services that have throttled. */
  readonly #limits = new Map<string, number>();
  #total = 0;

  constructor(most: number, now: () => number) {
    this.#most = most;
    this.#now = now;
  }

  /** Waits for a turn. Rejects with the signal's reason. Call the result exactly once, when the call has ended. */
  async enter(service: string, priority: Priority, signal: AbortSignal): Promise<(load: LoadSignal) => void> {
    signal.throwIfAborted();
    if (this.#waiting.length > 0 || !this.#fits(service)) await this.#turn(service, priority, signal);
    else this.#take(service);
    return (load) => this.#leave(service, load);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** How many calls of a service may run at once now. */
  limitOf(service: string): number {
    return Math.floor(this.#limits.get(service) ?? this.#most);
  }

  #turn(service: string, priority: Priority, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason as Error);
        this.#startNext();
      };
      const start = (): void => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      const waiting: Waiting = { service, priority, since: this.#now(), start };
      this.#waiting.push(waiting);
      signal.addEventListener('abort', abort, { once: true });
      this.#startNext();
    });
  }

  #fits(service: string): boolean {
    return this.#total < this.#most && (this.#running.get(service) ?? 0) < this.limitOf(service);
  }

  #take(service: string): void {
    this.#total += 1;
    this.#running.set(service, (this.#running.get(service) ?? 0) + 1);
  }

  #leave(service: string, load: LoadSignal): void {
    this.#total -= 1;
    this.#running.set(service, (this.#running.get(service) ?? 1) - 1);
    const limit = this.#limits.get(service) ?? this.#most;
    if (load === 'throttled') this.#limits.set(service, Math.max(1, limit / 2));
    if (load === 'served' && limit < this.#most)
      this.#limits.set(service, Math.min(this.#most, limit + 1 / limit));
    this.#startNext();
  }

  /** Starts every call that may run now, in their order; a service at its limit doesn't hold back others. */
  #startNext(): void {
    const now = this.#now();
    const rank = ({ priority, since }: Waiting): number => ranks[priority] + (now - since) / rankMs;
    for (const next of this.#waiting.toSorted((one, other) => rank(other) - rank(one))) {
      if (!this.#fits(next.service)) continue;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      this.#take(next.service);
      next.start();
    }
  }
}
