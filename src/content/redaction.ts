import { assignedValues, isGenerated, isReference, type AssignedValue } from '../detection/assignedValues.ts';
import { assigned } from '../detection/configuredSecrets.ts';
import { findingsIn } from '../detection/detect.ts';
import { entropyOf, genericRule } from '../detection/gitleaks.ts';

/**
 * The places of secrets in a text, by kind, in order; personal data doesn't count. With `words`, whatever is assigned to the
 * name of a secret counts, as in a file of variables.
 */
export function secretsIn(text: string, { words = false } = {}): { kind: string; index: number }[] {
  const values = assignedValues(text);
  const found = new Map<number, string>();
  for (const { rule, class: of, kind, start } of findingsIn(text, []))
    if (of === 'secret' && rule !== assigned && rule !== genericRule) found.set(start, markedAs(kind));
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

/** Also what is written beside them in brackets in a text is left alone: it is done already. */
const marks = /(\[(?:private key|aws key|token|secret|email|card|iban|ip|phone|ssn|tax id|passport)\])/;

function markedAs(kind: string): string {
  return kind.toLowerCase().replaceAll('_', ' ');
}

/**
 * Takes secrets and personal data out of texts and puts marks such as `[email]` in their place. A value
 * that was found once is removed from every later text as well, in any context.
 */
export class Redactor {
  readonly #kinds = new Map<string, string>();

  redact(text: string): string {
    // What is left may look like a value once its surroundings are gone.
    for (let redacted = this.#withoutKnown(text); ; redacted = this.#withoutKnown(redacted)) {
      const before = this.#kinds.size;
      for (const [value, kind] of valuesIn(redacted)) if (!marks.test(value)) this.#kinds.set(value, kind);
      if (this.#kinds.size === before) return redacted;
    }
  }

  /** Longest first, so that no value is left in part. Marks are left alone: "secret" may be a password. */
  #withoutKnown(text: string): string {
    const values = [...this.#kinds].toSorted(([a], [b]) => b.length - a.length);
    return values.reduce(
      (rest, [value, kind]) =>
        rest
          .split(marks)
          .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(value, `[${kind}]`)))
          .join(''),
      text,
    );
  }
}

/** What is found, and what is assigned to the name of a secret unless it is a word: a stored text may lose one too many. */
function valuesIn(text: string): [value: string, kind: string][] {
  return [
    ...findingsIn(text, []).map(({ kind, start, end }): [string, string] => [
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
