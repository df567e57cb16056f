import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HistoryIndex } from '../../../src/history/historyIndex.ts';
import { writeSyntheticLedger } from '../../support/syntheticLedger.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { naiveHistory } from './naiveHistory.ts';

describe('the use of models', () => {
  it('is what the calls themselves say: counts, outcomes and percentiles', async () => {
    const directory = join(temporaryFolder(), 'ledger', 'live');
    await writeSyntheticLedger({ directory, records: 5000, days: 5 });
    const index = new HistoryIndex(directory);
    onTestFinished(() => index.close());
    const uses = await index.ask(() => index.modelUse());
    const finished = naiveHistory(directory).calls.filter(({ outcome }) => outcome !== 'pending');
    const byModel = Map.groupBy(finished, ({ backend, modelId, model }) => `${backend} ${modelId ?? model}`);
    expect(uses.map(({ backend, model }) => `${backend} ${model}`).sort()).toEqual(
      [...byModel.keys()].sort(),
    );
    for (const use of uses) {
      const calls = byModel.get(`${use.backend} ${use.model}`) ?? [];
      expect(use.calls).toBe(calls.length);
      for (const [outcome, count] of Object.entries(use.outcomes))
        expect(count).toBe(calls.filter((call) => call.outcome === outcome).length);
      expect(use.attempts).toBe(calls.filter(({ records }) => records.length > 1).length);
      const times = calls
        .flatMap(({ outcome, processingTimeMs }) =>
          outcome === 'success' && processingTimeMs !== null ? processingTimeMs : [],
        )
        .sort((a, b) => a - b);
      const at = (share: number): number => times[Math.ceil(share * times.length) - 1] ?? 0;
      expect(use.processingTimeMs).toEqual(times.length === 0 ? null : { p50: at(0.5), p95: at(0.95) });
    }
  });
});
