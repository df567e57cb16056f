import { similarName } from '../similarName.ts';
import { valueAt } from '../schemaFaults.ts';
import { YamlDocument, type Path } from '../yamlDocument.ts';
import type { Diagnostic, Facts, Improvement, OperationResult } from './operationResult.ts';
import { referencesIn } from './references.ts';
import { diagnosticOf, planOf, startingResult } from './startingResult.ts';
import type { ConfigOf } from './stepConfig.ts';
import { cycleIn, TaskGraph } from './taskGraph.ts';
import { namesFrom, namedSteps } from './uses.ts';
import { allSteps, parentOf, type Step } from './workflow.ts';
import { edited, WorkflowEdit, type TextEdit } from './workflowEdit.ts';
import {
  localName,
  parseWorkflow,
  referredStep,
  type ParsedWorkflow,
  type WorkflowFault,
} from './workflowDocument.ts';

/** Nobody reviews more mended faults at once. */
const mostMended = 200;

/** A way to mend a fault. */
interface Remedy {
  edits: readonly TextEdit[] | null;
  steps: readonly string[];
  detail: string;
  /** A step that is read only once this fault is mended, so that its own faults are no new ones. */
  revealed?: string;
}

/** A state of the text on the way. */
interface Draft {
  text: string;
  parsed: ParsedWorkflow;
  faults: readonly WorkflowFault[];
}

/**
 * Mends what can be mended safely: misspelt words first, the last in the file first. Remedies count only if their faults are
 * gone and no other step gets a new error. The rest stays a diagnostic. A file without faults is not rewritten.
 */
export function fixErrors(parsed: ParsedWorkflow, text: string, facts: Facts): OperationResult {
  const file = parsed.faults[0]?.place?.file ?? parsed.workflow?.file ?? '';
  const draftOf = (of: string, read: ParsedWorkflow): Draft => ({
    text: of,
    parsed: read,
    faults: [...read.faults, ...unknownModels(of, read, facts)],
  });
  let draft = draftOf(text, parsed);
  const improvements: Improvement[] = [];
  const tried = new Set<string>();
  // Reading the file is what takes time: many faults are mended at once, fewer after remedies that didn't help.
  let size = mostMended;
  while (improvements.length < mostMended) {
    const batch = nextFaults(draft, tried).slice(0, Math.min(size, mostMended - improvements.length));
    if (batch.length === 0) break;
    const cures = curesOf(batch, draft, tried);
    if (cures.length === 0) continue;
    const mended = edited(
      draft.text,
      cures.flatMap(({ remedy }) => remedy.edits ?? []),
    );
    const next = draftOf(mended, parseWorkflow(file, mended));
    if (isBetter(next, draft, cures)) {
      for (const { fault } of cures) tried.add(keyOf(fault));
      for (const cure of cures) improvements.push(improvementOf(cure, improvements.length + 1));
      draft = next;
      size *= 2;
    } else if (batch.length > 1) size = batch.length >> 1;
    else for (const fault of batch) tried.add(keyOf(fault));
  }
  const result = startingResult('fix', { plan: planOf(draft.parsed, facts), parsed: draft.parsed, facts });
  return {
    ...result,
    improvements: improvements.toReversed(),
    diagnostics: draft.faults.map(diagnosticOf),
    rewritten: improvements.length > 0 ? draft.text : null,
  };
}

/** A fault with its remedy. */
interface Cure {
  fault: WorkflowFault;
  remedy: Remedy;
}

/** Faults that can be mended at once, the last of the file first: one of each step, as two could change the same characters. */
function nextFaults({ faults }: Draft, tried: ReadonlySet<string>): WorkflowFault[] {
  const open = faults.filter((one) => one.code !== 'syntax' && !tried.has(keyOf(one))).toReversed();
  // Others may follow from a misspelt word.
  const misspelt = open.filter(({ correction }) => correction !== undefined);
  const [first, ...rest] = misspelt.length > 0 ? misspelt : open;
  if (!first || isWide(first)) return first ? [first] : [];
  const steps = new Set([first.step]);
  const others = rest.filter((one) => {
    if (isWide(one) || steps.has(one.step)) return false;
    steps.add(one.step);
    return true;
  });
  return [first, ...others];
}

/** Whether its remedy concerns other steps than its own. */
function isWide({ code, step, correction }: WorkflowFault): boolean {
  return step === null || (correction === undefined && (code === 'cycle' || code === 'duplicate_id'));
}

/** The remedies of some faults; a fault that has none is tried. */
function curesOf(batch: readonly WorkflowFault[], draft: Draft, tried: Set<string>): Cure[] {
  const edit = new WorkflowEdit(draft.text);
  return batch.flatMap((fault) => {
    const remedy = remedyOf(fault, draft, edit);
    if (remedy?.edits && remedy.edits.length > 0) return [{ fault, remedy }];
    tried.add(keyOf(fault));
    return [];
  });
}

function improvementOf({ fault, remedy: { steps, detail } }: Cure, number: number): Improvement {
  return {
    id: `mended:${fault.code}:${fault.step ?? ''}:${number}`,
    kind: 'mended',
    steps,
    detail,
    gainMs: 0,
    line: fault.place?.line ?? null,
  };
}

/** Faults of models that the catalogue doesn't know. */
export function unknownModelDiagnostics(text: string, parsed: ParsedWorkflow, facts: Facts): Diagnostic[] {
  return unknownModels(text, parsed, facts).map(diagnosticOf);
}

function unknownModels(text: string, { steps }: ParsedWorkflow, facts: Facts): WorkflowFault[] {
  const unknown = allSteps(steps).flatMap((step) => {
    const model =
      step.type === 'ai_processing' ? (step.config as ConfigOf<'ai_processing'>).model : undefined;
    return model === undefined || facts.modelOf(model) ? [] : [{ step, model }];
  });
  if (unknown.length === 0) return [];
  const document = new YamlDocument('', text);
  return unknown.map(({ step, model }) => {
    const path = [...step.path, 'config', 'model'];
    const nearest = similarName(model, facts.knownModels());
    const message = `the model "${model}" is not known${nearest === null ? '' : `; did you mean "${nearest}"?`}`;
    const fault = document.faultInValue(path, message);
    return { ...fault, code: 'unknown_model', path, step: step.id, correction: nearest ?? undefined };
  });
}

function remedyOf(fault: WorkflowFault, draft: Draft, edit: WorkflowEdit): Remedy | null {
  const steps = fault.step === null ? [] : [fault.step];
  const { correction } = fault;
  if (correction !== undefined)
    return {
      edits: corrections(fault, correction, draft.text),
      steps,
      detail: `Corrected to "${correction}": ${fault.message}.`,
    };
  switch (fault.code) {
    case 'self_dependency':
    case 'missing_dependency': {
      const edits = edit.withoutItems(fault.path.slice(0, -1), [Number(fault.path.at(-1))]);
      return { edits, steps, detail: `Dropped the dependency: ${fault.message}.` };
    }
    case 'cycle':
      return withoutCycle(draft, edit);
    case 'undeclared_reference':
      return declared(fault, draft, edit);
    case 'duplicate_id':
      return renamed(fault, draft, edit);
    default:
      return null;
  }
}

/** The characters of the fault; in a reference, the name that is wrong. */
function corrections({ place }: WorkflowFault, correction: string, text: string): TextEdit[] | null {
  if (!place) return null;
  const start = offsetOf(text, place.line, place.column);
  const end = offsetOf(text, place.endLine, place.endColumn);
  const written = text.slice(start, end);
  const reference = /^\{\{\s*(inputs\.)?([^.}]+?)(?=\s*[.}])/.exec(written);
  if (reference) {
    const nameEnd = start + reference[0].length;
    return [{ start: nameEnd - (reference[2] ?? '').length, end: nameEnd, text: correction }];
  }
  const quote = /^["']/.exec(written)?.[0] ?? '';
  return [{ start, end, text: `${quote}${correction}${quote}` }];
}

/**
 * Of the dependencies of a circle whose result isn't used by name, drops the one that points furthest forward in the file:
 * steps are mostly written in the order in which they run. Null if every one is used.
 */
function withoutCycle({ parsed: { steps } }: Draft, edit: WorkflowEdit): Remedy | null {
  const graph = new TaskGraph(steps);
  const cycle = cycleIn(new Map([...graph.tasks.values()].map(({ id, after }) => [id, after])));
  if (!cycle) return null;
  const all = allSteps(steps);
  const ids = new Set(all.map(({ id }) => id));
  const place = new Map(all.map(({ id }, index) => [id, index]));
  const edges = cycle.slice(1).flatMap((before, index) => {
    const waiting = cycle[index] ?? '';
    // The dependency may be that of a step around, and on a step around.
    return all
      .filter(({ id }) => isIn(waiting, id))
      .flatMap((step) => step.dependsOn.filter((one) => isIn(before, one)).map((one) => ({ step, on: one })));
  });
  const forward = ({ step, on }: { step: Step; on: string }): number =>
    (place.get(on) ?? 0) - (place.get(step.id) ?? 0);
  const isUsed = ({ step, on }: { step: Step; on: string }): boolean =>
    [step, ...allSteps(step.steps)].some((one) => [...namedSteps(one, ids)].some((named) => isIn(named, on)));
  const [dropped] = edges.filter((edge) => !isUsed(edge)).toSorted((a, b) => forward(b) - forward(a));
  if (!dropped) return null;
  const { step, on } = dropped;
  return {
    edits: withoutDependency(edit, step, on, ids),
    steps: [step.id, on],
    detail: `Dropped the dependency of "${step.id}" on "${on}", which closed the circle ${cycle.toReversed().join(' → ')}.`,
  };
}

/** Without every item of `depends_on` that means a step. */
export function withoutDependency(
  edit: WorkflowEdit,
  step: Step,
  on: string,
  ids: ReadonlySet<string>,
): TextEdit[] | null {
  const path = [...step.path, 'depends_on'];
  const indices = edit
    .textsAt(path)
    .flatMap((name, index) => (namesFrom(step.id, on, ids).includes(name) ? [index] : []));
  return indices.length === 0 ? null : edit.withoutItems(path, indices);
}

function declared(fault: WorkflowFault, { parsed, text }: Draft, edit: WorkflowEdit): Remedy | null {
  const all = allSteps(parsed.steps);
  const ids = new Set(all.map(({ id }) => id));
  const step = all.find(({ id }) => id === fault.step);
  if (!step || !fault.place) return null;
  const { line, column, endLine, endColumn } = fault.place;
  const [reference] = referencesIn(
    text.slice(offsetOf(text, line, column), offsetOf(text, endLine, endColumn)),
  );
  const target = referredStep(step.id, reference?.name ?? '', ids);
  const name = target === null ? undefined : namesFrom(step.id, target, ids)[0];
  if (name === undefined) return null;
  return {
    edits: edit.withItems(step.path, 'depends_on', [name]),
    steps: [step.id],
    detail: `Added "${name}" to depends_on of "${step.id}", which uses its result.`,
  };
}

/** Steps after the second of two equal ids mean the second, as they stand nearer to it. */
function renamed(fault: WorkflowFault, { text, parsed }: Draft, edit: WorkflowEdit): Remedy | null {
  const name = localName(fault.step ?? '');
  const listPath = fault.path.slice(0, -2);
  const contents = new YamlDocument('', text).contents;
  const items = valueAt(contents, listPath);
  if (!Array.isArray(items)) return null;
  const names = new Set(items.map((item) => (item as { id?: unknown } | null)?.id));
  let number = 2;
  while (names.has(`${name}_${number}`)) number += 1;
  const to = `${name}_${number}`;
  const index = Number(fault.path.at(-2));
  const later = textPaths(items.slice(index + 1), []).map(([first, ...rest]) => [
    ...listPath,
    Number(first) + index + 1,
    ...rest,
  ]);
  const edits = [
    ...(edit.replaced(fault.path, to) ?? []),
    ...later.flatMap((path) => {
      const isDependency = path.at(-2) === 'depends_on';
      if (isDependency) return valueAt(contents, path) === name ? (edit.replaced(path, to) ?? []) : [];
      return path.includes('config') ? (edit.replacedReferences(path, [{ from: name, to }]) ?? []) : [];
    }),
  ];
  const around = parentOf(fault.step ?? '');
  const revealed = around === null ? to : `${around}.${to}`;
  return {
    edits,
    steps: [revealed],
    revealed,
    detail:
      `Renamed the second step "${name}" to "${to}", and what refers to it in the steps after it. Steps before it mean the first. ${parsed.steps.length > 0 ? 'Check them.' : ''}`.trim(),
  };
}

/** The paths of all texts in a value. */
function textPaths(value: unknown, path: Path): PropertyKey[][] {
  if (typeof value === 'string') return [[...path]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => textPaths(inner, [...path, key]));
}

/** Whether the faults are gone, and only steps that the remedies concern have new errors. */
function isBetter(next: Draft, before: Draft, cures: readonly Cure[]): boolean {
  const [now, was] = [countsOf(next), countsOf(before)];
  const mayShow = new Set(cures.map(({ fault, remedy }) => remedy.revealed ?? fault.step ?? ''));
  const isIts = (step: string | null): boolean => {
    for (let id = step; id !== null; id = parentOf(id)) if (mayShow.has(id)) return true;
    return false;
  };
  return (
    cures.every(({ fault }) => (now.get(keyOf(fault)) ?? 0) < (was.get(keyOf(fault)) ?? 0)) &&
    next.faults.every(
      (one) => one.severity !== 'error' || was.has(keyOf(one)) || (one.code !== 'cycle' && isIts(one.step)),
    )
  );
}

function countsOf({ faults }: Draft): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of faults) counts.set(keyOf(one), (counts.get(keyOf(one)) ?? 0) + 1);
  return counts;
}

/** The same for a fault that only moved. */
function keyOf({ code, step, message }: WorkflowFault): string {
  return `${code}:${step ?? ''}:${message.replace(/ line \d+/, '')}`;
}

/** Whether a step is another, or inside it. */
function isIn(id: string, around: string): boolean {
  return id === around || id.startsWith(`${around}.`);
}

/** Of a place from 1. */
function offsetOf(text: string, line: number, column: number): number {
  let start = 0;
  for (let at = 1; at < line; at += 1) start = text.indexOf('\n', start) + 1;
  return start + column - 1;
}
