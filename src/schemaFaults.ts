import type * as z from 'zod';
import { similarName } from './similarName.ts';
import type { Fault, Path, YamlDocument } from './yamlDocument.ts';

/** Nobody mends more unknown keys of one mapping at once. */
const mostKeys = 200;

/** An issue of a schema with what it is about. */
export interface FoundIssue {
  /** What was checked. */
  root: unknown;
  /** Where that is in the document. */
  prefix: Path;
  issue: z.core.$ZodIssue;
  /** The keys that are valid there. */
  known: readonly string[];
  /** What `root` is called, such as "the file". */
  whole: string;
}

/** The faults of an issue at their places in the file. */
export function schemaFaults(
  document: YamlDocument,
  { root, prefix, issue, known, whole }: FoundIssue,
): Fault[] {
  const path = [...prefix, ...issue.path];
  const name = issue.path.join('.');
  if (issue.code === 'unrecognized_keys')
    return issue.keys
      .slice(0, mostKeys + 1)
      .map((key) => corrected(document.fault([...path, key], `unknown key "${key}"`), key, known));
  if (issue.code === 'invalid_key')
    return [
      document.fault(path, `"${String(path.at(-1))}" ${issue.issues[0]?.message ?? 'is not a valid name'}`),
    ];
  const value = valueAt(root, issue.path);
  if (value === undefined) return [document.faultAtStart(path.slice(0, -1), `${name} is missing`)];
  const fault = document.faultInValue(path, `${name || whole} ${issue.message}`);
  return issue.code === 'invalid_value' && typeof value === 'string'
    ? [corrected(fault, value, issue.values.map(String))]
    : [fault];
}

/** A fault of a word, with the most similar valid word. */
export function corrected(fault: Fault, word: string, known: readonly string[]): Fault {
  const nearest = similarName(word, known);
  if (nearest === null) return fault;
  return { ...fault, message: `${fault.message}; did you mean "${nearest}"?`, correction: nearest };
}

/** The value at a path; undefined if there is none. */
export function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (node, key) => (node as Record<PropertyKey, unknown> | null | undefined)?.[key],
    root,
  );
}
