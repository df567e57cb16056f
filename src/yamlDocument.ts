import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type Range,
} from 'yaml';
import { messageOf } from './errors.ts';
import { unreadableWords, yamlWords } from './yamlWords.ts';

export type Path = readonly PropertyKey[];

/** Something to mend in a file, with the characters it is about; lines and columns from 1. */
export interface Fault {
  severity: 'error' | 'warning';
  message: string;
  /** Null for what doesn't come from a file. */
  place: { file: string; line: number; column: number; endLine: number; endColumn: number } | null;
}

/** `FILE:LINE:COLUMN: what is wrong`. */
export function faultText({ place, message }: Fault): string {
  return place ? `${place.file}:${place.line}:${place.column}: ${message}` : message;
}

/** A YAML text: its plain values, and where each stands. */
export class YamlDocument {
  readonly file: string;
  /** Null for an empty text, and for one with faults. */
  readonly contents: unknown;
  /** Why the text is not YAML; empty where it is. */
  readonly faults: readonly Fault[];
  readonly #text: string;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed | null;

  constructor(file: string, text: string) {
    this.file = file;
    this.#text = text;
    try {
      this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    } catch (error) {
      // Nested deeper than the parser can go.
      this.#document = null;
      this.contents = null;
      this.faults = [this.#faultBetween(unreadableWords(messageOf(error)), 0, 0)];
      return;
    }
    const { errors, warnings } = this.#document;
    const tooDeep = errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
    if (tooDeep) {
      this.contents = null;
      this.faults = [this.#faultBetween(yamlWords(tooDeep), ...tooDeep.pos)];
      return;
    }
    const problems = [...errors, ...warnings].map((problem) =>
      this.#faultBetween(yamlWords(problem), ...problem.pos),
    );
    const [contents, faults] = problems.length > 0 ? [null, problems] : this.#plainValues(this.#document);
    this.contents = contents;
    this.faults = faults;
  }

  /** A fault at a key or an item of a list, or at the nearest parent that stands in the file. */
  fault(path: Path, message: string, severity: Fault['severity'] = 'error'): Fault {
    const { key } = this.#find(path);
    return this.#faultBetween(message, key[0], key[1], severity);
  }

  /**
   * A fault at a value, or at a part of its text; at its key where there is no value. `part` counts the
   * characters of the value, from 0.
   */
  faultInValue(
    path: Path,
    message: string,
    {
      part,
      severity = 'error',
    }: { part?: { offset: number; length: number } | undefined; severity?: Fault['severity'] } = {},
  ): Fault {
    const { key, node, complete } = this.#find(path);
    const range = complete ? node?.range : null;
    if (!node || !range || range[0] === range[1])
      return this.#faultBetween(message, key[0], key[1], severity);
    const [start, end] = (part && isScalar(node) && this.#partOf(node.value, range, part)) || [
      range[0],
      // The end of a block includes the lines after it.
      range[0] + this.#text.slice(range[0], range[1]).trimEnd().length,
    ];
    return this.#faultBetween(message, start, end, severity);
  }

  /** A fault at the beginning of a mapping: its first key, or all of it where it has none. */
  faultAtStart(path: Path, message: string): Fault {
    const { node } = this.#find(path);
    const [first] = isMap(node) ? node.items : [];
    return isScalar(first?.key)
      ? this.fault([...path, String(first.key.value)], message)
      : this.faultInValue(path, message);
  }

  #find(path: Path): { key: readonly [number, number]; node: Node | null; complete: boolean } {
    let node: Node | null = this.#document?.contents ?? null;
    let key: readonly [number, number] = [0, 0];
    for (const name of path) {
      if (isAlias(node) && this.#document) node = node.resolve(this.#document) ?? null;
      if (isSeq(node)) {
        node = (node.items[Number(name)] as Node | undefined) ?? null;
        if (!node) return { key, node, complete: false };
        key = node.range ? [node.range[0], node.range[1]] : key;
        continue;
      }
      const pair = isMap(node)
        ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(name))
        : undefined;
      if (!pair || !isScalar(pair.key)) return { key, node, complete: false };
      key = pair.key.range ? [pair.key.range[0], pair.key.range[1]] : key;
      node = pair.value as Node | null;
    }
    return { key, node, complete: true };
  }

  /** Where a part of a text stands: counted from its beginning, or found again where it is written otherwise. */
  #partOf(
    value: unknown,
    [start, end]: Range,
    { offset, length }: { offset: number; length: number },
  ): readonly [number, number] | null {
    if (typeof value !== 'string') return null;
    const written = this.#text.slice(start, end);
    const whole = written.indexOf(value);
    if (whole >= 0) return [start + whole + offset, start + whole + offset + length];
    const part = value.slice(offset, offset + length);
    if (part === '') return null;
    let found = -1;
    for (let at = value.indexOf(part); at >= 0 && at <= offset; at = value.indexOf(part, at + 1)) {
      found = written.indexOf(part, found + 1);
      if (found < 0) return null;
    }
    return found < 0 ? null : [start + found, start + found + length];
  }

  #faultBetween(message: string, start: number, end: number, severity: Fault['severity'] = 'error'): Fault {
    const { line, col: column } = this.#lines.linePos(start);
    const { line: endLine, col: endColumn } = this.#lines.linePos(Math.max(start, end));
    return { severity, message, place: { file: this.file, line, column, endLine, endColumn } };
  }

  #plainValues(document: Document.Parsed): [unknown, Fault[]] {
    const faults: Fault[] = [];
    try {
      visit(document, {
        Alias: (_key, alias) => {
          const [start, end] = alias.range ?? [0, 0];
          const target = alias.resolve(document);
          const [from, to] = target?.range ?? [0, 0];
          if (!target)
            faults.push(this.#faultBetween(`*${alias.source} has no anchor before it`, start, end));
          else if (from < start && end <= to)
            faults.push(this.#faultBetween(`*${alias.source} leads to itself`, start, end));
        },
      });
      if (faults.length > 0) return [null, faults];
      return [document.toJS(), []];
    } catch (error) {
      // Too many aliases are found only now, and some of what is nested too deeply.
      return [null, [this.#faultBetween(unreadableWords(messageOf(error)), 0, 0)]];
    }
  }
}
