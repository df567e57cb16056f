import { randomUUID } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Spool, type SpoolLimits } from '../../../src/tracking/spool.ts';
import { trackedCallFor } from '../../support/trackedCalls.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const days = 86_400_000;

function spoolIn(folder: string, use: 'call' | 'send' = 'call', limits?: SpoolLimits): Spool {
  const spool = new Spool(folder, use, limits);
  onTestFinished(() => spool.close());
  return spool;
}

describe('the spool', () => {
  it('gives what was added first, to each receiver its own, until it is removed', () => {
    const spool = spoolIn(temporaryFolder());
    const [one, other] = [trackedCallFor({}), trackedCallFor({})];
    spool.add(one, ['mlflow', 'otlp']);
    spool.add(other, ['mlflow']);
    const batch = spool.next('mlflow', 10, 1e6);
    expect(batch?.items.map(({ body }) => JSON.parse(body) as unknown)).toEqual([one, other]);
    spool.remove(batch?.items ?? []);
    expect(spool.next('mlflow', 10, 1e6)).toBeNull();
    expect(spool.status('otlp')).toMatchObject({ waiting: 1, oldest: Math.round(one.ended) });
  });

  it('keeps a call that is added again once', () => {
    const spool = spoolIn(temporaryFolder());
    const call = trackedCallFor({});
    spool.add(call, ['mlflow']);
    spool.add({ ...call, outcome: 'failed' }, ['mlflow']);
    const bodies = spool.next('mlflow', 10, 1e6)?.items.map(({ body }) => JSON.parse(body) as unknown);
    expect(bodies).toEqual([{ ...call, outcome: 'failed' }]);
  });

  it('puts only calls of one run into a batch, and no more than the bytes that fit', () => {
    const spool = spoolIn(temporaryFolder());
    const run = randomUUID();
    for (const run_id of [null, run, null, run]) spool.add(trackedCallFor({ run_id }), ['mlflow']);
    const batch = spool.next('mlflow', 10, 1e6);
    expect(batch).toMatchObject({ kind: 'call', run: null });
    expect(batch?.items).toHaveLength(2);
    expect(spool.next('mlflow', 10, 1)?.items).toHaveLength(1);
    spool.remove(batch?.items ?? []);
    expect(spool.next('mlflow', 10, 1e6)).toMatchObject({ run: { kind: 'flow', id: run } });
  });

  it('drops the oldest beyond its limit, and counts them', () => {
    const spool = spoolIn(temporaryFolder(), 'call', { mostItems: 150, mostAgeMs: 30 * days });
    const calls = Array.from({ length: 400 }, () => trackedCallFor({}));
    for (const call of calls) spool.add(call, ['mlflow']);
    spool.trim();
    const { waiting, dropped, lastDropped } = spool.status('mlflow');
    expect({ waiting, dropped }).toEqual({ waiting: 150, dropped: 250 });
    expect(lastDropped).toBeGreaterThan(Date.now() - 60_000);
    const [first] = spool.next('mlflow', 1, 1e6)?.items ?? [];
    expect(JSON.parse(first?.body ?? '{}')).toEqual(calls[250]);
  });

  it('drops what is too old; refused ones are not counted as lost', () => {
    const spool = spoolIn(temporaryFolder());
    for (const ended of [Date.now() - 31 * days, Date.now() - 32 * days, Date.now()])
      spool.add(trackedCallFor({ ended }), ['mlflow']);
    const [first] = spool.next('mlflow', 1, 1e6)?.items ?? [];
    if (first) spool.refuse(first, 'HTTP 400');
    spool.trim();
    expect(spool.status('mlflow')).toMatchObject({ waiting: 1, refused: 0, dropped: 1 });
  });

  it('sets aside what is refused, with the reason, and gives it again only if asked', () => {
    const spool = spoolIn(temporaryFolder());
    spool.add(trackedCallFor({}), ['mlflow']);
    const [item] = spool.next('mlflow', 1, 1e6)?.items ?? [];
    if (item) spool.refuse(item, 'HTTP 400 INVALID_PARAMETER_VALUE');
    expect(spool.next('mlflow', 1, 1e6)).toBeNull();
    expect(spool.status('mlflow')).toMatchObject({
      waiting: 0,
      refused: 1,
      lastRefusal: 'HTTP 400 INVALID_PARAMETER_VALUE',
    });
    spool.retryRefused('mlflow');
    expect(spool.status('mlflow')).toMatchObject({ waiting: 1, refused: 0 });
  });

  it('never waits for another process that writes: what is added meanwhile is written afterwards', () => {
    const folder = temporaryFolder();
    const spool = spoolIn(folder);
    spool.add(trackedCallFor({}), ['mlflow']);
    const other = new DatabaseSync(join(folder, 'spool.db'));
    other.exec('BEGIN IMMEDIATE');
    const added = Array.from({ length: 3 }, () => trackedCallFor({}));
    for (const call of added) spool.add(call, ['mlflow']);
    expect(spool.flush()).toBe(false);
    expect(spool.fault).toBeNull();
    other.exec('COMMIT');
    other.close();
    expect(spool.flush()).toBe(true);
    expect(spool.status('mlflow').waiting).toBe(4);
  });

  it('counts what it could not hold in memory while another process wrote', () => {
    const folder = temporaryFolder();
    const spool = spoolIn(folder);
    spool.prepare();
    const other = new DatabaseSync(join(folder, 'spool.db'));
    other.exec('BEGIN IMMEDIATE');
    for (let count = 0; count < 1_010; count += 1) spool.add(trackedCallFor({}), ['mlflow']);
    other.exec('COMMIT');
    other.close();
    spool.flush();
    expect(spool.status('mlflow')).toMatchObject({ waiting: 1_000, dropped: 10 });
  });

  it('is readable by its user alone', () => {
    const folder = temporaryFolder();
    spoolIn(folder).add(trackedCallFor({}), ['mlflow']);
    for (const name of ['spool.db', 'spool.db-wal', 'spool.db-shm'])
      expect([name, statSync(join(folder, name)).mode & 0o777]).toEqual([name, 0o600]);
  });

  it('begins anew where its file is damaged, and keeps that aside', () => {
    const folder = temporaryFolder();
    writeFileSync(
      join(folder, 'spool.db'),
      'this is no database, and long enough to be read as one'.repeat(100),
    );
    const spool = spoolIn(folder);
    spool.add(trackedCallFor({}), ['mlflow']);
    expect(spool.fault).toBeNull();
    expect(spool.status('mlflow').waiting).toBe(1);
    expect(statSync(join(folder, 'spool.db.damaged')).size).toBeGreaterThan(0);
  });

  it('says why nothing can be written, and disturbs nobody', () => {
    const folder = join(temporaryFolder(), 'file');
    writeFileSync(folder, '');
    const spool = spoolIn(folder);
    spool.add(trackedCallFor({}), ['mlflow']);
    expect(spool.fault).toMatch(/EEXIST|ENOTDIR/);
  });
});
