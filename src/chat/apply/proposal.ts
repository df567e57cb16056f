import { diffArrays } from 'diff';
import { definitionsIn } from '../../retrieval/definitions.ts';
import { linesOf } from './hunks.ts';
import { isForSeveralFiles, isPatch, patched, type Patched } from './patch.ts';

/** Milliseconds for the search of common lines; code that needs more has no place. */
const alignWithinMs = 1_000;
/** Share of a fragment's lines that the file must have, where no definition says its place. */
const leastCommon = 1 / 3;
/** A comment that stands for code that was left out. */
const elision = /^\s*(?:\/\/|#|--|;+|\/\*|<!--|\{\/\*)\s*(?:\.{3}|…)|^(?:\.{3}|…)$/;

/** Begin and end texts of several lines, which need no indentation. */
const textEnds = ['`', '"""', "'''"];

/** What a file would be with the code of an answer in it. */
export type Proposal =
  | { kind: 'lines'; lines: string[] }
  /** The code has no place in the file. */
  | { kind: 'unplaced' }
  | { kind: 'severalFiles' }
  | ({ kind: 'misfit' } & Extract<Patched, { misfit: unknown }>['misfit']);

/** Lines of a file that a fragment takes the place of. */
interface Place {
  start: number;
  end: number;
  added: string[];
}

/**
 * Puts the code of an answer into a file. A unified diff is applied. Other code takes the place of the file if it has
 * the file's first and last lines; otherwise of the definitions that it defines, or of the lines between the first and
 * the last that both have. Where a comment such as `// ...` stands for code that was left out, that code stays.
 */
export function proposalFor(path: string, lines: readonly string[], code: string): Proposal {
  if (isPatch(code)) {
    if (isForSeveralFiles(code)) return { kind: 'severalFiles' };
    const result = patched(lines, code);
    return 'misfit' in result ? { kind: 'misfit', ...result.misfit } : { kind: 'lines', ...result };
  }
  const fragments = fragmentsOf(linesOf(code));
  const [only = []] = fragments;
  if (fragments.length === 1 && isWhole(lines, only))
    return { kind: 'lines', lines: [...only, ...endOf(lines)] };
  let result: string[] = [...lines];
  for (const fragment of fragments) {
    const places = placesByName(path, result, fragment) ?? placeByLines(result, fragment);
    if (!places || places === 'endless') return { kind: 'unplaced' };
    for (const { start, end, added } of places.toReversed())
      result = [...result.slice(0, start), ...added, ...result.slice(end)];
  }
  return { kind: 'lines', lines: result };
}

/** The parts between the comments that stand for left-out code, without blank lines around them. */
function fragmentsOf(code: readonly string[]): string[][] {
  const parts: string[][] = [[]];
  for (const line of code) {
    if (elision.test(line)) parts.push([]);
    else parts.at(-1)?.push(line);
  }
  return parts.map(trimmed).filter((part) => part.length > 0);
}

function trimmed(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => line.trim() !== '');
  return first === -1 ? [] : lines.slice(first, lines.findLastIndex((line) => line.trim() !== '') + 1);
}

/** The empty line behind the last line end; a new file gets one too. */
function endOf(lines: readonly string[]): string[] {
  return lines.at(-1) === '' ? [''] : [];
}

/** Whether code is all of a file: it has its first and last lines, or about as many before and behind the common ones. */
function isWhole(lines: readonly string[], code: readonly string[]): boolean {
  const file = trimmed(lines);
  if (file.length === 0) return true;
  const pairs = commonLines(file, code);
  const [first, last] = [pairs[0], pairs.at(-1)];
  if (!first || !last || pairs.length < 2) return false;
  const behind = { file: file.length - 1 - last.file, code: code.length - 1 - last.code };
  return first.file <= first.code && behind.file <= behind.code && pairs.length >= file.length * leastCommon;
}

/**
 * Places of definitions that the file has once; null unless the fragment is nothing but definitions. `endless` if the
 * indentation doesn't say where one ends: a part of the old one would be left behind.
 */
function placesByName(
  path: string,
  lines: readonly string[],
  fragment: readonly string[],
): Place[] | 'endless' | null {
  const places: Place[] = [];
  for (let at = 0; at < fragment.length;) {
    const defined = fragment.findIndex((line, index) => index >= at && !isLead(line));
    const names = definedBy(path, fragment[defined] ?? '');
    const found = lines.flatMap((line, index) =>
      definedBy(path, line).some((name) => names.includes(name)) ? [index] : [],
    );
    const [line] = found;
    if (line === undefined || found.length > 1) return null;
    const end = endOfDefinition(fragment, defined);
    const endInFile = endOfDefinition(lines, line);
    if (end === null || endInFile === null) return 'endless';
    const hasLead = trimmed(fragment.slice(at, defined)).length > 0;
    const start = hasLead ? startOfLead(lines, line) : line;
    const added = indentedAs(lines[line] ?? '', fragment[defined] ?? '', trimmed(fragment.slice(at, end)));
    places.push({ start, end: endInFile, added });
    at = end;
  }
  const inOrder = places.every(({ start }, index) => index === 0 || start >= (places[index - 1]?.end ?? 0));
  return places.length > 0 && inOrder ? places : null;
}

/** The names that a line defines; a method is known by being indented. */
function definedBy(path: string, line: string): string[] {
  return [...definitionsIn(path, line), ...definitionsIn(path, `  ${line}`)];
}

/** Whether a line belongs to the definition behind it: a comment or decorator, or blank. */
function isLead(line: string): boolean {
  return /^\s*(?:$|\/\/|\/\*|\*|#|--|@|"""|''')/.test(line);
}

function startOfLead(lines: readonly string[], definition: number): number {
  const before = lines.findLastIndex(
    (line, index) => index < definition && (!isLead(line) || line.trim() === ''),
  );
  return before + 1;
}

/** The index behind the last line of a definition, by its indentation; null if a bracket or text is open there. */
function endOfDefinition(lines: readonly string[], start: number): number | null {
  const depth = indentOf(lines[start] ?? '').length;
  let end = start + 1;
  let isOpen = /[({[]\s*$/.test(lines[start] ?? '');
  for (let at = start + 1; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line.trim() === '') continue;
    const isDeeper = indentOf(line).length > depth;
    const closes = indentOf(line).length === depth && /^\s*(?:[)\]}>]|end\b)/.test(line);
    if (!isDeeper && !closes && !/^\s*\{/.test(line)) break;
    end = at + 1;
    isOpen = closes
      ? /[({[]\s*$/.test(line)
      : isOpen || (/^\s*\{/.test(line) && indentOf(line).length === depth);
    // `) {` closes the parameters and opens the body.
    if (closes && !/[({[:]\s*$/.test(line)) break;
  }
  const text = lines.slice(start, end).join('\n');
  return isOpen || textEnds.some((mark) => text.split(mark).length % 2 === 0) ? null : end;
}

function indentOf(line: string): string {
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}

/** A fragment that was written further to the left gets the file's indentation. */
function indentedAs(line: string, written: string, fragment: readonly string[]): string[] {
  const [wanted, has] = [indentOf(line), indentOf(written)];
  if (wanted === has || !wanted.startsWith(has)) return [...fragment];
  const missing = wanted.slice(has.length);
  return fragment.map((one) => (one.trim() === '' ? one : missing + one));
}

/** The place between the first and last lines that file and fragment have in common; null if these are too few. */
function placeByLines(lines: readonly string[], fragment: readonly string[]): Place[] | null {
  const telling = fragment.filter(isTelling).length;
  const pairs = commonLines(lines, fragment).filter(({ file }) => isTelling(lines[file] ?? ''));
  const [first, last] = [pairs[0], pairs.at(-1)];
  if (!first || !last || pairs.length < Math.max(1, telling * leastCommon)) return null;
  // Brackets and the like around them are common lines too.
  while (isSame(lines[first.file - 1], fragment[first.code - 1])) {
    first.file -= 1;
    first.code -= 1;
  }
  while (isSame(lines[last.file + 1], fragment[last.code + 1])) {
    last.file += 1;
    last.code += 1;
  }
  const length = last.file + 1 - first.file;
  if (length > 2 * fragment.length) return null;
  const added = indentedAs(lines[first.file] ?? '', fragment[first.code] ?? '', fragment);
  return [{ start: first.file, end: first.file + length, added }];
}

/** Whether a line says more than brackets do. */
function isTelling(line: string): boolean {
  return /[\p{L}\p{N}].*[\p{L}\p{N}]/u.test(line) && line.trim() !== 'end';
}

function isSame(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && one.trim() === other?.trim();
}

/** The longest sequence of lines that both have, whatever their indentation, by their indexes. */
function commonLines(file: readonly string[], code: readonly string[]): { file: number; code: number }[] {
  const parts = diffArrays(
    file.map((line) => line.trim()),
    code.map((line) => line.trim()),
    { timeout: alignWithinMs },
  );
  const pairs: { file: number; code: number }[] = [];
  const at = { file: 0, code: 0 };
  for (const { value, added, removed } of parts ?? []) {
    if (!added && !removed)
      pairs.push(...value.map((_line, index) => ({ file: at.file + index, code: at.code + index })));
    if (!added) at.file += value.length;
    if (!removed) at.code += value.length;
  }
  return pairs;
}
