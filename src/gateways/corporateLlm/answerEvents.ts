import type { AnswerEvent } from '../modelCalls.ts';
import type { ModelEvent } from '../ports.ts';
import { finishedBlock, type Answer } from './answer.ts';

/** Tells a caller of an answer as it arrives. Call `end` when no more will come. */
export class AnswerEvents {
  readonly #onEvent: (event: AnswerEvent) => void;
  readonly #answer: Answer;
  /** The first half of a character whose second is to come, by block. */
  readonly #halves = new Map<number, { type: 'text' | 'thinking'; half: string }>();

  constructor(answer: Answer, onEvent: (event: AnswerEvent) => void) {
    this.#answer = answer;
    this.#onEvent = onEvent;
  }

  /** Hands on what the answer has just taken. */
  tell(event: ModelEvent): void {
    switch (event.type) {
      case 'text':
      case 'thinking':
        this.#tellWholeCharacters(event);
        return;
      case 'block_end': {
        this.#tellHalf(event.index);
        const block = finishedBlock(this.#answer, event.index);
        if (block) this.#onEvent({ type: 'block_end', index: event.index, block });
        return;
      }
      case 'stop':
        this.end();
        this.#onEvent(event);
        return;
      case 'hidden':
      case 'usage':
        return;
      default:
        this.#onEvent(event);
    }
  }

  /** The answer is over: a half that is left is all there is. */
  end(): void {
    for (const index of [...this.#halves.keys()]) this.#tellHalf(index);
  }

  /** Models send some characters in halves, which no one can show by themselves. */
  #tellWholeCharacters({
    type,
    index,
    text,
  }: {
    type: 'text' | 'thinking';
    index: number;
    text: string;
  }): void {
    const all = (this.#halves.get(index)?.half ?? '') + text;
    const half = /[\ud800-\udbff]$/.test(all) ? all.slice(-1) : '';
    if (half === '') this.#halves.delete(index);
    else this.#halves.set(index, { type, half });
    const whole = all.slice(0, all.length - half.length);
    if (whole !== '') this.#onEvent({ type, index, text: whole });
  }

  #tellHalf(index: number): void {
    const left = this.#halves.get(index);
    this.#halves.delete(index);
    if (left) this.#onEvent({ type: left.type, index, text: left.half });
  }
}
