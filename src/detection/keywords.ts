/**
 * Finds every place of many words in one pass over a text, by Aho and Corasick's automaton ("Efficient string matching",
 * 1975). Words are of printable ASCII, without regard to case; places are UTF-16 units of the text as it is.
 */
export class Keywords {
  /** The next state, by state and character. */
  readonly #next: Int32Array;
  /** Indexes of the words that end in a state. */
  readonly #ending: number[][] = [[]];
  /** Whether there are any: most texts have few. */
  readonly #ends: Uint8Array;
  readonly #lengths: readonly number[];

  constructor(words: readonly string[]) {
    this.#lengths = words.map((word) => word.length);
    const states = 1 + words.reduce((sum, word) => sum + word.length, 0);
    this.#next = new Int32Array(states * alphabet).fill(-1);
    words.forEach((word, index) => this.#add(word, index));
    this.#link();
    this.#ends = Uint8Array.from(this.#ending, (words) => Math.min(words.length, 1));
  }

  /** Calls `found` with the index of the word and where it begins. */
  find(text: string, found: (word: number, start: number) => void): void {
    const next = this.#next;
    const ends = this.#ends;
    let state = 0;
    for (let place = 0; place < text.length; place += 1) {
      const code = text.charCodeAt(place);
      state = code < alphabet ? (next[state * alphabet + code] as number) : 0;
      if (ends[state] === 0) continue;
      for (const word of this.#ending[state] ?? []) found(word, place + 1 - (this.#lengths[word] ?? 0));
    }
  }

  #add(word: string, index: number): void {
    let state = 0;
    for (const character of word.toLowerCase()) {
      const edge = state * alphabet + character.charCodeAt(0);
      if (this.#next[edge] === -1) {
        this.#next[edge] = this.#ending.length;
        this.#ending.push([]);
      }
      state = this.#next[edge] ?? 0;
    }
    this.#ending[state]?.push(index);
  }

  /**
   * Where a state has no edge, it goes on as its longest proper suffix does; breadth first, so that this is known. Capital
   * letters lead where small ones do.
   */
  #link(): void {
    const suffixes = new Int32Array(this.#ending.length);
    const states = [0];
    for (const state of states) {
      const suffix = suffixes[state] ?? 0;
      if (state !== 0) this.#ending[state]?.push(...(this.#ending[suffix] ?? []));
      for (let character = 0; character < alphabet; character += 1) {
        const edge = state * alphabet + character;
        const onward = state === 0 ? 0 : (this.#next[suffix * alphabet + character] ?? 0);
        const next = this.#next[edge] ?? -1;
        if (next === -1) this.#next[edge] = onward;
        else {
          suffixes[next] = onward;
          states.push(next);
        }
      }
    }
    for (let edge = 0; edge < this.#next.length; edge += 1)
      this.#next[edge] = this.#next[edge - (edge % alphabet) + (lowerCase[edge % alphabet] ?? 0)] ?? 0;
  }
}

const alphabet = 128;
const lowerCase = Uint8Array.from({ length: alphabet }, (_, code) =>
  code >= 65 && code <= 90 ? code + 32 : code,
);
