import type { AnswerEvent } from '../modelCalls.ts';
import type { ModelEvent } from '../ports.ts';
import { finishedBlock, type Answer } from './answer.ts';

/** Sends a caller the events of an answer as it arrives. Call `end` when the answer is over. */
export class AnswerEvents {
  readonly #onEvent: (event: AnswerEvent) => void;
  readonly #answer: Answer;
  /** The first half of a surrogate pair whose second half hasn't arrived, by block. */
  readonly #halves = new Map<number, { type: 'text' | 'thinking'; half: string }>();

  constructor(answer: Answer, onEvent: (event: AnswerEvent) => void) {
    this.#answer = answer;
    this.#onEvent = onEvent;
  }

  /** Sends the latest event of the answer. */
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

  /** The answer is over: a leftover half is sent as it is. */
  end(): void {
    for (const index of [...this.#halves.keys()]) this.#tellHalf(index);
  }

  /** Models split some surrogate pairs, and a half alone can't be displayed. */
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
