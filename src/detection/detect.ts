import { isIPv4 } from 'node:net';
import type { CustomPattern, Finding } from './finding.ts';

interface Rule extends Pick<Finding, 'rule' | 'class' | 'kind'> {
  pattern: RegExp;
  accepts?: (value: string) => boolean;
}

const rules: readonly Rule[] = [
  {
    rule: 'private-key',
    class: 'secret',
    kind: 'SECRET',
    pattern: /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/dg,
  },
  {
    rule: 'aws-access-token',
    class: 'secret',
    kind: 'SECRET',
    pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])/dg,
  },
  { rule: 'github-pat', class: 'secret', kind: 'SECRET', pattern: /(?<!\w)gh[pousr]_[A-Za-z0-9]{36}/dg },
  {
    rule: 'email',
    class: 'personal_data',
    kind: 'EMAIL',
    pattern: /(?<![\w.%+-])[\w.%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,63}/dgu,
  },
  {
    rule: 'card',
    class: 'personal_data',
    kind: 'CARD',
    pattern: /(?<![\d.])[3-6]\d(?:[ -]?\d){11,17}(?!\d)/dg,
    accepts: passesLuhn,
  },
  {
    rule: 'ip',
    class: 'personal_data',
    kind: 'IP',
    pattern: /(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])/dg,
    accepts: isIPv4,
  },
];

/**
 * The secrets and the personal data in a text, and what the patterns of the settings find: sorted, never overlapping.
 * Secrets win over personal data, and what begins earlier or is longer wins over the rest.
 */
export function findingsIn(text: string, patterns: readonly CustomPattern[]): Finding[] {
  return withoutOverlaps([...rules, ...patterns.map(ruleOf)].flatMap((rule) => valuesOf(rule, text)));
}

function ruleOf({ id, pattern, class: findingClass }: CustomPattern): Rule {
  const kind = findingClass === 'secret' ? 'SECRET' : 'DATA';
  return { rule: id, class: findingClass, kind, pattern: new RegExp(pattern, 'dgu') };
}

function valuesOf({ rule, class: findingClass, kind, pattern, accepts }: Rule, text: string): Finding[] {
  return [...text.matchAll(pattern)].flatMap((match) => {
    const group = match.findIndex((value, index) => index > 0 && value);
    const [start, end] = match.indices?.[Math.max(group, 0)] ?? [0, 0];
    if (start === end || accepts?.(text.slice(start, end)) === false) return [];
    return [{ rule, class: findingClass, kind, start, end }];
  });
}

function withoutOverlaps(findings: readonly Finding[]): Finding[] {
  const rank = (finding: Finding): number => (finding.class === 'secret' ? 0 : 1);
  const kept: Finding[] = [];
  for (const one of findings.toSorted(
    (a, b) => rank(a) - rank(b) || a.start - b.start || b.end - a.end || a.rule.localeCompare(b.rule),
  ))
    if (!kept.some((other) => one.start < other.end && other.start < one.end)) kept.push(one);
  return kept.toSorted((a, b) => a.start - b.start);
}

function passesLuhn(value: string): boolean {
  const digits = value.replace(/\D/g, '');
  let sum = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const doubled = Number(digits.at(-1 - place)) * (place % 2 === 1 ? 2 : 1);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
