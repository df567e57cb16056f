import { Worker } from 'node:worker_threads';
import type { CustomPattern, Finding, SearchedText } from './finding.ts';

/** Texts to search, by the built-in rules and these patterns. */
export interface DetectionRequest {
  texts: readonly SearchedText[];
  patterns: readonly CustomPattern[];
}
/** `ready` once, and the findings of each text for every request. */
export type DetectionResponse = 'ready' | Finding[][];

/** As built, and as the tests run it. */
const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? './detectionWorker.ts' : './detectionWorker.js',
  import.meta.url,
);

/**
 * UTF-16 units of the texts of one search: in so many the built-in rules, which take time in proportion, need 0.5 ms, and
 * a few at the worst: hardly more than the way to a thread and back.
 */
const mostInPlace = 8_000;

/** The second serves while the first has a long request; more would take the processor from the editor. */
const mostThreads = 2;

/** A thread that no detector has: one starts in a tenth of a second, and settings that change need no new one. */
let resting: DetectionThread | null = null;

/** Texts on their way to a thread. */
interface Search {
  texts: readonly SearchedText[];
  found: PromiseWithResolvers<Finding[][] | null>;
}

/**
 * Finds secrets and personal data: in threads of its own, which a deadline ends, but what is short at once. Patterns of
 * the settings may take forever in any text, so with them all is searched in threads.
 */
export class Detector {
  readonly #patterns: readonly CustomPattern[];
  readonly #deadlineMs: number;
  readonly #threads = new Set<DetectionThread>();
  /** What no thread has begun, in the order in which it was asked for. */
  readonly #waiting: Search[] = [];
  #disposed = false;

  constructor({ patterns, deadlineMs }: { patterns: readonly CustomPattern[]; deadlineMs: number }) {
    this.#patterns = patterns;
    this.#deadlineMs = deadlineMs;
  }

  /** Gets ready for short texts, so that the first call need not wait. */
  start(): void {
    if (this.#patterns.length > 0) this.#startThread();
    else void import('./detect.ts');
  }

  /**
   * The findings of each text, or null if they weren't found by the deadline, which counts from when a thread begins
   * with them: a call has its thread to itself. Throws the signal's reason once it aborts, and an `Error` if the thread
   * failed.
   */
  async find(texts: readonly SearchedText[], signal?: AbortSignal): Promise<Finding[][] | null> {
    signal?.throwIfAborted();
    if (this.#patterns.length === 0 && lengthOf(texts) <= mostInPlace) {
      const { findingsIn } = await import('./detect.ts');
      return texts.map((text) => findingsIn(text, []));
    }
    this.#startThread();
    const search: Search = { texts, found: Promise.withResolvers() };
    // What a thread has begun goes on to its end or its deadline, for nobody.
    const abort = (): void => {
      const place = this.#waiting.indexOf(search);
      if (place !== -1) this.#waiting.splice(place, 1);
      search.found.reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#waiting.push(search);
    // It may still be the first that takes it.
    if (this.#threads.size < mostThreads && [...this.#threads].every(({ isBusy }) => isBusy))
      this.#addThread();
    this.#distribute();
    try {
      return await search.found.promise;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#distribute();
    }
  }

  /** Ends its searches for good; a call that waits for one throws. A thread without a search is left to the next detector. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    const threads = [...this.#threads];
    this.#threads.clear();
    for (const { found } of this.#waiting.splice(0)) found.reject(new Error('the detector has ended'));
    if (!resting?.isFree) resting = threads.find(({ isFree }) => isFree) ?? null;
    await Promise.all(threads.filter((thread) => thread !== resting).map((thread) => thread.end()));
  }

  #startThread(): void {
    if (this.#disposed) throw new Error('the detector has ended');
    if (this.#threads.size === 0) this.#addThread();
  }

  #addThread(): void {
    const thread = resting?.isFree ? resting : new DetectionThread();
    if (thread === resting) resting = null;
    this.#threads.add(thread);
    thread.ready.then(
      () => this.#distribute(),
      (error: unknown) => {
        this.#threads.delete(thread);
        // Another thread that runs serves them.
        if (this.#threads.size === 0) for (const { found } of this.#waiting.splice(0)) found.reject(error);
      },
    );
  }

  /** Gives what waits to the threads that are free, and keeps the process alive for what isn't done. */
  #distribute(): void {
    for (const thread of this.#threads) {
      const next = thread.isFree ? this.#waiting.shift() : undefined;
      if (next) void this.#search(thread, next);
    }
    for (const thread of this.#threads) thread.keepAlive(thread.isBusy || this.#waiting.length > 0);
  }

  /** Never throws: the call is told. */
  async #search(thread: DetectionThread, { texts, found }: Search): Promise<void> {
    try {
      const findings = await thread.find({ texts, patterns: this.#patterns }, this.#deadlineMs);
      if (findings === null) await this.#replace(thread);
      found.resolve(findings);
    } catch (error) {
      await this.#replace(thread);
      found.reject(error);
    }
    this.#distribute();
  }

  /** Ends a thread; what waits gets another. */
  async #replace(thread: DetectionThread): Promise<void> {
    this.#threads.delete(thread);
    if (this.#waiting.length > 0 && this.#threads.size === 0 && !this.#disposed) this.#addThread();
    await thread.end();
  }
}

function lengthOf(texts: readonly SearchedText[]): number {
  return texts.reduce((sum, { text }) => sum + text.length, 0);
}

/** A thread from its start to its end. */
class DetectionThread {
  readonly #worker: Worker;
  readonly #ready = Promise.withResolvers<undefined>();
  #state: 'starting' | 'free' | 'busy' | 'ended' = 'starting';
  #response: PromiseWithResolvers<Finding[][] | null> | null = null;

  constructor() {
    this.#worker = new Worker(workerUrl);
    this.#worker.unref();
    this.#worker.on('message', (response: DetectionResponse) => {
      if (response !== 'ready') return this.#response?.resolve(response);
      this.#state = 'free';
      this.#ready.resolve(undefined);
    });
    this.#worker.on('error', (error) => this.#fail(error as Error));
    this.#worker.on('exit', () => this.#fail(new Error('the detection thread has ended')));
  }

  /** Throws an `Error` if it didn't start. */
  get ready(): Promise<undefined> {
    return this.#ready.promise;
  }

  get isFree(): boolean {
    return this.#state === 'free';
  }

  get isBusy(): boolean {
    return this.#state === 'busy';
  }

  /** Only for a free thread; null at the deadline, after which it must be ended. Throws an `Error` if the thread fails. */
  async find(request: DetectionRequest, deadlineMs: number): Promise<Finding[][] | null> {
    this.#state = 'busy';
    const response = Promise.withResolvers<Finding[][] | null>();
    this.#response = response;
    const timer = setTimeout(() => response.resolve(null), deadlineMs);
    this.#worker.postMessage(request);
    try {
      const found = await response.promise;
      if (found !== null) this.#state = 'free';
      return found;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether the process waits for it. */
  keepAlive(alive: boolean): void {
    if (alive) this.#worker.ref();
    else this.#worker.unref();
  }

  async end(): Promise<void> {
    this.#state = 'ended';
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#state = 'ended';
    this.#ready.reject(error);
    this.#response?.reject(error);
  }
}
