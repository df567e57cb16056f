import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type Range,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { messageOf } from './errors.ts';
import { mostTextBytes } from './readFile.ts';
import { unreadableWords, yamlWords } from './yamlWords.ts';

export type Path = readonly PropertyKey[];

/** A fault in a file, with its characters; lines and columns from 1. */
export interface Fault {
  severity: 'error' | 'warning';
  message: string;
  /** Null if it isn't in a file. */
  place: { file: string; line: number; column: number; endLine: number; endColumn: number } | null;
  /** The likely replacement for these characters. */
  correction?: string | undefined;
}

/** `FILE:LINE:COLUMN: what is wrong`. */
export function faultText({ place, message }: Fault): string {
  return place ? `${place.file}:${place.line}:${place.column}: ${message}` : message;
}

/** A YAML text: its plain values and their places. */
export class YamlDocument {
  readonly file: string;
  /** Null for an empty text or one with faults. */
  readonly contents: unknown;
  /** Why the text is not YAML; empty if it is. */
  readonly faults: readonly Fault[];
  readonly #text: string;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed | null;
  /** Targets of aliases, cached because the library searches the whole text for each. */
  readonly #targets = new Map<Alias, Node>();
  readonly #pairs = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

  constructor(file: string, text: string) {
    this.file = file;
    this.#text = text;
    const excess = excessOf(text);
    if (excess !== null) {
      this.#document = null;
      this.contents = null;
      this.faults = [this.#faultBetween(excess, 0, 0)];
      return;
    }
    try {
      // Duplicate names are found below, in one pass.
      const options = { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false };
      this.#document = parseDocument(text, options);
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

  /** A fault at a key or a list item, or at the nearest parent in the file. */
  fault(path: Path, message: string, severity: Fault['severity'] = 'error'): Fault {
    const { key } = this.#find(path);
    return this.#faultBetween(message, key[0], key[1], severity);
  }

  /**
   * A fault at a value or a part of its text; at its key if there is no value. `part` counts the
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

  /** A fault at the start of a mapping: its first key, or all of it if empty. */
  faultAtStart(path: Path, message: string): Fault {
    const { node } = this.#find(path);
    const [first] = isMap(node) ? node.items : [];
    return isScalar(first?.key)
      ? this.fault([...path, String(first.key.value)], message)
      : this.faultInValue(path, message);
  }

  /** A value as written, however YAML reads it; undefined if there is no plain value. */
  textAt(path: Path): string | undefined {
    const { node, complete } = this.#find(path);
    return complete && isScalar(node) ? node.source : undefined;
  }

  #find(path: Path): { key: readonly [number, number]; node: Node | null; complete: boolean } {
    let node: Node | null = this.#document?.contents ?? null;
    let key: readonly [number, number] = [0, 0];
    for (const name of path) {
      if (isAlias(node)) node = this.#targets.get(node) ?? null;
      if (isSeq(node)) {
        node = (node.items[Number(name)] as Node | undefined) ?? null;
        if (!node) return { key, node, complete: false };
        key = node.range ? [node.range[0], node.range[1]] : key;
        continue;
      }
      const pair = isMap(node) ? this.#pairsOf(node).get(String(name)) : undefined;
      if (!pair || !isScalar(pair.key)) return { key, node, complete: false };
      key = pair.key.range ? [pair.key.range[0], pair.key.range[1]] : key;
      node = pair.value as Node | null;
    }
    return { key, node, complete: true };
  }

  #pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
    const known = this.#pairs.get(map);
    if (known) return known;
    // The first of duplicate names counts.
    const named = map.items.flatMap((pair) =>
      isScalar(pair.key) ? [[String(pair.key.value), pair] as const] : [],
    );
    const pairs = new Map(named.toReversed());
    this.#pairs.set(map, pairs);
    return pairs;
  }

  /** The place of a part of a text: counted from its start, or searched if the source is written differently. */
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
    const faultAt = (range: Range | null | undefined, message: string): void => {
      const [start, end] = range ?? [0, 0];
      faults.push(this.#faultBetween(message, start, end));
    };
    const anchors = new Map<string, Node>();
    const anchored = (node: Scalar | YAMLMap | YAMLSeq): void => {
      if (node.anchor) anchors.set(node.anchor, node);
    };
    try {
      visit(document, {
        Seq: (_key, list) => anchored(list),
        Map: (_key, map) => {
          anchored(map);
          for (const { key, problem } of misreadKeys(map)) faultAt(key?.range, problem);
        },
        Scalar: (key, scalar) => {
          anchored(scalar);
          const problem = key === 'key' ? null : misreadNumber(scalar);
          if (problem !== null) faultAt(scalar.range, problem);
        },
        Alias: (_key, alias) => {
          const [start, end] = alias.range ?? [0, 0];
          const target = anchors.get(alias.source);
          if (target) this.#targets.set(alias, target);
          const [from, to] = target?.range ?? [0, 0];
          if (!target) faultAt(alias.range, `*${alias.source} has no anchor before it`);
          else if (from < start && end <= to) faultAt(alias.range, `*${alias.source} refers to itself`);
        },
      });
      if (faults.length > 0) return [null, faults];
      return [document.toJS(), []];
    } catch (error) {
      // Too many aliases, and some excessive nesting, are detected only now.
      return [null, [this.#faultBetween(unreadableWords(messageOf(error)), 0, 0)]];
    }
  }
}

/** Limits that no real file reaches; a file at each limit parses in a fraction of a second. */
const most = { characters: mostTextBytes, tokens: 200_000, names: 20_000, anchors: 1_000 };

/** Why a text isn't parsed: it would take minutes. Null if it is parsed. */
function excessOf(text: string): string | null {
  const larger = (what: string, limit: number): string => `the file has more than ${limit} ${what}; split it`;
  if (text.length > most.characters) return larger('characters', most.characters);
  let tokens = 0;
  let names = 0;
  let anchors = 0;
  let before = '';
  for (const token of new Lexer().lex(text)) {
    tokens += 1;
    // After this mark comes text, whatever it begins with.
    if (before !== '\x1f') {
      if (token === ':') names += 1;
      if (/^[&*]/.test(token)) anchors += 1;
    }
    before = token;
    if (tokens > most.tokens) return larger('words', most.tokens);
    if (names > most.names) return larger('names', most.names);
    if (anchors > most.anchors) return larger('anchors and aliases', most.anchors);
  }
  return null;
}

/** Names that YAML reads as something other than their text, or as another name. */
function misreadKeys({ items }: YAMLMap): { key: Node | null; problem: string }[] {
  const read = new Set<string>();
  return items.flatMap(({ key }) => {
    if (!isScalar(key)) return [{ key: isNode(key) ? key : null, problem: 'a name must be a plain text' }];
    const { source = '', value } = key;
    const name = String(value);
    if (typeof value !== 'string' && (value === null || name !== source))
      return [{ key, problem: misread(source, name) }];
    if (name === '__proto__') return [{ key, problem: 'the name "__proto__" can’t be used' }];
    if (read.has(name)) return [{ key, problem: `the name "${name}" appears twice; remove one of them` }];
    read.add(name);
    return [];
  });
}

/** The fault of a number that differs from its decimal text; null if it doesn't. */
function misreadNumber({ source = '', value, type }: Scalar): string | null {
  // The schema reports values that are no number.
  if (typeof value !== 'number' || type !== 'PLAIN' || !Number.isFinite(value)) return null;
  const written = /^[-+]?0\d/.test(source) ? null : decimalParts(source);
  return written !== null && written === decimalParts(String(value)) ? null : misread(source, String(value));
}

function misread(source: string, value: string): string {
  const text = source === '' ? 'nothing' : `"${source}"`;
  return `YAML reads ${text} as ${value}: quote it, or write the value you mean`;
}

/** Sign, digits and exponent of a decimal number, so that `1e3` and `1000.0` are equal; null for any other text. */
function decimalParts(text: string): string | null {
  const match = /^([-+]?)(\d*)\.?(\d*)(?:e([-+]?\d+))?$/i.exec(text);
  const [, sign, whole = '', fraction = '', exponent = '0'] = match ?? [];
  if (!match || whole + fraction === '') return null;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const point = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${sign === '-' ? '-' : ''}${significant}e${point}`;
}
