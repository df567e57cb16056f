import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { splitLine } from './chain.ts';
import { ChainFault } from './fault.ts';
import { firstLine, segmentName, segmentNames, segmentNumber, syncDirectory } from './journal.ts';
import { foldedRecord } from './recordShape.ts';

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
  const before = names.length > 0 ? beganAt(directory, names.at(-1) ?? '') : null;
  if (before !== null && Date.parse(current.began) - Date.parse(before) > longestGapMs) return null;
  let kept: { segment: number; began: string } | null = null;
  for (const name of [...names, segmentName(current.segment)]) {
    const began = name === segmentName(current.segment) ? current.began : beganAt(directory, name);
    if (began === null || Date.parse(began) > oldest) break;
    kept = { segment: segmentNumber(name), began };
  }
  return kept;
}

/** When a segment began, by its header; null while it has none that can be read: then it stays. */
function beganAt(directory: string, name: string): string | null {
  const line = firstLine(join(directory, name));
  try {
    return line && foldedRecord(splitLine(line).body.toString('utf8')).time;
  } catch (error) {
    if (error instanceof ChainFault) return null;
    throw error;
  }
}

/** Deletes the files of segments that a `retention` record has dropped. */
export function removeSegmentsBefore(directory: string, first: number): void {
  const dropped = segmentNames(directory).filter((name) => name < segmentName(first));
  for (const name of dropped) rmSync(join(directory, name), { force: true });
  if (dropped.length > 0) syncDirectory(directory);
}
