/**
 * Work of which one run is under way at a time. What asks for it meanwhile gets one more run after that, so that the
 * last run always began after the last request.
 */
export class Repeated {
  readonly #work: () => Promise<void>;
  readonly #pauseMs: number;
  #running: Promise<void> | null = null;
  #asked = false;

  /** `pauseMs` is how long a run is followed by none: requests that come faster are answered together. */
  constructor(work: () => Promise<void>, pauseMs = 0) {
    this.#work = work;
    this.#pauseMs = pauseMs;
  }

  /** The runs under way; null while there is none. */
  get running(): Promise<void> | null {
    return this.#running;
  }

  /** Resolves once a run that began after this has ended. Rejects with what a run throws, and none follows it. */
  request(): Promise<void> {
    this.#asked = true;
    this.#running ??= this.#run();
    return this.#running;
  }

  /** No further run begins; resolves once the one under way has ended. */
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
