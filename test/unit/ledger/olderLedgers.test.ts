import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifyLedger } from '../../../src/ledger/verifyLedger.ts';
import { independently } from '../../support/independentVerifier.ts';
import {
  capsOf,
  installedKeys,
  openLedger,
  reserveInput,
  settleInput,
  storedRecords,
} from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const dayMs = 86_400_000;

/**
 * Copies a state folder that an earlier version wrote, before there were notes: three days with calls, runs, overruns,
 * a rotated key and a raised cap. A call and a run of a process that is gone are open, and the last day is blocked.
 */
function olderLedger(mode: 'live' | 'simulated'): string {
  const state = temporaryFolder();
  cpSync(join('test/fixtures/ledgersBeforeNotes', mode), state, { recursive: true });
  return join(state, 'ledger', mode);
}

describe.each(['live', 'simulated'] as const)('a %s ledger of an earlier version', (mode) => {
  it('verifies, by the program and by the auditor’s script', async () => {
    const directory = olderLedger(mode);
    expect(await verifyLedger({ directory, mode })).toMatchObject({ ok: true, records: 44, segments: 3 });
    expect(independently(directory)).toContain('44 records intact');
  });

  it('goes on: what was open is ended, and the next day takes calls', async () => {
    const directory = olderLedger(mode);
    const options = {
      mode,
      timeZone: 'Europe/Berlin',
      signingKeys: installedKeys(directory),
      capOf: capsOf(2_000n),
    };
    const clock = { now: Date.parse('2026-02-01T14:00:00Z') };
    const ledger = openLedger(directory, { ...options, now: () => clock.now });
    expect(await ledger.budget()).toMatchObject({ day: '2026-02-01', spent: 120n, overruns: 1 });
    expect(await ledger.reserve('blocked', reserveInput(10n))).toMatchObject({ overruns: 1 });
    clock.now += dayMs;
    expect(await ledger.reserve('next', reserveInput(600n))).toMatchObject({ granted: true });
    await ledger.settle('next', settleInput(250n));
    expect(await ledger.budget()).toMatchObject({ day: '2026-02-02', spent: 250n, reserved: 0n });
    const kinds = storedRecords(directory).slice(44);
    expect(kinds.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['EXPIRED_CHARGED', 'flow_end', 'REFUSE', 'header', 'RESERVE', 'SETTLE']),
    );
    expect(await verifyLedger({ directory, mode })).toMatchObject({
      ...{ ok: true, records: 44 + kinds.length, segments: 4 },
    });
    expect(independently(directory)).toContain('records intact');
  });
});
