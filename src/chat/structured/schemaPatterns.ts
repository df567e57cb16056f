import { isJsonObject, type Json, type JsonObject } from '../../content/messages.ts';

/** The patterns of a signature as checks of texts, by their sources. */
export type PatternChecks = ReadonlyMap<string, (text: string) => boolean>;

/** A field's schema without its patterns: JavaScript's own can take exponential time, on texts that a model writes. */
export function withoutPatterns({ pattern: _, ...schema }: JsonObject): JsonObject {
  const { properties, items } = schema;
  return {
    ...schema,
    ...(isJsonObject(items) && { items: withoutPatterns(items) }),
    ...(isJsonObject(properties) && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, one]) => [
          name,
          isJsonObject(one) ? withoutPatterns(one) : one,
        ]),
      ),
    }),
  };
}

/** The texts of a value that don't match the patterns of its schema. */
export function patternFaults(
  value: Json | undefined,
  schema: Json | undefined,
  checks: PatternChecks,
): { path: (string | number)[]; message: string }[] {
  if (!isJsonObject(schema)) return [];
  const { pattern, properties, items } = schema;
  const inside = (name: string | number, one: Json | undefined, its: Json | undefined) =>
    patternFaults(one, its, checks).map(({ path, message }) => ({ path: [name, ...path], message }));
  if (typeof value === 'string' && typeof pattern === 'string')
    return checks.get(pattern)?.(value) ? [] : [{ path: [], message: `must match ${pattern}` }];
  if (Array.isArray(value))
    return (value as readonly Json[]).flatMap((one, index) => inside(index, one, items));
  if (!isJsonObject(value) || !isJsonObject(properties)) return [];
  return Object.entries(value).flatMap(([name, one]) => inside(name, one, properties[name]));
}
