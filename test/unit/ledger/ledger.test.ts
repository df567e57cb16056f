import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import { verifyLedger } from '../../../src/ledger/verifyLedger.ts';
import { journalPath, openLedger, reserveInput, settleInput, storedRecords } from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const description = { ...reserveInput(0n) };

describe('budget', () => {
  it('holds the worst case until the call is settled, then counts what it cost', async () => {
    const ledger = openLedger(temporaryFolder());
    await ledger.reserve('a', reserveInput(600n));
    expect(await ledger.budget()).toMatchObject({ spent: 0n, reserved: 600n });
    await ledger.settle('a', settleInput(250n));
    expect(await ledger.budget()).toMatchObject({ spent: 250n, reserved: 0n });
    expect((await ledger.budget()).scopes).toContainEqual({
      scope: 'model',
      key: 'us.anthropic.claude-sonnet-4-6',
      name: 'claude-sonnet',
      calls: 1,
      tokens: 30,
      spent: 250n,
      reserved: 0n,
    });
  });

  it('grants what fits to the last micro-dollar and refuses one more', async () => {
    const ledger = openLedger(temporaryFolder());
    expect(await ledger.reserve('a', reserveInput(999_999n))).toMatchObject({ granted: true });
    expect(await ledger.reserve('b', reserveInput(2n))).toMatchObject({ granted: false, left: 1n });
    expect(await ledger.reserve('c', reserveInput(1n))).toMatchObject({ granted: true });
    expect(await ledger.reserve('d', reserveInput(1n))).toMatchObject({ granted: false, left: 0n });
  });

  it('decides reservations that wait together one after the other', async () => {
    const ledger = openLedger(temporaryFolder());
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) => ledger.reserve(`call-${index}`, reserveInput(30_000n))),
    );
    expect(results.filter(({ granted }) => granted)).toHaveLength(33);
    expect(await ledger.budget()).toMatchObject({ reserved: 990_000n });
  });

  it('is shared by every ledger object on the same folder', async () => {
    const folder = temporaryFolder();
    const [one, two] = [openLedger(folder), openLedger(folder)];
    await one.reserve('a', reserveInput(700_000n));
    expect(await two.reserve('b', reserveInput(700_000n))).toMatchObject({
      granted: false,
      left: 300_000n,
    });
    await one.void('a', { outcome: 'failed', processing_time_ms: 1, error_code: 'backend_throttled' });
    expect(await two.reserve('c', reserveInput(700_000n))).toMatchObject({ granted: true });
  });

  it('starts anew with the day of its time zone, and settles into the day of the reservation', async () => {
    let now = Date.parse('2026-05-01T21:59:59Z');
    const folder = temporaryFolder();
    const ledger = openLedger(folder, { timeZone: 'Europe/Berlin', now: () => now });
    await ledger.reserve('a', reserveInput(900_000n));
    now += 2000;
    expect(await ledger.reserve('b', reserveInput(900_000n))).toMatchObject({ granted: true });
    await ledger.settle('a', settleInput(100n));
    expect(storedRecords(folder).at(-1)).toMatchObject({ kind: 'SETTLE', day: '2026-05-01' });
    expect(await ledger.budget()).toMatchObject({ day: '2026-05-02', spent: 0n, reserved: 900_000n });
  });

  it('stays in the later day when the clock is set back', async () => {
    let now = Date.parse('2026-05-02T00:00:01Z');
    const ledger = openLedger(temporaryFolder(), { now: () => now });
    await ledger.reserve('a', reserveInput(1_000_000n));
    now -= 10_000;
    expect(await ledger.reserve('b', reserveInput(1n))).toMatchObject({ granted: false });
    expect((await ledger.budget()).day).toBe('2026-05-02');
  });
});

describe('records of a call', () => {
  it('are RESERVE and DISPATCH before, SETTLE after, tied by the reservation’s hash', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    const reservation = await ledger.reserve('a', reserveInput(600n));
    expect(storedRecords(folder).map(({ kind }) => kind)).toEqual([
      ...['header', 'key', 'policy_change', 'RESERVE', 'DISPATCH'],
    ]);
    const receipt = await ledger.settle('a', settleInput(250n));
    const settle = storedRecords(folder).at(-1);
    const reserveLine = readFileSync(journalPath(folder), 'utf8').split('\n')[3];
    expect(settle).toMatchObject({
      kind: 'SETTLE',
      opening_hash: reserveLine?.slice(0, 64),
      seq: receipt.sequence,
    });
    expect(reservation.receipt.sequence).toBe(5);
  });

  it('give the first receipt when a call is ended twice', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    await ledger.reserve('a', reserveInput(600n));
    const first = await ledger.settle('a', settleInput(250n));
    expect(await ledger.settle('a', settleInput(999n))).toEqual(first);
    expect(await ledger.budget()).toMatchObject({ spent: 250n });
    expect(storedRecords(folder)).toHaveLength(6);
  });

  it('include refusals, which cost nothing', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    await ledger.refuse('a', { ...refusalOf(), outcome: 'refused', error_code: 'audit_reason_missing' });
    expect(storedRecords(folder).at(-1)).toMatchObject({ kind: 'REFUSE', outcome: 'refused' });
    expect(await ledger.budget()).toMatchObject({ spent: 0n, reserved: 0n });
  });
});

describe('a process that died', () => {
  it('leaves its dispatched call charged with the worst case, marked as estimated', async () => {
    const folder = temporaryFolder();
    const dead = openLedger(folder);
    await dead.reserve('a', reserveInput(600n));
    await dead.dispose();
    const next = openLedger(folder);
    await next.recover();
    expect(await next.budget()).toMatchObject({ spent: 600n, reserved: 0n });
    expect(storedRecords(folder).at(-1)).toMatchObject({
      kind: 'EXPIRED_CHARGED',
      cost_micro_usd: '600',
      estimated: true,
    });
    expect(readdirSync(folder).filter((name) => name.startsWith('alive-'))).toHaveLength(1);
  });

  it('leaves its undispatched reservation released', async () => {
    const folder = temporaryFolder();
    const dead = openLedger(folder);
    await dead.reserve('a', reserveInput(600n));
    await dead.dispose();
    const lines = readFileSync(journalPath(folder), 'utf8').split('\n');
    writeFileSync(journalPath(folder), `${lines.slice(0, 4).join('\n')}\n`);
    const next = openLedger(folder);
    await next.recover();
    expect(await next.budget()).toMatchObject({ spent: 0n, reserved: 0n });
    expect(storedRecords(folder).at(-1)).toMatchObject({ kind: 'VOID', outcome: 'orphaned' });
  });

  it('is not taken for dead while it lives', async () => {
    const folder = temporaryFolder();
    const alive = openLedger(folder);
    await alive.reserve('a', reserveInput(600n));
    await openLedger(folder).recover();
    expect(await alive.budget()).toMatchObject({ reserved: 600n });
    await alive.settle('a', settleInput(1n));
  });
});

describe('a torn tail', () => {
  it('that is a whole record without its end of line is completed, not lost', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    await ledger.reserve('a', reserveInput(600n));
    await ledger.settle('a', settleInput(250n));
    await ledger.dispose();
    truncateSync(journalPath(folder), readFileSync(journalPath(folder)).length - 1);
    const next = openLedger(folder);
    await next.recover();
    expect(await next.budget()).toMatchObject({ spent: 250n });
    expect(storedRecords(folder).map(({ kind }) => kind)).not.toContain('recovery');
  });

  it('that is not a record is kept in a quarantine file that the journal names', async () => {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    await ledger.reserve('a', reserveInput(600n));
    appendFileSync(journalPath(folder), 'deadbeef {"v":1,"se');
    await ledger.settle('a', settleInput(250n));
    const recovery = storedRecords(folder).find(({ kind }) => kind === 'recovery');
    if (recovery?.kind !== 'recovery') throw new Error('there is no recovery record');
    expect(recovery.bytes).toBe(19);
    expect(readFileSync(join(folder, recovery.quarantine), 'utf8')).toBe('deadbeef {"v":1,"se');
    expect(await verifyLedger({ directory: folder, mode: null })).toMatchObject({ ok: true });
    expect(await ledger.budget()).toMatchObject({ spent: 250n });
  });
});

describe('a byte that became zero', () => {
  it.each([0.2, 0.5, 0.8])(
    'at %s of the journal is damage, not a torn write: nothing is cut off',
    async (share) => {
      const folder = temporaryFolder();
      const ledger = openLedger(folder);
      for (const id of ['a', 'b', 'c']) {
        await ledger.reserve(id, reserveInput(600n));
        await ledger.settle(id, settleInput(250n));
      }
      await ledger.dispose();
      const bytes = readFileSync(journalPath(folder));
      bytes[Math.floor(bytes.length * share)] = 0;
      writeFileSync(journalPath(folder), bytes);
      const error = await openLedger(folder)
        .recover()
        .catch((thrown: unknown) => thrown);
      expect(GatewayError.is(error, 'ledger_damaged')).toBe(true);
      expect(readFileSync(journalPath(folder)).equals(bytes)).toBe(true);
      expect(await verifyLedger({ directory: folder, mode: null })).not.toMatchObject({
        firstFault: { kind: 'unterminated_tail' },
      });
    },
  );
});

describe('a damaged journal', () => {
  async function damaged(change: (lines: string[]) => string[]): Promise<string> {
    const folder = temporaryFolder();
    const ledger = openLedger(folder);
    for (const id of ['a', 'b']) {
      await ledger.reserve(id, reserveInput(600n));
      await ledger.settle(id, settleInput(250n));
    }
    await ledger.dispose();
    const lines = readFileSync(journalPath(folder), 'utf8').split('\n').slice(0, -1);
    writeFileSync(journalPath(folder), `${change(lines).join('\n')}\n`);
    return folder;
  }

  it.each<[string, (lines: string[]) => string[], number, string]>([
    ['a changed amount', (lines) => lines.map((line) => line.replace('"250"', '"150"')), 6, 'hash_mismatch'],
    ['a removed record', (lines) => lines.filter((_, index) => index !== 3), 4, 'hash_mismatch'],
    [
      'swapped records',
      ([a, b, c, ...rest]) => [a, c, b, ...rest].filter((line) => line !== undefined),
      2,
      'hash_mismatch',
    ],
    [
      'a duplicated record',
      (lines) => [...lines.slice(0, 4), lines[3] ?? '', ...lines.slice(4)],
      5,
      'hash_mismatch',
    ],
    [
      'a line that is no record',
      (lines) => [...lines.slice(0, 2), 'hello', ...lines.slice(2)],
      3,
      'malformed_line',
    ],
    ['a removed header', (lines) => lines.slice(1), 1, 'bad_header'],
  ])('is found at its line: %s', async (_name, change, line, kind) => {
    const folder = await damaged(change);
    expect(await verifyLedger({ directory: folder, mode: null })).toMatchObject({
      ok: false,
      firstFault: { segment: '00000001.journal', line, kind },
    });
  });

  it('refuses calls and stays as it is', async () => {
    const folder = await damaged((lines) => lines.map((line) => line.replace('"250"', '"150"')));
    const before = readFileSync(journalPath(folder));
    const ledger = openLedger(folder);
    const error = await ledger.reserve('c', reserveInput(1n)).catch((thrown: unknown) => thrown);
    expect(GatewayError.is(error, 'ledger_damaged')).toBe(true);
    expect(String(error)).toContain('00000001.journal:6');
    expect(readFileSync(journalPath(folder)).equals(before)).toBe(true);
  });

  it('is noticed when a live ledger stands where a simulated one belongs', async () => {
    const folder = temporaryFolder();
    await openLedger(folder).recover();
    const error = await openLedger(folder, { mode: 'simulated' })
      .recover()
      .catch((thrown: unknown) => thrown);
    expect(GatewayError.is(error, 'ledger_damaged')).toBe(true);
  });
});

describe('a ledger folder', () => {
  it('that vanishes under a running process refuses calls and does not begin a new ledger', async () => {
    const folder = join(temporaryFolder(), 'ledger');
    const ledger = openLedger(folder);
    await ledger.reserve('a', reserveInput(600n));
    renameSync(folder, `${folder}-moved`);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const error = await ledger.reserve('b', reserveInput(1n)).catch((thrown: unknown) => thrown);
      expect(GatewayError.is(error) && error.exitCode).toBe(7);
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(`${folder}-moved`, folder);
    await ledger.settle('a', settleInput(250n));
    expect(await ledger.budget()).toMatchObject({ spent: 250n });
  });

  it('that can’t be made is named with a hint', async () => {
    const blocked = join(temporaryFolder(), 'file');
    writeFileSync(blocked, '');
    const error = await openLedger(join(blocked, 'ledger'))
      .recover()
      .catch((thrown: unknown) => thrown);
    expect(GatewayError.is(error, 'ledger_unavailable')).toBe(true);
    expect(String(error)).toContain(blocked);
  });

  it('is left empty by someone who only reads', async () => {
    const folder = join(temporaryFolder(), 'ledger');
    const ledger = openLedger(folder);
    expect(await ledger.budget()).toMatchObject({ spent: 0n });
    expect(await ledger.head()).toBeNull();
    expect(existsSync(folder)).toBe(false);
  });
});

describe('followers', () => {
  it('learn of records that another process wrote', async () => {
    const folder = temporaryFolder();
    const [writer, reader] = [openLedger(folder), openLedger(folder)];
    await writer.recover();
    const changed = new Promise<void>((resolve) => {
      reader.onDidChange(resolve);
    });
    await writer.reserve('a', reserveInput(600n));
    await changed;
    expect(await reader.budget()).toMatchObject({ reserved: 600n });
  });
});

function refusalOf() {
  const { user_id, reason, model, model_id, backend, priority, workspace, branch, command } = description;
  return { user_id, reason, model, model_id, backend, priority, workspace, branch, command };
}
