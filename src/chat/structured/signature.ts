import * as z from 'zod';
import type { Json, JsonObject } from '../../content/messages.ts';
import { GatewayError, messageOf } from '../../errors.ts';
import { schemaWords } from '../../schemaWords.ts';
import { faultText, YamlDocument, type Fault, type Path } from '../../yamlDocument.ts';
import { fieldType, partsOf, typeExamples } from './fieldType.ts';
import { isLimit, limitFaults } from './limits.ts';
import { patternFaults, withoutPatterns, type PatternChecks } from './schemaPatterns.ts';

/** What an answer is made from and what it has to contain. */
export interface Signature {
  name: string;
  /** What to do, in prose; empty if the names say it. */
  instructions: string;
  inputs: Fields;
  outputs: Fields;
}

/** Named fields as the JSON schema of an object, with its check. */
export interface Fields {
  schema: JsonObject;
  names: readonly string[];
  check: z.ZodType<JsonObject>;
}

const fieldName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
/** For messages. */
export const signatureExample = '"question -> answer: string, score: number"';
const syntax = `Write it as ${signatureExample}.`;

/**
 * A signature in one line: `question, context: string[] -> answer: string, score: number`. A field without a type is a
 * text. Throws `invalid_request`.
 */
export function parseSignature(line: string): Signature {
  const sides = partsOf(line, '->');
  if (sides.length !== 2) throw wrong('has no arrow between its inputs and its outputs', syntax);
  const [inputs, outputs] = sides.map((side) => fieldsOfLine(side));
  return { name: 'answer', instructions: '', inputs: fieldsFrom(inputs), outputs: fieldsFrom(outputs) };
}

type FieldSchemas = { name: string; schema: JsonObject; optional: boolean }[];

function fieldsOfLine(side: string): FieldSchemas {
  const fields = partsOf(side, ',').map((part) => {
    const [name = '', ...types] = partsOf(part, ':').map((piece) => piece.trim());
    if (!fieldName.test(name) || name === '__proto__')
      throw wrong(`has a field "${name}"`, `A name has letters, digits and _. ${syntax}`);
    const text = types.length === 0 ? 'string' : types.join(':');
    const type = fieldType(text);
    if (!type) throw wrong(`has an unknown type "${text}" for ${name}`, `Types are ${typeExamples}.`);
    return { name, ...type };
  });
  const names = fields.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw wrong(`has two fields named ${twice}`, 'Rename one of them.');
  return fields;
}

function wrong(fault: string, hint: string): GatewayError {
  return new GatewayError('invalid_request', `The signature ${fault}.`, {
    hint: `Nothing was sent. ${hint}`,
  });
}

function fieldsFrom(fields: FieldSchemas = [], patterns: PatternChecks = new Map()): Fields {
  const schema = objectOf(fields);
  const check = z.fromJSONSchema(withoutPatterns(schema)).check(({ value, issues }) => {
    for (const { path, message } of patternFaults(value as Json, schema, patterns))
      issues.push({ code: 'custom', input: value, path, message });
  }) as z.ZodType<JsonObject>;
  return { schema, names: fields.map(({ name }) => name), check };
}

function objectOf(fields: FieldSchemas): JsonObject {
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map(({ name, schema }) => [name, schema])),
    required: fields.flatMap(({ name, optional }) => (optional ? [] : name)),
    additionalProperties: false,
  };
}

const fileSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-zA-Z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -')
    .default('answer'),
  instructions: z.string().default(''),
  inputs: z.record(z.string(), z.unknown()),
  outputs: z.record(z.string(), z.unknown()),
});

/** The signature of a YAML or JSON file, or its faults with their places. */
export async function readSignature(file: string, text: string): Promise<Signature | Fault[]> {
  const document = new YamlDocument(file, text);
  if (document.faults.length > 0) return [...document.faults];
  return signatureIn(document, [], document.contents);
}

/** The signature at a path of a document, or its faults with their places. */
export async function signatureIn(
  document: YamlDocument,
  path: Path,
  value: unknown,
): Promise<Signature | Fault[]> {
  const parsed = fileSchema.safeParse(value, { error: schemaWords });
  if (!parsed.success)
    return parsed.error.issues.map((issue) =>
      document.faultInValue(
        [...path, ...issue.path],
        `${issue.path.join('.') || 'the signature'} ${issue.message}`,
      ),
    );
  const found: Found = { faults: [], patterns: [] };
  const read = (side: 'inputs' | 'outputs'): FieldSchemas =>
    new FieldReader(document, [...path, side], found).fields(parsed.data[side]);
  const [inputs, outputs] = [read('inputs'), read('outputs')];
  const patterns = await checksOf(document, found);
  if (found.faults.length > 0) return found.faults;
  const { name, instructions } = parsed.data;
  return { name, instructions, inputs: fieldsFrom(inputs, patterns), outputs: fieldsFrom(outputs, patterns) };
}

/** What is found in the fields of a file: what is wrong with them, and their patterns. */
interface Found {
  readonly faults: Fault[];
  readonly patterns: { path: Path; source: string }[];
}

/** The patterns as checks; a fault for one that can't be used. */
async function checksOf(document: YamlDocument, { faults, patterns }: Found): Promise<PatternChecks> {
  const checks = new Map<string, (text: string) => boolean>();
  if (patterns.length === 0) return checks;
  const { patternCheck } = await import('./linearPattern.ts');
  for (const { path, source } of patterns)
    try {
      checks.set(source, patternCheck(source));
    } catch (error) {
      faults.push(document.faultInValue(path, `${path.join('.')} can't be used: ${messageOf(error)}`));
    }
  return checks;
}

/** Reads the fields of a file, and collects what is wrong with them. */
class FieldReader {
  readonly #document: YamlDocument;
  readonly #path: Path;
  readonly #found: Found;

  constructor(document: YamlDocument, path: Path, found: Found) {
    this.#document = document;
    this.#path = path;
    this.#found = found;
  }

  fields(given: Readonly<Record<string, unknown>>): FieldSchemas {
    const entries = Object.entries(given);
    if (entries.length === 0) this.#refuse([], 'must name at least one field');
    return entries.flatMap(([name, value]) => {
      if (!fieldName.test(name)) this.#refuseKey([name], 'is a name with other than letters, digits and _');
      const field = this.#field([name], value);
      return field === null ? [] : { name, ...field };
    });
  }

  /** `string`, or `{ type: string, description: …, … }`, or an object with `properties`. */
  #field(path: Path, value: unknown): { schema: JsonObject; optional: boolean } | null {
    if (typeof value === 'string') return this.#type(path, value);
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return this.#refuse(path, `must be a type, or a mapping with one: ${typeExamples}`);
    const {
      type,
      description,
      optional = false,
      properties,
      items,
      ...rest
    } = value as Record<string, unknown>;
    if (typeof optional !== 'boolean') return this.#refuse([...path, 'optional'], 'must be true or false');
    if (description !== undefined && typeof description !== 'string')
      return this.#refuse([...path, 'description'], 'must be a text');
    const unknown = Object.keys(rest).find((key) => !isLimit(key));
    if (unknown !== undefined) return this.#refuseKey([...path, unknown], 'is no property of a field');
    const inner = this.#inner(path, { type, properties, items });
    if (inner === null) return null;
    const schema: JsonObject = {
      ...inner.schema,
      ...(rest as JsonObject),
      ...(description && { description }),
    };
    const wrong = limitFaults(schema);
    for (const { key, fault } of wrong) this.#refuse([...path, key], fault);
    if (wrong.length > 0) return null;
    const { pattern } = schema;
    if (typeof pattern === 'string')
      this.#found.patterns.push({ path: [...this.#path, ...path, 'pattern'], source: pattern });
    return { schema, optional: optional || inner.optional };
  }

  #inner(
    path: Path,
    { type, properties, items }: { type: unknown; properties: unknown; items: unknown },
  ): { schema: JsonObject; optional: boolean } | null {
    if (properties !== undefined) {
      if (typeof properties !== 'object' || properties === null || Array.isArray(properties))
        return this.#refuse([...path, 'properties'], 'must be a mapping of fields');
      const reader = new FieldReader(this.#document, [...this.#path, ...path, 'properties'], this.#found);
      const fields = reader.fields(properties as Record<string, unknown>);
      return { schema: objectOf(fields), optional: false };
    }
    if (items !== undefined) {
      const item = this.#field([...path, 'items'], items);
      return item && { schema: { type: 'array', items: item.schema }, optional: false };
    }
    return typeof type === 'string'
      ? this.#type([...path, 'type'], type)
      : this.#refuse(path, `has no type: one of ${typeExamples}`);
  }

  #type(path: Path, text: string): { schema: JsonObject; optional: boolean } | null {
    return fieldType(text) ?? this.#refuse(path, `is no type: "${text}"; types are ${typeExamples}`);
  }

  #refuseKey(path: Path, message: string): null {
    const whole = [...this.#path, ...path];
    this.#found.faults.push(this.#document.fault(whole, `${whole.join('.')} ${message}`));
    return null;
  }

  #refuse(path: Path, message: string): null {
    const whole = [...this.#path, ...path];
    this.#found.faults.push(this.#document.faultInValue(whole, `${whole.join('.')} ${message}`));
    return null;
  }
}

/** The error for a file that is no signature. */
export function signatureError(faults: readonly Fault[]): GatewayError {
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  return new GatewayError(
    'invalid_request',
    `${first ? faultText(first) : 'The signature is empty'}${more}.`,
    {
      hint: 'Nothing was sent. Correct the signature; docs/chat-modes.md has its format.',
    },
  );
}
