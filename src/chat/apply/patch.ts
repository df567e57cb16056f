import { applyPatch, type StructuredPatchHunk } from 'diff';
import { linesOf } from './hunks.ts';

/** Lines around a change that may differ from the file's. */
const mostFuzz = 2;
/** Begins a hunk, also where a model left the numbers out; the header of a file may have its only hunk behind it. */
const heading = /^@@(?: -(\d+)(?:,\d+)? \+\d+(?:,\d+)?)?(?: ?@@.*)?\s*$|^\+\+\+ /;

/** What a diff makes of a file's lines, or the first change that doesn't fit, numbered from 1. */
export type Patched = { lines: string[] } | { misfit: { change: number; of: number; line: number } };

/** Whether code is a unified diff. */
export function isPatch(code: string): boolean {
  return linesOf(code).some((line) => heading.test(line));
}

/** Whether a diff is for more than one file. */
export function isForSeveralFiles(code: string): boolean {
  return linesOf(code).filter((line) => line.startsWith('+++ ')).length > 1;
}

/** Applies a unified diff. Its counts of lines are not trusted: models often miscount. */
export function patched(lines: readonly string[], code: string): Patched {
  const hunks = hunksOf(code);
  const text = lines.join('\n');
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
  for (const line of linesOf(code.trimEnd())) {
    const found = heading.exec(line);
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
