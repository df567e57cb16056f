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
import { YamlDocument } from '../yamlDocument.ts';
import { builtInIds, implementationIds, parameterTypes, type ParameterDefinition } from './agreement.ts';
import { isBuiltIn } from './agreementDefinition.ts';
import { builtIns } from './builtIns.ts';
import { parseFlowEncoding } from './flowEncoding.ts';
import { agreementSchema, flowFileSchema, parameterSchema } from './flowFileSchema.ts';

/** One agreement of a file, valid or not. */
export interface AgreementPlace {
  /** From the file; null if it is missing. */
  id: string | null;
  trigger: string | null;
  line: number;
  /** The line after the agreement. */
  endLine: number;
}

const snippet = [
  'trigger: "[${1:Release Notes}]"',
  'flow_encoding: "@${2:release}#${3:notes}!${4:write}@${5:changes}"',
  'expanded_meaning: ${6:What it does.}',
  'action: ${7:release_notes}',
  'real_implementation: ${8|' + implementationIds.join(',') + '|}',
];

/** The line range of each agreement in a file; none for text that is not YAML. */
export function agreementPlaces(text: string): AgreementPlace[] {
  const document = new YamlDocument('', text);
  const parsed = z.object({ agreements: z.array(z.unknown()) }).safeParse(document.contents);
  if (!parsed.success) return [];
  const lines = parsed.data.agreements.map(
    (_, index) => document.faultAtStart(['agreements', index], '').place?.line ?? 1,
  );
  return parsed.data.agreements.map((item, index) => {
    const { action, trigger } = (item ?? {}) as Record<string, unknown>;
    return {
      id: typeof action === 'string' ? action : null,
      trigger: typeof trigger === 'string' ? trigger : null,
      line: (lines[index] ?? 1) - 1,
      endLine: (lines[index + 1] ?? Infinity) - 1,
    };
  });
}

/** Completions at a place in a flow.yaml in block style. */
export function suggestionsAt(text: string, position: Position): Suggestion[] {
  const lines = text.split(/\r?\n/);
  const before = (lines[position.line] ?? '').slice(0, position.character);
  const value = /^(\s*(?:- +)?)(\w+): +[\w]*$/.exec(before);
  if (value) {
    const context = agreementContext(lines, position.line, value[1]?.length ?? 0);
    return valuesOf(context, value[2] ?? '').map((one) => ({ ...one, kind: 'value', insert: one.label }));
  }
  const key = /^(\s*(- +)?)\w*$/.exec(before);
  if (!key) return [];
  const context = agreementContext(lines, position.line, key[1]?.length ?? 0);
  const used = new Set(context.used);
  const keys = keysAt(context)
    .filter(({ label }) => !used.has(label))
    .map((one) => ({ ...one, kind: 'key' as const, insert: `${one.label}: ` }));
  if (context.path.join('.') !== 'agreements' || context.used.length > 0) return keys;
  return key[2] === undefined ? [wholeAgreement('- ')] : [wholeAgreement(''), ...keys];
}

/** The meaning of a key, encoding or implementation; null if there is none. */
export function hoverAt(text: string, { line, character }: Position): HoverText | null {
  const lines = text.split(/\r?\n/);
  const found = keyAndValue(lines[line] ?? '');
  if (!found) return null;
  const { indent, key, value, valueStart: start } = found;
  const context = agreementContext(lines, line, indent);
  if (character >= indent && character <= indent + key.length) {
    const documentation = keysAt({ ...context, any: true }).find(({ label }) => label === key)?.documentation;
    return documentation ? { markdown: documentation, line, start: indent, end: indent + key.length } : null;
  }
  if (value === '' || character < start || character > start + value.length) return null;
  const markdown = key === 'flow_encoding' ? encodingText(value) : implementationText(context, key, value);
  return markdown === null ? null : { markdown, line, start, end: start + value.length };
}

interface Context extends YamlContext {
  /** The implementation of the agreement, if it is written. */
  implementation: string | null;
  /** Includes keys that the implementation doesn't use. */
  any?: boolean;
}

/** The context of a line, with what is written of its agreement. */
function agreementContext(lines: readonly string[], at: number, indent: number): Context {
  const context = yamlContext(lines, at, indent);
  return { ...context, implementation: context.mappings[1]?.get('real_implementation') ?? null };
}

function keysAt({ path: [top, section, name, ...more], implementation, any }: Context): DescribedKey[] {
  const builtIn = implementation !== null && isBuiltIn(implementation) ? builtIns[implementation] : null;
  if (top === undefined) return describedKeys(flowFileSchema);
  if (top !== 'agreements' || more.length > 0) return [];
  if (section === undefined)
    return describedKeys(agreementSchema).filter(
      ({ label }) =>
        any ||
        implementation === null ||
        !['prompt', 'shell', 'workflow'].includes(label) ||
        label === implementation,
    );
  if (name === undefined && section === 'prompt') return describedKeys(agreementSchema.shape.prompt.unwrap());
  if (name === undefined && section === 'shell') return describedKeys(agreementSchema.shape.shell.unwrap());
  if (name === undefined && section === 'workflow')
    return describedKeys(agreementSchema.shape.workflow.unwrap());
  if (section !== 'parameters') return [];
  if (name === undefined)
    return (builtIn?.parameters ?? []).map((one) => ({ label: one.name, documentation: parameterText(one) }));
  return builtIn
    ? [{ label: 'default', documentation: 'Overrides the action’s default.' }]
    : describedKeys(parameterSchema);
}

function valuesOf(
  { path: [top, section, name], implementation }: Context,
  key: string,
): { label: string; documentation: string }[] {
  if (top !== 'agreements') return [];
  const plain = (values: readonly string[]) => values.map((label) => ({ label, documentation: '' }));
  if (section === undefined) {
    switch (key) {
      case 'real_implementation':
        return implementationIds.map((id) => ({ label: id, documentation: actionText(id) }));
      case 'fallback':
        return [
          ...builtInIds.map((id) => ({ label: id, documentation: actionText(id) })),
          ...plain(['null']),
        ];
      case 'concurrent':
        return plain(['true', 'false']);
      default:
        return [];
    }
  }
  if (section !== 'parameters') return [];
  const own = implementation !== null && isBuiltIn(implementation) ? builtIns[implementation] : null;
  if (!own) return name !== undefined && key === 'type' ? plain(parameterTypes) : [];
  const parameter = own.parameters.find((one) => one.name === (name ?? key));
  if (parameter?.type === 'boolean') return plain(['true', 'false']);
  return plain(parameter?.values ?? []);
}

/** The editor indents a snippet's lines like the first line, without its dash. */
function wholeAgreement(dash: string): Suggestion {
  return {
    label: 'agreement',
    kind: 'snippet',
    insert: `${dash}${snippet.join('\n  ')}`,
    documentation: 'A pre-approved operation, run by name.',
  };
}

function encodingText(value: string): string {
  const parsed = parseFlowEncoding(value);
  if ('message' in parsed) return `Not an encoding: ${parsed.message}.`;
  return Object.entries(parsed)
    .map(([part, name]) => `- ${part}: \`${String(name)}\``)
    .join('\n');
}

function implementationText({ path }: Context, key: string, value: string): string | null {
  if (path.length !== 1 || (key !== 'real_implementation' && key !== 'fallback')) return null;
  return actionText(value) || null;
}

/** What runs, and its parameters. */
function actionText(id: string): string {
  if (id === 'prompt') return 'A governed call with a template.';
  if (id === 'shell') return 'A command for the user’s shell, in a trusted workspace and after approval.';
  if (id === 'workflow') return 'A workflow of the workspace, in a trusted workspace.';
  if (!isBuiltIn(id)) return '';
  const { title, parameters } = builtIns[id];
  const lines = parameters.map((one) => `- \`${one.name}\`: ${parameterText(one)}`);
  return [`**${title}**`, '', ...(lines.length > 0 ? lines : ['It takes no parameters.'])].join('\n');
}

function parameterText({
  type,
  description,
  default: initial,
  minimum,
  maximum,
}: ParameterDefinition): string {
  const range = minimum !== undefined && maximum !== undefined ? `, ${minimum} to ${maximum}` : '';
  return `${description} (${type}${range}; default \`${JSON.stringify(initial)}\`)`;
}
