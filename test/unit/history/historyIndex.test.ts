import { fork } from 'node:child_process';
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { callOutcomes, type HistoryCall, type HistoryFilter } from '../../../src/history/calls.ts';
import { HistoryIndex, indexPath } from '../../../src/history/historyIndex.ts';
import { usageDimensions } from '../../../src/history/usageTotals.ts';
import { segmentNames } from '../../../src/ledger/journal.ts';
import { readProven } from '../../../src/history/recordProof.ts';
import { readFrom, readRecordAt } from '../../../src/ledger/readJournal.ts';
import { journalPath, openLedger, reserveInput, settleInput } from '../../support/ledgers.ts';
import { JournalWriter, noTokens, writeSyntheticLedger } from '../../support/syntheticLedger.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { naiveHistory, type NaiveHistory } from './naiveHistory.ts';

vi.setConfig({ testTimeout: 60_000 });

function ledgerFolder(): string {
  return join(temporaryFolder(), 'ledger', 'live');
}

function openIndex(directory: string): HistoryIndex {
  const index = new HistoryIndex(directory);
  onTestFinished(() => {
    index.close();
  });
  return index;
}

async function allCalls(index: HistoryIndex, filter: HistoryFilter = {}): Promise<HistoryCall[]> {
  return index.ask(() => index.rows(filter, 0, 1_000_000));
}

/** Expects that an index says just what the journal comes to when it is read naively. */
async function expectSame(index: HistoryIndex, naive: NaiveHistory): Promise<void> {
  await index.ask(() => {
    expect(index.rows({}, 0, 1_000_000)).toEqual(naive.calls);
    for (const by of usageDimensions) expect(index.usage(by)).toEqual(naive.usage(by));
    for (const call of naive.calls.slice(0, 20)) expect(index.find(call.callId)).toEqual(call);
  });
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('reserve' as const), who: fc.nat(3), dispatch: fc.boolean() }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('settle' as const), cost: fc.nat(900), estimated: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('overrun' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('void' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('refuse' as const), who: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('adjust' as const),
      difference: fc.integer({ min: -50, max: 50 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('look' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const people = [
  { user_id: 'ada', model: 'sonnet', model_id: 'm.sonnet', workspace: '/a', branch: 'main' },
  { user_id: 'grace', model: 'm.sonnet', model_id: 'm.sonnet', workspace: null, branch: null },
  { user_id: 'Ünal', model: 'nothing', model_id: null, workspace: '/a', branch: 'über' },
  { user_id: 'ada', model: 'haiku', model_id: 'm.haiku', workspace: '/b', branch: 'main' },
];

/** Plays steps into a journal; `look` is called where the steps say so. */
async function play(directory: string, steps: readonly Step[], look: () => Promise<void>): Promise<void> {
  const writer = new JournalWriter({ directory, timeZone: 'Europe/Berlin' });
  let clock = Date.parse('2026-03-27T20:00:00Z');
  const now = (): string => new Date(clock).toISOString();
  await writer.begin(now());
  const open: string[] = [];
  let made = 0;
  const describe = (who: number) => ({
    ...people[who]!,
    reason: `Ticket ${made % 5}: ÄNDERUNG\nof ${people[who]!.user_id}`,
    backend: 'mock',
    priority: 'normal',
    command: 'test',
  });
  for (const one of steps) {
    clock += 1000;
    const next = (): string => open.splice(made % Math.max(open.length, 1), 1)[0] ?? '';
    if (one.do === 'reserve' || one.do === 'refuse') {
      const callId = `call-${(made += 1)}`;
      if (one.do === 'refuse') writer.refuse(now(), callId, describe(one.who), 'budget_exceeded');
      else {
        writer.reserve(now(), callId, describe(one.who), 900n, one.dispatch);
        open.push(callId);
      }
    } else if (one.do === 'wait') {
      clock += one.hours * 3_600_000;
      await writer.rotate(now());
    } else if (one.do === 'adjust') {
      writer.adjust(now(), '2026-03-27', 'm.sonnet', BigInt(one.difference));
    } else if (one.do === 'look') {
      await writer.flush();
      await look();
    } else if (open.length > 0) {
      const tokens = { ...noTokens, input_tokens: made, output_tokens: 7, cache_read_input_tokens: 3 };
      if (one.do === 'void') writer.void(now(), next(), 'failed', 12);
      else if (one.do === 'expire') writer.expire(now(), next());
      else {
        const [cost, estimated] = one.do === 'overrun' ? [901n, false] : [BigInt(one.cost), one.estimated];
        writer.settle(now(), next(), { outcome: 'success', cost, estimated, tokens, ms: 40 });
      }
    }
  }
  await writer.close();
}

describe('an index', () => {
  it('says what the journal comes to, however often it was asked while the journal grew', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const directory = ledgerFolder();
        const watching = new HistoryIndex(directory);
        try {
          await play(directory, steps, async () => expectSame(watching, naiveHistory(directory)));
          await expectSame(watching, naiveHistory(directory));
          rmSync(indexPath(directory));
          await expectSame(watching, naiveHistory(directory));
        } finally {
          watching.close();
        }
      }),
      { numRuns: 40 },
    );
  });

  it('finds by every filter just the calls that a naive search finds, and counts them by outcome', async () => {
    const directory = ledgerFolder();
    await writeSyntheticLedger({
      directory,
      records: 6000,
      reasons: 300,
      end: new Date('2026-11-20T00:00:00Z'),
    });
    const naive = naiveHistory(directory);
    const index = openIndex(directory);
    const some = naive.calls[1234]!;
    const value = fc.constantFrom(...naive.calls.slice(0, 200));
    const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
    const filter: fc.Arbitrary<HistoryFilter> = fc.record({
      from: optional(value.map((call) => Date.parse(call.time))),
      until: optional(value.map((call) => Date.parse(call.time))),
      fromDay: optional(value.map((call) => call.day)),
      untilDay: optional(value.map((call) => call.day)),
      userId: optional(
        fc.oneof(
          value.map((call) => call.userId),
          fc.constant('nobody'),
        ),
      ),
      model: optional(
        fc.oneof(
          value.map((call) => call.model),
          value.map((call) => call.modelId ?? ''),
        ),
      ),
      workspace: optional(value.map((call) => call.workspace ?? '')),
      branch: optional(value.map((call) => call.branch ?? '')),
      outcomes: optional(fc.subarray([...callOutcomes])),
      text: optional(
        fc.constantFrom('TICKET', 'jira-1', 'flaky', some.reason, 'größe', 'ÄNDERUNG', 'zzz', ' '),
      ),
    });
    await index.ask(() => undefined);
    fc.assert(
      fc.property(filter, fc.nat(2000), fc.integer({ min: 1, max: 150 }), (asked, offset, limit) => {
        const { matching, outcomes } = naive.search(asked);
        const found = index.matches(asked);
        expect(found).toEqual({ total: matching.length, outcomes });
        expect(index.rows(asked, offset, limit)).toEqual(matching.slice(offset, offset + limit));
      }),
      { numRuns: 300 },
    );
  });

  it('pages with cursors that stay where they are while calls are added', async () => {
    const directory = ledgerFolder();
    const ledger = openLedger(directory);
    const add = async (id: string): Promise<void> => {
      await ledger.reserve(id, reserveInput(100n));
      await ledger.settle(id, settleInput(10n));
    };
    for (const id of ['a', 'b', 'c', 'd', 'e']) await add(id);
    await ledger.reserve('running', reserveInput(100n));
    const index = openIndex(directory);
    const first = await index.ask(() => index.page({}, 3, null));
    expect(first.calls.map(({ callId }) => callId)).toEqual(['running', 'e', 'd']);
    await add('f');
    await ledger.settle('running', settleInput(1n));
    const second = await index.ask(() => index.page({}, 3, first.next));
    expect(second.calls.map(({ callId }) => callId)).toEqual(['c', 'b', 'a']);
    expect(second.next).toBeNull();
    expect(await index.ask(() => index.rowOf({}, second.calls[0]!.sequence))).toBe(4);
  });

  it('shows a call under way before it ends, with what it holds', async () => {
    const directory = ledgerFolder();
    const ledger = openLedger(directory);
    await ledger.reserve('a', reserveInput(100n));
    const index = openIndex(directory);
    expect(await allCalls(index)).toMatchObject([{ outcome: 'pending', cost: 100n, costEstimated: true }]);
    expect(await allCalls(index, { outcomes: ['success'] })).toEqual([]);
    await ledger.settle('a', settleInput(7n));
    expect(await allCalls(index)).toMatchObject([{ outcome: 'success', cost: 7n, costEstimated: false }]);
  });

  it('names a place for every record, and the record is there', async () => {
    const directory = ledgerFolder();
    await writeSyntheticLedger({ directory, records: 300, days: 5 });
    const index = openIndex(directory);
    for (const call of await allCalls(index)) {
      const records = await Promise.all(call.records.map((place) => readRecordAt(directory, place)));
      expect(records.map(({ record }) => record.call_id)).toEqual(records.map(() => call.callId));
      expect(records.map(({ record }) => record.seq)).toEqual(call.records.map(({ sequence }) => sequence));
      expect(call.hash).toBe(records.at(-1)?.hash);
      for (const { sequence } of call.records) expect(index.find(String(sequence))).toEqual(call);
    }
  });

  it('knows the records about the ledger, and the checkpoint that vouches for a call', async () => {
    const directory = ledgerFolder();
    await writeSyntheticLedger({ directory, records: 9000, days: 40 });
    const index = openIndex(directory);
    await index.ask(() => {
      expect([1, 2, 3].map((sequence) => index.findEvent(sequence)?.kind)).toEqual([
        'header',
        'key',
        'policy_change',
      ]);
      expect(index.findEvent(4)).toBeNull();
      expect(index.headerAfter(4)).toMatchObject({
        kind: 'header',
        place: { segment: '00000002.journal', line: 1 },
      });
      expect(index.headerAfter(9000)).toBeNull();
    });
  });
});

describe('an index that is not what it should be is made anew', () => {
  async function indexedLedger(): Promise<{ directory: string; path: string; naive: NaiveHistory }> {
    const directory = ledgerFolder();
    await writeSyntheticLedger({ directory, records: 3000, days: 9 });
    const index = new HistoryIndex(directory);
    await index.ask(() => undefined);
    index.close();
    return { directory, path: indexPath(directory), naive: naiveHistory(directory) };
  }

  /** Somebody changes the tables. */
  function changing(sql: string): (path: string) => void {
    return (path) => {
      const database = new DatabaseSync(path);
      database.exec(sql);
      database.close();
    };
  }

  it.each<[string, (path: string) => void]>([
    ['deleted', (path) => rmSync(path)],
    ['empty', (path) => truncateSync(path, 0)],
    ['cut off', (path) => truncateSync(path, Math.floor(statSync(path).size / 2))],
    ['no database', (path) => writeFileSync(path, 'not a database '.repeat(1000))],
    ['of an older version', changing('PRAGMA user_version = 0; DROP TABLE usage; CREATE TABLE other (a)')],
    ['without blocks that can be read', changing(`UPDATE block SET outcome = x'00'`)],
    ['without a call', changing('DELETE FROM call WHERE n = 5')],
    ['without the newest call', changing('DELETE FROM call WHERE n = (SELECT max(n) FROM call)')],
    ['without its last block', changing('DELETE FROM block WHERE number = (SELECT max(number) FROM block)')],
    ['without the reasons of its first block', changing('DELETE FROM block_reasons WHERE number = 0')],
    ['without places that can be read', changing(`UPDATE call SET records = 'x' WHERE n = 5`)],
    ['without its progress', changing('DELETE FROM progress')],
  ])('when it is %s', async (_what, damage) => {
    const { directory, path, naive } = await indexedLedger();
    damage(path);
    await expectSame(openIndex(directory), naive);
    expect(statSync(path).size).toBeGreaterThan(100_000);
  });

  it('when a window that has it open meets the damage', async () => {
    const { directory, path, naive } = await indexedLedger();
    const index = openIndex(directory);
    await index.ask(() => undefined);
    rmSync(path);
    const other = openIndex(directory);
    await expectSame(other, naive);
    await expectSame(index, naive);
  });

  it('when another ledger, or an older state of it, is in the journal’s place', async () => {
    const { directory } = await indexedLedger();
    const index = openIndex(directory);
    await index.ask(() => undefined);
    const last = segmentNames(directory).at(-1)!;
    const lines = readFileSync(join(directory, last), 'utf8').split('\n');
    writeFileSync(join(directory, last), `${lines.slice(0, -4).join('\n')}\n`);
    await expectSame(index, naiveHistory(directory));
    rmSync(directory, { recursive: true });
    await writeSyntheticLedger({ directory, records: 3000, days: 9, seed: 2 });
    await expectSame(index, naiveHistory(directory));
    rmSync(directory, { recursive: true });
    expect(await allCalls(index)).toEqual([]);
  });

  it('when the oldest segments were dropped', async () => {
    const { directory } = await indexedLedger();
    const index = openIndex(directory);
    const before = (await allCalls(index)).length;
    const [oldest] = segmentNames(directory);
    rmSync(join(directory, oldest!));
    const after = await allCalls(index);
    expect(after.length).toBeLessThan(before);
    const first = segmentNames(directory)[0]!;
    expect(after.at(-1)!.records.every(({ segment }) => segment >= first)).toBe(true);
  });

  it('in memory, where it can’t be written', async () => {
    const { directory, path, naive } = await indexedLedger();
    const folder = join(path, '..');
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'a file');
    await expectSame(openIndex(directory), naive);
    expect(readFileSync(folder, 'utf8')).toBe('a file');
  });

  it('and its files are for this user alone', async () => {
    const { path } = await indexedLedger();
    expect(readdirSync(join(path, '..'))).toContain('live.lock.db');
    for (const name of readdirSync(join(path, '..')))
      expect(statSync(join(path, '..', name)).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
  });
});

describe('a journal that is not whole', () => {
  it('is read to its last complete record while a write is under way', async () => {
    const directory = ledgerFolder();
    await writeSyntheticLedger({ directory, records: 200, days: 1 });
    const naive = naiveHistory(directory);
    appendFileSync(join(directory, segmentNames(directory).at(-1)!), '0123 {"half');
    await expectSame(openIndex(directory), naive);
  });

  it('stops the answer at a record that was changed, again and again', async () => {
    const directory = ledgerFolder();
    await writeSyntheticLedger({ directory, records: 200, days: 1 });
    const path = journalPath(directory);
    writeFileSync(path, readFileSync(path, 'utf8').replace('JIRA-', 'JIRB-'));
    const index = openIndex(directory);
    for (let time = 0; time < 2; time += 1)
      await expect(index.ask(() => index.rows({}, 0, 10))).rejects.toMatchObject({ code: 'ledger_damaged' });
  });
});

describe('a record by its place', () => {
  it('comes with the hash before it, which its own hash fits, and one that was changed doesn’t', async () => {
    const directory = ledgerFolder();
    await writeSyntheticLedger({ directory, records: 400, days: 4 });
    let previous = '0'.repeat(64);
    for await (const { records } of readFrom(directory, null))
      for (const placed of records) {
        expect(await readProven(directory, placed)).toEqual({ ...placed, previous, fits: true });
        previous = placed.hash;
      }
    const [index, path] = [openIndex(directory), journalPath(directory)];
    const [place] = (await allCalls(index)).at(-1)!.records;
    writeFileSync(path, readFileSync(path, 'utf8').replace('JIRA-', 'JIRB-'));
    expect(await readProven(directory, place!)).toMatchObject({ fits: false });
  });
});

describe('several processes on one index', () => {
  it('read and write it at the same time, and each sees all there is', async () => {
    const directory = ledgerFolder();
    await writeSyntheticLedger({ directory, records: 30_000, days: 9 });
    const total = naiveHistory(directory).calls.length;
    const readers = Array.from({ length: 4 }, () => readInOtherProcess(directory));
    const here = openIndex(directory);
    const counts = await Promise.all([...readers, here.ask(() => here.matches({}).total)]);
    expect(counts).toEqual(counts.map(() => total));
  });
});

function readInOtherProcess(directory: string): Promise<number> {
  const child = fork(join(import.meta.dirname, 'countCalls.ts'), [directory], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('message', (count) => {
      resolve(count as number);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(new Error(`ended with ${code}`));
    });
  });
}
