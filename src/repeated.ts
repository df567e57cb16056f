/**
 * Work with one run at a time. Requests during a run get one more run after it, so that the
 * last run always starts after the last request.
 */
export class Repeated {
  readonly #work: () => Promise<void>;
  readonly #pauseMs: number;
  #running: Promise<void> | null = null;
  #asked = false;

  /** `pauseMs`: pause after a run; requests during the pause are answered together. */
  constructor(work: () => Promise<void>, pauseMs = 0) {
    this.#work = work;
    this.#pauseMs = pauseMs;
  }

  /** The current runs; null if there are none. */
  get running(): Promise<void> | null {
    return this.#running;
  }

  /** Resolves once a run that started after this call has ended. Rejects with a run's error; then no run follows. */
  request(): Promise<void> {
    this.#asked = true;
    this.#running ??= this.#run();
    return this.#running;
  }

  /** Prevents further runs; resolves once the current one has ended. */
  async stop(): Promise<void> {
    this.#asked = false;
    await this.#running;
  }

  async #run(): Promise<void> {
    // No await between the last look at #asked and the end: a request in between would get no run.
    try {
      while (this.#asked) {
        this.#asked = false;
        await this.#work();
        if (this.#pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
      }
    } finally {
      this.#running = null;
    }
  }
}
