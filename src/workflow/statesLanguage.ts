import { simulate, type Durations } from './schedule.ts';
import { TaskGraph } from './taskGraph.ts';
import type { Step, Task, Workflow } from './workflow.ts';

/** Steps in series or side by side: what Amazon States Language can say. */
export type Block =
  | { kind: 'task'; id: string }
  | { kind: 'series'; blocks: readonly Block[] }
  | { kind: 'parallel'; blocks: readonly Block[] };

/** The work of a task: `Resource` and `Parameters` of its state. */
export interface TaskState {
  Resource: string;
  Parameters: Readonly<Record<string, unknown>>;
}

/** A state machine, with what its form costs. */
export interface StateMachine {
  /** Amazon States Language, https://states-language.net/spec.html. */
  definition: Readonly<Record<string, unknown>>;
  /** Makespan with as many slots as there are steps, ms: of the workflow, and of the machine with its barriers. */
  workflowMs: number;
  machineMs: number;
  note: string;
}

/** States Language allows no longer names of states. */
const longestName = 80;

/**
 * A workflow as an AWS Step Functions state machine. What runs one after the other is a sequence, what has no order is a Parallel.
 * Where the order is neither, it is cut into levels, and each step waits for the whole level before its own.
 */
export function statesLanguageOf(
  workflow: Pick<Workflow, 'steps' | 'name'>,
  durations: Durations,
  stateOf: (task: Task) => TaskState = lambdaTask,
): StateMachine {
  const graph = new TaskGraph(workflow.steps);
  const block = blockOf([...graph.tasks.keys()], graph);
  const slots = Math.max(1, graph.tasks.size);
  const workflowMs = simulate(graph, durations, slots).makespan;
  const machineMs = simulate(barrierGraph(block, graph), durations, slots).makespan;
  const cost = workflowMs === 0 ? 0 : (machineMs - workflowMs) / workflowMs;
  const names = new StateNames();
  const states = statesOf(block, { names, taskOf: (id) => stateOf(graph.tasks.get(id) as Task) });
  return {
    definition: { Comment: workflow.name, ...states },
    workflowMs,
    machineMs,
    note: `As sequences and levels the workflow takes ${(100 * cost).toFixed(1)} % longer than with its own dependencies, simulated without a limit on steps at once.`,
  };
}

/**
 * A Lambda function that the company provides, named after the type. For steps of a model too: it makes a governed call, and
 * no state machine calls a model past the gateway.
 */
function lambdaTask({ step }: Task): TaskState {
  return {
    Resource: 'arn:aws:states:::lambda:invoke',
    Parameters: {
      FunctionName: `tidyllm-${step.type}`,
      Payload: { step: step.id, config: step.config, 'input.$': '$' },
    },
  };
}

/** Cuts tasks into blocks: side by side, then one after the other, then by levels. */
function blockOf(ids: readonly string[], graph: TaskGraph): Block {
  const [only] = ids;
  if (ids.length === 1 && only !== undefined) return { kind: 'task', id: only };
  const parts = components(ids, graph);
  if (parts.length > 1) return { kind: 'parallel', blocks: parts.map((part) => blockOf(part, graph)) };
  const blocks = stages(ids, graph).map((stage) => blockOf(stage, graph));
  return { kind: 'series', blocks: blocks.flatMap((one) => (one.kind === 'series' ? one.blocks : [one])) };
}

/** Tasks that no dependency joins, in groups, in the order of the file. */
function components(ids: readonly string[], graph: TaskGraph): string[][] {
  const inside = new Set(ids);
  const neighbours = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const id of ids)
    for (const before of graph.tasks.get(id)?.after ?? []) {
      if (!inside.has(before)) continue;
      neighbours.get(id)?.push(before);
      neighbours.get(before)?.push(id);
    }
  const seen = new Set<string>();
  return ids.flatMap((start) => {
    if (seen.has(start)) return [];
    const group = new Set([start]);
    for (const id of group) for (const next of neighbours.get(id) ?? []) group.add(next);
    for (const id of group) seen.add(id);
    return [ids.filter((id) => group.has(id))];
  });
}

/**
 * Joined tasks as stages, each after all of the one before. Where every later task waits for every earlier one a cut costs
 * nothing; if there is no such place, the tasks that wait for none come first.
 */
function stages(ids: readonly string[], graph: TaskGraph): string[][] {
  const inside = new Set(ids);
  const order = graph.order().filter((id) => inside.has(id));
  const level = new Map<string, number>();
  const before = new Map<string, Set<string>>();
  for (const id of order) {
    const after = (graph.tasks.get(id)?.after ?? []).filter((one) => inside.has(one));
    level.set(id, Math.max(-1, ...after.map((one) => level.get(one) ?? 0)) + 1);
    before.set(id, new Set(after.flatMap((one) => [one, ...(before.get(one) ?? [])])));
  }
  const byLevel = order.toSorted((a, b) => (level.get(a) ?? 0) - (level.get(b) ?? 0));
  // How many of the first tasks each task waits for without a gap.
  const prefixes = byLevel.map((id) => {
    const gap = byLevel.findIndex((one) => !before.get(id)?.has(one));
    return gap < 0 ? byLevel.length : gap;
  });
  const cuts: number[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (let at = byLevel.length - 1; at > 0; at -= 1) {
    least = Math.min(least, prefixes[at] ?? 0);
    if (least >= at) cuts.unshift(at);
  }
  if (cuts.length === 0) {
    const sources = order.filter((id) => level.get(id) === 0);
    return [sources, order.filter((id) => level.get(id) !== 0)];
  }
  return [0, ...cuts].map((start, index) => byLevel.slice(start, cuts[index]));
}

/** The workflow with the dependencies that the blocks have. */
function barrierGraph(whole: Block, graph: TaskGraph): TaskGraph {
  const steps: Step[] = [];
  /** Returns the tasks that end a block. */
  const add = (block: Block, after: readonly string[]): readonly string[] => {
    if (block.kind === 'parallel') return block.blocks.flatMap((one) => add(one, after));
    if (block.kind === 'series') return block.blocks.reduce((ends, one) => add(one, ends), after);
    const { step } = graph.tasks.get(block.id) as Task;
    steps.push({ ...step, dependsOn: after, steps: [] });
    return [block.id];
  };
  add(whole, []);
  return new TaskGraph(steps);
}

interface StatesGiven {
  names: StateNames;
  taskOf: (id: string) => TaskState;
}

/** `StartAt` and `States` of a block. */
function statesOf(block: Block, given: StatesGiven): Record<string, unknown> {
  const blocks = block.kind === 'series' ? block.blocks : [block];
  const named = blocks.map((one) => ({ one, name: given.names.nameOf(one) }));
  const states = named.map(({ one, name }, index) => {
    const next = named[index + 1];
    const way = next ? { Next: next.name } : { End: true };
    return [name, { ...stateOf(one, given), ...way }] as const;
  });
  return { StartAt: named[0]?.name, States: Object.fromEntries(states) };
}

function stateOf(block: Block, given: StatesGiven): Record<string, unknown> {
  if (block.kind === 'task') return { Type: 'Task', ...given.taskOf(block.id) };
  return { Type: 'Parallel', Branches: block.blocks.map((one) => statesOf(one, given)) };
}

/** Names of states, unique in the machine. */
class StateNames {
  readonly #taken = new Set<string>();

  nameOf(block: Block): string {
    const wanted = block.kind === 'task' ? block.id : 'parallel';
    for (let number = 1; ; number += 1) {
      const ending = number === 1 ? '' : ` ${number}`;
      const name = `${wanted.slice(0, longestName - ending.length)}${ending}`;
      if (this.#taken.has(name)) continue;
      this.#taken.add(name);
      return name;
    }
  }
}
