import type { StepHistory } from '../workflow/operationResult.ts';
import type { LineOf, RunLine } from './runLine.ts';

/** Older runs say less about the next one. */
export const mostMeasuredRuns = 20;

/** What is known of each step from its last successful runs; `runs` has the lines of each run, newest first. */
export function stepHistories(runs: readonly (readonly RunLine[])[]): Map<string, StepHistory> {
  const found = new Map<string, { ended: LineOf<'ended'>; cost: bigint; waitMs: number }[]>();
  for (const lines of runs) {
    const closed = lines.findLast((line) => line.kind === 'closed');
    // What a run cost is in its last line; one that was interrupted has none.
    if (!closed) continue;
    for (const line of lines) {
      if (line.kind !== 'ended' || line.status !== 'success') continue;
      const of = found.get(line.step) ?? [];
      found.set(line.step, of);
      if (of.length === mostMeasuredRuns) continue;
      of.push({
        ended: line,
        cost: BigInt(closed.costs[line.step] ?? '0'),
        waitMs: waitOf(lines, line.step),
      });
    }
  }
  return new Map(
    [...found].map(([id, of]) => [
      id,
      {
        durations: of.map(({ ended }) => ended.duration_ms),
        costs: of.map(({ cost }) => cost),
        cachedShare: of.filter(({ ended }) => ended.cached).length / of.length,
        waitsMs: of.map(({ waitMs }) => waitMs),
      },
    ]),
  );
}

function waitOf(lines: readonly RunLine[], step: string): number {
  const started = lines.findLast((line) => line.kind === 'started' && line.step === step);
  return started?.kind === 'started' ? started.wait_ms : 0;
}
