/**
 * A ledger of 1,000,000 records: how long it takes to open, verify and read, and what it weighs.
 * RECORDS sets another size. Prints a table; figures depend on the machine, whose own limits stand beside them.
 */
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { segmentNames } from '../../src/ledger/journal.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { verifyLedger } from '../../src/ledger/readJournal.ts';
import { ledgerDefaults } from '../support/ledgers.ts';
import { writeSyntheticLedger } from '../support/syntheticLedger.ts';

const wanted = Number(process.env['RECORDS'] ?? 1_000_000);
const folder = mkdtempSync(join(tmpdir(), 'tidyllm-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const directory = join(folder, 'ledger', 'live');

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** SHA-256 of as many inputs as the ledger has records, each of a record's mean size, and of the tree's nodes. */
function hashLimit(records: number, meanBytes: number): number {
  const record = Buffer.alloc(49 + meanBytes, 1);
  const node = Buffer.alloc(65, 1);
  const start = performance.now();
  for (let index = 0; index < records; index += 1) {
    hash('sha256', record);
    hash('sha256', node);
  }
  return (performance.now() - start) / 1000;
}

const { records, calls, segments } = await writeSyntheticLedger({ directory, records: wanted });
const bytes = segmentNames(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
const opened = await seconds(async () => {
  const ledger = new Ledger({ ...ledgerDefaults, directory });
  await ledger.budget();
  await ledger.dispose();
});
const before = process.memoryUsage().rss;
let peak = before;
const verified = await seconds(async () => {
  const { ok, firstFault } = await verifyLedger(
    { directory, mode: 'live' },
    { onProgress: () => (peak = Math.max(peak, process.memoryUsage().rss)) },
  );
  if (!ok) throw new Error(JSON.stringify(firstFault));
});
const rows: [what: string, figure: string, aim: string][] = [
  ['records, calls, segments', `${records}, ${calls}, ${segments}`, ''],
  ['journal bytes per call', (bytes / calls).toFixed(0), ''],
  ['open', `${(opened * 1000).toFixed(0)} ms`, '300 ms'],
  ['verify', `${verified.toFixed(2)} s, ${((verified / records) * 1e6).toFixed(2)} s per million`, '4 s per million'],
  ['  its SHA-256 alone', `${hashLimit(records, Math.round(bytes / records) - 66).toFixed(2)} s`, ''],
  ['  its memory', `+${((peak - before) / 1e6).toFixed(0)} MB`, ''],
];
for (const [what, figure, aim] of rows) console.log(`${what.padEnd(28)}${figure.padEnd(34)}${aim && `aim ${aim}`}`);
