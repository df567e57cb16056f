import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import type { LedgerOptions } from '../../../src/ledger/ledgerOptions.ts';
import { verifyLedger } from '../../../src/ledger/verifyLedger.ts';
import { Signer, keyIdOf } from '../../../src/ledger/signing.ts';
import { signingKeyFile } from '../../../src/ledger/signingKey.ts';
import { ForgedLedger } from '../../support/forgedLedger.ts';
import { independently } from '../../support/independentVerifier.ts';
import { keysInMemory, openLedger, reserveInput, settleInput, storedRecords } from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const dayMs = 86_400_000;
const firstDay = Date.parse('2026-01-01T10:00:00Z');
const [first, second] = [Signer.generate(), Signer.generate()];

async function call(ledger: Ledger, id: string): Promise<void> {
  await ledger.reserve(id, reserveInput(600n));
  await ledger.settle(id, settleInput(250n));
}

/** A ledger with a call on each of so many days, signed by the first key. */
async function ledgerOf(days: number, options: Partial<LedgerOptions> = {}) {
  const folder = temporaryFolder();
  const clock = { now: firstDay };
  const ledger = openLedger(folder, { now: () => clock.now, signingKeys: keysInMemory(first), ...options });
  for (let day = 0; day < days; day += 1) {
    clock.now = firstDay + day * dayMs;
    await call(ledger, `call-${day}`);
  }
  const reopened = (more: Partial<LedgerOptions>): Ledger =>
    openLedger(folder, { now: () => clock.now, ...more });
  const { ledgerId = '' } = (await ledger.head()) ?? {};
  return { folder, ledger, clock, reopened, idOf: (signer: Signer) => keyIdOf(ledgerId, signer.publicKey) };
}

const keysIn = (folder: string): string[] =>
  storedRecords(folder).flatMap((record) => (record.kind === 'key' ? [record.key_id] : []));

/** What both verifiers find first, which has to be the same. */
async function verified(folder: string, pinnedKey: string | null = null): Promise<string> {
  const { firstFault: fault } = await verifyLedger({ directory: folder, mode: 'live', pinnedKey });
  const alone = independently(folder, null, pinnedKey ?? undefined);
  if (!fault) {
    expect(alone).toContain('records intact');
    return 'intact';
  }
  expect(alone).toMatch(new RegExp(`^DAMAGED ${fault.segment}:${fault.line}: `));
  return fault.detail;
}

async function refusal(work: Promise<unknown>): Promise<GatewayError | null> {
  const error: unknown = await work.then(() => null).catch((thrown: unknown) => thrown);
  return GatewayError.is(error) ? error : null;
}

/** A ledger in which somebody enrolled a key of his own and raised the cap with it. */
async function withRaisedCap(
  earlier: boolean,
): Promise<{ folder: string; forger: string; idOfFirst: string }> {
  const { folder, ledger, idOf } = await ledgerOf(1);
  await ledger.raiseCap(
    { scope: 'ledger', key: '', limit: 2_000_000n },
    { userId: 'ada', reason: 'JIRA-2 more' },
  );
  await ledger.dispose();
  const forged = new ForgedLedger(folder, [first]);
  if (earlier) forged.ofEarlierVersion();
  const forger = forged.keyId(forged.forger);
  forged.enrol(forged.forger, forger);
  const raised = forged.ofKind('policy_change').at(-1) ?? {};
  forged.add({ ...raised, key_id: forger, from_micro_usd: '2000000', to_micro_usd: '900000000000' });
  forged.write(folder);
  return { folder, forger, idOfFirst: idOf(first) };
}

describe('a key that nobody endorsed', () => {
  it('of another installation signs nothing, and is told what to do', async () => {
    const { folder, reopened } = await ledgerOf(1);
    const before = storedRecords(folder).length;
    const error = await refusal(call(reopened({ signingKeys: keysInMemory(second) }), 'x'));
    expect(error).toMatchObject({ code: 'ledger_unavailable' });
    expect(error?.hint).toMatch(/signing\.pem.*VS Code/);
    expect(storedRecords(folder)).toHaveLength(before);
  });

  it('is refused by both verifiers and by every process that reads it', async () => {
    const { folder } = await withRaisedCap(false);
    expect(await verified(folder)).toMatch(/no key before it endorsed/);
    const error = await refusal(call(openLedger(folder, { signingKeys: keysInMemory(first) }), 'x'));
    expect(error).toMatchObject({ code: 'ledger_damaged' });
  });

  it('in a ledger of an earlier version is listed, and refused for what it signed where a key is pinned', async () => {
    const { folder, forger, idOfFirst } = await withRaisedCap(true);
    expect(await verified(folder)).toBe('intact');
    const { unendorsedKeys } = await verifyLedger({ directory: folder, mode: 'live' });
    expect(unendorsedKeys).toEqual([forger]);
    expect(independently(folder)).toContain(`key ${forger} enrolled itself`);
    for (const pin of [idOfFirst, first.publicKey])
      expect(await verified(folder, pin)).toMatch(new RegExp(`key ${forger}.*descend`));
  });

  it('is refused from the next segment on in a ledger of an earlier version', async () => {
    const { folder, ledger, clock, reopened } = await ledgerOf(2);
    await ledger.dispose();
    new ForgedLedger(folder, [first]).ofEarlierVersion().write(folder);
    clock.now += dayMs;
    const next = reopened({ signingKeys: keysInMemory(first) });
    await call(next, 'x');
    await next.dispose();
    expect(await verified(folder)).toBe('intact');
    const forged = new ForgedLedger(folder, [first]);
    forged.enrol(forged.forger, forged.keyId(forged.forger));
    forged.write(folder);
    expect(await verified(folder)).toMatch(/no key before it endorsed/);
    delete forged.ofKind('header').at(-1)?.['endorsed_keys'];
    forged.write(folder);
    expect(await verified(folder)).toBe('intact');
  });

  it('can’t be let in by a header that asks for less than the one before', async () => {
    const { folder, ledger } = await ledgerOf(2);
    await ledger.dispose();
    const forged = new ForgedLedger(folder, [first]);
    delete forged.ofKind('header').at(-1)?.['endorsed_keys'];
    forged.write(folder);
    expect(await verified(folder)).toMatch(/no longer asks/);
  });
});

describe('a key of the same installation', () => {
  it('that the editor had to itself vouches for the one it now shares with the command', async () => {
    const { folder, clock, reopened, idOf } = await ledgerOf(1);
    clock.now += dayMs;
    await call(reopened({ signingKeys: keysInMemory(second, [first]) }), 'x');
    expect(keysIn(folder)).toEqual([idOf(first), idOf(second)]);
    await call(reopened({ signingKeys: keysInMemory(second) }), 'y');
    expect(await verified(folder)).toBe('intact');
    expect(await verified(folder, idOf(first))).toBe('intact');
    expect((await verifyLedger({ directory: folder, mode: 'live' })).unendorsedKeys).toEqual([]);
  });

  it('that was rotated is taken up where the process died before it had put the new one in place', async () => {
    const { folder, ledger, clock, reopened } = await ledgerOf(1);
    const home = temporaryFolder();
    const keys = signingKeyFile(home);
    await keys.replace(first);
    const dying = reopened({ signingKeys: { ...keys, replace: () => Promise.reject(new Error('died')) } });
    await expect(dying.rotateKey()).rejects.toThrow('died');
    await ledger.dispose();
    clock.now += dayMs;
    await call(reopened({ signingKeys: signingKeyFile(home) }), 'x');
    expect(keysIn(folder)).toHaveLength(2);
    expect((await signingKeyFile(home).load()).publicKey).not.toBe(first.publicKey);
    expect(await verified(folder)).toBe('intact');
  });

  it('that was replaced and is all there is signs nothing', async () => {
    const { ledger, reopened } = await ledgerOf(1);
    await ledger.rotateKey();
    const error = await refusal(call(reopened({ signingKeys: keysInMemory(first) }), 'x'));
    expect(error).toMatchObject({ code: 'ledger_unavailable' });
  });
});

describe('a pinned key', () => {
  it('is found by its id and by its bytes, also once another took its place', async () => {
    const { folder, ledger, clock, idOf } = await ledgerOf(2);
    await ledger.rotateKey();
    clock.now += dayMs;
    await call(ledger, 'x');
    for (const pin of [idOf(first), first.publicKey]) expect(await verified(folder, pin)).toBe('intact');
    expect(await verified(folder, second.publicKey)).toMatch(/first key/);
  });

  it('shows a ledger that was written anew under another key, which is intact in itself', async () => {
    const { folder } = await ledgerOf(2, { signingKeys: keysInMemory(second) });
    expect(await verified(folder)).toBe('intact');
    expect(await verified(folder, first.publicKey)).toMatch(/first key is .* not/);
  });

  it('of the settings lets no call be made in a ledger of another, nor in a new one', async () => {
    const { folder, reopened } = await ledgerOf(1, { signingKeys: keysInMemory(second) });
    const options = { signingKeys: keysInMemory(second), pinnedKey: first.publicKey };
    expect(await refusal(call(reopened(options), 'x'))).toMatchObject({ code: 'ledger_damaged' });
    expect(await refusal(reopened(options).budget())).toMatchObject({ code: 'ledger_damaged' });
    rmSync(folder, { recursive: true });
    const error = await refusal(call(reopened(options), 'x'));
    expect(error?.hint).toContain('audit.pinned_key');
  });

  it('that gave its place away before the oldest segment that is kept has to be named anew', async () => {
    const { folder, ledger, clock, idOf } = await ledgerOf(2, { retentionDays: 1 });
    await ledger.rotateKey();
    const next = (await ledger.head())?.key?.publicKey ?? null;
    for (const id of ['x', 'y', 'z']) {
      clock.now += dayMs;
      await call(ledger, id);
    }
    expect(await verified(folder)).toBe('intact');
    expect(await verified(folder, idOf(first))).toMatch(/pin the one that took its place/);
    expect(await verified(folder, next)).toBe('intact');
  });
});
