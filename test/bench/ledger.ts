/**
 * A ledger of 1,000,000 records: how long it takes to open, verify and read, and what it weighs.
 * RECORDS sets another size. Prints a table; figures depend on the machine, whose own limits stand beside them.
 */
import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import type { HistoryFilter } from '../../src/history/calls.ts';
import { HistoryClient } from '../../src/history/historyClient.ts';
import { HistoryIndex, indexPath } from '../../src/history/historyIndex.ts';
import { usageDimensions } from '../../src/history/usageTotals.ts';
import { segmentNames } from '../../src/ledger/journal.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { verifyLedger, type VerificationOptions } from '../../src/ledger/verifyLedger.ts';
import { capsOf, ledgerDefaults, reserveInput, settleInput } from '../support/ledgers.ts';
import { writeSyntheticLedger } from '../support/syntheticLedger.ts';
import { inSeconds, spent, type Spent } from './spent.ts';

const wanted = Number(process.env['RECORDS'] ?? 1_000_000);
const folder = mkdtempSync(join(tmpdir(), 'tidyllm-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const directory = join(folder, 'ledger', 'live');

async function seconds(work: () => Promise<unknown>): Promise<number> {
  return (await spent(work)).seconds;
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
const onProgress = (): void => void (peak = Math.max(peak, process.memoryUsage().rss));
async function verify(options: VerificationOptions): Promise<void> {
  const { ok, firstFault } = await verifyLedger({ directory, mode: 'live' }, options);
  if (!ok) throw new Error(JSON.stringify(firstFault));
}
const verified = await spent(() => verify({ onProgress }));
const verifiedAlone = await spent(() => verify({ threads: 1 }));

/** Makes the index as a window does, in a thread, while calls are recorded here. */
async function indexMeanwhile(): Promise<{ made: Spent; calls: number; slowestMs: number; stallMs: number }> {
  const client = new HistoryClient(directory, new URL('../../src/history/historyWorker.ts', import.meta.url));
  const ledger = new Ledger({ ...ledgerDefaults, directory, capOf: capsOf(10n ** 15n) });
  const stalls = monitorEventLoopDelay({ resolution: 1 });
  const finished = new AbortController();
  let [slowestMs, done] = [0, 0];
  await ledger.budget();
  stalls.enable();
  const making = spent(() => client.ask('facets', [])).finally(() => finished.abort());
  while (!finished.signal.aborted) {
    const id = `meanwhile-${done}`;
    const call = async (): Promise<void> => {
      await ledger.reserve(id, reserveInput(100n));
      await ledger.settle(id, settleInput(10n));
    };
    slowestMs = Math.max(slowestMs, 1000 * (await seconds(call)));
    done += 1;
    await setTimeout(10);
  }
  stalls.disable();
  await ledger.dispose();
  await client.close();
  return { made: await making, calls: done, slowestMs, stallMs: stalls.max / 1e6 };
}

/** A search for a text that isn't there reads all reasons. */
async function readingReasons(): Promise<number> {
  const database = new DatabaseSync(indexPath(directory), { readOnly: true });
  const took = await seconds(() =>
    Promise.resolve(database.prepare('SELECT reason_end, reasons FROM block_reasons').all()),
  );
  database.close();
  return took;
}

const { made, ...meanwhile } = await indexMeanwhile();
const index = new HistoryIndex(directory);
const reopened = await seconds(() => index.ask(() => undefined));
/** Each of another kind, from one that finds nearly all to one that finds nothing. */
const filters: HistoryFilter[] = [
  ...[{}, { userId: 'radia' }, { model: 'nova-pro' }, { outcomes: ['orphaned' as const] }],
  ...[{ text: 'the' }, { text: 'jira-77 ' }, { text: 'no such reason' }],
  ...[
    { fromDay: '2000-01-01', untilDay: '2000-01-02' },
    { userId: 'ada', branch: 'JIRA-100-work', text: 'test' },
  ],
];
let [first, counted, deep] = [0, 0, 0];
for (const filter of filters) {
  let total = 0;
  first = Math.max(first, await seconds(() => index.ask(() => index.rows(filter, 0, 100))));
  counted = Math.max(counted, await seconds(() => index.ask(() => (total = index.matches(filter).total))));
  deep = Math.max(deep, await seconds(() => index.ask(() => index.rows(filter, Math.floor(total / 2), 100))));
}
const usage = await seconds(() => index.ask(() => usageDimensions.map((by) => index.usage(by))));
index.close();
const rows: [what: string, figure: string, aim: string][] = [
  ['records, calls, segments', `${records}, ${calls}, ${segments}`, ''],
  ['journal bytes per call', (bytes / calls).toFixed(0), ''],
  ['open', `${(opened * 1000).toFixed(0)} ms`, '300 ms'],
  ['verify', inSeconds(verified), '2.5 s per million'],
  ['  by one thread', inSeconds(verifiedAlone), ''],
  ['  its SHA-256 alone', `${hashLimit(records, Math.round(bytes / records) - 66).toFixed(2)} s`, ''],
  ['  its memory', `+${((peak - before) / 1e6).toFixed(0)} MB`, ''],
  [
    'make the history’s index',
    `${inSeconds(made)}, ${(statSync(indexPath(directory)).size / 1e6).toFixed(0)} MB`,
    '8 s per million',
  ],
  [
    `  of ${meanwhile.calls} calls then, slowest`,
    `${meanwhile.slowestMs.toFixed(0)} ms; longest stall ${meanwhile.stallMs.toFixed(0)} ms`,
    'stall 50 ms',
  ],
  ['open it', `${(reopened * 1000).toFixed(0)} ms`, ''],
  [
    'page of 100 filtered, slowest',
    `${(first * 1000).toFixed(0)} ms, later ones ${(deep * 1000).toFixed(0)} ms`,
    '20 ms',
  ],
  ['  reading the reasons alone', `${(1000 * (await readingReasons())).toFixed(0)} ms`, ''],
  ['count all by outcome, slowest', `${(counted * 1000).toFixed(0)} ms`, ''],
  ['usage by all six properties', `${(usage * 1000).toFixed(0)} ms`, ''],
];
for (const [what, figure, aim] of rows)
  console.log(`${what.padEnd(31)}${figure.padEnd(44)}${aim && `aim ${aim}`}`);
