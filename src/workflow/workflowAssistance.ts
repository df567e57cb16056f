import * as z from 'zod';
import { describedKeys, type DescribedKey } from '../schemaKeys.ts';
import {
  keyAndValue,
  yamlContext,
  type HoverText,
  type Position,
  type Suggestion,
  type YamlContext,
} from '../yamlContext.ts';
import { stepConfigs, type StepType } from './stepConfig.ts';
import { allSteps } from './workflow.ts';
import { localName, parseWorkflow } from './workflowDocument.ts';
import { shortWorkflowSchema, stepSchema, workflowSchema } from './workflowSchema.ts';

const stepSnippet = [
  'id: ${1:summary}',
  'type: ${2|' + Object.keys(stepConfigs).join(',') + '|}',
  'depends_on: [${3}]',
  'config: { ${4} }',
];

/** Completions at a place in a workflow in YAML, in block style. */
export function suggestionsAt(text: string, { line, character }: Position): Suggestion[] {
  const lines = text.split(/\r?\n/);
  const before = (lines[line] ?? '').slice(0, character);
  if (/\{\{[\w.-]*$/.test(before)) return references(text);
  if (/^\s*(?:- +)?depends_on: *\[[^\]]*$/.test(before)) return stepNames(text);
  const value = /^(\s*(?:- +)?)(\w+): +\w*$/.exec(before);
  if (value) return valuesOf(sectionAt(yamlContext(lines, line, value[1]?.length ?? 0)), value[2] ?? '');
  const key = /^(\s*(- +)?)\w*$/.exec(before);
  if (!key) return [];
  const context = yamlContext(lines, line, key[1]?.length ?? 0);
  if (context.path.at(-1) === 'depends_on') return key[2] === undefined ? [] : stepNames(text);
  const used = new Set(context.used);
  const isStep = isInSteps(context);
  const keys = keysIn(sectionAt(context))
    .filter(({ label }) => !used.has(label))
    .map((one) => ({ ...one, kind: 'key' as const, insert: `${one.label}: ` }));
  if (!isStep || used.size > 0) return keys;
  return key[2] === undefined ? [wholeStep('- ')] : [wholeStep(''), ...keys];
}

/** The meaning of a key, or what a type of step takes; null if there is none. */
export function hoverAt(text: string, { line, character }: Position): HoverText | null {
  const lines = text.split(/\r?\n/);
  const found = keyAndValue(lines[line] ?? '');
  if (!found) return null;
  const { indent, key, value, valueStart } = found;
  const context = yamlContext(lines, line, indent);
  if (character >= indent && character <= indent + key.length) {
    const known = keysIn(sectionAt(context)).find(({ label }) => label === key);
    return known ? { markdown: known.documentation, line, start: indent, end: indent + key.length } : null;
  }
  if (!isInSteps(context) || key !== 'type' || !isStepType(value)) return null;
  if (character < valueStart || character > valueStart + value.length) return null;
  return { markdown: typeText(value), line, start: valueStart, end: valueStart + value.length };
}

/** The line of a workflow's name, from 0: where an editor shows what can be done with it. */
export function nameLine(text: string): number {
  return Math.max(
    0,
    text.split(/\r?\n/).findIndex((line) => /^\s*"?name"?\s*:/.test(line)),
  );
}

/** The sections whose keys may stand at a place: at the top of a file those of both forms, until one is chosen. */
function sectionAt({ path, mappings }: YamlContext): z.ZodObject[] {
  const last = path.at(-1);
  if (last === undefined) {
    const keys = mappings[0] ?? new Map<string, string>();
    if (keys.has('steps')) return [workflowSchema];
    if (keys.has('processing_steps') || keys.has('data_source')) return [shortWorkflowSchema];
    return [workflowSchema, shortWorkflowSchema];
  }
  if (last === 'steps' || last === 'processing_steps') return [stepSchema];
  if (path.length === 1 && last === 'flow_agreements') return [workflowSchema.shape.flow_agreements.unwrap()];
  const around = path.lastIndexOf('config');
  const type = mappings[around]?.get('type') ?? '';
  if (around < 0 || !isStepType(type)) return [];
  const inside = path.slice(around + 1);
  const section = inside.reduce<z.ZodObject | null>(
    (schema, key) => schema && objectIn(schema, key),
    stepConfigs[type],
  );
  return section ? [section] : [];
}

/** The section under a key; null for a key with another value. */
function objectIn(schema: z.ZodObject, key: string): z.ZodObject | null {
  let value: unknown = schema.shape[key];
  while (value instanceof z.ZodOptional || value instanceof z.ZodDefault) value = value.unwrap();
  return value instanceof z.ZodObject ? value : null;
}

function keysIn(sections: readonly z.ZodObject[]): DescribedKey[] {
  const all = sections.flatMap(describedKeys);
  return [...new Map(all.map((one) => [one.label, one])).values()];
}

function valuesOf(sections: readonly z.ZodObject[], key: string): Suggestion[] {
  const schema = sections.find((one) => Object.hasOwn(one.shape, key))?.shape[key] as z.ZodType | undefined;
  if (!schema) return [];
  const { type, enum: words = [], anyOf = [] } = z.toJSONSchema(schema, { io: 'input' });
  const named = [...words, ...anyOf.flatMap((one) => (typeof one === 'object' ? (one.enum ?? []) : []))];
  const values = type === 'boolean' ? ['true', 'false'] : named.map(String);
  return values.map((label) => ({
    label,
    kind: 'value',
    insert: label,
    documentation: isStepType(label) && key === 'type' ? typeText(label) : '',
  }));
}

/** What templates can stand for. */
function references(text: string): Suggestion[] {
  const { steps, workflow } = parseWorkflow('', text);
  const inputs = Object.keys(workflow?.inputs ?? {}).map((name) => `inputs.${name}`);
  return [...allSteps(steps).map(({ id }) => id), ...inputs].map((label) => ({
    label,
    kind: 'value',
    insert: label,
    documentation: '',
  }));
}

function stepNames(text: string): Suggestion[] {
  const names = new Set(allSteps(parseWorkflow('', text).steps).map(({ id }) => localName(id)));
  return [...names].map((label) => ({ label, kind: 'value', insert: label, documentation: '' }));
}

/** The editor indents a snippet's lines like the first line, without its dash. */
function wholeStep(dash: string): Suggestion {
  return {
    label: 'step',
    kind: 'snippet',
    insert: `${dash}${stepSnippet.join('\n  ')}`,
    documentation: 'A step of the workflow.',
  };
}

function typeText(type: StepType): string {
  const keys = describedKeys(stepConfigs[type]).map(
    ({ label, documentation }) => `- \`${label}\`: ${documentation}`,
  );
  return [`**${type}**`, '', ...(keys.length > 0 ? keys : ['It takes no config.'])].join('\n');
}

function isInSteps({ path }: YamlContext): boolean {
  return path.at(-1) === 'steps' || path.at(-1) === 'processing_steps';
}

function isStepType(text: string): text is StepType {
  return Object.hasOwn(stepConfigs, text);
}
