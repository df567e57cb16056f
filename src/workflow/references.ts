/** `{{step}}`, `{{step.field}}` or `{{inputs.name}}`; names as in ids and fields. */
const reference = /\{\{\s*([\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_ -]+)*)\s*\}\}/gu;

/** A name in a template. */
export interface Reference {
  /** As written between the braces. */
  name: string;
  /** Where it is in the text, in characters. */
  offset: number;
  length: number;
}

/** The references of a text, in order. */
export function referencesIn(text: string): Reference[] {
  return [...text.matchAll(reference)].map((match) => ({
    name: (match[1] ?? '').trim(),
    offset: match.index,
    length: match[0].length,
  }));
}

/**
 * Fills references in. A template that is one reference keeps its value; in a longer one texts are inserted as they are and
 * other values as JSON. `valueOf` throws for a name that has no value.
 */
export function filled(template: string, valueOf: (name: string) => unknown): unknown {
  const [only] = referencesIn(template);
  if (only?.length === template.trim().length) return valueOf(only.name);
  return template.replaceAll(reference, (_whole, name: string) => textOf(valueOf(name.trim())));
}

/** A value as a text of a prompt or a file. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

/** The value of a field, with dots between the names of nested ones; undefined if there is none. */
export function fieldOf(value: unknown, path: string): unknown {
  if (path === '') return value;
  return path
    .split('.')
    .reduce<unknown>(
      (node, key) =>
        typeof node === 'object' && node !== null && Object.hasOwn(node, key)
          ? (node as Record<string, unknown>)[key]
          : undefined,
      value,
    );
}
