import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readRecords } from '../../src/ledger/readJournal.ts';
import { verifyLedger } from '../../src/ledger/verifyLedger.ts';
import { microToUsd } from '../../src/pricing/cost.ts';
import { startBedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { openLedger } from '../support/ledgers.ts';
import { isNightly, report, times } from '../support/nightly.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { bundleCaller, startCaller } from './callers.ts';

const processes = isNightly ? 32 : 8;
const callsEach = times(500, 10_000);
/** Ten tokens of output at $10 per million, input free: every call costs exactly what it reserves. */
const settings = `
bedrock: { model_mapping: { exact: my.exact-model } }
prices: { my.exact-model: { input: "0", output: "10" } }
`;
const costOfCall = 100n;
/** Room for half of the calls. */
const limit = (BigInt(processes * callsEach) * costOfCall) / 2n;

it(`${processes} processes × ${callsEach} calls spend the limit to the micro-dollar and not one more`, async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'settings.yaml'), settings);
  const script = await bundleCaller(folder);
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  const environment = {
    ...isolatedEnvironment(folder),
    AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
    TIDYLLM_BUDGET_DAILY_LIMIT_USD: microToUsd(limit),
    CALLS: String(callsEach),
    MODEL: 'exact',
  };
  const callers = Array.from({ length: processes }, () => startCaller(script, environment));
  const ends = await Promise.all(callers.map(({ ended }) => ended));
  expect(ends.map(({ code }) => code)).toEqual(ends.map(() => 0));

  const acknowledged = callers.flatMap((caller) => caller.acknowledged);
  const successes = acknowledged.filter(({ status }) => status === 'success');
  expect(acknowledged).toHaveLength(processes * callsEach);
  expect(successes).toHaveLength(Number(limit / costOfCall));
  expect(acknowledged.filter(({ status }) => status === 'refused')).toHaveLength(
    processes * callsEach - successes.length,
  );
  expect(standIn.calls).toHaveLength(successes.length);

  const directory = join(folder, 'ledger', 'live');
  expect(await verifyLedger({ directory: directory, mode: null })).toMatchObject({ ok: true });
  expect(await openLedger(directory).budget()).toMatchObject({ spent: limit, reserved: 0n });
  const settled = new Set<string>();
  for await (const { record } of readRecords(directory))
    if (record.kind === 'SETTLE') settled.add(record.call_id);
  for (const { metadata } of standIn.calls) expect(settled).toContain(metadata['tidyllm_call_id']);
  report(
    'exact budget with concurrent processes',
    `${processes} × ${callsEach} calls, ${successes.length} made, the limit met to the micro-dollar`,
  );
}, 7_200_000);
