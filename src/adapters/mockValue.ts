import { isJsonObject, type Json, type JsonObject } from '../content/messages.ts';

/** The depth to which a recursive schema is followed. */
const mostDepth = 8;

/** Texts of the formats that signatures have, and JSON Schema defines. */
const formatted: Readonly<Record<string, string>> = {
  date: '2000-01-01',
  'date-time': '2000-01-01T00:00:00Z',
  time: '00:00:00Z',
  duration: 'P1D',
  email: 'simulated@example.com',
  hostname: 'simulated.example.com',
  uri: 'https://example.com/simulated',
  uuid: '00000000-0000-4000-8000-000000000000',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
};

/** A value that a JSON schema allows, always the same one. Patterns and dependencies of members are ignored. */
export function valueFor(schema: JsonObject, root: JsonObject = schema, depth = mostDepth): Json {
  const { enum: choices, const: constant, $ref: reference, default: initial, examples } = schema;
  if (constant !== undefined) return constant;
  if (Array.isArray(choices) && choices.length > 0) return choices[0] as Json;
  if (initial !== undefined) return initial;
  if (Array.isArray(examples) && examples.length > 0) return examples[0] as Json;
  if (depth === 0) return null;
  const inner = (one: Json | undefined): Json => (isJsonObject(one) ? valueFor(one, root, depth - 1) : null);
  if (typeof reference === 'string') return inner(referred(root, reference));
  for (const name of ['anyOf', 'oneOf', 'allOf']) {
    const members = schema[name];
    if (Array.isArray(members) && members.length > 0) return inner(members[0] as Json);
  }
  return valueOfType(schema, inner);
}

function valueOfType(schema: JsonObject, inner: (one: Json | undefined) => Json): Json {
  const { type, properties, items, minimum, exclusiveMinimum, minItems, minLength, required, format } =
    schema;
  const kind = Array.isArray(type)
    ? (type as readonly Json[])[0]
    : (type ?? (properties ? 'object' : 'string'));
  switch (kind) {
    case 'object': {
      const known = isJsonObject(properties) ? properties : {};
      const asked = Array.isArray(required) ? (required as readonly Json[]).map(String) : Object.keys(known);
      return Object.fromEntries(asked.map((name) => [name, inner(known[name] ?? { type: 'string' })]));
    }
    case 'array':
      return Array.from({ length: Number(minItems ?? 1) }, () => inner(items ?? { type: 'string' }));
    case 'integer':
    case 'number':
      return Number(minimum ?? (exclusiveMinimum === undefined ? 1 : Number(exclusiveMinimum) + 1));
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      if (typeof format === 'string' && Object.hasOwn(formatted, format)) return formatted[format] ?? '';
      return 'SIMULATED'.padEnd(Number(minLength ?? 0), '.');
  }
}

/** The target of a reference within the schema (RFC 6901). */
function referred(root: JsonObject, reference: string): Json | undefined {
  if (!reference.startsWith('#')) return undefined;
  const names = reference.slice(1).split('/').slice(1);
  return names.reduce<Json | undefined>(
    (value, name) =>
      isJsonObject(value) ? value[name.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined,
    root,
  );
}
