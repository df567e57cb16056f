/** Pieces within this many milliseconds are sent as one. */
const delayMs = 30;
/** A longer piece is sent in parts, so that a view stays responsive while it shows them. */
const partCharacters = 8_192;

/** Batches the pieces of an answer, so that a fast model doesn't cause a message per word. */
export class TextBuffer {
  readonly #send: (text: string) => void;
  #text = '';
  #timer: NodeJS.Timeout | null = null;

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  add(piece: string): void {
    this.#text += piece;
    this.#timer ??= setTimeout(() => this.flush(), delayMs);
  }

  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const text = this.#text;
    this.#text = '';
    for (let start = 0; start < text.length; start += partCharacters)
      this.#send(text.slice(start, start + partCharacters));
  }
}
