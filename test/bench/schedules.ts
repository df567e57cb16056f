/**
 * Makespans of real workflows as a multiple of the bound, by ways of scheduling, and the time that the analysis of large ones
 * takes. The workflows are WfCommons' WfInstances (WfFormat 1.5, https://github.com/wfcommons/WfInstances), which this is told:
 * `node test/bench/schedules.ts FOLDER`.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { analyzeBottlenecks } from '../../src/workflow/operations.ts';
import { shortestPossible, simulate, type Durations } from '../../src/workflow/schedule.ts';
import { TaskGraph } from '../../src/workflow/taskGraph.ts';
import type { Step, Workflow } from '../../src/workflow/workflow.ts';
import { randomFrom } from '../support/random.ts';
import { factsWith, plainStep, randomSteps } from '../support/workflows.ts';
import { percentile } from './percentiles.ts';

const [folder] = process.argv.slice(2);
const slots = 4;

interface Instance {
  workflow?: {
    specification?: { tasks: { id: string; parents: string[] }[] };
    execution?: { tasks: { id: string; runtimeInSeconds: number }[] };
  };
}

if (folder === undefined) console.log('no folder of WfInstances given: real workflows are left out');
else report(globSync('**/*.json', { cwd: folder }).map((file) => join(folder, file)));
analyses();

function report(files: readonly string[]): void {
  const rows = files.flatMap((file) => {
    const { workflow } = JSON.parse(readFileSync(file, 'utf8')) as Instance;
    if (!workflow?.specification || !workflow.execution) return [];
    const graph = new TaskGraph(
      workflow.specification.tasks.map(({ id, parents }) => plainStep(id, parents)),
    );
    const durations = new Map(workflow.execution.tasks.map((one) => [one.id, one.runtimeInSeconds]));
    const bound = shortestPossible(graph, durations, slots);
    if (bound === 0 || graph.order().length < graph.tasks.size) return [];
    const multiple = (makespan: number): number => makespan / bound;
    const fifo = multiple(simulate(graph, durations, slots, 'first_in_first_out').makespan);
    const critical = multiple(simulate(graph, durations, slots, 'critical_path').makespan);
    const planned = multiple(simulate(graph, durations, slots).makespan);
    return [
      {
        sequential: multiple(simulate(graph, durations, 1).makespan),
        levels: multiple(byLevels(graph, durations)),
        fifo,
        critical,
        planned,
      },
    ];
  });
  console.log(
    `${rows.length} of ${files.length} files, ${slots} slots, mean multiple of max(critical path, work / slots):`,
  );
  for (const name of ['sequential', 'levels', 'fifo', 'critical', 'planned'] as const) {
    const values = rows.map((row) => row[name]);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    console.log(`  ${name.padEnd(10)} ${mean.toFixed(3)}, at most ${Math.max(...values).toFixed(3)}`);
  }
  for (const name of ['critical', 'planned'] as const) {
    const worse = rows.filter((row) => row[name] > row.fifo * (1 + 1e-9));
    console.log(`  ${name} is worse than FIFO in ${worse.length} of ${rows.length}`);
  }
}

/** Each level only after the one before; inside a level, the longest first. */
function byLevels(graph: TaskGraph, durations: Durations): number {
  const level = new Map<string, number>();
  for (const id of graph.order())
    level.set(id, 1 + Math.max(-1, ...(graph.tasks.get(id)?.after ?? []).map((one) => level.get(one) ?? 0)));
  const tasks = Map.groupBy(level.keys(), (id) => level.get(id));
  return [...tasks.values()].reduce((sum, ids) => {
    const alone = new TaskGraph(ids.map((id) => plainStep(id, [])));
    return sum + simulate(alone, durations, slots).makespan;
  }, 0);
}

/** Of generated workflows of 1,000 steps; their parsing isn't counted. */
function analyses(): void {
  const random = randomFrom(11);
  const chain = (count: number): Step[] =>
    Array.from({ length: count }, (_, index) => plainStep(`t${index}`, index === 0 ? [] : [`t${index - 1}`]));
  const shapes = { random: () => randomSteps(random, 1000), chain: () => chain(1000) };
  for (const [name, make] of Object.entries(shapes)) {
    const times = Array.from({ length: 30 }, () => {
      const steps = make();
      const workflow: Workflow = {
        name,
        description: '',
        file: null,
        inputs: {},
        steps,
        slaSeconds: null,
        complianceLevels: [],
        costLimit: 0n,
        useClass: undefined,
      };
      const history = new Map(
        steps.map(({ id }) => [id, { durations: [random() * 1000], costs: [], cachedShare: 0, waitsMs: [] }]),
      );
      const start = performance.now();
      analyzeBottlenecks({ workflow, steps, faults: [] }, '', factsWith({ history }));
      return performance.now() - start;
    });
    console.log(
      `analysis of 1,000 steps, ${name}: median ${percentile(times, 0.5).toFixed(1)} ms, 95 % ${percentile(times, 0.95).toFixed(1)} ms`,
    );
  }
}
