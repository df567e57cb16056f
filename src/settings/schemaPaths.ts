import * as z from 'zod';
import { settingsSchema } from './schema.ts';

/** A key with a value. */
export interface SettingKey {
  path: readonly string[];
  schema: z.core.$ZodType;
  initial: unknown;
}

type Shape = Readonly<Record<string, z.core.$ZodType>>;

/** Every key with a value, including open mappings, in schema order. */
export const settingKeys: readonly SettingKey[] = leaves(settingsSchema, [], settingsSchema.parse({}));

const leafNames = new Map(settingKeys.map((leaf) => [leaf.path.join('.'), leaf]));

/** Keys that hold a secret. */
export const secretPaths = settingKeys
  .filter(({ schema }) => z.globalRegistry.get(schema)?.['secret'] === true)
  .map(({ path }) => path);

/** Whether a path is a section with known keys. */
export function isSection(path: readonly PropertyKey[]): boolean {
  return shapeAt(path) !== undefined;
}

/** The keys allowed at a path; none if it is no section. */
export function knownKeys(path: readonly PropertyKey[]): string[] {
  return Object.keys(shapeAt(path) ?? {});
}

/** Converts the text of an environment variable to the setting's type; unconvertible text stays for the schema to refuse. */
export function convertText(text: string, path: readonly PropertyKey[]): unknown {
  const { initial, schema } = leafNames.get(path.join('.')) ?? {};
  if (Array.isArray(initial) || (text.includes(',') && mayBeList(schema))) {
    const items = text.split(',').map((item) => item.trim());
    return Array.isArray(initial) && typeof initial[0] === 'number' ? items.map(numberOrText) : items;
  }
  if (typeof initial === 'number') return numberOrText(text);
  if (typeof initial === 'boolean' && ['true', 'false'].includes(text)) return text === 'true';
  return text;
}

/** Whether a key takes a list in place of one value. */
function mayBeList(schema: z.core.$ZodType | undefined): boolean {
  const inner = schema instanceof z.ZodDefault ? schema.unwrap() : schema;
  return inner instanceof z.ZodUnion && inner.options.some((option) => option instanceof z.ZodArray);
}

/** A number in decimal digits; other spellings, such as `0x5`, `1e1` and `010`, stay texts. */
function numberOrText(text: string): number | string {
  return /^-?(?:(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+)$/.test(text.trim()) ? Number(text) : text;
}

function shapeAt(path: readonly PropertyKey[]): Shape | undefined {
  let shape: Shape | undefined = settingsSchema.shape;
  for (const key of path) shape = shape && shapeOf(shape[String(key)]);
  return shape;
}

function shapeOf(schema: z.core.$ZodType | undefined): Shape | undefined {
  const inner = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
  return inner instanceof z.ZodObject ? inner.shape : undefined;
}

function leaves(schema: z.core.$ZodType, path: readonly string[], initial: unknown): SettingKey[] {
  const shape = shapeOf(schema);
  if (!shape) return [{ path, schema, initial }];
  return Object.entries(shape).flatMap(([key, inner]) =>
    leaves(inner, [...path, key], (initial as Record<string, unknown>)[key]),
  );
}
