import type { Durations } from '../workflow/schedule.ts';
import type { TaskGraph } from '../workflow/taskGraph.ts';

/** The steps of a run, as far as they are. */
export interface Progress {
  ended: ReadonlySet<string>;
  /** When each step began that is running, ms of the same clock. */
  running: ReadonlyMap<string, number>;
}

/** How long the rest takes at least, by durations, ms: the longest way through what hasn't ended. */
export function remainingMs(
  graph: TaskGraph,
  durations: Durations,
  ways: ReadonlyMap<string, number>,
  { ended, running }: Progress,
  now: number,
): number {
  let longest = 0;
  for (const id of graph.tasks.keys()) {
    if (ended.has(id)) continue;
    const began = running.get(id);
    const done = began === undefined ? 0 : Math.min(now - began, durations.get(id) ?? 0);
    longest = Math.max(longest, (ways.get(id) ?? 0) - done);
  }
  return longest;
}

/** Warns once, as soon as an agreed time can't be kept by the durations of the steps. */
export class Deadline {
  readonly #endsAt: number;
  readonly #remaining: (now: number) => number;
  readonly #warn: (remainingMs: number, leftMs: number) => void;
  #timer: NodeJS.Timeout | null = null;
  #warned = false;

  /** `endsAt` by `performance.now()`. */
  constructor(
    endsAt: number,
    remaining: (now: number) => number,
    warn: (remainingMs: number, leftMs: number) => void,
  ) {
    this.#endsAt = endsAt;
    this.#remaining = remaining;
    this.#warn = warn;
  }

  /** Call it when a step has begun or ended, and after that it looks again by itself. */
  check(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#warned) return;
    const now = performance.now();
    const [left, remaining] = [this.#endsAt - now, this.#remaining(now)];
    if (remaining > left) {
      this.#warned = true;
      this.#warn(remaining, left);
      return;
    }
    // A step that takes longer than before uses up what was spare.
    this.#timer = setTimeout(() => this.check(), Math.min(Math.max(left - remaining, 1) + 1, 2 ** 31 - 1));
    this.#timer.unref();
  }

  stop(): void {
    this.#warned = true;
    if (this.#timer) clearTimeout(this.#timer);
  }
}
