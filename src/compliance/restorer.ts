/**
 * Puts values back into a text that arrives in pieces. It holds back only the end of a piece that a placeholder of this
 * request may begin with; what turns out to be none is passed on as it is.
 */
export class Restorer {
  readonly #values: ReadonlyMap<string, string>;
  readonly #pattern: RegExp;
  #held = '';

  /** `values` by placeholder; no placeholder is part of another. */
  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
    this.#pattern = patternOf([...values.keys()]);
  }

  /** The next piece as far as it is certain. */
  push(piece: string): string {
    const text = this.#held + piece;
    const from = this.#undecidedFrom(text);
    this.#held = text.slice(from);
    return this.#restored(text.slice(0, from));
  }

  /** What was held back, once nothing follows. */
  end(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }

  #restored(text: string): string {
    return text.replace(this.#pattern, (placeholder) => this.#values.get(placeholder) ?? placeholder);
  }

  /** Where the longest end of the text begins that may still become a placeholder. */
  #undecidedFrom(text: string): number {
    const open = text.lastIndexOf('[');
    if (open === -1) return text.length;
    const end = text.slice(open);
    const may = [...this.#values.keys()].some((one) => one.length > end.length && one.startsWith(end));
    return may ? open : text.length;
  }
}

/** The same for a whole text. */
export function restored(text: string, values: ReadonlyMap<string, string>): string {
  if (values.size === 0) return text;
  return text.replace(patternOf([...values.keys()]), (placeholder) => values.get(placeholder) ?? placeholder);
}

/** The values as they stand in a string of JSON. */
export function insideJson(values: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map(
    [...values].map(([placeholder, value]) => [placeholder, JSON.stringify(value).slice(1, -1)]),
  );
}

/** Matches one of the texts, the longest first; none if there are none. */
export function patternOf(texts: readonly string[]): RegExp {
  const sources = texts
    .toSorted((one, other) => other.length - one.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
  return new RegExp(sources.join('|') || '(?!)', 'g');
}
