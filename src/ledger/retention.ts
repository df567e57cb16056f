import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { splitLine } from './chain.ts';
import { firstLine, segmentName, segmentNames, segmentNumber, syncDirectory } from './journal.ts';
import { foldedRecord } from './recordShape.ts';

/**
 * The oldest segment to keep, when those before it are older than `oldest` (milliseconds since the epoch):
 * the last one that began before then, since it may hold records of after. Null when there is none.
 */
export function oldestToKeep(
  directory: string,
  current: number,
  oldest: number,
): { segment: number; began: string } | null {
  let kept: { segment: number; began: string } | null = null;
  for (const name of segmentNames(directory)) {
    const line = firstLine(join(directory, name));
    if (line === null || segmentNumber(name) > current) break;
    const { time } = foldedRecord(splitLine(line).body.toString('utf8'));
    if (Date.parse(time) > oldest) break;
    kept = { segment: segmentNumber(name), began: time };
  }
  return kept;
}

/** Deletes the files of segments that a `retention` record has dropped. */
export function removeSegmentsBefore(directory: string, first: number): void {
  const dropped = segmentNames(directory).filter((name) => name < segmentName(first));
  for (const name of dropped) rmSync(join(directory, name), { force: true });
  if (dropped.length > 0) syncDirectory(directory);
}
