import { configuredSecrets, knownForms } from './configuredSecrets.ts';
import type { CustomPattern, Finding, SearchedText } from './finding.ts';
import { genericRule, gitleaksFindings } from './gitleaks.ts';
import { personalDataRules } from './personalData.ts';
import { findingsOf, type Rule } from './rule.ts';

/**
 * The secrets and the personal data in a text, by the built-in rules and the patterns of the settings: sorted, never
 * overlapping. Of two that overlap the surer one is kept: secrets before personal data, patterns of the settings first, what
 * has a form of its own before what has only a name.
 */
export function findingsIn({ text, name }: SearchedText, patterns: readonly CustomPattern[]): Finding[] {
  const plain = inPlainCharacters(text);
  const found = findingsInPlain(plain, patterns);
  // What has its own use of escapes, as a private key in JSON, is found as it stands.
  const all = plain === text ? found : withOthers(found, findingsInPlain(text, patterns));
  return name === undefined || plain.length > mostNamed
    ? all
    : withOthers(all, findingsBeside(name, plain, patterns));
}

/** The secrets among `findingsIn` without patterns of the settings, in two thirds of its time. */
export function secretFindingsIn(text: string): Finding[] {
  const plain = inPlainCharacters(text);
  const found = secretRanks(plain, []).reduce<Finding[]>(withOthers, []);
  if (plain === text) return found;
  const asItStands = secretRanks(text, []).reduce<Finding[]>(withOthers, []);
  // Personal data gives way to secrets of the same text, but not to those of the text as it stands.
  return withOthers(found, asItStands).length === found.length
    ? found
    : findingsIn({ text }, []).filter((finding) => finding.class === 'secret');
}

/** Longer texts are no value that only a name makes one: the rules by names take at most so many characters. */
const mostNamed = 500;

/** What is found in a value of JSON because of its name. */
function findingsBeside(name: string, value: string, patterns: readonly CustomPattern[]): Finding[] {
  const before = `"${name.slice(-mostNameLength)}": "`;
  return findingsInPlain(`${before}${value}"`, patterns)
    .map((finding) => ({
      ...finding,
      start: finding.start - before.length,
      end: finding.end - before.length,
    }))
    .filter(({ start, end }) => start >= 0 && end <= value.length);
}

/** A longer name is cut at its beginning: the end says what the value is. */
const mostNameLength = 100;

/**
 * The text with characters that only look or stand like others in their place, each of the same length: spaces and dashes
 * of typesetting, full-width digits and signs, and escapes of JSON, whose letter would be taken for a part of the next word.
 */
function inPlainCharacters(text: string): string {
  // Most texts have none, and this is the quickest way to see it.
  const unescaped = text.includes('\\') ? text.replace(/\\[nrtbf]/g, '  ') : text;
  return unescaped
    .replace(/[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g, ' ')
    .replace(/[\u2010-\u2015\u2212\uff0d]/g, '-')
    .replace(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0));
}

function findingsInPlain(text: string, patterns: readonly CustomPattern[]): Finding[] {
  const custom = customFindings(text, patterns);
  const ranks = [
    ...secretRanks(text, custom),
    custom.filter((finding) => finding.class === 'personal_data'),
    ...personalDataRules.map((rule) => findingsOf(rule, text)),
  ];
  return ranks.reduce<Finding[]>(withOthers, []);
}

/** Secrets, the surest first. */
function secretRanks(text: string, custom: readonly Finding[]): Finding[][] {
  const byGitleaks = gitleaksFindings(text);
  return [
    custom.filter((finding) => finding.class === 'secret'),
    knownForms(text),
    byGitleaks.filter(({ rule }) => rule !== genericRule),
    configuredSecrets(text),
    byGitleaks.filter(({ rule }) => rule === genericRule),
  ];
}

/** What the patterns of the settings find; they may overlap, and need not end. */
export function customFindings(text: string, patterns: readonly CustomPattern[]): Finding[] {
  return patterns.flatMap((pattern) => findingsOf(ruleOf(pattern), text));
}

/** The word for what a pattern of the settings finds. */
export function kindOf({ id, class: of }: CustomPattern): string {
  return of === 'secret' ? 'SECRET' : id.toUpperCase().replace(/[^A-Z0-9]+/g, '_');
}

function ruleOf(pattern: CustomPattern): Rule {
  const { id, class: of } = pattern;
  return { rule: id, class: of, kind: kindOf(pattern), pattern: new RegExp(pattern.pattern, 'dgu') };
}

/** Those that are kept, and of the others the ones that overlap with none: the first, and of these the longest. */
function withOthers(kept: readonly Finding[], others: readonly Finding[]): Finding[] {
  if (others.length === 0) return [...kept];
  const merged: Finding[] = [];
  let next = 0;
  let end = 0;
  for (const other of others.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    for (let one = kept[next]; one && one.start < other.start; one = kept[next]) {
      merged.push(one);
      end = one.end;
      next += 1;
    }
    if (other.start < end || other.end > (kept[next]?.start ?? Infinity)) continue;
    merged.push(other);
    end = other.end;
  }
  return [...merged, ...kept.slice(next)];
}
