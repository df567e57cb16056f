/**
 * Work with one run at a time. Requests during a run get one more run after it, so that the
 * last run always starts after the last request.
 */
export class Repeated {
  readonly #work: () => Promise<void>;
  readonly #pauseMs: number;
  #running: Promise<void> | null = null;
  #asked = false;
  #stopped = false;

  /** `pauseMs`: pause after a run; requests during the pause are answered together. */
  constructor(work: () => Promise<void>, pauseMs = 0) {
    this.#work = work;
    this.#pauseMs = pauseMs;
  }

  /** The current runs; null if there are none. */
  get running(): Promise<void> | null {
    return this.#running;
  }

  /** Resolves once a run that started after this call has ended. Rejects with the error of the last run. */
  async request(): Promise<void> {
    if (this.#stopped) return;
    this.#asked = true;
    await (this.#running ??= this.#run());
  }

  /** Prevents all further runs; resolves once the current one has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#asked = false;
    await this.#running;
  }

  /** The run that follows a failed one tells how things are now. */
  readonly #unlessRepeated = (error: unknown): void => {
    if (!this.#asked) throw error;
  };

  async #run(): Promise<void> {
    // No await between the last look at #asked and the end: a request in between would get no run.
    try {
      while (this.#asked) {
        this.#asked = false;
        await this.#work().catch(this.#unlessRepeated);
        if (this.#pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
      }
    } finally {
      this.#running = null;
    }
  }
}
