import { median, type StepDuration } from './durations.ts';
import type { Facts, Improvement, OperationResult, StepAnalysis } from './operationResult.ts';
import { simulate, slackOf, type Schedule } from './schedule.ts';
import { planOf, startingResult, type Plan } from './startingResult.ts';
import type { ParsedWorkflow } from './workflowDocument.ts';

/** So many steps of the critical path, the longest ones, are tried at double speed: no other gains more than half its time. */
const mostTried = 20;

/** Where the time of a workflow goes, and what each step of its critical path would give at double speed. */
export function analyzeBottlenecks(parsed: ParsedWorkflow, _text: string, facts: Facts): OperationResult {
  const plan = planOf(parsed, facts);
  const result = startingResult('analyze', { plan, parsed, facts });
  if (!plan) return result;
  const schedule = simulate(plan.graph, plan.ms, facts.slots);
  return {
    ...result,
    steps: stepAnalyses(plan, schedule, facts),
    improvements: fasterSteps(plan, { schedule, before: result }, facts),
  };
}

function stepAnalyses(plan: Plan, schedule: Schedule, facts: Facts): StepAnalysis[] {
  const slack = slackOf(plan.graph, plan.ms);
  const work = [...plan.ms.values()].reduce((sum, ms) => sum + ms, 0);
  return [...plan.durations].map(([id, { ms, basis, estimated }]) => {
    const history = facts.history.get(id);
    return {
      id,
      durationMs: ms,
      basis,
      estimated,
      share: work === 0 ? 0 : ms / work,
      slackMs: slack.get(id) ?? 0,
      startMs: schedule.times.get(id)?.start ?? 0,
      simulatedWaitMs: waitOf(id, plan, schedule),
      medianWaitMs: median(history?.waitsMs ?? []),
      medianCost: medianCost(history?.costs ?? []),
      cachedShare: history?.cachedShare ?? null,
    };
  });
}

/** From the end of the last step it waits for to its own start. */
function waitOf(id: string, { graph }: Plan, { times }: Schedule): number {
  const after = graph.tasks.get(id)?.after ?? [];
  const ready = Math.max(0, ...after.map((one) => times.get(one)?.end ?? 0));
  return (times.get(id)?.start ?? 0) - ready;
}

/** Rounded down to a micro-USD; null for none. */
function medianCost(costs: readonly bigint[]): bigint | null {
  const sorted = costs.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return low === undefined || high === undefined ? null : (low + high) / 2n;
}

/** Both are simulated, in the same order, because another path may be the longest once a step is faster. */
function fasterSteps(
  plan: Plan,
  { schedule, before }: { schedule: Schedule; before: OperationResult },
  { slots }: Facts,
): Improvement[] {
  const durationOf = (id: string): StepDuration | undefined => plan.durations.get(id);
  return before.criticalPath
    .toSorted((a, b) => (durationOf(b)?.ms ?? 0) - (durationOf(a)?.ms ?? 0))
    .slice(0, mostTried)
    .map((id) => {
      const ms = durationOf(id)?.ms ?? 0;
      const { makespan } = simulate(plan.graph, new Map([...plan.ms, [id, ms / 2]]), slots, schedule);
      const gainMs = before.makespanMs - makespan;
      return {
        id: `faster_step:${id}`,
        kind: 'faster_step' as const,
        steps: [id],
        detail: `Twice as fast (${Math.round(ms)} to ${Math.round(ms / 2)} ms), the workflow ends ${Math.round(gainMs)} ms sooner.`,
        gainMs,
        line: null,
      };
    })
    .toSorted((a, b) => b.gainMs - a.gainMs);
}
