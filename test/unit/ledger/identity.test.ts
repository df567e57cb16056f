import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderOfLedger } from '../../../src/ledger/readJournal.ts';
import { installedKeys, openLedger, reserveInput } from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const by = { userId: 'ada', reason: 'JIRA-1 begin anew' };
const found = { kind: 'unreadable', detail: 'the file was moved' } as const;

describe('the identity of a ledger', () => {
  it('is that of its receipts, in every process, from its first record on', async () => {
    const folder = temporaryFolder();
    const [one, two] = [openLedger(folder), openLedger(folder)];
    expect(await one.identity()).toBeNull();
    const { receipt } = await one.reserve('a', reserveInput(1n));
    expect(receipt.ledgerId).toMatch(/^[\da-f]{32}$/);
    expect(await one.identity()).toBe(receipt.ledgerId);
    expect(await two.identity()).toBe(receipt.ledgerId);
  });

  it('is another once a new ledger has begun in its place', async () => {
    const ledger = openLedger(join(temporaryFolder(), 'ledger', 'live'));
    const { receipt } = await ledger.reserve('a', reserveInput(1n));
    await ledger.void('a', { outcome: 'cancelled', processing_time_ms: 0, error_code: null });
    const reopened = await ledger.reopen(found, by, { setAside: true });
    expect(await ledger.identity()).toBe(reopened.ledgerId);
    expect(reopened.ledgerId).not.toBe(receipt.ledgerId);
  });

  it('finds its folder: in use, beside it, or set aside', async () => {
    const state = temporaryFolder();
    const inUse = join(state, 'ledger', 'live');
    const beside = join(state, 'ledger', 'simulated');
    const signingKeys = installedKeys(inUse);
    const live = openLedger(inUse, { signingKeys });
    const { receipt } = await live.reserve('a', reserveInput(1n));
    await live.void('a', { outcome: 'cancelled', processing_time_ms: 0, error_code: null });
    const { setAside, ledgerId } = await live.reopen(found, by, { setAside: true });
    const simulated = openLedger(beside, { signingKeys, mode: 'simulated' });
    await simulated.reserve('b', reserveInput(1n));
    expect(folderOfLedger(inUse, ledgerId)).toBe(inUse);
    expect(folderOfLedger(inUse, receipt.ledgerId)).toBe(setAside);
    expect(folderOfLedger(inUse, (await simulated.identity()) ?? '')).toBe(beside);
    expect(folderOfLedger(inUse, '0'.repeat(32))).toBeNull();
  });
});
