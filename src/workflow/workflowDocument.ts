import * as z from 'zod';
import { messageOf } from '../errors.ts';
import { amountToMicro } from '../pricing/cost.ts';
import { corrected, schemaFaults, valueAt } from '../schemaFaults.ts';
import { schemaWords } from '../schemaWords.ts';
import { YamlDocument, type Fault, type Path } from '../yamlDocument.ts';
import { stepConfigs, transformKinds, type ConfigOf, type StepConfig, type StepType } from './stepConfig.ts';
import { referencesIn } from './references.ts';
import { typeMismatches } from './resultTypes.ts';
import { cycleIn, TaskGraph } from './taskGraph.ts';
import { allSteps, parentOf, type Step, type Workflow } from './workflow.ts';
import { shortWorkflowSchema, stepSchema, workflowSchema } from './workflowSchema.ts';

/** What kind of fault a diagnostic is about; `fixErrors` mends some of them by it. */
export type FaultCode =
  | 'syntax'
  | 'schema'
  | 'unknown_type'
  | 'duplicate_id'
  | 'missing_dependency'
  | 'misspelt_dependency'
  | 'self_dependency'
  | 'cycle'
  | 'unreachable'
  | 'unknown_reference'
  | 'undeclared_reference'
  | 'type_mismatch'
  | 'unknown_model';

export interface WorkflowFault extends Fault {
  code: FaultCode;
  /** Where it is in the document. */
  path: Path;
  /** Full id of the step it is about; null for the whole file. */
  step: string | null;
}

/** Most of them follow from an error that is there too. */
const mostWarnings = 200;
/** Of one value: nobody mends more at once. */
const mostFaults = 200;
/** A level inside a level and so on; deeper nesting is a mistake. */
const deepestNesting = 20;
const mostSteps = 10_000;

export interface ParsedWorkflow {
  /** Null if there is an error. */
  workflow: Workflow | null;
  /** What could be read of its steps, also with errors; a second step of the same id is left out. */
  steps: readonly Step[];
  /** In the order of the file. */
  faults: readonly WorkflowFault[];
}

/** Reads a workflow in YAML or JSON, in its long or its short form, with all its faults. */
export function parseWorkflow(file: string, text: string): ParsedWorkflow {
  return new WorkflowCheck(new YamlDocument(file, text)).result();
}

type Values = Readonly<Record<string, unknown>>;

/** A file with all its checks. */
class WorkflowCheck {
  readonly #document: YamlDocument;
  readonly #faults: WorkflowFault[] = [];
  #read: readonly Step[] = [];
  #count = 0;

  constructor(document: YamlDocument) {
    this.#document = document;
  }

  result(): ParsedWorkflow {
    for (const fault of this.#document.faults)
      this.#faults.push({ ...fault, code: 'syntax', path: [], step: null });
    const workflow = this.#faults.length > 0 ? null : this.#workflow(this.#document.contents);
    let warnings = 0;
    const faults = this.#faults
      .toSorted(byPlace)
      .filter(({ severity }) => severity === 'error' || (warnings += 1) <= mostWarnings);
    const valid = workflow !== null && faults.every(({ severity }) => severity !== 'error');
    return { workflow: valid ? workflow : null, steps: this.#read, faults };
  }

  #workflow(contents: unknown): Workflow | null {
    const values = isMapping(contents) ? contents : {};
    const short = 'processing_steps' in values || 'data_source' in values;
    const schema = short ? shortWorkflowSchema : workflowSchema;
    const parsed = schema.safeParse(contents ?? {}, { error: schemaWords });
    this.#schemaFaults(parsed.error, { root: contents ?? {}, path: [], known: Object.keys(schema.shape) });
    const steps = short ? this.#shortSteps(values) : this.#steps(values['steps'], ['steps'], '');
    this.#checkGraph(steps);
    this.#read = steps;
    this.#checkReferences(steps, isMapping(values['inputs']) ? Object.keys(values['inputs']) : []);
    this.#checkTypes(steps);
    if (!parsed.success) return null;
    const { data } = parsed;
    const agreed =
      'steps' in data
        ? { sla: data.flow_agreements.performance_sla, levels: data.flow_agreements.compliance_level }
        : { sla: data.sla_target, levels: data.compliance_requirements };
    return {
      name: data.name,
      description: data.description,
      file: this.#document.file,
      inputs: Object.fromEntries(
        Object.entries(data.inputs).map(([name, value]) => [name, value === null ? null : String(value)]),
      ),
      steps,
      slaSeconds: agreed.sla ?? null,
      complianceLevels: [agreed.levels ?? []].flat(),
      costLimit: amountToMicro(data.cost_limit_usd),
      useClass: data.use_class,
    };
  }

  /** The steps of a level; `around` is the full id of the step they are in, with a dot. */
  #steps(items: unknown, path: Path, around: string): Step[] {
    if (!Array.isArray(items)) return [];
    const read = (items as unknown[]).map((item, index) => this.#step(item, [...path, index], around));
    return this.#unique(read.filter((step) => step !== null));
  }

  #step(item: unknown, path: Path, around: string): Step | null {
    this.#count += 1;
    if (this.#count > mostSteps) {
      if (this.#count === mostSteps + 1)
        this.#fault(
          'schema',
          path,
          this.#document.fault(path, `more than ${mostSteps} steps: split the workflow`),
        );
      return null;
    }
    const parsed = stepSchema.safeParse(item, { error: schemaWords });
    const id = isMapping(item) && typeof item['id'] === 'string' ? `${around}${item['id']}` : null;
    this.#schemaFaults(parsed.error, { root: item, path, known: Object.keys(stepSchema.shape), step: id });
    if (!isMapping(item) || id === null) return null;
    const type = item['type'];
    const known = typeof type === 'string' && Object.hasOwn(stepConfigs, type) ? (type as StepType) : null;
    if (path.length > 2 * deepestNesting) {
      this.#fault('schema', path, this.#document.fault(path, 'steps are nested too deeply'), id);
      return null;
    }
    const steps = this.#steps(item['steps'], [...path, 'steps'], `${id}.`);
    if (known === 'nested' && steps.length === 0)
      this.#fault('schema', path, this.#document.faultAtStart(path, 'a nested step needs steps'), id);
    return {
      id,
      // What has an unknown type is waited for all the same, and its result can be anything: no fault follows from it.
      type: known ?? 'retrieve',
      config: known ? this.#config(known, item['config'], path, id) : {},
      dependsOn: parsed.data?.depends_on ?? [],
      steps,
      idempotent: parsed.data?.idempotent ?? known !== 'flow',
      path,
    };
  }

  #config(type: StepType, given: unknown, stepPath: Path, step: string): StepConfig {
    const path = [...stepPath, 'config'];
    const form: z.ZodType<StepConfig> = stepConfigs[type];
    const parsed = form.safeParse(given ?? {}, { error: schemaWords });
    this.#schemaFaults(parsed.error, {
      root: given ?? {},
      path,
      known: Object.keys(stepConfigs[type].shape),
      step,
    });
    if (type === 'transform' && parsed.success) {
      const kinds = transformKinds.filter((kind) => kind in parsed.data);
      if (kinds.length !== 1) {
        const message = `a transform has one of ${transformKinds.join(', ')}${kinds.length === 0 ? '' : `, not ${kinds.join(' and ')}`}`;
        this.#fault('schema', path, this.#document.faultAtStart(path, message), step);
      }
    }
    const schema =
      type === 'ai_processing' ? (parsed.data as ConfigOf<'ai_processing'> | undefined)?.schema : undefined;
    if (schema) this.#checkSchema(schema, [...path, 'schema'], step);
    return parsed.data ?? {};
  }

  /** An answer can be checked by it: otherwise it would be paid before that shows. */
  #checkSchema(schema: Readonly<Record<string, unknown>>, path: Path, step: string): void {
    try {
      z.fromJSONSchema(schema);
    } catch (error) {
      this.#fault(
        'schema',
        path,
        this.#document.fault(path, `no answer can be checked by this schema: ${messageOf(error)}`),
        step,
      );
    }
  }

  /** The steps of the short form: one after the other. */
  #shortSteps(values: Values): Step[] {
    const steps: Step[] = [];
    const add = (step: Omit<Step, 'dependsOn' | 'steps' | 'idempotent'>): void => {
      const before = steps.at(-1);
      steps.push({ ...step, dependsOn: before ? [before.id] : [], steps: [], idempotent: true });
    };
    if (typeof values['data_source'] === 'string')
      add({
        id: 'data_source',
        type: 'data_input',
        config: { source: values['data_source'] },
        path: ['data_source'],
      });
    const items: unknown[] = Array.isArray(values['processing_steps']) ? values['processing_steps'] : [];
    for (const [index, item] of items.entries()) {
      const path = ['processing_steps', index];
      const asStep = typeof item === 'string' ? { id: item, type: 'ai_processing' } : item;
      const step = this.#step(asStep, path, '');
      const before = steps.at(-1);
      if (step)
        steps.push({
          ...step,
          dependsOn: step.dependsOn.length > 0 || !before ? step.dependsOn : [before.id],
        });
    }
    if (typeof values['destination'] === 'string')
      add({
        id: 'destination',
        type: 'data_output',
        config: { destination: values['destination'] },
        path: ['destination'],
      });
    return this.#unique(steps);
  }

  /** Reports ids that stand twice. */
  #unique(steps: readonly Step[]): Step[] {
    const taken = new Map<string, Step>();
    return steps.filter((step) => {
      const first = taken.get(step.id);
      taken.set(step.id, first ?? step);
      if (!first) return true;
      const { line } = this.#document.faultInValue([...first.path, 'id'], '').place ?? { line: 0 };
      const message = `id "${localName(step.id)}" is already that of the step in line ${line}`;
      const path = [...step.path, 'id'];
      this.#fault('duplicate_id', path, this.#document.faultInValue(path, message), step.id);
      return false;
    });
  }

  /** Resolves dependencies to full ids, and finds those that lead nowhere or in a circle. */
  #checkGraph(steps: Step[]): void {
    const ids = new Set(allSteps(steps).map(({ id }) => id));
    const broken = new Set<string>();
    const resolve = (level: Step[]): void => {
      for (const [at, step] of level.entries()) {
        const found = step.dependsOn.flatMap((name, index) => {
          const id = this.#dependency(step, name, index, ids);
          if (id === null) broken.add(step.id);
          return id ?? [];
        });
        const inner = [...step.steps];
        resolve(inner);
        level[at] = { ...step, dependsOn: [...new Set(found)], steps: inner };
      }
    };
    resolve(steps);
    this.#checkCycle(steps, broken);
  }

  #dependency(step: Step, name: string, index: number, ids: ReadonlySet<string>): string | null {
    const path = [...step.path, 'depends_on', index];
    const id = resolvedId(step.id, name, ids);
    if (id === step.id) {
      const message = `"${name}" depends on itself`;
      this.#fault('self_dependency', path, this.#document.faultInValue(path, message), step.id);
      return null;
    }
    if (id !== null) return id;
    const fault = corrected(
      this.#document.faultInValue(path, `there is no step "${name}"`),
      name,
      visibleNames(step.id, ids),
    );
    this.#fault(
      fault.correction === undefined ? 'missing_dependency' : 'misspelt_dependency',
      path,
      fault,
      step.id,
    );
    return null;
  }

  #checkCycle(steps: readonly Step[], broken: ReadonlySet<string>): void {
    const graph = new TaskGraph(steps);
    const cycle = cycleIn(new Map([...graph.tasks.values()].map(({ id, after }) => [id, after])));
    if (cycle) {
      const inCycle = new Set(cycle);
      const first = allSteps(steps).find(({ id }) => inCycle.has(id));
      const path = [...(first?.path ?? []), 'depends_on'];
      const shown = cycle.toReversed().join(' → ');
      const message = `the steps wait for each other in a circle: ${shown}`;
      this.#fault('cycle', path, this.#document.fault(path, message), first?.id ?? null);
    }
    const can = new Set(graph.order());
    const named = new Set([...broken, ...(cycle ?? [])]);
    for (const { id, step } of graph.tasks.values()) {
      if (named.has(id)) continue;
      const waits = can.has(id) ? reachesAny(graph, id, broken) : (cycle?.[0] ?? null);
      if (waits === null) continue;
      const message = `step "${localName(id)}" is never reached: it waits for "${waits}"`;
      const path = [...step.path, 'id'];
      this.#fault(
        'unreachable',
        path,
        { ...this.#document.faultInValue(path, message), severity: 'warning' },
        id,
      );
    }
  }

  /** Templates name steps that there are, whose results are there when they run. */
  #checkReferences(steps: readonly Step[], inputs: readonly string[]): void {
    const ids = new Set(allSteps(steps).map(({ id }) => id));
    const graph = new TaskGraph(steps);
    for (const step of allSteps(steps))
      for (const { path, text } of textsOf(step)) {
        for (const { name, offset, length } of referencesIn(text)) {
          const at = [...step.path, ...path];
          const fault = (message: string): Fault =>
            this.#document.faultInValue(at, message, { part: { offset, length } });
          if (name.startsWith('item.') || name === 'item') {
            if (path[1] !== 'map')
              this.#fault('unknown_reference', at, fault('"item" is known in map only'), step.id);
          } else if (name.startsWith('inputs.')) {
            const input = name.slice('inputs.'.length);
            if (inputs.includes(input)) continue;
            const unknown = corrected(fault(`there is no input "${input}"`), input, inputs);
            this.#fault('unknown_reference', at, unknown, step.id);
          } else this.#checkStepReference(step, name, { ids, graph, fault, at });
        }
      }
  }

  /** What a step takes is what the steps before it yield. */
  #checkTypes(steps: readonly Step[]): void {
    const all = allSteps(steps);
    const ids = new Set(all.map(({ id }) => id));
    const mismatches = typeMismatches(all, (from, name) => referredStep(from, name, ids));
    const paths = new Map(all.map(({ id, path }) => [id, path]));
    for (const { step, path: inside, part, message } of mismatches) {
      const path = [...(paths.get(step) ?? []), ...inside];
      const fault = part
        ? this.#document.faultInValue(path, message, { part })
        : this.#document.fault(path, message);
      this.#fault('type_mismatch', path, fault, step);
    }
  }

  #checkStepReference(
    step: Step,
    name: string,
    {
      ids,
      graph,
      fault,
      at,
    }: { ids: ReadonlySet<string>; graph: TaskGraph; fault: (message: string) => Fault; at: Path },
  ): void {
    const target = referredStep(step.id, name, ids);
    if (target === null) {
      const first = name.split('.')[0] ?? name;
      const unknown = corrected(fault(`there is no step "${first}"`), first, visibleNames(step.id, ids));
      this.#fault('unknown_reference', at, unknown, step.id);
      return;
    }
    if (target === step.id) {
      this.#fault('unknown_reference', at, fault(`"${name}" is the step itself`), step.id);
      return;
    }
    const waited = reachesAny(graph, step.id, new Set([target]), true);
    if (waited !== null || !graph.tasks.has(step.id)) return;
    const message = `"${name}" may not be there yet: add "${localName(target)}" to depends_on`;
    this.#fault('undeclared_reference', at, fault(message), step.id);
  }

  #schemaFaults(
    error: z.ZodError | undefined,
    {
      root,
      path: prefix,
      known,
      step = null,
    }: { root: unknown; path: Path; known: readonly string[]; step?: string | null },
  ): void {
    for (const issue of error?.issues.slice(0, mostFaults) ?? []) {
      const whole = prefix.length > 0 ? 'a step' : 'the file';
      const isType =
        prefix.length > 0 && issue.path.at(-1) === 'type' && valueAt(root, issue.path) !== undefined;
      for (const fault of schemaFaults(this.#document, { root, prefix, issue, known, whole }))
        this.#fault(isType ? 'unknown_type' : 'schema', [...prefix, ...issue.path], fault, step);
    }
  }

  #fault(code: FaultCode, path: Path, fault: Fault, step: string | null = null): void {
    this.#faults.push({ ...fault, code, path, step });
  }
}

/** The full id that a name means inside a step: of the same level first, then of the levels around it. */
export function resolvedId(from: string, name: string, ids: ReadonlySet<string>): string | null {
  for (let around = parentOf(from); ; around = parentOf(around)) {
    const id = around === null ? name : `${around}.${name}`;
    if (ids.has(id)) return id;
    if (around === null) return null;
  }
}

/** The step that a reference begins with; the rest of the name is a field of its result. */
export function referredStep(from: string, name: string, ids: ReadonlySet<string>): string | null {
  const parts = name.split('.');
  for (let length = parts.length; length > 0; length -= 1) {
    const id = resolvedId(from, parts.slice(0, length).join('.'), ids);
    if (id !== null) return id;
  }
  return null;
}

/** The templates of a step with their place in it. */
export function textsOf({ config }: Step): { path: Path; text: string }[] {
  const found: { path: Path; text: string }[] = [];
  const visit = (value: unknown, path: Path): void => {
    if (typeof value === 'string') found.push({ path, text: value });
    // The schema of an answer is JSON of another kind.
    else if (typeof value === 'object' && value !== null && path.at(-1) !== 'schema')
      for (const [key, inner] of Object.entries(value))
        visit(inner, [...path, Array.isArray(value) ? Number(key) : key]);
  };
  visit(config, ['config']);
  return found;
}

/** Whether a task is, or waits for, one of some steps, at any distance: which; null if not. */
function reachesAny(
  graph: TaskGraph,
  from: string,
  wanted: ReadonlySet<string>,
  inside = false,
): string | null {
  const seen = new Set([from]);
  for (const id of seen) {
    for (let at = id === from ? null : id; at !== null; at = inside ? parentOf(at) : null)
      if (wanted.has(at)) return at;
    for (const next of graph.tasks.get(id)?.after ?? []) seen.add(next);
  }
  return null;
}

/** Names by which a step can call others. */
function visibleNames(from: string, ids: ReadonlySet<string>): string[] {
  const levels = new Set<string | null>([null]);
  for (let around = parentOf(from); around !== null; around = parentOf(around)) levels.add(around);
  return [...ids].filter((id) => id !== from && levels.has(parentOf(id))).map(localName);
}

export function localName(id: string): string {
  return id.slice(id.lastIndexOf('.') + 1);
}

function isMapping(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function byPlace({ place: a }: Fault, { place: b }: Fault): number {
  return a && b ? a.line - b.line || a.column - b.column : 0;
}
