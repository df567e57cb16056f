import type { Finding } from './finding.ts';

/** A rule of our own: an expression, and what makes what it finds sure. */
export interface Rule extends Pick<Finding, 'rule' | 'class' | 'kind'> {
  /** With the flags `d` and `g`. The first group that matched is the value, or else all of it. */
  pattern: RegExp;
  /** The values in what the pattern found, or just before it, as offsets from its start; all of it when it isn't said. */
  pick?: (found: string, before: string) => [start: number, end: number][];
}

/** How much of the text before what was found `pick` sees. */
const mostBefore = 200;

export function findingsOf({ rule, class: of, kind, pattern, pick }: Rule, text: string): Finding[] {
  return [...text.matchAll(pattern)].flatMap((match) => {
    const group = match.findIndex((value, index) => index > 0 && value);
    const [start, end] = match.indices?.[Math.max(group, 0)] ?? [0, 0];
    const before = pick ? text.slice(Math.max(0, start - mostBefore), start) : '';
    const values = pick ? pick(text.slice(start, end), before) : [[0, end - start] as const];
    return values
      .filter(([from, to]) => from < to)
      .map(([from, to]): Finding => ({ rule, class: of, kind, start: start + from, end: start + to }));
  });
}
