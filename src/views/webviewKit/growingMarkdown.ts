import type { Token, Tokens } from 'marked';
import remend, { type RemendOptions } from 'remend';
import { markdownBlocks } from './markdown.ts';

/** A part of an answer. A finished part stays the same object while the answer grows. */
export type Block =
  | { kind: 'markdown'; token: Token }
  /** A fenced block of code; while it is open, its text only grows. */
  | { kind: 'code'; language: string; text: string; open: boolean };

/** An open fence at the start of a line: what ends it, and the whole lines of its code so far. */
interface Fence {
  language: string;
  end: RegExp;
  code: string;
}

/** Unfinished text is parsed again with each piece while it is this short; then when it has grown by an eighth. */
const alwaysParsed = 4_000;

/** Only half-open syntax at the end is completed. */
const completion: RemendOptions = {
  linkMode: 'text-only',
  katex: false,
  htmlTags: false,
  singleTilde: false,
  comparisonOperators: false,
};

/**
 * The blocks of an answer that grows. Only what follows the last finished block is parsed again, so that the
 * work is in proportion to the length of the answer. Where the pieces end changes nothing in finished blocks.
 */
export class GrowingMarkdown {
  #received = '';
  #finished: Block[] = [];
  /** The text behind the finished blocks and behind the whole lines of an open fence; lines end with `\n`. */
  #tail = '';
  #unfinished: Block[] = [];
  /** The length of the tail when it was last parsed. */
  #parsed = 0;
  #fence: Fence | null = null;

  /** The blocks of the text so far; `ended` if nothing will follow. A text that doesn't continue the last one starts anew. */
  update(text: string, ended: boolean): readonly Block[] {
    if (!text.startsWith(this.#received)) this.#startAnew();
    // A line end may be divided between two pieces.
    const received = !ended && text.endsWith('\r') ? text.slice(0, -1) : text;
    this.#tail += received.slice(this.#received.length).replaceAll(/\r\n?/g, '\n');
    this.#received = received;
    if (!this.#fence || this.#readCode(this.#fence, ended)) this.#parse(ended);
    const unparsed = this.#fence ? '' : this.#tail.slice(this.#parsed);
    return [...this.#finished, ...this.#unfinished, ...(unparsed === '' ? [] : [plainText(unparsed)])];
  }

  #startAnew(): void {
    this.#received = this.#tail = '';
    this.#finished = [];
    this.#fence = null;
    this.#parsed = 0;
  }

  #parse(ended: boolean): void {
    const { length } = this.#tail;
    if (!ended && length > alwaysParsed && length < (this.#parsed * 9) / 8) return;
    const tokens = markdownBlocks(this.#tail);
    const rest = tokens.splice(ended ? tokens.length : firstUnfinished(tokens));
    this.#finish(tokens);
    const [first] = rest;
    const fence = first && openFence(first);
    if (fence) {
      this.#tail = this.#tail.slice(first.raw.indexOf('\n') + 1);
      this.#fence = fence;
      if (this.#readCode(fence, ended)) this.#parse(ended);
    } else if (first && isList(first) && first.raw.length > alwaysParsed && first.items.length > 1) {
      const items = first.items.slice(0, -1);
      this.#finish([{ ...first, items, raw: items.map(({ raw }) => raw).join('') }]);
      this.#parse(ended);
    } else {
      this.#parsed = this.#tail.length;
      this.#unfinished = completed(rest).map((token) => shown(token, true));
    }
  }

  #finish(tokens: readonly Token[]): void {
    this.#finished.push(...tokens.filter(isShown).map((token) => shown(token, false)));
    this.#tail = this.#tail.slice(tokens.reduce((length, { raw }) => length + raw.length, 0));
    this.#parsed = 0;
    this.#unfinished = [];
  }

  /** Reads on in an open fence. Returns whether it ended. */
  #readCode(fence: Fence, ended: boolean): boolean {
    const whole = ended ? this.#tail : this.#tail.slice(0, this.#tail.lastIndexOf('\n') + 1);
    const end = fence.end.exec(whole);
    fence.code += whole.slice(0, end?.index);
    this.#tail = this.#tail.slice(end ? end.index + end[0].length : whole.length);
    const open = end === null && !ended;
    // The line that arrives may be the one that ends the code.
    const arriving = open && !/^ {0,3}(?:`*|~*)$/.test(this.#tail) ? this.#tail : '';
    const text = (fence.code + arriving).replace(/\n$/, '');
    const block: Block = { kind: 'code', language: fence.language, text, open };
    this.#unfinished = open ? [block] : [];
    if (open) return false;
    this.#finished.push(block);
    this.#fence = null;
    return true;
  }
}

/** The index of the first token that later text can change. */
function firstUnfinished(tokens: readonly Token[]): number {
  const last = tokens.findLastIndex(isShown);
  const isWhole = last < tokens.length - 1 || tokens[last]?.raw.includes('\n');
  // A line that is still arriving may turn out to belong to the block before it.
  const before = isWhole ? -1 : tokens.slice(0, Math.max(last, 0)).findLastIndex(isShown);
  return Math.max(before === -1 ? last : before, 0);
}

function isShown({ type }: Token): boolean {
  return type !== 'space';
}

function isList(token: Token): token is Tokens.List {
  return token.type === 'list';
}

function isFenced(token: Token): token is Tokens.Code {
  return token.type === 'code' && token['codeBlockStyle'] !== 'indented';
}

/** The fence of a token whose code may go on; an indented fence is parsed like other blocks. */
function openFence(token: Token): Fence | null {
  const opening = isFenced(token) ? /^(`{3,}|~{3,}).*\n/.exec(token.raw) : null;
  if (!opening || !isFenced(token)) return null;
  return {
    language: languageOf(token),
    end: new RegExp(`^ {0,3}${opening[1]}[~\`]* *$`, 'm'),
    code: '',
  };
}

function shown(token: Token, open: boolean): Block {
  if (!isFenced(token)) return { kind: 'markdown', token };
  return { kind: 'code', language: languageOf(token), text: token.text, open };
}

function languageOf({ lang }: Tokens.Code): string {
  return (lang ?? '').split(/\s/, 1)[0] ?? '';
}

/** Tokens with the half-open syntax of the last one completed. */
function completed(tokens: readonly Token[]): Token[] {
  const last = tokens.findLast(isShown);
  if (!last) return [];
  const others = tokens.filter((token) => isShown(token) && token !== last);
  const text = isFenced(last) ? last.raw : remend(last.raw, completion);
  return [...others, ...(text === last.raw ? [last] : markdownBlocks(text))];
}

function plainText(text: string): Block {
  const token: Tokens.Text = { type: 'text', raw: text, text, escaped: false };
  return { kind: 'markdown', token };
}
