import { Worker } from 'node:worker_threads';
import type { CustomPattern, Finding } from './finding.ts';

export type DetectionRequest = readonly string[];
/** `ready` once, and the findings of each text for every request. */
export type DetectionResponse = 'ready' | Finding[][];

/** As built, and as the tests run it. */
const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? './detectionWorker.ts' : './detectionWorker.js',
  import.meta.url,
);

/** Finds secrets and personal data in a thread of its own, which a deadline ends. */
export class Detector {
  readonly #patterns: readonly CustomPattern[];
  readonly #deadlineMs: number;
  #thread: DetectionThread | null = null;
  #disposed = false;
  /** Ends with the last call that was made: a call has the thread to itself, so that its deadline is its own. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ patterns, deadlineMs }: { patterns: readonly CustomPattern[]; deadlineMs: number }) {
    this.#patterns = patterns;
    this.#deadlineMs = deadlineMs;
  }

  /** Starts the thread, so that the first call need not wait for it. */
  start(): void {
    this.#started();
  }

  /**
   * The findings of each text, or null if they weren't found by the deadline, which counts from when the thread begins
   * with them. Throws the signal's reason once it aborts, and an `Error` if the thread failed.
   */
  async find(texts: readonly string[], signal?: AbortSignal): Promise<Finding[][] | null> {
    signal?.throwIfAborted();
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    // What was begun goes on to its end or its deadline, for nobody.
    const found = this.#last.then(() => (signal?.aborted ? null : this.#findNow(texts)));
    this.#last = found.catch(() => undefined);
    try {
      return await Promise.race([found, aborted]);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Ends the thread for good; a call that waits for it throws. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    await this.#thread?.end();
  }

  async #findNow(texts: readonly string[]): Promise<Finding[][] | null> {
    const thread = this.#started();
    const found = await thread.find(texts, this.#deadlineMs);
    if (found === null) await thread.end();
    return found;
  }

  #started(): DetectionThread {
    if (this.#disposed) throw new Error('the detector has ended');
    if (this.#thread === null || this.#thread.ended) this.#thread = new DetectionThread(this.#patterns);
    return this.#thread;
  }
}

/** A thread from its start to its end. It keeps no process alive but during a call. */
class DetectionThread {
  readonly #worker: Worker;
  readonly #ready = Promise.withResolvers<undefined>();
  #waiting: PromiseWithResolvers<Finding[][] | null> | null = null;
  #ended = false;

  constructor(patterns: readonly CustomPattern[]) {
    this.#worker = new Worker(workerUrl, { workerData: patterns });
    this.#worker.unref();
    this.#worker.on('message', (response: DetectionResponse) => {
      if (response === 'ready') this.#ready.resolve(undefined);
      else this.#waiting?.resolve(response);
    });
    this.#worker.on('error', (error) => this.#fail(error as Error));
    this.#worker.on('exit', () => this.#fail(new Error('the detection thread has ended')));
    // A failure is told to the call that waits, if there is one.
    this.#ready.promise.catch(() => undefined);
  }

  get ended(): boolean {
    return this.#ended;
  }

  async find(texts: readonly string[], deadlineMs: number): Promise<Finding[][] | null> {
    this.#worker.ref();
    let timer: NodeJS.Timeout | undefined;
    try {
      await this.#ready.promise;
      this.#waiting = Promise.withResolvers();
      timer = setTimeout(() => this.#waiting?.resolve(null), deadlineMs);
      this.#worker.postMessage(texts satisfies DetectionRequest);
      return await this.#waiting.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting = null;
      this.#worker.unref();
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#ended = true;
    this.#ready.reject(error);
    this.#waiting?.reject(error);
  }
}
