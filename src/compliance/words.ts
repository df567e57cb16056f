import type { RuleCount } from './screening.ts';

/** What was found, for people: "email × 2, card". */
export function countsInWords(findings: readonly RuleCount[]): string {
  return findings.map(({ rule, count }) => (count === 1 ? rule : `${rule} × ${count}`)).join(', ');
}
