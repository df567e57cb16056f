import { changesOutside } from './stepConfig.ts';
import type { TaskGraph } from './taskGraph.ts';
import { namesFrom, takesDependencies, usesOf } from './uses.ts';
import { allSteps, type Step } from './workflow.ts';

/** Other dependencies of a step. */
export interface Tightened {
  step: Step;
  /** Full ids that it need not wait for. */
  dropped: readonly string[];
  /** Full ids that it waited for through a dropped one, and still must. */
  added: readonly string[];
  /** Ids of all tasks that it then waits for, as long as no step beside it changes. */
  after: readonly string[];
}

/**
 * The dependencies that no step needs. One is dropped only if the step doesn't use the other's result, and neither changes
 * something outside the run. Afterwards every step still waits for each step whose result it uses; what changes something
 * outside still waits for all it waited for, and all that waited for it still do, so that a failure stops the same effects.
 */
export function tightened(steps: readonly Step[], graph: TaskGraph): Tightened[] {
  const frozen = new Set<string>();
  for (;;) {
    const found = attempt(steps, graph, frozen);
    if (Array.isArray(found)) return found;
    for (const id of found) frozen.add(id);
  }
}

/** What is dropped; or the tasks whose dependencies must all stay, because a step behind them can't be given what it needs. */
function attempt(
  steps: readonly Step[],
  graph: TaskGraph,
  frozen: ReadonlySet<string>,
): Tightened[] | ReadonlySet<string> {
  const all = new Map(allSteps(steps).map((step) => [step.id, step]));
  const ids = new Set(all.keys());
  const before = new Map<string, ReadonlySet<string>>();
  const after = new Map<string, ReadonlySet<string>>();
  const result: Tightened[] = [];
  for (const id of graph.order()) {
    const task = graph.tasks.get(id);
    if (!task) continue;
    const { step } = task;
    const old = ancestors(task.after, before);
    before.set(id, old);
    const used = tasksOf(usesOf(step, ids), graph);
    const dropped =
      frozen.has(id) || !isLeaf(step)
        ? []
        : step.dependsOn.filter((on) => isNeedless(step, all.get(on), ids));
    const kept = task.after.filter((one) => !dropped.includes(one));
    const now = ancestors(kept, after);
    const mustWait = [...old].filter(
      (one) => !now.has(one) && (used.has(one) || hasEffect(step) || hasEffect(all.get(one))),
    );
    const behind = ancestors(mustWait, after, false);
    const added = mustWait.filter((one) => !behind.has(one));
    const canAdd =
      isLeaf(step) &&
      !takesDependencies(step, ids) &&
      added.every((one) => namesFrom(id, one, ids).length > 0);
    if (added.length > 0 && !canAdd) return new Set([id, ...old]);
    const waits = [...kept, ...added];
    after.set(id, ancestors(waits, after));
    if (dropped.length > 0 || added.length > 0) result.push({ step, dropped, added, after: waits });
  }
  return result;
}

function isNeedless(step: Step, on: Step | undefined, ids: ReadonlySet<string>): boolean {
  return (
    on !== undefined &&
    on.type !== 'nested' &&
    isLeaf(on) &&
    !hasEffect(step) &&
    !hasEffect(on) &&
    !usesOf(step, ids).has(on.id)
  );
}

/** All that some tasks wait for, with these themselves unless `inclusive` is false. */
function ancestors(
  tasks: readonly string[],
  known: ReadonlyMap<string, ReadonlySet<string>>,
  inclusive = true,
): Set<string> {
  const found = new Set<string>(inclusive ? tasks : []);
  for (const one of tasks) for (const further of known.get(one) ?? []) found.add(further);
  return found;
}

/** The tasks that are some steps or inside them. */
function tasksOf(ids: ReadonlySet<string>, graph: TaskGraph): Set<string> {
  const nested = [...ids].filter((id) => !graph.tasks.has(id));
  const inside = [...graph.tasks.keys()].filter((id) => nested.some((one) => id.startsWith(`${one}.`)));
  return new Set([...ids].filter((id) => graph.tasks.has(id)).concat(inside));
}

function isLeaf(step: Step): boolean {
  return step.steps.length === 0;
}

function hasEffect(step: Step | undefined): boolean {
  return step !== undefined && changesOutside.has(step.type);
}
