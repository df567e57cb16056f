import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readRecords } from '../../src/ledger/readJournal.ts';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import type { LedgerRecord } from '../../src/ledger/records.ts';
import { startBedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { installedKeys, openLedger } from '../support/ledgers.ts';
import { times } from '../support/nightly.ts';
import { seededRandom } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { bundleCaller, startCaller, type Acknowledged } from './callers.ts';

const kills = times(100, 2_000);
const processesAtOnce = 4;
const longestLifeMs = 25;

it(`${kills} processes killed around a call lose nothing that was acknowledged`, async () => {
  const random = seededRandom();
  const folder = temporaryFolder();
  const script = await bundleCaller(folder);
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  const environment = {
    ...isolatedEnvironment(folder),
    AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
    CALLS: '1000000',
  };
  const acknowledged: Acknowledged[] = [];
  let left = kills;
  const killOne = async (): Promise<void> => {
    const caller = startCaller(script, environment);
    await caller.ready;
    await delay(random() * longestLifeMs);
    caller.process.kill('SIGKILL');
    await caller.ended;
    acknowledged.push(...caller.acknowledged);
  };
  await Promise.all(
    Array.from({ length: processesAtOnce }, async () => {
      while (left > 0) {
        left -= 1;
        await killOne();
      }
    }),
  );

  const directory = join(folder, 'ledger', 'live');
  const ledger = openLedger(directory, { signingKeys: installedKeys(directory) });
  await ledger.recover();
  expect(await verifyLedger({ directory: directory, mode: null })).toMatchObject({ ok: true });
  const records: LedgerRecord[] = [];
  for await (const { record } of readRecords(directory)) records.push(record);
  const reserved = new Set(records.filter(({ kind }) => kind === 'RESERVE').map(({ call_id }) => call_id));
  const endings = new Map(
    records.flatMap((record) =>
      record.kind === 'SETTLE' || record.kind === 'VOID' || record.kind === 'EXPIRED_CHARGED'
        ? [[record.call_id, record] as const]
        : [],
    ),
  );
  for (const { callId, sequence } of acknowledged) {
    expect(endings.get(callId)).toMatchObject({ kind: 'SETTLE', seq: sequence });
  }
  for (const { metadata } of standIn.calls) expect(reserved).toContain(metadata['tidyllm_call_id']);
  expect([...reserved].filter((callId) => callId === null || !endings.has(callId))).toEqual([]);
  const spent = [...endings.values()].reduce(
    (sum, record) => sum + (record.kind === 'VOID' ? 0n : BigInt(record.cost_micro_usd)),
    0n,
  );
  expect(await ledger.budget()).toMatchObject({ spent, reserved: 0n });
  const orphans = [...endings.values()].filter(({ kind }) => kind === 'EXPIRED_CHARGED').length;
  console.log(
    `${kills} kills: ${acknowledged.length} calls acknowledged, ${standIn.calls.length} reached the stand-in, ${orphans} charged as orphans, ${records.length} records`,
  );
  expect(acknowledged.length).toBeGreaterThanOrEqual(kills);
  expect(orphans).toBeGreaterThan(kills / 20);
}, 7_200_000);
