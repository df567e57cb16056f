import type * as z from 'zod';

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  map: 'a mapping',
  array: 'a list',
  tuple: 'a list',
  set: 'a list',
  null: 'empty',
  undefined: 'left out',
  never: 'left out',
  date: 'a date',
};

/** The message for an issue without its own message: a sentence with the key as its subject. */
export function schemaWords(issue: z.core.$ZodRawIssue | z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${typeNames[issue.expected] ?? 'a value of another kind'}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `must be ${String(issue.values[0])}`
        : `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `must ${sizeWords(issue.origin, issue.minimum, issue.inclusive === false ? 'above' : 'at least')}`;
    case 'too_big':
      return `must ${sizeWords(issue.origin, issue.maximum, issue.inclusive === false ? 'below' : 'at most')}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return issue.format === 'url' ? 'must be a web address' : 'has an invalid format';
    case 'unrecognized_keys':
      return `has unknown keys: ${issue.keys.join(', ')}`;
    case 'invalid_key':
      return `is a name that ${firstOf(issue.issues) ?? 'is not allowed here'}`;
    case 'invalid_element':
      return `has a value that ${firstOf(issue.issues) ?? 'is not allowed here'}`;
    case 'invalid_union':
      return issue.errors.length === 0 ? 'is of an unknown kind' : unionWords(issue.errors);
    default:
      return 'can’t have this value';
  }
}

/** `be at least 3`, `have at most 5 items`. */
function sizeWords(origin: string, size: number | bigint, bound: string): string {
  if (origin === 'string') return `have ${bound} ${size} ${Number(size) === 1 ? 'character' : 'characters'}`;
  if (['array', 'set', 'map', 'file'].includes(origin))
    return `have ${bound} ${size} ${Number(size) === 1 ? 'item' : 'items'}`;
  return `be ${bound} ${size}`;
}

/** The values that the members of a union accept. */
function unionWords(members: readonly (readonly z.core.$ZodIssue[])[]): string {
  const types = members.flatMap(([issue]) => (issue?.code === 'invalid_type' ? [issue.expected] : []));
  const names = [...new Set(types.map((type) => typeNames[type] ?? 'a value of another kind'))];
  if (names.length > 0) return `must be ${names.join(' or ')}`;
  return firstOf(members[0] ?? []) ?? 'can’t have this value';
}

/**
 * The place and message of a fault. For a union, the member that comes nearest
 * decides. Give the schema `schemaWords` as its `error`.
 */
export function faultIn({ issues }: Pick<z.core.$ZodError, 'issues'>): {
  path: readonly PropertyKey[];
  message: string;
} {
  return nearestFault(issues[0], []) ?? { path: [], message: 'can’t be read' };
}

function nearestFault(
  issue: z.core.$ZodIssue | undefined,
  above: readonly PropertyKey[],
): { path: readonly PropertyKey[]; message: string } | null {
  if (!issue) return null;
  const path = [...above, ...issue.path];
  const here = { path, message: issue.message };
  if (issue.code !== 'invalid_union') return here;
  const inside = issue.errors.flatMap(([first]) => nearestFault(first, path) ?? []);
  return inside.reduce((best, one) => (one.path.length > best.path.length ? one : best), here);
}

function firstOf(issues: readonly { message?: string | undefined }[]): string | undefined {
  return issues[0]?.message;
}
