import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { verifyLedger } from '../../../src/ledger/verifyLedger.ts';
import { openLedger, reserveInput, settleInput, storedRecords } from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** A thin layer over the real file system that fails where a test says so, and notes what was done. */
const disk = vi.hoisted(() => ({
  fail: new Map<string, { skip: number; times: number }>(),
  done: [] as string[],
}));

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  const failing = (operation: string): NodeJS.ErrnoException | null => {
    disk.done.push(operation);
    const fault = disk.fail.get(operation);
    if (!fault || fault.times === 0) return null;
    if (fault.skip > 0) {
      fault.skip -= 1;
      return null;
    }
    fault.times -= 1;
    return Object.assign(new Error(`${operation} fails`), { code: 'EIO' });
  };
  const orThrow = (operation: string): void => {
    const error = failing(operation);
    if (error) throw error;
  };
  return {
    ...real,
    writeSync: (...parameters: Parameters<typeof real.writeSync>) => {
      orThrow('write');
      return real.writeSync(...parameters);
    },
    ftruncateSync: (...parameters: Parameters<typeof real.ftruncateSync>) => {
      orThrow('truncate');
      real.ftruncateSync(...parameters);
    },
    fdatasync: (descriptor: number, done: (error: Error | null) => void) => {
      const error = failing('sync');
      if (error) done(error);
      else real.fdatasync(descriptor, done);
    },
  };
});

function fail(operation: 'write' | 'sync' | 'truncate', times = 1, skip = 0): void {
  disk.fail.set(operation, { skip, times });
}

beforeEach(() => {
  disk.fail.clear();
  disk.done.length = 0;
});

async function code(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (error as { code: string }).code,
  );
}

describe('what is acknowledged', () => {
  it('was synced after it was written, for a reservation and for an ending', async () => {
    const ledger = openLedger(temporaryFolder());
    await ledger.recover();
    disk.done.length = 0;
    await ledger.reserve('a', reserveInput(600n));
    expect(disk.done).toEqual(['write', 'sync']);
    await ledger.settle('a', settleInput(250n));
    expect(disk.done).toEqual(['write', 'sync', 'write', 'sync']);
  });
});

describe.each(['write', 'sync'] as const)('when a %s fails', (operation) => {
  it('a reservation is refused, holds nothing, and the next one is granted', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    await ledger.recover();
    fail(operation);
    expect(await code(ledger.reserve('a', reserveInput(600n)))).toBe('ledger_unavailable');
    expect(await ledger.budget()).toMatchObject({ spent: 0n, reserved: 0n });
    expect(await ledger.reserve('b', reserveInput(600n))).toMatchObject({ granted: true });
    expect(await ledger.budget()).toMatchObject({ reserved: 600n });
    expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true });
    expect(storedRecords(folder).filter(({ call_id }) => call_id === 'a')).toEqual([]);
  });

  it('an ending is reported as failed and written with the next step, once', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    await ledger.reserve('a', reserveInput(600n));
    fail(operation);
    expect(await code(ledger.settle('a', settleInput(250n)))).toBe('ledger_unavailable');
    await ledger.reserve('b', reserveInput(100n));
    expect(await ledger.budget()).toMatchObject({ spent: 250n, reserved: 100n });
    expect(await ledger.settle('a', settleInput(999n))).toMatchObject({ sequence: 6 });
    expect(storedRecords(folder).filter(({ kind }) => kind === 'SETTLE')).toHaveLength(1);
    expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true });
  });

  it('an ending that is owed is written when the ledger closes', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    await ledger.reserve('a', reserveInput(600n));
    fail(operation);
    await code(ledger.settle('a', settleInput(250n)));
    await ledger.dispose();
    expect(await openLedger(folder).budget()).toMatchObject({ spent: 250n, reserved: 0n });
  });

  it('and the file can’t even be cut back, the reservation is released, not charged', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    await ledger.recover();
    fail(operation);
    fail('truncate');
    expect(await code(ledger.reserve('a', reserveInput(600n)))).not.toBe('done');
    await ledger.recover();
    expect(await ledger.budget()).toMatchObject({ spent: 0n, reserved: 0n });
    expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true });
  });
});

it('a fault at every operation of a call in turn leaves a ledger that verifies and the budget exact', async () => {
  for (const operation of ['write', 'sync'] as const) {
    for (let skip = 0; skip < 6; skip += 1) {
      const folder = temporaryFolder();
      const ledger = openLedger(folder);
      fail(operation, 1, skip);
      let spent = 0n;
      for (const id of ['a', 'b', 'c']) {
        const reservation = await ledger.reserve(id, reserveInput(600n)).catch(() => null);
        if (!reservation?.granted) continue;
        await ledger.settle(id, settleInput(250n)).catch(() => null);
        spent += 250n;
      }
      await ledger.recover();
      expect(await ledger.budget()).toMatchObject({ spent, reserved: 0n });
      expect(await verifyLedger({ directory: folder, mode: 'live' })).toMatchObject({ ok: true });
    }
  }
});

describe('a step that can’t be recorded', () => {
  it('fails alone and doesn’t block the ledger', async () => {
    const ledger = openLedger(temporaryFolder());
    await ledger.reserve('a', reserveInput(600n));
    const [bad, good] = await Promise.all([
      code(ledger.settle('a', settleInput(-5n))),
      ledger.reserve('b', reserveInput(100n)),
    ]);
    expect(bad).toBe('ledger_damaged');
    expect(good).toMatchObject({ granted: true });
    await ledger.settle('a', settleInput(250n));
    expect(await ledger.budget()).toMatchObject({ spent: 250n, reserved: 100n });
  });
});

describe('calls and recovery at the same time', () => {
  it('never release a reservation that was granted', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    await ledger.recover();
    const [reservation] = await Promise.all([ledger.reserve('a', reserveInput(600n)), ledger.recover()]);
    expect(reservation).toMatchObject({ granted: true });
    await ledger.recover();
    expect(storedRecords(folder).map(({ kind }) => kind)).toEqual([
      ...['header', 'key', 'policy_change', 'RESERVE', 'DISPATCH'],
    ]);
    await ledger.settle('a', settleInput(250n));
    expect(await ledger.budget()).toMatchObject({ spent: 250n });
  });

  it('two endings of one call give the first one’s receipt', async () => {
    const ledger = openLedger(temporaryFolder());
    await ledger.reserve('a', reserveInput(600n));
    const [one, two] = await Promise.all([
      ledger.settle('a', settleInput(1n)),
      ledger.settle('a', settleInput(2n)),
    ]);
    expect(two).toEqual(one);
    expect(await ledger.budget()).toMatchObject({ spent: 1n });
  });

  it('an ending made while the folder is away is written when it is back', async () => {
    const folder = join(temporaryFolder(), 'ledger');
    const ledger = openLedger(folder);
    await ledger.reserve('a', reserveInput(600n));
    renameSync(folder, `${folder}-away`);
    expect(
      await code(ledger.void('a', { outcome: 'failed', processing_time_ms: 1, error_code: null })),
    ).not.toBe('done');
    const { rmSync } = await import('node:fs');
    rmSync(folder, { recursive: true, force: true });
    renameSync(`${folder}-away`, folder);
    await ledger.recover();
    expect(await ledger.budget()).toMatchObject({ spent: 0n, reserved: 0n });
  });
});
