import { applyPatch, type StructuredPatchHunk } from 'diff';
import { linesOf } from './hunks.ts';

/** Lines around a change that may differ from the file's. */
const mostFuzz = 2;
/** Begins a hunk, also where a model left the numbers out. */
const heading = /^@@(?: -(\d+)(?:,\d+)? \+\d+(?:,\d+)?)?(?: ?@@.*)?\s*$/;
const oldFile = /^--- (?:a\/)?(\S+)/;
const newFile = /^\+\+\+ (?:b\/)?(\S+)/;

/** What a diff makes of a file's lines, or the first change that doesn't fit, numbered from 1. */
export type Patched = { lines: string[] } | { misfit: { change: number; of: number; line: number } };

/** Whether code is a unified diff. */
export function isPatch(code: string): boolean {
  const lines = linesOf(code);
  return lines.some((line) => heading.test(line)) || filesIn(lines).length > 0;
}

/** Whether a diff is for more than one file. */
export function isForSeveralFiles(code: string): boolean {
  return filesIn(linesOf(code)).length > 1;
}

/**
 * The indexes of the lines that name a changed file. In a hunk, an added line that begins with `++ ` looks the same:
 * there, the line before has to name the same file, or the next to begin a hunk.
 */
function filesIn(lines: readonly string[]): number[] {
  const firstHunk = lines.findIndex((line) => heading.test(line));
  const firstFile = lines.findIndex((line) => newFile.test(line));
  return lines.flatMap((line, index) => {
    const [, now] = newFile.exec(line) ?? [];
    if (now === undefined) return [];
    if (index === firstFile && (firstHunk === -1 || index < firstHunk)) return index;
    const [, old] = oldFile.exec(lines[index - 1] ?? '') ?? [];
    return old === now || heading.test(lines[index + 1] ?? '') ? index : [];
  });
}

/** Applies a unified diff. Its counts of lines are not trusted: models often miscount. */
export function patched(lines: readonly string[], code: string): Patched {
  const hunks = hunksOf(code);
  const text = lines.join('\n');
  const all = hunks.flatMap((hunk) => hunk.lines);
  // The library would keep the one line of an empty file behind them.
  if (text === '' && all.every((line) => line.startsWith('+')))
    return { lines: [...all.map((line) => line.slice(1)), ''] };
  const apply = (some: StructuredPatchHunk[]) => {
    const patch = { oldFileName: '', newFileName: '', oldHeader: '', newHeader: '', hunks: some };
    return applyPatch(text, patch, { fuzzFactor: mostFuzz });
  };
  const whole = apply(hunks);
  if (whole !== false) return { lines: whole.split('\n') };
  const at = hunks.findIndex((_hunk, index) => apply(hunks.slice(0, index + 1)) === false);
  return { misfit: { change: at + 1, of: hunks.length, line: hunks[at]?.oldStart ?? 1 } };
}

function hunksOf(code: string): StructuredPatchHunk[] {
  const hunks: StructuredPatchHunk[] = [];
  const lines = linesOf(code.trimEnd());
  const files = new Set(filesIn(lines));
  for (const [index, line] of lines.entries()) {
    // The header of a file may have its only hunk behind it.
    const found = files.has(index) ? [] : heading.exec(line);
    const oldStart = Number(found?.[1] ?? 1);
    if (found) hunks.push({ oldStart, oldLines: 0, newStart: oldStart, newLines: 0, lines: [] });
    const hunk = hunks.at(-1);
    if (found || !hunk || line.startsWith('\\')) continue;
    // A blank line of context is often left without its space.
    const written = /^[-+ ]/.test(line) ? line : ` ${line}`;
    hunk.lines.push(written);
    if (!written.startsWith('+')) hunk.oldLines += 1;
    if (!written.startsWith('-')) hunk.newLines += 1;
  }
  return hunks.filter((hunk) => hunk.lines.length > 0);
}
