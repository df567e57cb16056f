import { mapTexts, type JsonObject } from '../../content/messages.ts';
import type { Screened } from '../../compliance/found.ts';
import { insideJson, restored, Restorer } from '../../compliance/restorer.ts';
import type { AnswerEvent } from '../modelCalls.ts';
import type { ModelEvent } from '../ports.ts';
import { emptyAnswer, finishedBlock, take, type Answer } from './answer.ts';

/** Sends a caller the events of an answer as it arrives, with the values that were redacted in the request. */
export class AnswerEvents {
  readonly #onEvent: (event: AnswerEvent) => void;
  readonly #values: ReadonlyMap<string, string>;
  /** With a schema the text is JSON. */
  readonly #textIsJson: boolean;
  readonly #answer = emptyAnswer();
  /** By block: its text, with what may be the beginning of a placeholder held back. */
  readonly #restorers = new Map<number, { type: 'text' | 'tool_use_input'; restorer: Restorer }>();
  /** The first half of a surrogate pair whose second half hasn't arrived, by block. */
  readonly #halves = new Map<number, { type: 'text' | 'thinking'; half: string }>();

  constructor(
    { content, placeholders }: Pick<Screened, 'content' | 'placeholders'>,
    onEvent: (event: AnswerEvent) => void,
  ) {
    this.#values = placeholders;
    this.#textIsJson = content.output_schema !== undefined;
    this.#onEvent = onEvent;
  }

  /** The answer as the caller gets it. */
  get answer(): Answer {
    return this.#answer;
  }

  /** Takes the next event as it was received; `elapsedMs` since the call started. */
  take(event: ModelEvent, elapsedMs: number): void {
    for (const one of this.#restored(event)) {
      take(this.#answer, one, elapsedMs);
      this.#tell(one);
    }
  }

  /** The answer is over: what was held back is sent as it is. */
  end(): void {
    for (const index of [...this.#restorers.keys()])
      for (const one of this.#rest(index)) {
        take(this.#answer, one, 0);
        this.#tell(one);
      }
    for (const index of [...this.#halves.keys()]) this.#tellHalf(index);
  }

  /** Reasoning stays as it was received: its signature covers the words. */
  #restored(event: ModelEvent): ModelEvent[] {
    if (this.#values.size === 0) return [event];
    switch (event.type) {
      case 'text':
        return pieces(event, this.#restorerOf(event.index, 'text').push(event.text));
      case 'tool_use_input':
        return pieces(event, this.#restorerOf(event.index, 'tool_use_input').push(event.json));
      case 'citation':
        return [{ ...event, citation: this.#restoredJson(event.citation) }];
      case 'tool_use_start':
        return [{ ...event, name: restored(event.name, this.#values) }];
      case 'block_end':
        return [...this.#rest(event.index), event];
      default:
        return [event];
    }
  }

  #restorerOf(index: number, type: 'text' | 'tool_use_input'): Restorer {
    const present = this.#restorers.get(index);
    if (present) return present.restorer;
    const restorer = new Restorer(
      type === 'text' && !this.#textIsJson ? this.#values : insideJson(this.#values),
    );
    this.#restorers.set(index, { type, restorer });
    return restorer;
  }

  #rest(index: number): ModelEvent[] {
    const held = this.#restorers.get(index);
    this.#restorers.delete(index);
    if (!held) return [];
    const { type, restorer } = held;
    return type === 'text'
      ? pieces({ type, index, text: '' }, restorer.end())
      : pieces({ type, index, json: '' }, restorer.end());
  }

  #restoredJson(value: JsonObject): JsonObject {
    return mapTexts(value, (text) => restored(text, this.#values));
  }

  #tell(event: ModelEvent): void {
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

/** An event with its next characters; none without any. */
function pieces(event: Extract<ModelEvent, { type: 'text' | 'tool_use_input' }>, next: string): ModelEvent[] {
  if (next === '') return [];
  return [event.type === 'text' ? { ...event, text: next } : { ...event, json: next }];
}
