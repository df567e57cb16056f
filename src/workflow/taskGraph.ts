import { allSteps, type Step, type Task } from './workflow.ts';

/** What must have ended before what: the steps with work of their own, and the order among them. */
export class TaskGraph {
  readonly tasks: ReadonlyMap<string, Task>;

  constructor(steps: readonly Step[]) {
    const known = new Map(allSteps(steps).map((step) => [step.id, step]));
    const tasks = new Map<string, Task>();
    const add = (step: Step, around: readonly string[]): void => {
      const own = step.dependsOn.flatMap((id) => endsOf(known.get(id)));
      const after = [...new Set([...around, ...own])];
      for (const inner of step.steps) add(inner, after);
      if (step.type === 'nested') return;
      const inside = lastOf(step.steps).flatMap(endsOf);
      tasks.set(step.id, { id: step.id, step, after: inside.length > 0 ? [...new Set(inside)] : after });
    };
    for (const step of steps) add(step, []);
    this.tasks = tasks;
  }

  /** Ids of the tasks, each after those it waits for; tasks of a cycle are missing. */
  order(): string[] {
    const waits = new Map([...this.tasks.values()].map(({ id, after }) => [id, after.length]));
    const before = this.successors();
    const ready = [...this.tasks.values()].filter(({ after }) => after.length === 0).map(({ id }) => id);
    for (const id of ready)
      for (const next of before.get(id) ?? []) {
        const left = (waits.get(next) ?? 0) - 1;
        waits.set(next, left);
        if (left === 0) ready.push(next);
      }
    return ready;
  }

  /** For each task, those that wait for it. */
  successors(): Map<string, string[]> {
    const result = new Map<string, string[]>([...this.tasks.keys()].map((id) => [id, []]));
    for (const { id, after } of this.tasks.values()) for (const one of after) result.get(one)?.push(id);
    return result;
  }
}

/** The tasks whose end is the end of a step. */
function endsOf(step: Step | undefined): string[] {
  if (!step) return [];
  return step.type === 'nested' ? lastOf(step.steps).flatMap(endsOf) : [step.id];
}

/** The steps that no other of the same level waits for. */
export function lastOf(steps: readonly Step[]): Step[] {
  const waitedFor = new Set(steps.flatMap(({ dependsOn }) => dependsOn));
  return steps.filter(({ id }) => !waitedFor.has(id));
}

/**
 * A cycle of dependencies, as ids from one step around to the same again; null if there is none. `next` has the ids
 * that a step waits for.
 */
export function cycleIn(next: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  for (const start of next.keys()) {
    const path: string[] = [];
    const on = new Set<string>();
    const left: { id: string; rest: string[] }[] = [];
    const enter = (id: string): void => {
      path.push(id);
      on.add(id);
      left.push({ id, rest: [...(next.get(id) ?? [])] });
    };
    if (!done.has(start)) enter(start);
    for (let top = left.at(-1); top; top = left.at(-1)) {
      const following = top.rest.shift();
      if (following === undefined) {
        done.add(top.id);
        on.delete(top.id);
        path.pop();
        left.pop();
      } else if (on.has(following)) return [...path.slice(path.indexOf(following)), following];
      else if (!done.has(following)) enter(following);
    }
  }
  return null;
}
