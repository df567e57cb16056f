import { setTimeout as after } from 'node:timers/promises';
import { GatewayError } from '../errors.ts';
import type { CallTable } from './callTable.ts';
import { throughOutage } from './outage.ts';
import type { SharedAnswer } from './sharedCall.ts';

const pollingIntervalMs = 200;

interface Waiting {
  resolve: (answer: SharedAnswer | null) => void;
  reject: (error: unknown) => void;
}

/** Waits for the answers of any number of calls with one query at a time. */
export class AnswerWait {
  readonly #table: CallTable;
  readonly #onUnbegun: () => Promise<void>;
  readonly #mostOutageMs: number;
  readonly #waiting = new Map<string, Waiting>();
  #runs = false;

  /** `onUnbegun` is called at each look that finds calls and none that a worker has begun. */
  constructor(
    table: CallTable,
    { onUnbegun, mostOutageMs }: { onUnbegun: () => Promise<void>; mostOutageMs: number },
  ) {
    this.#table = table;
    this.#onUnbegun = onUnbegun;
    this.#mostOutageMs = mostOutageMs;
  }

  /** The answer of a call; null if it isn't in the table any more. Throws the signal's reason, and what the database throws. */
  async of(id: string, signal: AbortSignal): Promise<SharedAnswer | null> {
    const { promise, resolve, reject } = Promise.withResolvers<SharedAnswer | null>();
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    this.#waiting.set(id, { resolve, reject });
    if (!this.#runs) void this.#run();
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#waiting.delete(id);
    }
  }

  async #run(): Promise<void> {
    this.#runs = true;
    while (this.#waiting.size > 0) {
      try {
        await throughOutage(() => this.#look(), { mostMs: this.#mostOutageMs });
      } catch (error) {
        for (const { reject } of this.#waiting.values()) reject(error);
      }
      await after(pollingIntervalMs);
    }
    this.#runs = false;
  }

  async #look(): Promise<void> {
    const ids = [...this.#waiting.keys()];
    const states = await this.#table.states(ids);
    for (const id of ids) {
      const state = states.get(id);
      if (state && !state.settled) continue;
      const waiting = this.#waiting.get(id);
      try {
        // One answer at a time: all together may be more than a connection takes.
        waiting?.resolve(await this.#table.answer(id));
      } catch (error) {
        if (!GatewayError.is(error)) throw error;
        waiting?.reject(error);
      }
    }
    const open = [...states.values()].filter(({ settled }) => !settled);
    if (open.length > 0 && !open.some(({ begun }) => begun)) await this.#onUnbegun();
  }
}
