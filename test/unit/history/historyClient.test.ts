import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { HistoryClient } from '../../../src/history/historyClient.ts';
import { indexPath } from '../../../src/history/historyIndex.ts';
import { openLedger, reserveInput, settleInput } from '../../support/ledgers.ts';
import { writeSyntheticLedger } from '../../support/syntheticLedger.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { naiveHistory } from './naiveHistory.ts';

vi.setConfig({ testTimeout: 60_000 });

const workerUrl = new URL('../../../src/history/historyWorker.ts', import.meta.url);

function openClient(): { directory: string; client: HistoryClient } {
  const directory = join(temporaryFolder(), 'ledger', 'live');
  const client = new HistoryClient(directory, workerUrl);
  onTestFinished(() => client.close());
  return { directory, client };
}

it('answers in another thread what the index answers, money included', async () => {
  const { directory, client } = openClient();
  await writeSyntheticLedger({ directory, records: 3000, days: 9 });
  const naive = naiveHistory(directory);
  const [matches, page] = await Promise.all([
    client.ask('matches', [{}]),
    client.ask('rowsFromOldest', [{}, 10, 5]),
  ]);
  expect(matches.total).toBe(naive.calls.length);
  expect(page).toEqual({ total: naive.calls.length, calls: naive.calls.slice(-15, -10) });
  expect(await client.ask('usage', ['model'])).toEqual(naive.usage('model'));
});

it('sees what is added between two questions', async () => {
  const { directory, client } = openClient();
  const ledger = openLedger(directory);
  expect((await client.ask('matches', [{}])).total).toBe(0);
  await ledger.reserve('a', reserveInput(10n));
  expect((await client.ask('matches', [{}])).outcomes).toMatchObject({ pending: 1, success: 0 });
  await ledger.settle('a', settleInput(1n));
  expect((await client.ask('matches', [{}])).outcomes).toMatchObject({ pending: 0, success: 1 });
});

it('tells how far the making of an index is, and stops it when asked to', async () => {
  const { directory, client } = openClient();
  await writeSyntheticLedger({ directory, records: 20_000, days: 9 });
  const stopped = new AbortController();
  const first = client.ask('matches', [{}], {
    signal: stopped.signal,
    onProgress: () => stopped.abort(new Error('enough')),
  });
  await expect(first).rejects.toThrow('enough');
  const shares: number[] = [];
  rmSync(indexPath(directory));
  await client.ask('matches', [{}], { onProgress: (bytes, total) => shares.push(bytes / total) });
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares.at(-1)).toBe(1);
});

it('says what is wrong with a ledger as the ledger says it', async () => {
  const { directory, client } = openClient();
  await writeSyntheticLedger({ directory, records: 50, days: 1 });
  appendFileSync(join(directory, '00000001.journal'), 'not a record\n');
  await expect(client.ask('matches', [{}])).rejects.toMatchObject({
    name: 'GatewayError',
    code: 'ledger_damaged',
    hint: expect.stringContaining('audit reopen') as string,
  });
});

it('starts again after its thread has ended', async () => {
  const { directory, client } = openClient();
  await writeSyntheticLedger({ directory, records: 50, days: 1 });
  const { total } = await client.ask('matches', [{}]);
  await client.close();
  expect((await client.ask('matches', [{}])).total).toBe(total);
});

it('answers with what comes before a fault, and says what is wrong, when the asker wants both', async () => {
  const { directory, client } = openClient();
  await writeSyntheticLedger({ directory, records: 50, days: 1 });
  const { total } = await client.ask('matches', [{}]);
  appendFileSync(join(directory, '00000001.journal'), 'not a record\n');
  const onFailure = vi.fn();
  for (let time = 0; time < 2; time += 1)
    expect((await client.ask('matches', [{}], { onFailure })).total).toBe(total);
  expect(onFailure).toHaveBeenCalledTimes(2);
  expect(onFailure).toHaveBeenCalledWith(expect.objectContaining({ code: 'ledger_damaged' }));
});
