import { YamlDocument } from '../yamlDocument.ts';
import { durationsOf, planFigures, type PlanFigures } from './durations.ts';
import { withoutDependency } from './mending.ts';
import type { Facts, Improvement, Model, OperationResult, OptimizationLevel } from './operationResult.ts';
import { referencesIn } from './references.ts';
import { Simulation } from './schedule.ts';
import { planOf, startingResult } from './startingResult.ts';
import { changesOutside, type ConfigOf } from './stepConfig.ts';
import { TaskGraph } from './taskGraph.ts';
import { tightened } from './tightening.ts';
import { namesFrom } from './uses.ts';
import { allSteps, parentOf, type Step, type Task, type Workflow } from './workflow.ts';
import { edited, WorkflowEdit, type TextEdit } from './workflowEdit.ts';
import { parseWorkflow, referredStep, textsOf, type ParsedWorkflow } from './workflowDocument.ts';

/** What `optimize` is asked for. */
export interface OptimizationRequest {
  level: OptimizationLevel;
  /** The least gain for which the plan is changed, as a share of the makespan, 0 to 1. */
  threshold: number;
}

/** The file after some changes, with what they are. */
interface Draft {
  text: string;
  workflow: Workflow;
  improvements: readonly Improvement[];
}

/**
 * Proposes a file that gives the same results in less time: level 1 merges duplicates, drops dependencies that nothing needs,
 * and lets answers that repeat be cached; level 2 also takes the cheapest model that the team allows for a step. The first
 * two change the plan, and are proposed if they gain at least `threshold`; the others save money and don't depend on it.
 */
export function optimizePerformance(
  parsed: ParsedWorkflow,
  text: string,
  facts: Facts,
  { level, threshold }: OptimizationRequest,
): OperationResult {
  const plan = planOf(parsed, facts);
  const result = { ...startingResult('optimize', { plan, parsed, facts }), level };
  if (!plan) return result;
  const given: Draft = { text, workflow: plan.workflow, improvements: [] };
  const share = (after: PlanFigures): number =>
    result.makespanMs === 0 ? 0 : (result.makespanMs - after.makespanMs) / result.makespanMs;
  const planned = level === 0 ? given : withTighterPlan(withoutDuplicates(given, facts), facts);
  const gain = share(figuresOf(planned.workflow, facts));
  const isWorth = gain >= Math.max(0, threshold);
  const final = withSavings(isWorth ? planned : given, facts, level);
  const isProposed = final.improvements.length > 0;
  const after = isProposed ? figuresOf(final.workflow, facts) : null;
  const lines = stepLines(plan.workflow, text);
  return {
    ...result,
    improvements: final.improvements.map((one) => ({ ...one, line: lines.get(one.steps[0] ?? '') ?? null })),
    performanceGain: after ? share(after) : 0,
    after,
    rewritten: isProposed ? final.text : null,
    notes: [
      ...result.notes,
      ...(isWorth || planned.improvements.length === 0
        ? []
        : [
            `The plan stays as it is: another would gain ${percent(gain)} of the makespan, less than ${percent(threshold)}.`,
          ]),
      ...(isProposed ? [] : [level === 0 ? 'Level 0 proposes nothing.' : 'Nothing is proposed.']),
    ],
  };
}

/** In which line each step begins. */
function stepLines({ steps, file }: Workflow, text: string): ReadonlyMap<string, number | null> {
  const document = new YamlDocument(file ?? '', text);
  return new Map(
    allSteps(steps).map(({ id, path }) => [id, document.faultInValue(path, '').place?.line ?? null]),
  );
}

/** Without steps that do what another does. */
function withoutDuplicates(given: Draft, facts: Facts): Draft {
  let draft = given;
  const tried = new Set<string>();
  for (;;) {
    const pair = duplicateIn(draft.workflow.steps, tried);
    if (!pair) return draft;
    const [first, second] = pair;
    tried.add(second.id);
    const edits = mergeEdits(draft, first, second);
    const next = edits ? changed(draft, edits) : null;
    if (!next) continue;
    const improvement: Improvement = {
      id: `merged_duplicate:${second.id}`,
      kind: 'merged_duplicate',
      steps: [second.id, first.id],
      detail: `"${second.id}" does what "${first.id}" does: same type, same config, same inputs. Its result is used in its place.`,
      gainMs: figuresOf(draft.workflow, facts).makespanMs - figuresOf(next.workflow, facts).makespanMs,
      line: null,
    };
    draft = { ...next, improvements: [...draft.improvements, improvement] };
  }
}

/** Two steps with the same work on the same inputs, whose result can only be the same. */
function duplicateIn(steps: readonly Step[], tried: ReadonlySet<string>): [Step, Step] | null {
  const seen = new Map<string, Step>();
  for (const step of allSteps(steps)) {
    if (step.steps.length > 0 || changesOutside.has(step.type) || tried.has(step.id)) continue;
    if (step.type === 'ai_processing') {
      const { temperature, prompt } = step.config as ConfigOf<'ai_processing'>;
      // Without a prompt its task is its id, which no other step has.
      if (temperature !== 0 || prompt === undefined) continue;
    }
    const { type, config, dependsOn, idempotent } = step;
    const work = JSON.stringify([parentOf(step.id), type, config, dependsOn, idempotent]);
    const first = seen.get(work);
    if (first) return [first, step];
    seen.set(work, step);
  }
  return null;
}

/** Removes the second step; what meant it means the first. Null if something can't be edited. */
function mergeEdits({ text, workflow }: Draft, first: Step, second: Step): TextEdit[] | null {
  const edit = new WorkflowEdit(text);
  const all = allSteps(workflow.steps);
  const ids = new Set(all.map(({ id }) => id));
  const removed = edit.withoutItems(second.path.slice(0, -1), [Number(second.path.at(-1))]);
  const edits = all
    .filter(({ id }) => id !== second.id)
    .flatMap((step): (TextEdit[] | null)[] => {
      const [to] = namesFrom(step.id, first.id, ids);
      const renamed = namesFrom(step.id, second.id, ids).flatMap((from) =>
        to === undefined ? [] : [{ from, to }],
      );
      const texts = textsOf(step).flatMap(({ path, text: of }) =>
        referencesIn(of).some(({ name }) => referredStep(step.id, name, ids) === second.id)
          ? [edit.replacedReferences([...step.path, ...path], renamed)]
          : [],
      );
      if (!step.dependsOn.includes(second.id)) return texts;
      const path = [...step.path, 'depends_on'];
      const index = edit.textsAt(path).findIndex((name) => renamed.some(({ from }) => from === name));
      const dependency = step.dependsOn.includes(first.id)
        ? withoutDependency(edit, step, second.id, ids)
        : edit.replaced([...path, index], to ?? '');
      return [...texts, dependency];
    });
  const lists = [removed, ...edits];
  return lists.every((list) => list !== null) ? lists.flat() : null;
}

/** Without dependencies that nothing needs. */
function withTighterPlan(draft: Draft, facts: Facts): Draft {
  const { steps } = draft.workflow;
  const edit = new WorkflowEdit(draft.text);
  const ids = new Set(allSteps(steps).map(({ id }) => id));
  const edits: TextEdit[] = [];
  const improvements: Improvement[] = [];
  const dependencies = new Map(allSteps(steps).map(({ id, dependsOn }) => [id, dependsOn]));
  const graph = new TaskGraph(steps);
  const simulation = new Simulation(graph, millisecondsOf(graph, facts));
  let makespan = simulation.makespan(facts.slots);
  for (const { step, dropped, added, after: waits } of tightened(steps, graph)) {
    const change = dependencyEdits(edit, { step, dropped, added, ids });
    // A dependency that can't be added leaves a step without what it needs; all stay then.
    if (!change) return draft;
    edits.push(...change);
    dependencies.set(step.id, [...step.dependsOn.filter((one) => !dropped.includes(one)), ...added]);
    // Inside another step it may have become the last one, which others wait for.
    const others = parentOf(step.id) === null ? [] : tasksWith(steps, dependencies);
    simulation.waits(step.id, waits);
    for (const task of others) simulation.waits(task.id, task.after);
    const after = simulation.makespan(facts.slots);
    const gainMs = makespan - after;
    makespan = after;
    if (dropped.length === 0) continue;
    improvements.push({
      id: `dropped_dependency:${step.id}`,
      kind: 'dropped_dependency',
      steps: [step.id, ...dropped],
      detail: `"${step.id}" doesn't use the result of ${dropped.map((one) => `"${one}"`).join(', ')}, and neither changes anything outside the run.`,
      gainMs,
      line: null,
    });
  }
  const next = improvements.length > 0 ? changed(draft, edits) : null;
  return next ? { ...next, improvements: [...draft.improvements, ...improvements] } : draft;
}

function dependencyEdits(
  edit: WorkflowEdit,
  {
    step,
    dropped,
    added,
    ids,
  }: { step: Step; dropped: readonly string[]; added: readonly string[]; ids: ReadonlySet<string> },
): TextEdit[] | null {
  const path = [...step.path, 'depends_on'];
  const names = added.map((one) => namesFrom(step.id, one, ids)[0] ?? '');
  const written = edit.textsAt(path);
  const gone = written.flatMap((name, index) =>
    dropped.some((one) => namesFrom(step.id, one, ids).includes(name)) ? [index] : [],
  );
  if (dropped.length > 0 && gone.length === 0) return null;
  // A place that is free is taken, so that nothing is added to an item that goes.
  const reused = gone
    .slice(0, names.length)
    .map((index, at) => edit.replaced([...path, index], names[at] ?? ''));
  const rest = gone.slice(reused.length);
  const further = names.slice(reused.length);
  const lists = [
    ...reused,
    rest.length > 0 ? edit.withoutItems(path, rest) : [],
    further.length > 0 ? edit.withItems(step.path, 'depends_on', further) : [],
  ];
  return lists.every((list) => list !== null) ? lists.flat() : null;
}

function tasksWith(steps: readonly Step[], dependencies: ReadonlyMap<string, readonly string[]>): Task[] {
  return [...new TaskGraph(withDependencies(steps, dependencies)).tasks.values()];
}

function withDependencies(steps: readonly Step[], by: ReadonlyMap<string, readonly string[]>): Step[] {
  return steps.map((step) => ({
    ...step,
    dependsOn: by.get(step.id) ?? [],
    steps: withDependencies(step.steps, by),
  }));
}

/** With what saves money: answers that repeat from the cache, and at level 2 cheaper models. */
function withSavings(given: Draft, facts: Facts, level: OptimizationLevel): Draft {
  let draft = given;
  for (const step of level === 0 ? [] : allSteps(given.workflow.steps)) {
    if (step.type !== 'ai_processing') continue;
    const config = step.config as ConfigOf<'ai_processing'>;
    const savings = [cacheOf(step, config, facts), level === 2 ? cheaperModelOf(step, config, facts) : null];
    for (const saving of savings) {
      const edits = saving?.edits(new WorkflowEdit(draft.text));
      const next = edits ? changed(draft, edits) : null;
      if (saving && next) draft = { ...next, improvements: [...draft.improvements, saving.improvement] };
    }
  }
  return draft;
}

interface Saving {
  improvement: Improvement;
  edits: (edit: WorkflowEdit) => TextEdit[] | null;
}

/** For a deterministic step that ran before; `cache: false` is the team's word. */
function cacheOf(
  step: Step,
  { temperature, cache }: ConfigOf<'ai_processing'>,
  { history }: Facts,
): Saving | null {
  const runs = history.get(step.id)?.durations.length ?? 0;
  if (temperature !== 0 || cache !== undefined || runs < 2) return null;
  return {
    improvement: {
      id: `cache:${step.id}`,
      kind: 'cache',
      steps: [step.id],
      detail: `It ran ${runs} times at temperature 0: the same question may be answered from the cache. No time is counted for that.`,
      gainMs: 0,
      line: null,
    },
    edits: (edit) =>
      edit.withKey([...step.path, 'config'], 'cache', 'true') ??
      edit.withKey(step.path, 'config', '{ "cache": true }'),
  };
}

/** The cheapest of the models that the team allows for the step; its time is taken to be the same. */
function cheaperModelOf(step: Step, config: ConfigOf<'ai_processing'>, facts: Facts): Saving | null {
  const now = facts.modelOf(config.model ?? facts.defaultModel);
  if (!now) return null;
  const [cheapest] = config.cheaper_models
    .flatMap((name) => {
      const model = facts.modelOf(name);
      return model && isCheaper(model, now) ? [{ name, model }] : [];
    })
    .toSorted((a, b) => priceOf(a.model) - priceOf(b.model));
  if (!cheapest) return null;
  const { name, model } = cheapest;
  return {
    improvement: {
      id: `cheaper_model:${step.id}`,
      kind: 'cheaper_model',
      steps: [step.id],
      detail: `cheaper_models names ${name}: USD ${model.usdPerMillionInput} and ${model.usdPerMillionOutput} per million tokens in and out, instead of ${now.usdPerMillionInput} and ${now.usdPerMillionOutput}.`,
      gainMs: 0,
      line: null,
    },
    edits: (edit) =>
      config.model === undefined
        ? edit.withKey([...step.path, 'config'], 'model', JSON.stringify(name))
        : edit.replaced([...step.path, 'config', 'model'], name),
  };
}

/** In no direction dearer, so that it is cheaper whatever the shares of question and answer are. */
function isCheaper(model: Model, now: Model): boolean {
  return (
    model.usdPerMillionInput <= now.usdPerMillionInput &&
    model.usdPerMillionOutput <= now.usdPerMillionOutput &&
    priceOf(model) < priceOf(now)
  );
}

function priceOf({ usdPerMillionInput, usdPerMillionOutput }: Model): number {
  return usdPerMillionInput + usdPerMillionOutput;
}

/** Null if the changed file has an error. */
function changed(draft: Draft, edits: readonly TextEdit[]): Draft | null {
  const text = edited(draft.text, edits);
  const { workflow } = parseWorkflow(draft.workflow.file ?? '', text);
  return workflow ? { ...draft, text, workflow } : null;
}

function figuresOf({ steps }: Pick<Workflow, 'steps'>, facts: Facts): PlanFigures {
  const graph = new TaskGraph(steps);
  return planFigures(graph, millisecondsOf(graph, facts), facts.slots);
}

function millisecondsOf(graph: TaskGraph, facts: Facts): Map<string, number> {
  return new Map([...durationsOf(graph, facts)].map(([id, { ms }]) => [id, ms]));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
