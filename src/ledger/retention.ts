import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { segmentName, segmentNames, segmentNumber, syncDirectory } from './journal.ts';
import { headerIn } from './readJournal.ts';

/** A segment that begins so long after the one before may stand for a clock that has jumped ahead. */
const longestGapMs = 31 * 86_400_000;

/**
 * The oldest segment to keep, when those before it are older than `oldest` (milliseconds since the epoch):
 * the last one that began before then, since it may hold records of after. Null when there is none, or
 * when the last segment began long after the one before: a jump of the clock must not delete what is kept.
 */
export function oldestToKeep(
  directory: string,
  current: { segment: number; began: string },
  oldest: number,
): { segment: number; began: string } | null {
  const names = segmentNames(directory).filter((name) => segmentNumber(name) < current.segment);
  // A segment without a header that can be read stays.
  const beganIn = (name: string): string | null => headerIn(directory, name)?.time ?? null;
  const before = names.length > 0 ? beganIn(names.at(-1) ?? '') : null;
  if (before !== null && Date.parse(current.began) - Date.parse(before) > longestGapMs) return null;
  let kept: { segment: number; began: string } | null = null;
  for (const name of [...names, segmentName(current.segment)]) {
    const began = name === segmentName(current.segment) ? current.began : beganIn(name);
    if (began === null || Date.parse(began) > oldest) break;
    kept = { segment: segmentNumber(name), began };
  }
  return kept;
}

/** Deletes the files of segments that a `retention` record has dropped. */
export function removeSegmentsBefore(directory: string, first: number): void {
  const dropped = segmentNames(directory).filter((name) => name < segmentName(first));
  for (const name of dropped) rmSync(join(directory, name), { force: true });
  if (dropped.length > 0) syncDirectory(directory);
}
