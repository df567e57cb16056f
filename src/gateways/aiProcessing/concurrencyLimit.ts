import type { Priority } from '../modelCalls.ts';
import type { Slots } from './machineSlots.ts';

const ranks: Readonly<Record<Priority, number>> = { low: 0, normal: 1, high: 2 };
/** A wait of this many milliseconds is worth one rank, so that nobody waits for ever. */
const rankMs = 5_000;
/** How often a waiting process checks for slots that others have freed, in milliseconds. */
const checkMs = 20;

/** How a call went, for the limit of its service. */
export type LoadSignal = 'served' | 'throttled' | 'unknown';

interface Waiting {
  service: string;
  /** When it would have come with low priority; the earliest is next. */
  turn: number;
  start: (free: () => void) => void;
  fail: (error: Error) => void;
}

/**
 * Lets a bounded number of calls run at once, the most urgent and longest waiting first. A service that throttles is
 * given half as many, and one more for each round of calls that it serves (additive increase, multiplicative decrease).
 */
export class ConcurrencyLimit {
  readonly #most: number;
  readonly #slots: Slots;
  readonly #now: () => number;
  readonly #waiting: Waiting[] = [];
  readonly #running = new Map<string, number>();
  /** Limits of services that have throttled. */
  readonly #limits = new Map<string, number>();
  #nextCheck: NodeJS.Timeout | undefined;

  /** `most` is the number of slots, which no service gets more of. */
  constructor(most: number, slots: Slots, now: () => number) {
    this.#most = most;
    this.#slots = slots;
    this.#now = now;
  }

  /**
   * Waits for a turn. Rejects with the signal's reason, or an error of the slots. Call the result exactly once, when the
   * call has ended.
   */
  async enter(service: string, priority: Priority, signal: AbortSignal): Promise<(load: LoadSignal) => void> {
    signal.throwIfAborted();
    const free = await this.#turn(service, priority, signal);
    return (load) => this.#leave(service, load, free);
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** How many calls of a service may run at once now. */
  limitOf(service: string): number {
    return Math.floor(this.#limits.get(service) ?? this.#most);
  }

  #turn(service: string, priority: Priority, signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        signal.removeEventListener('abort', abort);
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      };
      const abort = (): void => {
        end();
        reject(signal.reason as Error);
        this.#startWaiting();
      };
      const waiting: Waiting = {
        service,
        turn: this.#now() - ranks[priority] * rankMs,
        start: (free) => {
          end();
          resolve(free);
        },
        fail: (error) => {
          end();
          reject(error);
        },
      };
      this.#waiting.push(waiting);
      signal.addEventListener('abort', abort, { once: true });
      this.#startWaiting();
    });
  }

  #leave(service: string, load: LoadSignal, free: () => void): void {
    free();
    this.#running.set(service, (this.#running.get(service) ?? 1) - 1);
    const limit = this.#limits.get(service) ?? this.#most;
    if (load === 'throttled') this.#limits.set(service, Math.max(1, limit / 2));
    if (load === 'served' && limit < this.#most)
      this.#limits.set(service, Math.min(this.#most, limit + 1 / limit));
    this.#startWaiting();
  }

  /** Starts every call that may run now, in their order; a service at its limit doesn't hold back others. */
  #startWaiting(): void {
    clearTimeout(this.#nextCheck);
    for (const next of this.#waiting.toSorted((one, other) => one.turn - other.turn)) {
      if ((this.#running.get(next.service) ?? 0) >= this.limitOf(next.service)) continue;
      if (this.#start(next) === 'no slot') {
        this.#nextCheck = setTimeout(() => this.#startWaiting(), checkMs);
        return;
      }
    }
    this.#slots.leaveQueue();
  }

  #start({ service, turn, start, fail }: Waiting): 'started' | 'failed' | 'no slot' {
    let free;
    try {
      free = this.#slots.tryTake(turn);
    } catch (error) {
      fail(error as Error);
      return 'failed';
    }
    if (!free) return 'no slot';
    this.#running.set(service, (this.#running.get(service) ?? 0) + 1);
    start(free);
    return 'started';
  }
}
