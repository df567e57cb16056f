import type { JsonObject } from '../../content/messages.ts';

const baseTypes: Readonly<Record<string, JsonObject>> = {
  string: { type: 'string' },
  str: { type: 'string' },
  text: { type: 'string' },
  number: { type: 'number' },
  float: { type: 'number' },
  integer: { type: 'integer' },
  int: { type: 'integer' },
  boolean: { type: 'boolean' },
  bool: { type: 'boolean' },
  date: { type: 'string', format: 'date' },
};

/** The type names that people write, for messages. */
export const typeExamples = 'string, number, integer, boolean, date, string[], list[integer], "yes" | "no"';

/** The type of a field: its JSON schema, and whether the field may be left out. */
export interface FieldType {
  schema: JsonObject;
  optional: boolean;
}

/**
 * The type in a text such as `string`, `int[]`, `list[float]`, `"low" | "high"`, `Literal['low', 'high']`, or one of
 * these with `?` for a field that may be left out. Null if it is none.
 */
export function fieldType(text: string): FieldType | null {
  const given = text.trim();
  const optional = given.endsWith('?');
  const schema = schemaOf(optional ? given.slice(0, -1) : given);
  return schema && { schema, optional };
}

function schemaOf(text: string): JsonObject | null {
  const type = text.trim();
  const base = Object.hasOwn(baseTypes, type.toLowerCase()) ? baseTypes[type.toLowerCase()] : undefined;
  if (base) return base;
  const [, before] = /^(.+)\[\]$/s.exec(type) ?? [];
  const [, inside] = /^list\[(.+)\]$/is.exec(type) ?? [];
  const item = before ?? inside;
  if (item !== undefined) {
    const items = schemaOf(/^\(.*\)$/s.test(item) ? item.slice(1, -1) : item);
    return items && { type: 'array', items };
  }
  const [, literals] = /^literal\[(.+)\]$/is.exec(type) ?? [];
  const choices = literals === undefined ? quoted(type, '|') : quoted(literals, ',');
  return choices && { type: 'string', enum: choices };
}

/** The texts of a list of quoted texts; null if it is no such list, or has one twice. */
function quoted(list: string, separator: '|' | ','): string[] | null {
  const one = `\\s*(?:"([^"]+)"|'([^']+)')\\s*`;
  const whole = new RegExp(`^${one}(?:\\${separator}${one})*$`);
  if (!whole.test(list)) return null;
  const texts = [...list.matchAll(/"([^"]+)"|'([^']+)'/g)].map(
    ([, double, single]) => double ?? single ?? '',
  );
  return new Set(texts).size === texts.length ? texts : null;
}

/** The parts of a text between separators that stand outside brackets and quotes. */
export function partsOf(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quote = '';
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if ('[('.includes(character)) depth += 1;
    else if ('])'.includes(character)) depth -= 1;
    else if (depth === 0 && text.startsWith(separator, at)) {
      parts.push(text.slice(start, at));
      start = at + separator.length;
    }
  }
  return [...parts, text.slice(start)];
}
