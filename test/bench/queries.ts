/**
 * A query over 100,000 calls: how long the copy takes, and a GROUP BY, in the thread of the built extension. CALLS sets
 * another size. Figures depend on the machine.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HistoryIndex } from '../../src/history/historyIndex.ts';
import { runQuery } from '../../src/queries/runQuery.ts';
import { writeSyntheticLedger } from '../support/syntheticLedger.ts';

const wanted = Number(process.env['CALLS'] ?? 100_000);
const rounds = 5;
/** Records of a call in such a ledger. */
const recordsPerCall = 3;
const folder = mkdtempSync(join(tmpdir(), 'tidyllm-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const directory = join(folder, 'ledger', 'live');
await writeSyntheticLedger({ directory, records: wanted * recordsPerCall, days: 365 });
const index = new HistoryIndex(directory);
await index.ask(() => undefined);
index.close();

const dist = new URL('../../dist/', import.meta.url);
const statements = {
  'GROUP BY with count and sum':
    'SELECT day, user_id, count(*), sum(cost_micro_usd) FROM calls GROUP BY day, user_id',
  'percentile by model': 'SELECT model, percentile(processing_time_ms, 95) FROM calls GROUP BY model',
};
for (const [name, sql] of Object.entries(statements)) {
  const runs: { copy: number; query: number; calls: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { copyMs, queryMs, tables } = await runQuery(
      { directory, sql, days: {}, toleratesFault: false },
      { workerUrl: new URL('queryWorker.js', dist), wasmUrl: new URL('sql-wasm.wasm', dist) },
    );
    runs.push({ copy: copyMs, query: queryMs, calls: tables[0]?.copied ?? 0 });
  }
  const middle = (of: 'copy' | 'query'): string =>
    (runs.map((run) => run[of]).sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0).toFixed(0);
  console.log(
    `${name}: ${runs[0]?.calls ?? 0} calls copied in ${middle('copy')} ms, query ${middle('query')} ms (median of ${rounds})`,
  );
}
