import { durationsOf, planFigures, type StepDuration } from './durations.ts';
import type { Diagnostic, Facts, Operation, OperationResult } from './operationResult.ts';
import { criticalPath } from './schedule.ts';
import { TaskGraph } from './taskGraph.ts';
import type { ParsedWorkflow, WorkflowFault } from './workflowDocument.ts';
import type { Workflow } from './workflow.ts';

/** A valid workflow as a plan. */
export interface Plan {
  workflow: Workflow;
  graph: TaskGraph;
  durations: ReadonlyMap<string, StepDuration>;
  ms: ReadonlyMap<string, number>;
}

/** Null for a workflow with errors. */
export function planOf({ workflow }: ParsedWorkflow, facts: Facts): Plan | null {
  if (!workflow) return null;
  const graph = new TaskGraph(workflow.steps);
  const durations = durationsOf(graph, facts);
  const ms = new Map([...durations].map(([id, duration]) => [id, duration.ms]));
  return { workflow, graph, durations, ms };
}

/** What every operation says of the file as it was given; each adds its own. */
export function startingResult(
  operation: Operation,
  { plan, parsed, facts }: { plan: Plan | null; parsed: ParsedWorkflow; facts: Facts },
): OperationResult {
  const figures = plan ? planFigures(plan.graph, plan.ms, facts.slots) : { makespanMs: 0, boundMs: 0 };
  const estimated = [...(plan?.durations ?? [])].filter(([, duration]) => duration.estimated);
  return {
    workflow: parsed.workflow?.name ?? '',
    operation,
    level: null,
    estimated: estimated.length > 0,
    improvements: [],
    performanceGain: null,
    complianceScore: null,
    criticalPath: plan ? criticalPath(plan.graph, plan.ms) : [],
    makespanMs: figures.makespanMs,
    boundMs: figures.boundMs,
    after: null,
    diagnostics: parsed.faults.map(diagnosticOf),
    rewritten: null,
    steps: [],
    rules: [],
    notes: plan ? notesOn(plan, estimated, facts) : ['The file has errors: there is no plan to look at.'],
  };
}

function notesOn(plan: Plan, estimated: readonly [string, StepDuration][], { slots }: Facts): string[] {
  const simulated = `The makespan is simulated on ${slots} ${slots === 1 ? 'slot' : 'slots'}, in the order of the shortest plan that was found. The bound is max(critical path, work / slots).`;
  if (estimated.length === 0) return [simulated];
  const bases = [...new Set(estimated.map(([, { basis }]) => basis))].slice(0, 5).join('; ');
  return [simulated, `${estimated.length} of ${plan.graph.tasks.size} durations are estimates: ${bases}.`];
}

export function diagnosticOf({ place, severity, code, message }: WorkflowFault): Diagnostic {
  return { line: place?.line ?? 1, column: place?.column ?? 1, severity, code, message };
}
