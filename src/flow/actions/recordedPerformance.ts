import { entriesSince, firstOfDays, type RecordedCall } from '../../history/recordedCalls.ts';
import type { LedgerReader } from '../../ledger/contract.ts';
import type { LedgerLocation } from '../../ledger/readJournal.ts';
import type { SettleRecord } from '../../ledger/records.ts';
import { builtIns } from '../builtIns.ts';
import type { Implementation } from '../implementation.ts';
import { distribution, type Distribution } from '../statistics.ts';

interface RecordedPerformanceDependencies {
  ledger: Pick<LedgerReader, 'budget'>;
  journal: LedgerLocation;
}

/** The durations of the last days' calls of models, from the ledger; cached answers are none. Makes no call. */
export function recordedPerformance({ ledger, journal }: RecordedPerformanceDependencies): Implementation {
  return {
    id: 'recorded_performance',
    ...builtIns.recorded_performance,
    worstCase: () => 0n,
    run: async ({ parameters, signal, progress }) => {
      const { day } = await ledger.budget();
      const since = firstOfDays(day, Number(parameters['days']));
      const byModel = new Map<string, SettleRecord[]>();
      const scan = { signal, onProgress: (records: number) => progress(`${records} records read`) };
      for await (const entry of entriesSince(journal.directory, since, scan)) {
        const answered = 'call' in entry ? answeredCall(entry.call) : null;
        if (!answered) continue;
        const ofModel = byModel.get(answered.model);
        if (ofModel) ofModel.push(answered.ending);
        else byModel.set(answered.model, [answered.ending]);
      }
      const all = [...byModel.values()].flat();
      const whole = distribution(all.map(({ processing_time_ms }) => processing_time_ms));
      const columns = ['p50', 'p90', 'p95', 'p99', 'max'];
      return {
        title: 'Recorded performance',
        summary:
          all.length === 0
            ? `No call has been answered since ${since}.`
            : `${all.length} calls since ${since} took ${whole.p50} ms at the median and ${whole.p95} ms at the 95th percentile.`,
        findings: [],
        figures: [
          { id: 'calls', label: 'Answered calls', value: all.length, unit: 'count', better: null },
          { id: 'latency_p50', label: 'Whole call, p50', value: whole.p50, unit: 'ms', better: 'lower' },
          { id: 'latency_p95', label: 'Whole call, p95', value: whole.p95, unit: 'ms', better: 'lower' },
        ],
        sections: [
          {
            id: 'latency_by_model',
            title: 'Latency by model',
            text: `Durations of whole calls recorded since ${since}; no new calls were made.`,
            table: {
              columns: [
                { label: 'Model', unit: 'text' },
                { label: 'Calls', unit: 'count' },
                ...columns.map((label) => ({ label, unit: 'ms' as const })),
              ],
              rows: [...byModel].map(([model, calls]) =>
                row(model, distribution(calls.map(({ processing_time_ms }) => processing_time_ms))),
              ),
            },
            chart: { type: 'columns', x: 0, series: [2, 4] },
          },
        ],
      };
    },
  };
}

function answeredCall({
  opening,
  ending,
  saved,
}: RecordedCall): { model: string; ending: SettleRecord } | null {
  return ending?.kind === 'SETTLE' && ending.outcome === 'success' && saved === null
    ? { model: opening.model_id ?? opening.model, ending }
    : null;
}

function row(model: string, { count, p50, p90, p95, p99, max }: Distribution) {
  return [model, count, p50, p90, p95, p99, max];
}
