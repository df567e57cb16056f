import type { RuleCount } from './found.ts';

/** What was found, for people: "email × 2, card". */
export function countsInWords(findings: readonly Pick<RuleCount, 'rule' | 'count'>[]): string {
  return findings.map(({ rule, count }) => (count === 1 ? rule : `${rule} × ${count}`)).join(', ');
}
