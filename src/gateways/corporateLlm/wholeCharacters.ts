/** Hands an answer on in whole characters: models send some in halves, which no one can show by themselves. */
export class WholeCharacters {
  readonly #onText: (text: string) => void;
  #half = '';

  constructor(onText: (text: string) => void) {
    this.#onText = onText;
  }

  add(text: string): void {
    const all = this.#half + text;
    this.#half = /[\ud800-\udbff]$/.test(all) ? all.slice(-1) : '';
    const whole = all.slice(0, all.length - this.#half.length);
    if (whole !== '') this.#onText(whole);
  }

  /** The answer is over: a half that is left is all there is. */
  end(): void {
    if (this.#half !== '') this.#onText(this.#half);
    this.#half = '';
  }
}
