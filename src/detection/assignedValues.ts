/** A value that is assigned to the name of a secret, as code and files of settings do. */
export interface AssignedValue {
  start: number;
  end: number;
  value: string;
  quoted: boolean;
  /** Whether the name is that of a secret itself, not of its file or its length. */
  named: boolean;
}

const assignment =
  /(?:(?<!by|com)pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|client[_-]?key|app[_-]?key|credentials?)[\w-]{0,30}["']?\]?[ \t]{0,4}(?:=>|:=|[:=])[ \t]{0,4}(?:"([^"\n]{6,500})"|'([^'\n]{6,500})'|([^\s"',;`\\][^\s"',;`]{5,500}))/dgi;

const secretName =
  /^(?:pass(?:word|wd|phrase)?|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|access[_-]?key)["']?\]?\s*(?:=>|:=|[:=])\s*["']?$/i;

/** All of them, words and references as well. */
export function assignedValues(text: string): AssignedValue[] {
  return [...text.matchAll(assignment)].map((match) => {
    const [start, end] = match.indices?.[1] ?? match.indices?.[2] ?? match.indices?.[3] ?? [0, 0];
    return {
      start,
      end,
      value: text.slice(start, end),
      quoted: match[3] === undefined,
      named: secretName.test(text.slice(match.index, start)),
    };
  });
}

/** Whether a value only says where the secret comes from: `${NAME}`, `{name}`, `<name>`. */
export function isReference(value: string): boolean {
  return /^(?:\$(?:\w+|[({].*)|\{.*\}|<.*>|%.*%?)$/.test(value);
}

/** Whether a value stands in for a secret: `xxxxxxxx`, `YOUR_TOKEN_HERE`, `sk-...`. */
export function isPlaceholder(value: string): boolean {
  return /([^A])\1{7}|YOUR[_-]|[_-]HERE|\.{3}$/i.test(value);
}

/** Whether a value looks like one that a machine or a careful person made: no word, version, code, or unnamed path. */
export function isGenerated({ value, quoted, named }: AssignedValue): boolean {
  if (isReference(value) || isPlaceholder(value) || value.length < (named ? 6 : 8)) return false;
  if (!/[A-Za-z]/.test(value) || !/\d/.test(value)) return false;
  if (/^[\^~=v]*\d+\.\d+/.test(value)) return false;
  // The names of types and functions have digits too; what is made has several, or stands in quotes.
  if (!quoted && !named && (value.match(/\d/g) ?? []).length < 3) return false;
  if (!quoted && /^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+$/.test(value)) return false;
  if (/[\s(){}<>[\];,]|\$/.test(value)) return quoted && isLong(value);
  return named || !/^[.\w@-]*\/[\w@./-]*$/.test(value);
}

/** Long enough, and of enough characters, for its brackets to be no code. */
function isLong(value: string): boolean {
  return value.length >= 30 && !/\s|\$\{/.test(value) && new Set(value).size >= 20;
}
