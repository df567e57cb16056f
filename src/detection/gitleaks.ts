import type { Finding } from './finding.ts';
import table from './gitleaksRules.json' with { type: 'json' };
import { Keywords } from './keywords.ts';

/** What says that a value is no secret. */
interface Allowed {
  /** What its expressions look at: the value, what the rule found with the name before it, or the line. */
  target: string;
  patterns: readonly RegExp[];
  /** Parts of a value, in lower case. */
  stopwords: readonly string[];
}

type TableRule = (typeof table.rules)[number];

/** A rule that is ready to be used. */
interface Rule {
  pattern: RegExp;
  allowed: readonly Allowed[];
}

/** What searching needs; it takes some milliseconds, which a program that searches nothing saves. */
interface Search {
  keywords: Keywords;
  /** The rules of each keyword. */
  rulesOf: readonly (readonly TableRule[])[];
  allowedEverywhere: Allowed;
}

let search: Search | null = null;

function madeSearch(): Search {
  const words = [...new Set(table.rules.flatMap((rule) => rule.keywords))];
  return {
    keywords: new Keywords(words),
    rulesOf: words.map((word) => table.rules.filter((rule) => rule.keywords.includes(word))),
    allowedEverywhere: compiled(table.allowed),
  };
}

/** Compiled when one of its keywords is first met. */
const ready = new Map<TableRule, Rule>();

/** The rule that knows a secret only by the name it is assigned to. */
export const genericRule = 'generic-api-key';

/**
 * The secrets that the rules of gitleaks find, which are in gitleaksRules.json with their version. A rule is run only around
 * its keywords, as far as what it finds may reach. Findings of several rules may overlap.
 */
export function gitleaksFindings(text: string): Finding[] {
  const made = (search ??= madeSearch());
  return [...windowsByRule(text, made)].flatMap(([rule, windows]) =>
    windows.flatMap(([start, end]) => findingsBetween(rule, made.allowedEverywhere, text, start, end)),
  );
}

type Window = [start: number, end: number];

/** Where each rule whose keyword the text has must look; windows that touch are one. */
function windowsByRule(text: string, { keywords, rulesOf }: Search): Map<TableRule, Window[]> {
  const windows = new Map<TableRule, Window[]>();
  keywords.find(text, (word, place) => {
    for (const rule of rulesOf[word] ?? []) {
      // One more, so that what stands before and after is seen.
      const reach = (rule.longest ?? text.length) + 1;
      const start = Math.max(0, place - reach);
      const end = Math.min(text.length, place + reach);
      const all = windows.get(rule);
      const last = all?.at(-1);
      if (last && start <= last[1]) all?.splice(-1, 1, [Math.min(last[0], start), Math.max(last[1], end)]);
      else if (all) all.push([start, end]);
      else windows.set(rule, [[start, end]]);
    }
  });
  return windows;
}

function findingsBetween(
  rule: TableRule,
  everywhere: Allowed,
  text: string,
  from: number,
  to: number,
): Finding[] {
  const { pattern, allowed } = readyRule(rule);
  return [...text.slice(from, to).matchAll(pattern)].flatMap((match) => {
    const groups = match.slice(1).map((value, index) => (value ? index + 1 : 0));
    const group = rule.group || (groups.find((index) => index > 0) ?? 0);
    const [first, last] = match.indices?.[group] ?? [0, 0];
    const [start, end] = [from + first, from + last];
    const value = text.slice(start, end);
    if (rule.entropy > 0 && entropyOf(value) <= rule.entropy) return [];
    const place = { text, start: from + match.index, end: from + match.index + match[0].length };
    if ([everywhere, ...allowed].some((one) => allows(one, value, place))) return [];
    return [{ rule: rule.id, class: 'secret', kind: kindOf(rule.id), start, end }];
  });
}

function kindOf(id: string): string {
  if (id.startsWith('private-key')) return 'PRIVATE_KEY';
  if (id === 'aws-access-token') return 'AWS_KEY';
  return id === genericRule ? 'SECRET' : 'TOKEN';
}

function readyRule(rule: TableRule): Rule {
  const known = ready.get(rule);
  if (known) return known;
  const made = { pattern: new RegExp(rule.pattern, 'dg'), allowed: rule.allowed.map(compiled) };
  ready.set(rule, made);
  return made;
}

function compiled({ target, patterns, stopwords }: (typeof table)['allowed']): Allowed {
  return { target, patterns: patterns.map((pattern) => new RegExp(pattern)), stopwords };
}

function allows(
  { target, patterns, stopwords }: Allowed,
  value: string,
  { text, start, end }: { text: string; start: number; end: number },
): boolean {
  const targets: Record<string, () => string> = {
    // With the name that the value is assigned to: gitleaks' rules begin there.
    match: () =>
      `${/[\w.-]*$/.exec(text.slice(Math.max(0, start - 50), start))?.[0] ?? ''}${text.slice(start, end)}`,
    line: () => text.slice(lineStart(text, start), lineEnd(text, end)),
  };
  const seen = targets[target]?.() ?? value;
  const lower = value.toLowerCase();
  return patterns.some((pattern) => pattern.test(seen)) || stopwords.some((word) => lower.includes(word));
}

/** How much of a line is looked at, before and after. */
const mostLine = 500;

function lineStart(text: string, place: number): number {
  const before = text.slice(Math.max(0, place - mostLine), place);
  return place - (before.length - 1 - before.lastIndexOf('\n'));
}

function lineEnd(text: string, place: number): number {
  const after = text.slice(place, place + mostLine);
  const end = after.indexOf('\n');
  return place + (end === -1 ? after.length : end);
}

/** Shannon's entropy in bits per UTF-16 unit. */
export function entropyOf(value: string): number {
  const counts = new Map<string, number>();
  for (const unit of value.split('')) counts.set(unit, (counts.get(unit) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => {
    const share = count / value.length;
    return sum - share * Math.log2(share);
  }, 0);
}
