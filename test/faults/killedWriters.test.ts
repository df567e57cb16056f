import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { readRecords } from '../../src/ledger/readJournal.ts';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import { openLedger, testSigner } from '../support/ledgers.ts';
import { report, times } from '../support/nightly.ts';
import { seededRandom } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { bundle } from './callers.ts';

const moments = ['before the write', 'after the write', 'after the sync', 'while planning under the lock'];
const processesAtOnce = 4;

it('processes killed at every moment of a write lose nothing that was acknowledged', async () => {
  const random = seededRandom();
  const kills = times(300, 100_000);
  const folder = temporaryFolder();
  const directory = join(folder, 'ledger');
  mkdirSync(directory);
  const script = await bundle('killedWriter.ts', folder);
  const acknowledged = new Map<number, string>();
  let left = kills;
  const killOne = async (): Promise<void> => {
    const child = spawn(process.execPath, ['--no-warnings', script], {
      env: {
        PATH: process.env['PATH'],
        DIRECTORY: directory,
        SIGNING_KEY: testSigner.toPem(),
        MOMENT: moments[left % moments.length],
        SKIP: String(Math.floor(random() * 8)),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [printed, [, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect(signal).toBe('SIGKILL');
    for (const [, sequence, hash] of printed.matchAll(/^done (\d+) (\w+)$/gm))
      acknowledged.set(Number(sequence), hash ?? '');
  };
  await Promise.all(
    Array.from({ length: processesAtOnce }, async () => {
      while (left > 0) {
        left -= 1;
        await killOne();
      }
    }),
  );
  const ledger = openLedger(directory);
  await ledger.recover();
  expect(await verifyLedger({ directory, mode: 'live' })).toMatchObject({ ok: true });
  const open = new Set<string>();
  let records = 0;
  for await (const { record, hash } of readRecords(directory)) {
    records += 1;
    if (acknowledged.has(record.seq)) expect(hash).toBe(acknowledged.get(record.seq));
    if (record.kind === 'RESERVE') open.add(record.call_id);
    if (record.kind === 'SETTLE' || record.kind === 'VOID' || record.kind === 'EXPIRED_CHARGED')
      open.delete(record.call_id);
  }
  expect(Math.max(...acknowledged.keys())).toBeLessThanOrEqual(records);
  expect([...open]).toEqual([]);
  report(
    'SIGKILL before write, after write, after sync, holding the lock',
    `${kills} kills, ${acknowledged.size} acknowledged, ${records} records, none lost`,
  );
  expect(acknowledged.size).toBeGreaterThan(kills);
}, 7_200_000);
