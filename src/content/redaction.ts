import { Script } from 'node:vm';
import { assignedValues, isGenerated, isReference, type AssignedValue } from '../detection/assignedValues.ts';
import { assigned } from '../detection/configuredSecrets.ts';
import { customFindings, findingsIn, kindOf, secretFindingsIn } from '../detection/detect.ts';
import type { CustomPattern, SearchedText } from '../detection/finding.ts';
import { entropyOf, genericRule } from '../detection/gitleaks.ts';

/**
 * The places of secrets in a text, by kind, in order; personal data doesn't count. With `words`, whatever is assigned to the
 * name of a secret counts, as in a file of variables.
 */
export function secretsIn(text: string, { words = false } = {}): { kind: string; index: number }[] {
  const values = assignedValues(text);
  const found = new Map<number, string>();
  for (const { rule, kind, start } of secretFindingsIn(text))
    if (rule !== assigned && rule !== genericRule) found.set(start, markedAs(kind));
  for (const value of values)
    if (!found.has(value.start) && isSecret(value, words)) found.set(value.start, 'secret');
  return [...found]
    .map(([index, kind]) => ({ kind, index }))
    .toSorted((one, other) => one.index - other.index);
}

/** Stricter than redaction about values found only by their name: there a person checks each finding. */
function isSecret(value: AssignedValue, words: boolean): boolean {
  return words && value.named ? !isReference(value.value) : value.value.length >= 8 && isGenerated(value);
}

/** What takes the place of the built-in rules' findings, in brackets. */
const markWords = [
  ...['private key', 'aws key', 'token', 'secret', 'email', 'card', 'iban', 'ip', 'phone', 'ssn', 'tax id'],
  'passport',
];

function markedAs(kind: string): string {
  return kind.toLowerCase().replaceAll('_', ' ');
}

/** How long the settings' patterns may take for all texts of a call, in milliseconds: they run where everything waits. */
const mostPatternMs = 1000;
const withheld = '[not kept: it could not be searched in time]';
const runFind = new Script('find()');

/**
 * Takes secrets and personal data out of texts and puts marks such as `[email]` in their place. A value
 * that was found once is removed from every later text as well, in any context.
 */
export class Redactor {
  readonly #patterns: readonly CustomPattern[];
  readonly #kinds = new Map<string, string>();
  /** Also what is written beside them in brackets in a text is left alone: it is done already. */
  readonly #marks: RegExp;
  #patternMs = mostPatternMs;

  /** `patterns` of the settings count as well as the built-in rules. A text is withheld if they take too long. */
  constructor(patterns: readonly CustomPattern[]) {
    this.#patterns = patterns;
    const words = [...markWords, ...patterns.map((pattern) => markedAs(kindOf(pattern)))];
    this.#marks = new RegExp(`(\\[(?:${words.join('|')})\\])`);
  }

  /** `name` is the one beside the text in JSON. */
  redact(text: string, name?: string): string {
    // What is left may look like a value once its surroundings are gone.
    for (let redacted = this.#withoutKnown(text); ; redacted = this.#withoutKnown(redacted)) {
      const before = this.#kinds.size;
      const custom = this.#findCustom(redacted);
      if (custom === null) return withheld;
      for (const [value, kind] of [...valuesIn({ text: redacted, name }), ...custom])
        if (!this.#marks.test(value)) this.#kinds.set(value, kind);
      if (this.#kinds.size === before) return redacted;
    }
  }

  /** What the settings' patterns find; null once their time is up. */
  #findCustom(text: string): [value: string, kind: string][] | null {
    if (this.#patterns.length === 0) return [];
    if (this.#patternMs <= 0) return null;
    const startedAt = performance.now();
    const find = (): [string, string][] =>
      customFindings(text, this.#patterns).map((one) => [text.slice(one.start, one.end), markedAs(one.kind)]);
    try {
      return runFind.runInNewContext({ find }, { timeout: Math.ceil(this.#patternMs) }) as [string, string][];
    } catch (error) {
      // It may be an error of the other context.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      return null;
    } finally {
      this.#patternMs -= performance.now() - startedAt;
    }
  }

  /** Longest first, so that no value is left in part. Marks are left alone: "secret" may be a password. */
  #withoutKnown(text: string): string {
    const values = [...this.#kinds].toSorted(([a], [b]) => b.length - a.length);
    return values.reduce(
      (rest, [value, kind]) =>
        rest
          .split(this.#marks)
          .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(value, `[${kind}]`)))
          .join(''),
      text,
    );
  }
}

/** What is found, and what is assigned to the name of a secret unless it is a word: a stored text may lose one too many. */
function valuesIn(searched: SearchedText): [value: string, kind: string][] {
  const { text } = searched;
  return [
    ...findingsIn(searched, []).map(({ kind, start, end }): [string, string] => [
      text.slice(start, end),
      markedAs(kind),
    ]),
    ...assignedValues(text)
      .filter(({ value }) => isRandom(value))
      .map(({ value }): [string, string] => [value, 'secret']),
  ];
}

/** Bits per character: names and paths in code stay below, or are left out. */
const randomFrom = 3;

/** Whether a value is neither a word nor a path to one such as `process.env.TOKEN`. */
function isRandom(value: string): boolean {
  if (/^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*|\(.*)+$/.test(value)) return false;
  // Six characters can't have three bits each; letters alone must.
  const enough = /^[a-z]+$/i.test(value) ? randomFrom : Math.min(randomFrom, Math.log2(value.length) - 0.3);
  return entropyOf(value) >= enough;
}
