import { termsOf } from './terms.ts';

/** What ranking needs to know of a chunk. */
export interface RankedChunk {
  /** Path of its file, with `/`. */
  path: string;
  /** Names that it defines. */
  defines: readonly string[];
  /** Whether it only passes on what other files define. */
  reExports: boolean;
}

/** How a text asks: for a name, or in words that may contain names. */
interface Query {
  /** The names, in lower case. */
  symbols: readonly string[];
  /** Whether the text is nothing but a name. */
  isSymbol: boolean;
  terms: readonly string[];
}

// A rank counts as 1 / (60 + rank), the usual constant of reciprocal rank fusion. What is added below is in multiples of
// the best rank's score, measured on 86 questions to five repositories.
const fusion = 60;
const ofDefinition = 3;
const ofSameNamedFile = 1.5;
const ofNameInProse = 0.5;
const ofPathWords = 1;
const ofCoherence = 0.2;
const ofFurtherChunk = 0.5;

/** Files that people rarely ask for, unless the question has one of the words. */
const penalties: readonly { path: RegExp; factor: number; unless: readonly string[] }[] = [
  {
    path: /(^|\/)(tests?|__tests__|specs?|testing|fixtures)\/|[._-](test|spec)s?\.[^/]+$|(^|\/)test_[^/]+$|Tests?\.[^/]+$/,
    factor: 0.3,
    unless: ['test', 'spec', 'fixtur'],
  },
  { path: /(^|\/)_?(compat|legacy|deprecated)[/.]/, factor: 0.3, unless: ['compat', 'legaci', 'deprec'] },
  {
    path: /(^|\/)_?(examples?|samples?|demos?|docs_src)\//,
    factor: 0.3,
    unless: ['exampl', 'sampl', 'demo'],
  },
  { path: /\.d\.[cm]?ts$/, factor: 0.7, unless: [] },
];
const ofReExports = 0.5;

/** The names in a query: identifiers with an inner capital, an underscore or a dot. */
export function symbolsIn(text: string): string[] {
  const named = text.matchAll(/[\p{L}_$][\p{L}\p{N}_$]*(?:(?:\.|::|->|#)[\p{L}_$][\p{L}\p{N}_$]*)*/gu);
  return [...named]
    .map(([name]) => name)
    .filter((name) => /\p{Ll}\p{Lu}|\p{Lu}\p{Lu}\p{Ll}|[^_]_[^_]|::|->|#|^_/u.test(name))
    .flatMap((name) => name.split(/\.|::|->|#/).at(-1) ?? []);
}

export function queryOf(text: string): Query {
  const only = /^[\p{L}_$][\p{L}\p{N}_$]*(?:(?:\.|::|->|#)[\p{L}_$][\p{L}\p{N}_$]*)*(?:\(\))?$/u.test(
    text.trim(),
  );
  const last =
    text
      .trim()
      .replace('()', '')
      .split(/\.|::|->|#/)
      .at(-1) ?? '';
  const symbols = only ? [last] : symbolsIn(text);
  return { symbols: symbols.map((symbol) => symbol.toLowerCase()), isSymbol: only, terms: termsOf(text) };
}

/**
 * The best of these chunks for a query, best first. They come in the order of their words' score, best first; chunks that
 * were not found by their words but define a name of the query are `defining`.
 */
export function rank<C extends RankedChunk>(
  query: Query,
  found: readonly C[],
  defining: readonly C[],
  most: number,
): { chunk: C; score: number }[] {
  const scores = new Map<C, number>(found.map((chunk, index) => [chunk, 1 / (fusion + 1 + index)]));
  for (const chunk of defining) if (!scores.has(chunk)) scores.set(chunk, 0);
  const unit = 1 / (fusion + 1);
  addCoherence(scores, unit);
  const words = new Set(query.terms);
  for (const [chunk, score] of scores) {
    const raised = score + unit * (definitionBonus(query, chunk) + pathBonus(query, chunk));
    scores.set(chunk, raised * penaltyOf(chunk, words));
  }
  return withFewOfEachFile(sorted(scores)).slice(0, most);
}

function sorted<C>(scores: ReadonlyMap<C, number>): { chunk: C; score: number }[] {
  return [...scores]
    .map(([chunk, score]) => ({ chunk, score }))
    .sort((one, other) => other.score - one.score);
}

/** The best chunk of a file gains if others of that file were found too. */
function addCoherence<C extends RankedChunk>(scores: Map<C, number>, unit: number): void {
  const files = new Map<string, { best: C; sum: number }>();
  for (const [chunk, score] of scores) {
    const file = files.get(chunk.path);
    if (file) file.sum += score;
    else files.set(chunk.path, { best: chunk, sum: score });
  }
  const most = Math.max(...[...files.values()].map(({ sum }) => sum));
  for (const { best, sum } of files.values())
    if (sum > 0) scores.set(best, (scores.get(best) ?? 0) + (unit * ofCoherence * sum) / most);
}

function definitionBonus({ symbols, isSymbol }: Query, { path, defines }: RankedChunk): number {
  if (!defines.some((name) => symbols.includes(name.toLowerCase()))) return 0;
  const sameNamed = symbols.includes(stemOf(path).replace(/[-_]/g, '').toLowerCase());
  return ofDefinition * (sameNamed ? ofSameNamedFile : 1) * (isSymbol ? 1 : ofNameInProse);
}

/** By the share of the query's words that are in the names of the file and its folder. */
function pathBonus({ terms, isSymbol }: Query, { path }: RankedChunk): number {
  if (isSymbol || terms.length === 0) return 0;
  const words = new Set(termsOf(path.split('/').slice(-2, -1).concat(stemOf(path)).join(' ')));
  const asked = new Set(terms);
  const shared = [...asked].filter((term) => words.has(term)).length;
  return (ofPathWords * shared) / asked.size;
}

function penaltyOf({ path, reExports }: RankedChunk, words: ReadonlySet<string>): number {
  return penalties
    .filter((penalty) => penalty.path.test(path) && !penalty.unless.some((word) => words.has(word)))
    .reduce((all, { factor }) => all * factor, reExports ? ofReExports : 1);
}

/** Each further chunk of a file counts half as much as the one before. */
function withFewOfEachFile<C extends RankedChunk>(
  ranked: readonly { chunk: C; score: number }[],
): { chunk: C; score: number }[] {
  const seen = new Map<string, number>();
  return ranked
    .map(({ chunk, score }) => {
      const before = seen.get(chunk.path) ?? 0;
      seen.set(chunk.path, before + 1);
      return { chunk, score: score * ofFurtherChunk ** before };
    })
    .sort((one, other) => other.score - one.score);
}

/** The name of a file without its endings: `parse` of `src/parse.test.ts`. */
export function stemOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name.replace(/(?!^)\..*$/, '');
}
