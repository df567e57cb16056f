import type { TaskGraph } from './taskGraph.ts';

/** Durations in any unit, all in the same one. */
export type Durations = ReadonlyMap<string, number>;

/** When each task runs. */
export interface Schedule {
  makespan: number;
  /** By task: when it begins and ends, from 0. */
  times: ReadonlyMap<string, { start: number; end: number }>;
}

/** How the next of several ready tasks is chosen. */
export type Order = 'critical_path' | 'first_in_first_out';

/**
 * For each task, the longest way from its start to the end of the workflow: its duration and the longest way after it.
 * The upward rank of HEFT on equal machines (Topcuoglu, Hariri and Wu 2002, https://doi.org/10.1109/71.993206).
 */
export function longestWays(graph: TaskGraph, durations: Durations): Map<string, number> {
  const successors = graph.successors();
  const ways = new Map<string, number>();
  for (const id of graph.order().toReversed()) {
    const after = Math.max(0, ...(successors.get(id) ?? []).map((next) => ways.get(next) ?? 0));
    ways.set(id, (durations.get(id) ?? 0) + after);
  }
  return ways;
}

/**
 * No schedule is shorter: the longest way through the graph, and all work shared by all slots
 * (Graham 1969, https://doi.org/10.1137/0117039).
 */
export function shortestPossible(graph: TaskGraph, durations: Durations, slots: number): number {
  const work = [...graph.tasks.keys()].reduce((sum, id) => sum + (durations.get(id) ?? 0), 0);
  return Math.max(work / slots, ...longestWays(graph, durations).values(), 0);
}

/** Runs the tasks in thought: whenever a slot is free, the first ready task by `order` begins. */
export function simulate(
  graph: TaskGraph,
  durations: Durations,
  slots: number,
  order: Order = 'critical_path',
): Schedule {
  const ways = longestWays(graph, durations);
  const successors = graph.successors();
  const waits = new Map([...graph.tasks.values()].map(({ id, after }) => [id, after.length]));
  const before =
    order === 'critical_path'
      ? (a: string, b: string): boolean => (ways.get(a) ?? 0) > (ways.get(b) ?? 0)
      : (): boolean => false;
  const ready = new Queue<string>(before);
  const running = new Queue<{ id: string; end: number }>((a, b) => a.end < b.end);
  for (const [id, left] of waits) if (left === 0) ready.push(id);
  const times = new Map<string, { start: number; end: number }>();
  let now = 0;
  for (;;) {
    while (running.size < slots) {
      const id = ready.pop();
      if (id === undefined) break;
      const end = now + (durations.get(id) ?? 0);
      times.set(id, { start: now, end });
      running.push({ id, end });
    }
    const ended = running.pop();
    if (!ended) return { makespan: now, times };
    now = ended.end;
    for (const next of successors.get(ended.id) ?? []) {
      const left = (waits.get(next) ?? 0) - 1;
      waits.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
}

/** The tasks of a longest way, in order: only a shorter one of them makes the workflow shorter on enough slots. */
export function criticalPath(graph: TaskGraph, durations: Durations): string[] {
  const ways = longestWays(graph, durations);
  const successors = graph.successors();
  const longest = (ids: Iterable<string>): string | undefined =>
    [...ids].reduce<string | undefined>(
      (best, id) => (best === undefined || (ways.get(id) ?? 0) > (ways.get(best) ?? 0) ? id : best),
      undefined,
    );
  const path: string[] = [];
  for (let id = longest(ways.keys()); id !== undefined; id = longest(successors.get(id) ?? [])) path.push(id);
  return path;
}

/** By task, how much later it may end without making the workflow longer, if slots were unlimited. */
export function slackOf(graph: TaskGraph, durations: Durations): Map<string, number> {
  const ways = longestWays(graph, durations);
  const whole = Math.max(0, ...ways.values());
  const earliest = new Map<string, number>();
  for (const id of graph.order()) {
    const after = graph.tasks.get(id)?.after ?? [];
    earliest.set(
      id,
      Math.max(0, ...after.map((one) => (earliest.get(one) ?? 0) + (durations.get(one) ?? 0))),
    );
  }
  return new Map([...ways].map(([id, way]) => [id, whole - way - (earliest.get(id) ?? 0)]));
}

/** A heap: `pop` gives an item that comes before all others; of equal ones, the one that came first. */
class Queue<Item> {
  readonly #before: (a: Item, b: Item) => boolean;
  readonly #items: { item: Item; number: number }[] = [];
  #count = 0;

  constructor(before: (a: Item, b: Item) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  push(item: Item): void {
    const items = this.#items;
    items.push({ item, number: (this.#count += 1) });
    for (let at = items.length - 1; at > 0;) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(at, above)) return;
      this.#swap(at, above);
      at = above;
    }
  }

  pop(): Item | undefined {
    const items = this.#items;
    const first = items[0];
    if (first === undefined) return undefined;
    this.#swap(0, items.length - 1);
    items.pop();
    for (let at = 0; ;) {
      let least = at;
      for (const below of [2 * at + 1, 2 * at + 2])
        if (below < items.length && this.#isBefore(below, least)) least = below;
      if (least === at) return first.item;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#items[a], this.#items[b]];
    if (!one || !other) return false;
    if (this.#before(one.item, other.item)) return true;
    return !this.#before(other.item, one.item) && one.number < other.number;
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#items[a], this.#items[b]];
    if (!one || !other) return;
    this.#items[a] = other;
    this.#items[b] = one;
  }
}
