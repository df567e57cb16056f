import * as z from 'zod';
import { YamlDocument } from '../yamlDocument.ts';
import { builtInIds, implementationIds, parameterTypes, type ParameterDefinition } from './agreement.ts';
import { isBuiltIn } from './agreementDefinition.ts';
import { builtIns } from './builtIns.ts';
import { parseFlowEncoding } from './flowEncoding.ts';
import { agreementSchema, flowFileSchema, keysOf, parameterSchema } from './flowFileSchema.ts';

/** A place in a text; line and character from 0. */
export interface Position {
  line: number;
  character: number;
}

/** A completion at a place. */
export interface Suggestion {
  label: string;
  kind: 'key' | 'value' | 'snippet';
  /** The inserted text; a snippet has `${1:…}` for the cursor. */
  insert: string;
  documentation: string;
}

/** Markdown about a part of a line, with its range of characters. */
export interface HoverText {
  markdown: string;
  line: number;
  start: number;
  end: number;
}

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
    const context = contextOf(lines, position.line, value[1]?.length ?? 0);
    return valuesOf(context, value[2] ?? '').map((one) => ({ ...one, kind: 'value', insert: one.label }));
  }
  const key = /^(\s*(- +)?)\w*$/.exec(before);
  if (!key) return [];
  const context = contextOf(lines, position.line, key[1]?.length ?? 0);
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
  const found = /^(\s*(?:- +)?)(\w+)(:\s*)(?:"([^"]*)"|'([^']*)'|([^#\s][^#]*?)?)\s*(?:#.*)?$/.exec(
    lines[line] ?? '',
  );
  if (!found) return null;
  const [, indent = '', key = '', colon = '', double, single, plain] = found;
  const context = contextOf(lines, line, indent.length);
  if (character >= indent.length && character <= indent.length + key.length) {
    const documentation = keysAt({ ...context, any: true }).find(({ label }) => label === key)?.documentation;
    return documentation
      ? { markdown: documentation, line, start: indent.length, end: indent.length + key.length }
      : null;
  }
  const value = double ?? single ?? plain ?? '';
  const start = indent.length + key.length + colon.length + Number(plain === undefined);
  if (value === '' || character < start || character > start + value.length) return null;
  const markdown = key === 'flow_encoding' ? encodingText(value) : implementationText(context, key, value);
  return markdown === null ? null : { markdown, line, start, end: start + value.length };
}

interface Context {
  /** Parent keys, without indexes: `agreements`, `parameters`, … */
  path: readonly string[];
  /** Other keys of the same mapping. */
  used: readonly string[];
  /** The implementation of the agreement, if it is written. */
  implementation: string | null;
  /** Includes keys that the implementation doesn't use. */
  any?: boolean;
}

interface Line {
  /** Column of its key, after a dash. */
  indent: number;
  /** Column of its dash; null without one. */
  dash: number | null;
  key: string | null;
  value: string;
}

function readLine(text: string): Line | null {
  const found = /^(\s*)(- +|-$)?(?:(\w+):(?:\s+(.*))?)?/.exec(text);
  if (text.trim() === '' || text.trim().startsWith('#') || !found) return null;
  const [, spaces = '', dash, key, value = ''] = found;
  return {
    indent: spaces.length + (dash?.length ?? 0),
    dash: dash === undefined ? null : spaces.length,
    key: key ?? null,
    value: value.replace(/\s+#.*$/, '').replace(/^(["'])(.*)\1$/, '$2'),
  };
}

/** Read from the surrounding lines, because the text isn't valid YAML while a line is typed. */
function contextOf(texts: readonly string[], at: number, indent: number): Context {
  const own = readLine(texts[at] ?? '');
  const lines = texts.map(readLine);
  const path: string[] = [];
  /** The start of the current mapping and of its agreement. */
  let begin = own?.dash === null || !own ? null : at;
  let agreement = begin === null ? null : { begin: at, level: indent };
  let siblings: string[] | null = null;
  let level = indent;
  let limit = own?.dash === null || !own ? indent : own.dash + 1;
  for (let index = at - 1; index >= 0; index -= 1) {
    const line = lines[index];
    if (!line) continue;
    if (begin === null && line.indent === level && line.dash !== null) {
      begin = index;
      agreement = { begin, level };
      limit = line.dash + 1;
    } else if (line.key !== null && line.indent < limit) {
      siblings ??= [...mappingAt(lines, begin ?? index + 1, level, at).keys()];
      path.unshift(line.key);
      level = line.indent;
      begin = line.dash === null ? null : index;
      if (begin !== null) agreement = { begin, level };
      limit = line.dash === null ? line.indent : line.dash + 1;
    }
  }
  siblings ??= [...mappingAt(lines, begin ?? 0, level, at).keys()];
  const keys = agreement && mappingAt(lines, agreement.begin, agreement.level, null);
  return { path, used: siblings, implementation: keys?.get('real_implementation') ?? null };
}

/** The keys and values of a mapping that starts at a line. */
function mappingAt(
  lines: readonly (Line | null)[],
  begin: number,
  level: number,
  without: number | null,
): Map<string, string> {
  const keys = new Map<string, string>();
  for (let index = begin; index < lines.length; index += 1) {
    const line = lines[index];
    if (!line || index === without) continue;
    if (line.indent < level || (index > begin && line.dash !== null && line.dash < level)) break;
    if (line.indent === level && line.key !== null) keys.set(line.key, line.value);
  }
  return keys;
}

function keysAt({ path: [top, section, name, ...more], implementation, any }: Context): {
  label: string;
  documentation: string;
}[] {
  const builtIn = implementation !== null && isBuiltIn(implementation) ? builtIns[implementation] : null;
  if (top === undefined) return described(flowFileSchema);
  if (top !== 'agreements' || more.length > 0) return [];
  if (section === undefined)
    return described(agreementSchema).filter(
      ({ label }) =>
        any || implementation === null || !['prompt', 'shell'].includes(label) || label === implementation,
    );
  if (name === undefined && section === 'prompt') return described(agreementSchema.shape.prompt.unwrap());
  if (name === undefined && section === 'shell') return described(agreementSchema.shape.shell.unwrap());
  if (section !== 'parameters') return [];
  if (name === undefined)
    return (builtIn?.parameters ?? []).map((one) => ({ label: one.name, documentation: parameterText(one) }));
  return builtIn
    ? [{ label: 'default', documentation: 'Overrides the action’s default.' }]
    : described(parameterSchema);
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

function described(schema: z.ZodObject): { label: string; documentation: string }[] {
  return keysOf(schema).map(({ key, description, initial }) => {
    const says = initial === undefined ? '' : ` Default: \`${JSON.stringify(initial)}\`.`;
    return { label: key, documentation: `${description}${says}` };
  });
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
