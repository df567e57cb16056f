import { createHash } from 'node:crypto';
import { runInNewContext } from 'node:vm';
import * as z from 'zod';

const expression = z.string().refine((source) => {
  try {
    new RegExp(source, 'u');
    return true;
  } catch {
    return false;
  }
}, 'must be a regular expression');

const examples = z.array(z.string()).max(100).optional();

const entry = z.strictObject({
  id: z
    .string()
    .regex(
      /^[a-z][a-z0-9_-]{0,63}$/,
      'must be a name of small letters, digits, "-" and "_" that begins with a letter',
    ),
  pattern: expression,
  class: z.enum(['secret', 'personal_data']),
  matches: examples,
  passes: examples,
});

export type Pattern = z.output<typeof entry>;

/**
 * The entries of `compliance.patterns`: a regular expression alone is an additional secret. Each has an id of its own, and
 * does with its examples what they say.
 */
export const patternList = z
  .array(z.union([expression, entry]).transform((one) => (typeof one === 'string' ? secretOf(one) : one)))
  .superRefine((all, context) => {
    const fault = (path: PropertyKey[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    all.forEach(({ id }, index) => {
      const first = all.findIndex((other) => other.id === id);
      if (first < index) fault([index], `has the id of compliance.patterns.${first}, ${id}`);
    });
    for (const { path, message } of exampleFaults(all)) fault(path, message);
  });

/** Its id is the same in every file, and says nothing of the expression, which may be a secret itself. */
function secretOf(pattern: string): Pattern {
  const hash = createHash('sha256').update(pattern).digest('hex').slice(0, 8);
  return { id: `pattern-${hash}`, pattern, class: 'secret' };
}

/** How long all examples together may take: a workspace's patterns must not hold up the program. */
const mostMs = 2000;

/** What is wrong about the examples; the first that takes too long is the last that is tested. */
function exampleFaults(patterns: readonly Pattern[]): { path: PropertyKey[]; message: string }[] {
  const faults: { path: PropertyKey[]; message: string }[] = [];
  const end = performance.now() + mostMs;
  const examplesOf = ({ matches = [], passes = [] }: Pattern) => [
    ...matches.map((example, index) => ({ example, list: 'matches', index })),
    ...passes.map((example, index) => ({ example, list: 'passes', index })),
  ];
  for (const [place, one] of patterns.entries())
    for (const { example, list, index } of examplesOf(one)) {
      const path = [place, list, index];
      const matched = isMatched(one.pattern, example, end - performance.now());
      if (matched === null) {
        const message = `takes too long: the examples have ${mostMs} ms; avoid repetitions inside repetitions`;
        return [...faults, { path, message }];
      }
      if (matched && list === 'passes')
        faults.push({ path, message: 'is matched by the pattern, and must not be' });
      if (!matched && list === 'matches') faults.push({ path, message: 'is not matched by the pattern' });
    }
  return faults;
}

/** Null if it took longer. */
function isMatched(pattern: string, example: string, timeoutMs: number): boolean | null {
  try {
    const code = "new RegExp(pattern, 'u').test(example)";
    return runInNewContext(
      code,
      { pattern, example },
      { timeout: Math.max(1, Math.ceil(timeoutMs)) },
    ) as boolean;
  } catch {
    return null;
  }
}
