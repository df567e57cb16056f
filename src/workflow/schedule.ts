import type { TaskGraph } from './taskGraph.ts';

/** Durations in any unit, all in the same one. */
export type Durations = ReadonlyMap<string, number>;

/** When each task runs. */
export interface Schedule {
  makespan: number;
  /** By task: when it begins and ends, from 0. */
  times: ReadonlyMap<string, { start: number; end: number }>;
}

/**
 * How the next of several ready tasks is chosen: by the longest way to the end, as they became ready, by whichever plan of
 * these and what becomes of them is the shortest, or by when they begin in another plan.
 */
export type Order = 'critical_path' | 'first_in_first_out' | 'shortest_plan' | Schedule;

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

/** Runs the tasks in thought: whenever a slot is free, the first ready task by `order` begins. No plan is worse than first in, first out. */
export function simulate(
  graph: TaskGraph,
  durations: Durations,
  slots: number,
  order: Order = 'shortest_plan',
): Schedule {
  return new Simulation(graph, durations).schedule(slots, order);
}

/** Tasks that run in thought, by number, so that a plan can be changed and simulated again a thousand times. */
export class Simulation {
  readonly #ids: readonly string[];
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #durations: readonly number[];
  readonly #after: (readonly number[])[];

  constructor(graph: TaskGraph, durations: Durations) {
    this.#ids = [...graph.tasks.keys()];
    this.#numbers = new Map(this.#ids.map((id, number) => [id, number]));
    this.#durations = this.#ids.map((id) => durations.get(id) ?? 0);
    this.#after = [];
    for (const { id, after } of graph.tasks.values()) this.waits(id, after);
  }

  /** From here on a task waits for these. */
  waits(id: string, after: readonly string[]): void {
    const number = this.#numbers.get(id);
    if (number !== undefined) this.#after[number] = after.flatMap((one) => this.#numbers.get(one) ?? []);
  }

  makespan(slots: number): number {
    return this.#byCriticalPath(slots, this.#forward()).makespan;
  }

  schedule(slots: number, order: Order): Schedule {
    const { makespan, starts } = this.#planned(slots, order);
    const times = this.#ids.flatMap((id, number) => {
      const start = starts[number] ?? Number.NaN;
      // A task of a cycle never begins.
      return Number.isNaN(start)
        ? []
        : [[id, { start, end: start + (this.#durations[number] ?? 0) }] as const];
    });
    return { makespan, times: new Map(times) };
  }

  #planned(slots: number, order: Order): Plan {
    const forward = this.#forward();
    if (order === 'critical_path') return this.#byCriticalPath(slots, forward);
    const inTurn = new Float64Array(this.#ids.length);
    if (order === 'first_in_first_out') return this.#run(slots, inTurn, forward);
    if (order !== 'shortest_plan')
      return this.#run(
        slots,
        Float64Array.from(this.#ids, (id) => order.times.get(id)?.start ?? 0),
        forward,
      );
    return [this.#byCriticalPath(slots, forward), this.#run(slots, inTurn, forward)]
      .map((plan) => this.#justified(plan, slots, forward))
      .reduce((best, plan) => (plan.makespan < best.makespan ? plan : best));
  }

  #byCriticalPath(slots: number, forward: Forward): Plan {
    return this.#run(slots, this.#urgency(forward.next), forward);
  }

  /**
   * A plan made shorter for as long as that works: every task as late as the makespan allows, the last one first, and then as
   * early as it can be in that order (double justification: Valls, Ballestín and Quintanilla 2005,
   * https://doi.org/10.1016/j.ejor.2004.04.008).
   */
  #justified(plan: Plan, slots: number, forward: Forward): Plan {
    const { starts, makespan } = plan;
    const lastFirst = starts.map((start, number) => -(start + (this.#durations[number] ?? 0)));
    const late = this.#run(slots, lastFirst, this.#backward(forward.next));
    const begins = late.starts.map((start, number) => -(start + (this.#durations[number] ?? 0)));
    const early = this.#run(slots, begins, forward);
    return early.makespan < makespan ? this.#justified(early, slots, forward) : plan;
  }

  #forward(): Forward {
    return { waits: Int32Array.from(this.#after, ({ length }) => length), next: new Successors(this.#after) };
  }

  /** As if the workflow ran from its end to its start. */
  #backward(successors: Successors): Direction {
    return {
      waits: Int32Array.from(this.#ids, (_, number) => successors.count(number)),
      next: { each: (number, visit) => this.#after[number]?.forEach(visit) },
    };
  }

  /** When the last task ends, and when each begins; of ready tasks the one with the least number is next. */
  #run(slots: number, urgency: Float64Array, { waits: waitsFor, next }: Direction): Plan {
    const count = this.#ids.length;
    const waits = waitsFor.slice();
    const ready = new Queue(urgency);
    const ends = new Float64Array(count);
    const running = new Queue(ends);
    for (let number = 0; number < count; number += 1) if (waits[number] === 0) ready.push(number);
    const starts = new Float64Array(count).fill(Number.NaN);
    for (let now = 0; ;) {
      while (running.size < slots) {
        const number = ready.pop();
        if (number === undefined) break;
        starts[number] = now;
        ends[number] = now + (this.#durations[number] ?? 0);
        running.push(number);
      }
      const ended = running.pop();
      if (ended === undefined) return { makespan: now, starts };
      now = ends[ended] ?? now;
      next.each(ended, (one) => {
        waits[one] = (waits[one] ?? 0) - 1;
        if (waits[one] === 0) ready.push(one);
      });
    }
  }

  /** By task, the longest way from its start to the end, below 0: the longest comes first. */
  #urgency(successors: Successors): Float64Array {
    const count = this.#ids.length;
    const urgency = new Float64Array(count);
    const left = new Int32Array(count);
    // From the end of the plan: each task after all that wait for it.
    const order: number[] = [];
    for (let number = 0; number < count; number += 1) {
      left[number] = successors.count(number);
      if (left[number] === 0) order.push(number);
    }
    for (const number of order) {
      const way = (urgency[number] ?? 0) - (this.#durations[number] ?? 0);
      urgency[number] = way;
      for (const one of this.#after[number] ?? []) {
        if (way < (urgency[one] ?? 0)) urgency[one] = way;
        left[one] = (left[one] ?? 0) - 1;
        if (left[one] === 0) order.push(one);
      }
    }
    return urgency;
  }
}

/** When the last task ends, and by number when each begins; NaN for what never does. */
interface Plan {
  makespan: number;
  starts: Float64Array;
}

/** By number, for how many tasks each one waits, and which come after it. */
interface Direction {
  waits: Int32Array;
  next: Followers;
}

type Forward = Direction & { next: Successors };

interface Followers {
  each: (number: number, visit: (next: number) => void) => void;
}

/** The tasks that wait for each task, by number. */
class Successors {
  /** Where the tasks behind each one begin in the list. */
  readonly #begins: Int32Array;
  readonly #list: Int32Array;

  constructor(after: readonly (readonly number[])[]) {
    this.#begins = new Int32Array(after.length + 1);
    for (const all of after) for (const one of all) this.#begins[one + 1] = (this.#begins[one + 1] ?? 0) + 1;
    for (let at = 1; at < this.#begins.length; at += 1)
      this.#begins[at] = (this.#begins[at] ?? 0) + (this.#begins[at - 1] ?? 0);
    this.#list = new Int32Array(this.#begins[after.length] ?? 0);
    const next = this.#begins.slice();
    for (let number = 0; number < after.length; number += 1)
      for (const one of after[number] ?? []) {
        const at = next[one] ?? 0;
        this.#list[at] = number;
        next[one] = at + 1;
      }
  }

  count(number: number): number {
    return (this.#begins[number + 1] ?? 0) - (this.#begins[number] ?? 0);
  }

  each(number: number, visit: (next: number) => void): void {
    const end = this.#begins[number + 1] ?? 0;
    for (let at = this.#begins[number] ?? 0; at < end; at += 1) visit(this.#list[at] ?? 0);
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

/** A heap of numbers, each of which is pushed once: `pop` gives the one with the least key; of equal ones, the one that came first. */
class Queue {
  readonly #keys: Float64Array;
  readonly #items: number[] = [];
  /** By number: how many came before it. */
  readonly #places: number[] = [];
  #count = 0;

  /** By number. */
  constructor(keys: Float64Array) {
    this.#keys = keys;
  }

  get size(): number {
    return this.#items.length;
  }

  push(number: number): void {
    this.#places[number] = this.#count += 1;
    this.#items.push(number);
    for (let at = this.#items.length - 1; at > 0;) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(at, above)) return;
      this.#swap(at, above);
      at = above;
    }
  }

  pop(): number | undefined {
    const items = this.#items;
    const [first] = items;
    if (first === undefined) return undefined;
    this.#swap(0, items.length - 1);
    items.pop();
    for (let at = 0; ;) {
      let least = at;
      for (let below = 2 * at + 1; below <= 2 * at + 2; below += 1)
        if (below < items.length && this.#isBefore(below, least)) least = below;
      if (least === at) return first;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#items[a] ?? 0, this.#items[b] ?? 0];
    const difference = (this.#keys[one] ?? 0) - (this.#keys[other] ?? 0);
    return difference < 0 || (difference === 0 && (this.#places[one] ?? 0) < (this.#places[other] ?? 0));
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#items[a] ?? 0, this.#items[b] ?? 0];
    this.#items[a] = other;
    this.#items[b] = one;
  }
}
