import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { dayOf } from './day.ts';
import { segmentName, segmentNames, segmentNumber, syncDirectory, type Journal } from './journal.ts';
import type { LedgerOptions } from './ledgerOptions.ts';
import { headerIn } from './readJournal.ts';

const dayMs = 86_400_000;
/** A segment that begins so long after the one before may stand for a clock that has jumped ahead. */
const longestGapMs = 31 * dayMs;

/**
 * The oldest segment to keep, when those before it are older than `oldest` (milliseconds since the epoch):
 * the last one that began before then, since it may hold records of after. Null when there is none, or
 * when the last segment began long after the one before: a jump of the clock must not delete what is kept.
 */
function oldestToKeep(
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
function removeSegmentsBefore(directory: string, first: number): void {
  const dropped = segmentNames(directory).filter((name) => name < segmentName(first));
  for (const name of dropped) rmSync(join(directory, name), { force: true });
  if (dropped.length > 0) syncDirectory(directory);
}

type RetentionOptions = Pick<LedgerOptions, 'retentionDays' | 'timeZone' | 'onRetention'>;

/** Drops closed segments that policy no longer keeps. */
export class Retention {
  // Another extension in the same process must not replace these methods.
  static {
    Object.freeze(this.prototype);
  }

  readonly #directory: string;
  readonly #options: RetentionOptions;
  /** The segment at whose beginning old ones were last looked for. */
  #checked = 0;

  constructor(directory: string, options: RetentionOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /** First the record of it, then the files. Under the lock, with nothing staged but a header. */
  async apply(journal: Journal, time: string): Promise<void> {
    const { retentionDays, timeZone, onRetention } = this.#options;
    const { state } = journal;
    if (state.segment === this.#checked) return;
    this.#checked = state.segment;
    const oldest = Date.parse(state.head.time) - retentionDays * dayMs;
    const kept = oldestToKeep(this.#directory, { segment: state.segment, began: state.segmentBegan }, oldest);
    if (kept && kept.segment > state.firstSegment) {
      const retention = { first_segment: kept.segment, retention_days: retentionDays };
      journal.stage([{ ...retention, kind: 'retention', call_id: null }], time);
      await journal.flush();
    }
    removeSegmentsBefore(this.#directory, state.firstSegment);
    if (kept) onRetention?.(dayOf(new Date(kept.began), timeZone));
  }
}
