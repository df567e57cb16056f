/** A clock that stands still while anything can happen now, and then jumps to the next timer. */
export class VirtualTime {
  #now = 0;
  readonly #timers: { at: number; wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        signal?.removeEventListener('abort', abort);
        this.#timers.splice(this.#timers.indexOf(timer), 1);
      };
      const abort = (): void => {
        end();
        reject(signal?.reason as Error);
      };
      const timer = {
        at: this.#now + milliseconds,
        wake: () => {
          end();
          resolve();
        },
      };
      this.#timers.push(timer);
      if (signal?.aborted) abort();
      signal?.addEventListener('abort', abort);
    });
  }

  /** Runs until the work has ended. Throws if it waits for nothing that could happen. */
  async run<T>(work: Promise<T>): Promise<T> {
    const ended = { yet: false };
    const ending = work.finally(() => (ended.yet = true));
    ending.catch(() => undefined);
    for (;;) {
      // Everything that can happen now happens before this resolves.
      await new Promise((resolve) => setImmediate(resolve));
      if (ended.yet) return ending;
      const next = this.#timers.toSorted((one, other) => one.at - other.at)[0];
      if (!next) throw new Error(`Nothing more happens at ${this.#now} ms.`);
      this.#now = next.at;
      next.wake();
    }
  }
}
