import { expect, it } from 'vitest';
import type { AdjustInput } from '../../../src/ledger/contract.ts';
import { verifyLedger } from '../../../src/ledger/verifyLedger.ts';
import { independently } from '../../support/independentVerifier.ts';
import { capsOf, openLedger, reserveInput, settleInput, storedRecords } from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const sonnet = 'anthropic.claude-sonnet-4-6';
const dayMs = 24 * 60 * 60 * 1000;

it('a model’s totals are of the key that its reservation names, or of its id, over segments and bills', async () => {
  const folder = temporaryFolder();
  const clock = { now: Date.UTC(2026, 0, 1, 12) };
  const ledger = openLedger(folder, { now: () => clock.now });
  const keyed = { ...reserveInput(600n), model_key: sonnet };
  await ledger.reserve('without', reserveInput(100n));
  await ledger.reserve('one', keyed);
  await ledger.reserve('open', { ...keyed, model_id: 'arn:of-a-profile' });
  await ledger.settle('one', settleInput(250n));
  const models = async () => (await ledger.budget()).scopes.filter(({ scope }) => scope === 'model');
  const correction: AdjustInput = {
    day: '2026-01-01',
    model_id: `us.${sonnet}`,
    model_key: sonnet,
    token_class: 'input',
    recorded_micro_usd: '250',
    billed_micro_usd: '300',
    difference_micro_usd: '50',
    source: 'bill.csv',
    source_sha256: '0'.repeat(64),
    user_id: 'ada',
    reason: 'JIRA-1 bill',
  };
  await ledger.adjust([correction], 1_000_000);
  expect(await models()).toMatchObject([
    { key: `us.${sonnet}`, spent: 0n, reserved: 100n },
    { key: sonnet, spent: 300n, reserved: 600n },
  ]);
  clock.now += dayMs;
  await ledger.reserve('next day', keyed);
  await ledger.settle('open', settleInput(200n));
  clock.now += dayMs;
  await ledger.reserve('day after', keyed);
  const carried = storedRecords(folder).flatMap((record) =>
    record.kind === 'header' && record.carried ? [record.carried] : [],
  );
  expect(carried[0]?.open).toContainEqual(expect.objectContaining({ call_id: 'open', model_key: sonnet }));
  expect(carried[1]?.days[0]?.scopes).toContainEqual(
    expect.objectContaining({ scope: 'model', key: sonnet, spent_micro_usd: '500' }),
  );
  expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true });
  expect(independently(folder)).toContain('records intact');
});

it('a cap refuses by the key, whatever the id', async () => {
  const capOf = capsOf(1_000_000n, { scope: 'model', key: sonnet, limit: 1_000n });
  const ledger = openLedger(temporaryFolder(), { capOf });
  const input = { ...reserveInput(600n), model_key: sonnet };
  expect(await ledger.reserve('a', input)).toMatchObject({ granted: true });
  expect(await ledger.reserve('b', { ...input, model_id: `eu.${sonnet}` })).toMatchObject({
    granted: false,
    cap: { scope: 'model', key: sonnet },
  });
});
