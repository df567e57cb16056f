import { isMap, isScalar, isSeq, Lexer, parse, parseDocument, type Node, type Pair, type Scalar } from 'yaml';
import type { Path } from '../yamlDocument.ts';

/** Characters that are replaced. */
export interface TextEdit {
  start: number;
  end: number;
  text: string;
}

/** The text with edits that don't overlap. */
export function edited(text: string, edits: readonly TextEdit[]): string {
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((result, { start, end, text: by }) => result.slice(0, start) + by + result.slice(end), text);
}

/**
 * Edits of a workflow in YAML or JSON that leave every other character, and every comment, as it is. An edit is null where
 * the value isn't written at its place alone: it is missing, an alias, or has an anchor that other places share.
 */
export class WorkflowEdit {
  readonly #text: string;
  readonly #root: Node | null;
  readonly #isJson: boolean;
  readonly #lineEnd: string;
  readonly #comments: readonly TextEdit[];

  /** `text` is valid YAML. */
  constructor(text: string) {
    this.#text = text;
    this.#comments = commentsIn(text);
    this.#root = parseDocument(text, { prettyErrors: false }).contents;
    this.#isJson = /^\s*\{/.test(text);
    this.#lineEnd = text.includes('\r\n') ? '\r\n' : '\n';
  }

  /** The texts of a list; empty if there is none. */
  textsAt(path: Path): string[] {
    const list = this.#at(path);
    if (!isSeq(list)) return [];
    return list.items.map((item) => (isScalar(item) ? String(item.value) : ''));
  }

  /** A text in place of the one at `path`, quoted as that is. */
  replaced(path: Path, value: string): TextEdit[] | null {
    const node = this.#at(path);
    if (!isScalar(node) || !node.range) return null;
    return [{ start: node.range[0], end: node.range[1], text: this.#written(value, node) }];
  }

  /** Another name of steps in the references of the text at `path`; null if it is written with escapes. */
  replacedReferences(path: Path, renamed: readonly { from: string; to: string }[]): TextEdit[] | null {
    const node = this.#at(path);
    if (!isScalar(node) || !node.range) return null;
    const [start, end] = node.range;
    const written = this.#text.slice(start, end);
    return renamed.flatMap(({ from, to }) =>
      [...written.matchAll(/\{\{\s*([^{}]*?)\s*\}\}/g)].flatMap((match) => {
        const name = match[1] ?? '';
        if (name !== from && !name.startsWith(`${from}.`)) return [];
        const at = start + match.index + match[0].indexOf(name, 2);
        return { start: at, end: at + from.length, text: to };
      }),
    );
  }

  /** Without items of the list at `path`; the comments beside and inside them stay. */
  withoutItems(path: Path, indices: readonly number[]): TextEdit[] | null {
    const list = this.#at(path);
    if (!isSeq(list) || !list.range) return null;
    const items = list.items as (Node | null)[];
    const removed = new Set(indices);
    if (list.flow) return this.#withoutFlowItems(items, removed);
    const edits: TextEdit[] = [];
    for (const index of removed) {
      const range = items[index]?.range;
      if (!range) return null;
      const dash = this.#text.lastIndexOf('-', range[0] - 1);
      edits.push(this.#withoutLines(dash, range[1]));
    }
    if (removed.size === items.length) {
      // An empty list must be written as one.
      const key = this.#keyOf(path);
      const keyEnd = key?.range?.[1];
      if (keyEnd === undefined) return null;
      const colon = this.#text.indexOf(':', keyEnd);
      edits.push({ start: colon + 1, end: colon + 1, text: ' []' });
    }
    return edits;
  }

  /** With texts added to the list under a key of the mapping at `path`, which may be missing. */
  withItems(path: Path, key: string, values: readonly string[]): TextEdit[] | null {
    const list = this.#at([...path, key]);
    const texts = values.map((value) => this.#written(value));
    if (list === undefined) return this.withKey(path, key, `[${texts.join(', ')}]`);
    if (!isSeq(list) || !list.range) return null;
    const last = list.items.at(-1) as Node | undefined;
    if (!last) {
      const open = list.range[0] + 1;
      return [{ start: open, end: open, text: texts.join(', ') }];
    }
    if (!last.range) return null;
    if (list.flow) {
      const end = last.range[1];
      return [{ start: end, end, text: texts.map((text) => `, ${text}`).join('') }];
    }
    const dash = this.#text.lastIndexOf('-', last.range[0] - 1);
    return this.#line(
      last.range[1],
      texts.map((text) => `${this.#indent(dash)}- ${text}`),
    );
  }

  /** With a new key of the mapping at `path`, after its first one; `value` is as it is written. */
  withKey(path: Path, key: string, value: string): TextEdit[] | null {
    const map = this.#at(path);
    if (!isMap(map) || !map.range) return null;
    const entry = `${this.#isJson ? JSON.stringify(key) : key}: ${value}`;
    const [first] = map.items as Pair<Node, Node | null>[];
    const valueEnd = first?.value?.range?.[1];
    if (map.flow) {
      const at = valueEnd ?? map.range[0] + 1;
      return [{ start: at, end: at, text: first ? `, ${entry}` : entry }];
    }
    if (!first?.key.range || valueEnd === undefined) return null;
    const [start] = first.key.range;
    if (!this.#text.slice(start, valueEnd).includes('\n'))
      return this.#line(valueEnd, [`${this.#indent(start)}${entry}`]);
    return [{ start, end: start, text: `${entry}${this.#lineEnd}${this.#indent(start)}` }];
  }

  /** The key under which the value at `path` stands. */
  #keyOf(path: Path): Node | null {
    const map = this.#at(path.slice(0, -1));
    return isMap(map) ? ((pairOf(map.items, path.at(-1))?.key as Node | undefined) ?? null) : null;
  }

  /** Undefined if there is none, null if it is shared or reached by an alias. */
  #at(path: Path): Node | null | undefined {
    let node: Node | null = this.#root;
    for (const name of path) {
      if (hasAnchor(node)) return null;
      if (isSeq(node)) node = (node.items[Number(name)] as Node | undefined) ?? null;
      else if (isMap(node)) {
        const pair = pairOf(node.items, name);
        if (!pair) return undefined;
        node = pair.value as Node | null;
      } else return null;
    }
    return hasAnchor(node) ? null : node;
  }

  #withoutFlowItems(items: readonly (Node | null)[], removed: ReadonlySet<number>): TextEdit[] | null {
    const edits: TextEdit[] = [];
    const lastKept = items.findLastIndex((_item, index) => !removed.has(index));
    for (const index of removed) {
      const range = items[index]?.range;
      if (!range) return null;
      const [start, end] = range;
      const [before, after] = [items[index - 1]?.range?.[1], items[index + 1]?.range?.[0]];
      // Each takes the comma after it; behind the last item that stays, the comma before it.
      const comma =
        index > lastKept && lastKept >= 0
          ? this.#comma(before ?? start, start)
          : this.#comma(end, after ?? end);
      const space = /^ *(?!\s)/.exec(this.#text.slice((comma ?? end) + 1))?.[0].length ?? 0;
      if (comma === null) edits.push(this.#uncommented(start, end));
      else if (comma < start) {
        const isSpace =
          this.#text.slice(comma + 1, start).trim() === '' && !this.#text.slice(comma, start).includes('\n');
        edits.push(
          { start: comma, end: isSpace ? start : comma + 1, text: '' },
          this.#uncommented(start, end),
        );
      } else edits.push(this.#uncommented(start, end), { start: comma, end: comma + 1 + space, text: '' });
    }
    return edits;
  }

  /** Where the comma between two items is; null if there is none. */
  #comma(from: number, to: number): number | null {
    const comments = this.#comments.filter(({ start }) => start >= from && start < to);
    for (let at = this.#text.indexOf(',', from); at >= 0 && at < to; at = this.#text.indexOf(',', at + 1))
      if (!comments.some(({ start, end }) => start <= at && at < end)) return at;
    return null;
  }

  /** Replaces characters by the comments in them. */
  #uncommented(start: number, end: number): TextEdit {
    const kept = this.#comments.filter((comment) => comment.start >= start && comment.end <= end);
    return { start, end, text: kept.map(({ text }) => `${text}${this.#lineEnd}`).join('') };
  }

  /** Removes an item of a block with its lines, except for comments. */
  #withoutLines(start: number, end: number): TextEdit {
    const content = start + this.#text.slice(start, end).trimEnd().length;
    const kept = this.#comments.filter((comment) => comment.start >= start && comment.start < content);
    const rest = /^[ \t]*(\r?\n|$)/.exec(this.#text.slice(content));
    const indent = this.#indent(start);
    const comments = kept.map(({ text }) => text).join(`${this.#lineEnd}${indent}`);
    if (comments !== '' || !rest) return { start, end: content, text: comments };
    const lineStart = this.#text.lastIndexOf('\n', start - 1) + 1;
    const alone = this.#text.slice(lineStart, start).trim() === '';
    return alone
      ? { start: lineStart, end: content + rest[0].length, text: '' }
      : { start, end: content, text: '' };
  }

  /** Lines after the line of an offset. */
  #line(offset: number, lines: readonly string[]): TextEdit[] {
    const found = this.#text.indexOf('\n', offset);
    const end = found < 0 ? this.#text.length : this.#text[found - 1] === '\r' ? found - 1 : found;
    return [{ start: end, end, text: lines.map((line) => `${this.#lineEnd}${line}`).join('') }];
  }

  /** Spaces up to an offset's column. */
  #indent(offset: number): string {
    return ' '.repeat(offset - this.#text.lastIndexOf('\n', offset - 1) - 1);
  }

  #written(value: string, instead?: Scalar): string {
    if (instead?.type === 'QUOTE_SINGLE') return `'${value.replaceAll("'", "''")}'`;
    const plain =
      !this.#isJson && instead?.type !== 'QUOTE_DOUBLE' && /^[\p{L}\p{N}_][\p{L}\p{N}_.:/-]*$/u.test(value);
    return plain && !value.endsWith(':') && parse(value) === value ? value : JSON.stringify(value);
  }
}

/** The comments of a YAML text with their places. */
export function commentsIn(text: string): TextEdit[] {
  const comments: TextEdit[] = [];
  let offset = 0;
  let before = '';
  for (const token of new Lexer().lex(text)) {
    // These marks of the lexer are not in the text.
    const isMark = ['\x02', '\x18', '\x1f'].includes(token);
    if (before !== '\x1f' && token.startsWith('#'))
      comments.push({ start: offset, end: offset + token.length, text: token });
    if (!isMark) offset += token.length;
    before = token;
  }
  return comments;
}

function pairOf(items: readonly unknown[], name: PropertyKey | undefined): Pair | undefined {
  return (items as readonly Pair[]).find(({ key }) => isScalar(key) && String(key.value) === String(name));
}

function hasAnchor(node: Node | null): boolean {
  return (isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined;
}
