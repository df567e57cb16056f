import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { segmentNames } from '../../../src/ledger/journal.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { readRecords } from '../../../src/ledger/readJournal.ts';
import { verifyLedger } from '../../../src/ledger/verifyLedger.ts';
import { openLedger, reserveInput, settleInput } from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const dayMs = 86_400_000;

async function call(ledger: Ledger, id: string): Promise<void> {
  await ledger.reserve(id, reserveInput(600n));
  await ledger.settle(id, settleInput(250n));
}

/** Two processes' ledgers of three days, and a folder. */
async function twoProcesses(): Promise<{ folder: string; one: Ledger; other: Ledger }> {
  const folder = temporaryFolder();
  const clock = { now: Date.parse('2026-01-01T10:00:00Z') };
  const one = openLedger(folder, { now: () => clock.now });
  for (let day = 0; day < 3; day += 1) {
    await call(one, `call-${day}`);
    clock.now += dayMs;
  }
  const other = openLedger(folder, { now: () => clock.now });
  await call(other, 'other');
  return { folder, one, other };
}

async function readAll(folder: string): Promise<void> {
  for await (const { record } of readRecords(folder)) expect(record.v).toBe(1);
}

/** What is done to a ledger, in a segment counted from the last. */
const damages: [name: string, damage: (folder: string, segment: number) => void][] = [
  [
    'a changed byte',
    (folder, segment) =>
      change(folder, segment, (text) => text.replace('"usage"', '"usagf"').replace('JIRA-1', 'JIRA-2')),
  ],
  [
    'a line taken out',
    (folder, segment) => change(folder, segment, (text) => text.split('\n').toSpliced(1, 1).join('\n')),
  ],
  [
    'a line that is no record',
    (folder, segment) => change(folder, segment, (text) => text.replace('\n', '\nnothing\n')),
  ],
  [
    'a header of another state',
    (folder, segment) => change(folder, segment, (text) => text.replace('"mode":"live"', '"mode":"lively"')),
  ],
];

function change(folder: string, segment: number, edit: (text: string) => string): void {
  const path = join(folder, segmentNames(folder).at(segment) ?? '');
  const before = readFileSync(path, 'utf8');
  const after = edit(before);
  expect(after).not.toBe(before);
  writeFileSync(path, after);
}

describe.each(damages)('%s', (_name, damage) => {
  it.each([-1, -2, -3])(
    'in the segment %i from the end closes every process once it was seen',
    async (segment) => {
      const { folder, one, other } = await twoProcesses();
      damage(folder, segment);
      const { firstFault } = await verifyLedger({ directory: folder, mode: 'live' });
      expect(firstFault).not.toBeNull();
      const before = segmentNames(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
      for (const ledger of [one, other, openLedger(folder)]) {
        await expect(ledger.reserve('refused', reserveInput(1n))).rejects.toThrow(firstFault?.detail);
        await expect(ledger.budget()).rejects.toThrow(firstFault?.detail);
        await expect(ledger.head()).rejects.toThrow(firstFault?.detail);
      }
      expect(segmentNames(folder).map((name) => readFileSync(join(folder, name), 'utf8'))).toEqual(before);
    },
  );

  it('seen by a reader of the history closes the ledger as well', async () => {
    const { folder, one } = await twoProcesses();
    damage(folder, -3);
    await expect(readAll(folder)).rejects.toThrow('damaged');
    await expect(one.reserve('refused', reserveInput(1n))).rejects.toThrow('damaged');
  });
});

it('a segment that is missing closes the ledger', async () => {
  const { folder, one } = await twoProcesses();
  rmSync(join(folder, segmentNames(folder)[1] ?? ''));
  expect((await verifyLedger({ directory: folder, mode: 'live' })).firstFault?.kind).toBe('missing_segment');
  await expect(one.reserve('refused', reserveInput(1n))).rejects.toThrow('missing');
});

it('a write that was under way while the ledger was verified closes nothing', async () => {
  const { folder, one } = await twoProcesses();
  const path = join(folder, segmentNames(folder).at(-1) ?? '');
  const whole = readFileSync(path);
  writeFileSync(path, whole.subarray(0, -10));
  expect((await verifyLedger({ directory: folder, mode: 'live' })).firstFault?.kind).toBe(
    'unterminated_tail',
  );
  writeFileSync(path, whole);
  await call(one, 'after');
});

it('another ledger in the place of one in use closes it, also for a process that begins with it', async () => {
  const { folder, one } = await twoProcesses();
  const elsewhere = join(temporaryFolder(), 'elsewhere');
  renameSync(folder, elsewhere);
  await call(openLedger(folder), 'new');
  await expect(one.reserve('refused', reserveInput(1n))).rejects.toThrow('put in the place');
  await expect(openLedger(folder).reserve('refused', reserveInput(1n))).rejects.toThrow('put in the place');
});

describe('a person’s decision', () => {
  const fault = { segment: 's', line: 1, sequence: 1, kind: 'hash_mismatch', detail: 'changed' } as const;
  const by = { userId: 'ada', reason: 'JIRA-2 backup' };

  it('is recorded, and every process takes calls again', async () => {
    const { folder, one, other } = await twoProcesses();
    writeFileSync(join(folder, 'closed.json'), JSON.stringify({ found: '', fault, certain: true }));
    await expect(other.reserve('refused', reserveInput(1n))).rejects.toThrow('changed');
    await one.reopen(fault, by, { setAside: false });
    expect(existsSync(join(folder, 'closed.json'))).toBe(false);
    await call(other, 'after');
    const { firstFault } = await verifyLedger({ directory: folder, mode: 'live' });
    expect(firstFault).toBeNull();
  });

  it('for a new ledger is taken up by the processes that used the one before', async () => {
    const { folder, one, other } = await twoProcesses();
    const { setAside } = await one.reopen(fault, by, { setAside: true });
    expect(existsSync(setAside ?? '')).toBe(true);
    await call(other, 'after');
    expect((await verifyLedger({ directory: folder, mode: 'live' })).ok).toBe(true);
  });

  it('for a new ledger keeps those who follow it, in every process', async () => {
    const { one, other } = await twoProcesses();
    let told = Promise.withResolvers<unknown>();
    const stop = other.onDidChange(() => told.resolve(null));
    onTestFinished(stop);
    await one.reopen(fault, by, { setAside: true });
    await told.promise;
    expect((await other.budget()).spent).toBe(0n);
    for (const id of ['first', 'second']) {
      told = Promise.withResolvers();
      await call(one, id);
      await told.promise;
    }
    expect((await other.budget()).spent).toBe(500n);
  });
});

it.each([
  ['nothing', ''],
  ['no JSON', '{'],
  ['null', 'null'],
  ['no fault', '{"found":"","certain":true}'],
  [
    'a fault of no kind',
    '{"found":"","fault":{"segment":"s","line":1,"sequence":1,"kind":"x","detail":"d"}}',
  ],
  [
    'a detail that is no text',
    '{"found":"","fault":{"segment":"s","line":1,"sequence":1,"kind":"unreadable","detail":[]}}',
  ],
  ['more than it can say', `{"found":"${'x'.repeat(20_000)}"}`],
])('what says why it is closed and holds %s closes it, until a person decides', async (_what, text) => {
  const folder = temporaryFolder();
  const ledger = openLedger(folder);
  await call(ledger, 'before');
  writeFileSync(join(folder, 'closed.json'), text);
  await expect(ledger.reserve('refused', reserveInput(1n))).rejects.toThrow(
    "closed.json, which says what was found, can't be read",
  );
  const finding = { kind: 'unreadable', detail: 'closed.json' } as const;
  await ledger.reopen(finding, { userId: 'ada', reason: 'JIRA-2 looked' }, { setAside: false });
  await call(ledger, 'after');
});

describe('what lies in the place of what was found', () => {
  const found = { found: '', fault: { segment: 'x', line: 1, sequence: 1, kind: 'strange', detail: 'x' } };
  const otherForms: [name: string, put: (path: string) => unknown][] = [
    ['a fault that nobody knows', (path) => writeFileSync(path, JSON.stringify({ ...found, certain: true }))],
    ['endless text', (path) => symlinkSync('/dev/zero', path)],
    ['a pipe', (path) => execFileSync('mkfifo', [path])],
    ['a link to nothing', (path) => symlinkSync('nowhere', path)],
    ['a folder', (path) => mkdirSync(path)],
  ];

  it.skipIf(process.platform === 'win32').each(otherForms)(
    '%s closes the ledger, and a new one begins with its record',
    async (_name, put) => {
      const { folder, one } = await twoProcesses();
      put(join(folder, 'closed.json'));
      const said = "closed.json, which says what was found, can't be read";
      await expect(one.reserve('refused', reserveInput(1n))).rejects.toThrow(said);
      const by = { userId: 'ada', reason: 'JIRA-1 begin anew' };
      await one.reopen({ kind: 'unreadable', detail: said }, by, { setAside: true });
      const kinds: string[] = [];
      for await (const { record } of readRecords(folder)) kinds.push(record.kind);
      expect(kinds).toContain('reopening');
    },
  );
});

it('a new ledger whose first record could not be written stays closed', async () => {
  const { folder, one } = await twoProcesses();
  const by = { userId: 'ada', reason: 'JIRA-1 begin anew' };
  const unwritable = { kind: 'bad_header', detail: 1 as unknown as string } as const;
  await expect(one.reopen(unwritable, by, { setAside: true })).rejects.toThrow('reopening');
  await expect(openLedger(folder).reserve('refused', reserveInput(1n))).rejects.toThrow('is damaged');
});
