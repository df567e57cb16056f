import { isIPv4, isIPv6 } from 'node:net';

/** Finds values of one kind. */
interface Detector {
  kind: string;
  /** Its first group that matched, or all of it, is the value. */
  pattern: RegExp;
  /** The values inside what the pattern found; all of it when it isn't said. */
  pick?: (found: string) => string[];
  /** Whether every value counts that isn't the name of one. */
  sure?: boolean;
}

/** Secrets before personal data: a key may hold digits that pass for a card. */
const detectors: readonly Detector[] = [
  {
    kind: 'private key',
    pattern:
      /-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)/g,
  },
  { kind: 'token', pattern: /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g },
  { kind: 'aws key', pattern: /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])/g },
  {
    kind: 'token',
    pattern: /(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}|glpat-[\w-]{20,})/g,
  },
  { kind: 'token', pattern: /(?<!\w)xox[a-z]-[\w-]{10,}/g },
  { kind: 'token', pattern: /\bhooks\.slack\.com\/services\/([\w/]{20,})/g },
  { kind: 'token', pattern: /(?<!\w)(?:sk|rk|pk)[-_](?:live_|test_|ant-|proj-)?[\w-]{20,}/g },
  {
    kind: 'token',
    pattern: /(?<!\w)(?:AIza[\w-]{35}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}|SG\.[\w-]{20,}\.[\w-]{20,})/g,
  },
  {
    kind: 'token',
    pattern: /\b(?:authorization["']?\s{0,4}[:=]\s{0,4}["']?\w{1,20}|bearer)\s{1,4}([\w.~+/=-]{8,})/gi,
    pick: random,
  },
  {
    kind: 'secret',
    pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:/@]{0,100}:([^\s/@]{1,200})@/gi,
    sure: true,
  },
  {
    kind: 'secret',
    pattern:
      /(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)[\w-]{0,30}["']?\s{0,4}(?:=>|:=|[:=])\s{0,4}(?:"([^"\n]{6,500})"|'([^'\n]{6,500})'|([^\s"',;]{6,500}))/gi,
    pick: random,
  },
  {
    kind: 'email',
    pattern: /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,200}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,63}/gu,
  },
  { kind: 'iban', pattern: /(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}/gi, pick: ibans },
  { kind: 'card', pattern: /(?<![\d.])\d(?:[ -]?\d){12,30}(?!\d)/g, pick: cards },
  {
    kind: 'ip',
    pattern: /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)/g,
    pick: (found) => (isIPv4(found) ? [found] : []),
  },
  {
    kind: 'ip',
    pattern: /(?<![\w:.])[\da-f:]{1,4}(?::[\da-f]{0,4}){2,8}(?![\w:])/gi,
    // "::" and "::1" identify no machine.
    pick: (found) => (isIPv6(found) && found.length > 5 ? [found] : []),
  },
  {
    kind: 'phone',
    pattern:
      /(?<![\w.])(?:(?:\+|00)[1-9]\d{0,2}(?:[ .\-/]?\(?\d{1,5}\)?){2,6}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}|\(0\d{1,4}\)[ \-/]?\d{3,}(?:[ -]?\d{2,}){0,3})(?![\w.]?\d)/g,
    pick: (found) => (/^\D*(?:\d\D*){8,17}$/.test(found) ? [found] : []),
  },
];

const secretKinds: readonly string[] = ['private key', 'token', 'aws key', 'secret'];

/**
 * The places of secrets in a text, by kind, in order; personal data doesn't count. Stricter than redaction about values
 * found only by their name: redaction may remove a word too many, but here a person checks each finding.
 * With `words`, whatever is assigned to the name of a secret counts, as in a file of variables.
 */
export function secretsIn(text: string, { words = false } = {}): { kind: string; index: number }[] {
  const found = new Map<number, string>();
  for (const { kind, pattern, pick, sure } of detectors.filter((one) => secretKinds.includes(one.kind))) {
    for (const match of text.matchAll(pattern)) {
      const value = match.slice(1).find(Boolean) ?? match[0];
      const index = match.index + match[0].lastIndexOf(value);
      const named = secretName.test(text.slice(match.index, index));
      if (pick?.(value).length === 0) continue;
      if (kind === 'secret' && !(sure || (words && named) ? !isReference(value) : isGenerated(value, named)))
        continue;
      if (!found.has(index)) found.set(index, kind);
    }
  }
  return [...found]
    .map(([index, kind]) => ({ kind, index }))
    .toSorted((one, other) => one.index - other.index);
}

/** An assignment to what is a secret itself, not its file or its length. */
const secretName =
  /^(?:pass(?:word|wd|phrase)?|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|access[_-]?key)["']?\s*(?:=>|:=|[:=])\s*["']?$/i;

/** Whether a value only says where the secret comes from: `${NAME}`, `{name}`, `<name>`. */
function isReference(value: string): boolean {
  return /^(?:\$.*|\{.*\}|<.*>|%.*)$/.test(value);
}

/** Whether a value looks like one that a machine or a careful person made: no word, version, code, or unnamed path. */
function isGenerated(value: string, named: boolean): boolean {
  return (
    value.length >= 8 &&
    /\d/.test(value) &&
    /[A-Za-z]/.test(value) &&
    !/[\s(){}<>[\];,]|\$/.test(value) &&
    !/^[\^~=v]*\d+\.\d+/.test(value) &&
    (named || !/^[.\w@-]*\/[\w@./-]*$/.test(value))
  );
}

const marks = new RegExp(`(\\[(?:${[...new Set(detectors.map(({ kind }) => kind))].join('|')})\\])`);

/**
 * Takes secrets and personal data out of texts and puts marks such as `[email]` in their place. A value
 * that was found once is removed from every later text as well, in any context.
 */
export class Redactor {
  readonly #kinds = new Map<string, string>();

  redact(text: string): string {
    let redacted = this.#withoutKnown(text);
    for (const { kind, pattern, pick } of detectors) {
      const before = this.#kinds.size;
      for (const match of redacted.matchAll(pattern)) {
        const found = match.slice(1).find(Boolean) ?? match[0];
        for (const value of pick?.(found) ?? [found]) if (!marks.test(value)) this.#kinds.set(value, kind);
      }
      if (this.#kinds.size > before) redacted = this.#withoutKnown(redacted);
    }
    return redacted;
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

/** Bits per character: names and paths in code stay below, or are left out. */
const randomFrom = 3;

/** What was assigned, unless it is a word or a path to a value such as `process.env.TOKEN`. */
function random(value: string): string[] {
  if (/^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*|\(.*)+$/.test(value)) return [];
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  const { length } = value;
  const bits = [...counts.values()].reduce(
    (sum, count) => sum - (count / length) * Math.log2(count / length),
    0,
  );
  // Six characters can't have three bits each; letters alone must.
  const enough = /^[a-z]+$/i.test(value) ? randomFrom : Math.min(randomFrom, Math.log2(length) - 0.3);
  return bits >= enough ? [value] : [];
}

/** The longest prefix with valid check digits: text after an IBAN may look like more of it. */
function ibans(found: string): string[] {
  for (let end = found.length; end >= 15; end -= 1) {
    const value = found.slice(0, end).trimEnd();
    const compact = value.replaceAll(' ', '').toUpperCase();
    if (compact.length < 15) break;
    const turned = compact.slice(4) + compact.slice(0, 4);
    const digits = turned.replace(/[A-Z]/g, (letter) => String(parseInt(letter, 36)));
    if (BigInt(digits) % 97n === 1n) return [value];
  }
  return [];
}

/** Runs of digits that pass for a card's number, wherever they begin. */
function cards(found: string): string[] {
  const places = [...found.matchAll(/\d/g)].map(({ index }) => index);
  for (let length = 19; length >= 13; length -= 1) {
    for (let start = 0; start + length <= places.length; start += 1) {
      const value = found.slice(places[start], (places[start + length - 1] ?? 0) + 1);
      if (/^[2-6]/.test(value) && passesLuhn(value.replace(/\D/g, ''))) return [value];
    }
  }
  return [];
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const doubled = Number(digits.at(-1 - place)) * (place % 2 === 1 ? 2 : 1);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
