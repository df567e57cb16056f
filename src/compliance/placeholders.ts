import { createHmac } from 'node:crypto';

/** Base 32 without letters that look like digits (Crockford's alphabet). */
const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const shortestTag = 3;

/** What takes the place of values that don't leave, and the way back. Lives as long as one call; nothing is stored. */
export class Placeholders {
  readonly #key: Buffer;
  readonly #taken: ReadonlySet<string>;
  readonly #placeholders = new Map<string, string>();
  readonly #values = new Map<string, string>();

  /**
   * `key` decides the names: with the same key a value always has the same, without it nobody can guess the value. What is
   * `taken` stands in the request already, and is no placeholder.
   */
  constructor(key: Buffer, taken: ReadonlySet<string> = new Set()) {
    this.#key = key;
    this.#taken = taken;
  }

  /** The values that can be restored, by placeholder. */
  get values(): ReadonlyMap<string, string> {
    return this.#values;
  }

  /**
   * The placeholder of a value: `[EMAIL-7K2]`, or `[7K2]` in place of a shorter value, so that redacting makes a request
   * hardly ever longer than the original, by which its cost is calculated before.
   */
  reversible(kind: string, value: string): string {
    const known = this.#placeholders.get(value);
    if (known !== undefined) return known;
    const room = Buffer.byteLength(value);
    const tag = this.#tagOf(value);
    for (let length = shortestTag; ; length += 1) {
      const short = `[${tag.slice(0, length)}]`;
      // Names of documents may have hyphens, and no underscores.
      const long = `[${kind.replaceAll('_', '-')}-${tag.slice(0, length)}]`;
      const placeholder = long.length <= room ? long : short;
      if (this.#values.has(placeholder) || this.#taken.has(placeholder)) continue;
      this.#placeholders.set(value, placeholder);
      this.#values.set(placeholder, value);
      return placeholder;
    }
  }

  #tagOf(value: string): string {
    const digest = createHmac('sha256', this.#key).update(value, 'utf8').digest();
    // A letter comes first: a number in brackets stands in code.
    const tag = [...digest].map((byte) => letters[byte % letters.length]).join('');
    return `${letters[10 + ((digest[0] ?? 0) % 22)] ?? ''}${tag.slice(1)}`;
  }
}

/** What takes a secret's place: the same for all, without a way back. */
export function irreversible(value: string): string {
  const mark = '[SECRET]';
  return mark.length <= Buffer.byteLength(value) ? mark : '[***]';
}
