import { closest } from 'fastest-levenshtein';
import * as z from 'zod';
import { schemaFaults, valueAt } from '../schemaFaults.ts';
import { schemaWords } from '../schemaWords.ts';
import { YamlDocument, type Fault, type Path } from '../yamlDocument.ts';
import type {
  AgreementSource,
  BuiltInId,
  FlowAgreement,
  ParameterDefinition,
  ParameterValue,
} from './agreement.ts';
import { agreementOf, disguiseIn, isBuiltIn, namesOf } from './agreementDefinition.ts';
import { builtIns } from './builtIns.ts';
import { namesOfDefaults } from './defaultAgreements.ts';
import { parseFlowEncoding } from './flowEncoding.ts';
import {
  agreementSchema,
  builtInParameterSchema,
  identifier,
  parameterSchema,
  type AgreementDefinition,
} from './flowFileSchema.ts';
import { convertParameter, templateReference } from './parameters.ts';

type Values = Readonly<Record<string, unknown>>;

const fileSchema = z.strictObject({ agreements: z.array(z.unknown()).nullable() });
/** Maximum number of reported faults per file: nobody fixes more at once, and locating each takes time. */
const mostFaults = 200;
/** Parameters are checked separately, because their form depends on the implementation. */
const shapeSchema = agreementSchema.extend({ parameters: z.record(identifier, z.unknown()).default({}) });

/**
 * The agreements of a flow.yaml, and its faults with their places. An agreement with an error is
 * left out; the others are valid. `taken` has the names of other files and built-in agreements, with their
 * places; the file's own are added to it. After 200 faults the rest of the file is left out, as a last fault says.
 */
export function parseFlowFile(
  file: string,
  text: string,
  kind: 'user' | 'workspace',
  taken: Map<string, string> = namesOfDefaults(),
): { agreements: FlowAgreement[]; faults: Fault[] } {
  const document = new YamlDocument(file, text);
  if (document.faults.length > 0) return { agreements: [], faults: limited(document, document.faults) };
  if (document.contents === null) return { agreements: [], faults: [] };
  const parsed = fileSchema.safeParse(document.contents, { error: schemaWords });
  const faults = parsed.success
    ? []
    : parsed.error.issues.flatMap((issue) =>
        issueFaults(document, document.contents, [], issue, Object.keys(fileSchema.shape)),
      );
  const { agreements: items } = isMapping(document.contents) ? document.contents : {};
  const agreements: FlowAgreement[] = [];
  for (const [index, item] of (Array.isArray(items) ? (items as unknown[]) : []).entries()) {
    if (faults.length > mostFaults) break;
    const checked = new AgreementCheck(document, ['agreements', index], item);
    checked.takeNames(taken);
    faults.push(...checked.faults);
    if (checked.definition) agreements.push(agreementOf(checked.definition, checked.source(kind)));
  }
  return { agreements, faults: limited(document, faults.sort(byPlace)) };
}

function limited(document: YamlDocument, faults: readonly Fault[]): Fault[] {
  if (faults.length <= mostFaults) return [...faults];
  const { place } = faults[mostFaults - 1] ?? document.fault([], '');
  const message = `more than ${mostFaults} faults: the rest of the file is left out`;
  return [...faults.slice(0, mostFaults), { severity: 'error', message, place }];
}

/** One agreement of a file, with all its checks. */
class AgreementCheck {
  readonly faults: Fault[] = [];
  readonly #document: YamlDocument;
  readonly #path: Path;
  readonly #values: Values;
  readonly #shape: z.output<typeof shapeSchema> | null;
  readonly #parameters: AgreementDefinition['parameters'] = {};

  constructor(document: YamlDocument, path: Path, item: unknown) {
    this.#document = document;
    this.#path = path;
    this.#values = isMapping(item) ? item : {};
    const parsed = shapeSchema.safeParse(item, { error: schemaWords });
    this.#shape = parsed.success ? parsed.data : null;
    for (const issue of parsed.error?.issues.slice(0, mostFaults + 1) ?? [])
      this.faults.push(...issueFaults(document, item, path, issue, knownKeys(issue.path)));
    this.#checkImplementation();
    this.#checkPrompt();
    this.#checkShell();
  }

  /** Null if there is an error. */
  get definition(): AgreementDefinition | null {
    if (!this.#shape || this.#isFull || this.faults.some(({ severity }) => severity === 'error')) return null;
    return { ...this.#shape, parameters: this.#parameters };
  }

  /** Whether there are more faults than the limit. */
  get #isFull(): boolean {
    return this.faults.length > mostFaults;
  }

  source(kind: AgreementSource['kind']): AgreementSource {
    const { line, column, file } = this.#document.faultAtStart(this.#path, '').place ?? {
      line: 1,
      column: 1,
      file: this.#document.file,
    };
    return { kind, file, line, column };
  }

  /** Reports names that are already used, and reserves the others. */
  takeNames(taken: Map<string, string>): void {
    const own = new Map<string, string>();
    for (const { path, key, like, text } of namesOf(this.#values)) {
      if (this.#isFull) break;
      const owner = like.map((name) => taken.get(name)).find((one) => one !== undefined);
      const disguise = disguiseIn(text);
      const { place } = this.#document.faultInValue([...this.#path, ...path], '');
      if (disguise !== null) this.#refuse(path, `${path.join('.')} ${disguise}`);
      else if (owner !== undefined) this.#refuse(path, `${text} is already used: ${owner}`);
      else if (place) own.set(key, `${place.file}:${place.line}:${place.column}`);
    }
    // Reserved afterwards, because an agreement may repeat its own name in different wordings.
    for (const [key, place] of own) taken.set(key, place);
  }

  #refuse(path: Path, message: string, part?: { offset: number; length: number }): void {
    this.faults.push(this.#document.faultInValue([...this.#path, ...path], message, { part }));
  }

  #refuseKey(path: Path, message: string, correction?: string): void {
    const fault = this.#document.fault([...this.#path, ...path], message);
    this.faults.push({ ...fault, ...(correction !== undefined && { correction }) });
  }

  #checkImplementation(): void {
    const { real_implementation: implementation, fallback, parameters } = this.#values;
    if (typeof implementation !== 'string') return;
    if (fallback === implementation)
      this.#refuse(['fallback'], `fallback must differ from ${implementation}, which has failed by then`);
    for (const action of ownActions) {
      if (implementation === action && this.#values[action] === undefined)
        this.#refuse(['real_implementation'], `${action} is missing: it says what the ${action} is`);
      else if (implementation !== action && this.#values[action] !== undefined)
        this.#refuseKey(
          [action],
          `${action} goes with real_implementation: ${action}, not ${implementation}`,
        );
    }
    for (const [name, value] of isMapping(parameters) ? Object.entries(parameters) : []) {
      if (this.#isFull) break;
      if (isBuiltIn(implementation)) this.#checkBuiltInParameter(implementation, name, value);
      else if (ownActions.includes(implementation)) this.#checkParameter(name, value);
    }
  }

  #checkBuiltInParameter(implementation: BuiltInId, name: string, value: unknown): void {
    const path = ['parameters', name];
    const known = builtIns[implementation].parameters;
    const definition = known.find((one) => one.name === name);
    if (!definition) {
      const names = known.map((one) => one.name);
      const nearest = names.length > 0 ? closest(name, names) : undefined;
      const has = nearest === undefined ? ', which takes none' : `; did you mean "${nearest}"?`;
      this.#refuseKey(path, `"${name}" is not a parameter of ${implementation}${has}`, nearest);
      return;
    }
    const parsed = builtInParameterSchema.safeParse(value);
    if (!parsed.success) {
      this.#refuse(path, `parameters.${name} must be a value, which fixes it, or { default: value }`);
      return;
    }
    const changesDefault = typeof parsed.data === 'object';
    const given = typeof parsed.data === 'object' ? parsed.data.default : parsed.data;
    const at = changesDefault ? [...path, 'default'] : path;
    const converted = convertParameter(definition, this.#asWritten(definition.type, at, given));
    if ('problem' in converted) this.#refuse(at, `parameters.${name} ${converted.problem}`);
    else this.#parameters[name] = changesDefault ? { default: converted.value } : converted.value;
  }

  #checkParameter(name: string, value: unknown): void {
    const path = ['parameters', name];
    const parsed = parameterSchema.safeParse(value, { error: schemaWords });
    if (!parsed.success) {
      for (const issue of parsed.error.issues)
        this.faults.push(
          ...issueFaults(
            this.#document,
            value,
            [...this.#path, ...path],
            issue,
            Object.keys(parameterSchema.shape),
          ),
        );
      return;
    }
    const { type, default: initial, minimum, maximum, values } = parsed.data;
    const isNumber = type === 'integer' || type === 'number';
    if (type === 'choice' && !values) this.#refuse([...path, 'type'], `parameters.${name} needs its values`);
    if (type !== 'choice' && values)
      this.#refuseKey([...path, 'values'], `only a choice has values, and parameters.${name} is ${type}`);
    for (const key of ['minimum', 'maximum'] as const) {
      if (!isNumber && parsed.data[key] !== undefined)
        this.#refuseKey([...path, key], `only a number has a ${key}, and parameters.${name} is ${type}`);
    }
    if (minimum !== undefined && maximum !== undefined && minimum > maximum)
      this.#refuse([...path, 'minimum'], `minimum of parameters.${name} is above its maximum`);
    else if (initial !== null && (type !== 'choice' || values)) {
      const written = this.#asWritten(type, [...path, 'default'], initial);
      const converted = convertParameter({ name, ...parsed.data }, written);
      if ('problem' in converted)
        this.#refuse([...path, 'default'], `default of parameters.${name} ${converted.problem}`);
      else parsed.data.default = converted.value;
    }
    this.#parameters[name] = parsed.data;
  }

  /** Text that YAML reads as a number keeps its spelling in the file: 1.10 is not 1.1. */
  #asWritten(type: ParameterDefinition['type'], path: Path, given: ParameterValue): ParameterValue {
    const isText = type === 'text' || type === 'choice';
    return (isText ? this.#document.textAt([...this.#path, ...path]) : undefined) ?? given;
  }

  #checkPrompt(): void {
    const { prompt, parameters, real_implementation: implementation } = this.#values;
    if (!isMapping(prompt) || implementation !== 'prompt') return;
    const declared = isMapping(parameters) ? Object.keys(parameters) : [];
    const used = new Set<string>();
    for (const { 0: reference, 1: name = '', index } of referencesIn(prompt['template'])) {
      used.add(name);
      if (this.#isFull || declared.includes(name)) continue;
      const hint = declared.includes(name.trim())
        ? `; write {{${name.trim()}}}`
        : '; declare it in parameters';
      const part = { offset: index, length: reference.length };
      this.#refuse(['prompt', 'template'], `${reference} is not a parameter of the agreement${hint}`, part);
    }
    for (const { 0: reference, index } of referencesIn(prompt['system'])) {
      if (this.#isFull) break;
      const part = { offset: index, length: reference.length };
      this.#refuse(['prompt', 'system'], `${reference} is replaced only in the template`, part);
    }
    for (const name of declared.filter((one) => !used.has(one) && typeof prompt['template'] === 'string')) {
      if (this.#isFull) break;
      const message = `parameters.${name} is not used: the template has no {{${name}}}`;
      this.faults.push(this.#document.fault([...this.#path, 'parameters', name], message, 'warning'));
    }
  }

  #checkShell(): void {
    const { shell } = this.#values;
    if (!isMapping(shell)) return;
    const { command, directory } = shell;
    if (typeof command === 'string' && command.includes('{{')) {
      const { 0: reference, index } = /\{\{\s*(\w*)\s*(\}\})?/.exec(command) ?? { 0: '{{', index: 0 };
      const name = /\w+/.exec(reference)?.[0] ?? 'name';
      const message = `a command can’t contain parameters; use the environment variable FLOW_${name.toUpperCase()}`;
      this.#refuse(['shell', 'command'], message, { offset: index, length: reference.length });
    }
    if (typeof directory !== 'string') return;
    if (/^([/\\]|[A-Za-z]:)/.test(directory))
      this.#refuse(['shell', 'directory'], 'directory must be relative to the workspace folder');
    else if (leaves(directory)) this.#refuse(['shell', 'directory'], 'directory leaves the workspace folder');
  }
}

/** What an agreement runs that isn't built in: each has a section of its own, and declares its parameters. */
const ownActions: readonly string[] = ['prompt', 'shell', 'workflow'];

/** Whether a relative path leaves its starting folder at any point. */
export function leaves(path: string): boolean {
  let depth = 0;
  for (const name of path.split(/[/\\]/)) {
    if (name === '..') depth -= 1;
    else if (name !== '' && name !== '.') depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

function referencesIn(template: unknown): RegExpExecArray[] {
  return typeof template === 'string' ? [...template.matchAll(templateReference)] : [];
}

/** Valid keys at a path of an agreement. */
function knownKeys(path: Path): string[] {
  const [section] = path;
  if (section === undefined) return Object.keys(agreementSchema.shape);
  if (section === 'prompt') return Object.keys(agreementSchema.shape.prompt.unwrap().shape);
  if (section === 'workflow') return Object.keys(agreementSchema.shape.workflow.unwrap().shape);
  return section === 'shell' ? Object.keys(agreementSchema.shape.shell.unwrap().shape) : [];
}

function issueFaults(
  document: YamlDocument,
  root: unknown,
  prefix: Path,
  issue: z.core.$ZodIssue,
  known: readonly string[],
): Fault[] {
  const path = [...prefix, ...issue.path];
  const value = valueAt(root, issue.path);
  if (path.at(-1) === 'flow_encoding' && typeof value === 'string') {
    const fault = parseFlowEncoding(value);
    if ('message' in fault) {
      const name = issue.path.join('.');
      return [document.faultInValue(path, `${name}: ${fault.message}`, { part: fault })];
    }
  }
  const whole = prefix.length > 0 ? 'an agreement' : 'the file';
  return schemaFaults(document, { root, prefix, issue, known, whole });
}

function isMapping(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function byPlace({ place: a }: Fault, { place: b }: Fault): number {
  return a && b ? a.line - b.line || a.column - b.column : 0;
}
