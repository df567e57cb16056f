/** BM25's saturation of repeated terms, and its correction for long documents. */
const k1 = 1.5;
const b = 0.75;

/** An inverted index that scores its documents for a query by BM25. Documents are known by number. */
export class TermIndex {
  /** Of each term: document, frequency, document, frequency … Removed documents stay until all are cleared. */
  readonly #postings = new Map<string, number[]>();
  /** Terms in each document; 0 for a removed one. */
  readonly #lengths: number[] = [];
  #live = 0;
  #terms = 0;

  /** How many documents can be found. */
  get size(): number {
    return this.#live;
  }

  /** How many documents were removed and still take memory. */
  get removed(): number {
    return this.#lengths.length - this.#live;
  }

  /** Adds a document and returns its number. */
  add(terms: readonly string[]): number {
    const document = this.#lengths.length;
    const frequencies = new Map<string, number>();
    for (const term of terms) frequencies.set(term, (frequencies.get(term) ?? 0) + 1);
    for (const [term, frequency] of frequencies) {
      const postings = this.#postings.get(term);
      if (postings) postings.push(document, frequency);
      else this.#postings.set(term, [document, frequency]);
    }
    // One without terms is never found, but must not look removed.
    this.#lengths.push(Math.max(1, terms.length));
    this.#live += 1;
    this.#terms += terms.length;
    return document;
  }

  remove(document: number): void {
    this.#live -= 1;
    this.#terms -= this.#lengths[document] ?? 0;
    this.#lengths[document] = 0;
  }

  /** The best documents, best first; the earlier of two equal ones first. */
  search(terms: readonly string[], most: number): Found[] {
    const scores = new Map<number, number>();
    const average = this.#terms / Math.max(1, this.#live);
    for (const term of new Set(terms)) {
      const postings = this.#postings.get(term) ?? [];
      const idf = this.#idfOf(postings);
      for (let index = 0; index < postings.length; index += 2) {
        const document = postings[index] ?? 0;
        const frequency = postings[index + 1] ?? 0;
        const length = this.#lengths[document] ?? 0;
        if (length === 0) continue;
        const weight = (frequency * (k1 + 1)) / (frequency + k1 * (1 - b + (b * length) / average));
        scores.set(document, (scores.get(document) ?? 0) + idf * weight);
      }
    }
    return best(scores, most);
  }

  #idfOf(postings: readonly number[]): number {
    let found = 0;
    for (let index = 0; index < postings.length; index += 2)
      if (this.#lengths[postings[index] ?? 0] !== 0) found += 1;
    return Math.log(1 + (this.#live - found + 0.5) / (found + 0.5));
  }
}

interface Found {
  document: number;
  score: number;
}

/** Sorting them all would take long: a frequent word is in most documents. */
function best(scores: ReadonlyMap<number, number>, most: number): Found[] {
  const order = (one: Found, other: Found): number =>
    other.score - one.score || one.document - other.document;
  let found: Found[] = [];
  let least = 0;
  for (const [document, score] of scores) {
    if (score < least) continue;
    found.push({ document, score });
    if (found.length < 2 * most) continue;
    found = found.sort(order).slice(0, most);
    least = found.at(-1)?.score ?? 0;
  }
  return found.sort(order).slice(0, most);
}
