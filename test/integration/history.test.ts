import { execFileSync, spawn } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { naiveHistory, type NaiveHistory } from '../unit/history/naiveHistory.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { JournalWriter, noTokens, writeSyntheticLedger } from '../support/syntheticLedger.ts';
import { temporaryFolder } from '../support/temporary.ts';

const yesterday = new Date(Date.now() - 86_400_000);

interface Home {
  home: string;
  environment: Record<string, string>;
  directory: string;
}

function simulated(): Home {
  const home = temporaryFolder();
  return {
    home,
    environment: { ...isolatedEnvironment(home), TIDYLLM_USER: 'ada' },
    directory: join(home, 'ledger', 'simulated'),
  };
}

/** A home whose ledger has a few weeks of calls. */
async function withCalls(): Promise<Home & { naive: NaiveHistory }> {
  const home = simulated();
  await writeSyntheticLedger({
    directory: home.directory,
    mode: 'simulated',
    records: 2000,
    days: 20,
    reasons: 100,
    end: yesterday,
  });
  return { ...home, naive: naiveHistory(home.directory) };
}

type Entry = Record<string, unknown> & { sequence: number; outcome: string };

async function list(
  { environment }: Home,
  ...args: string[]
): Promise<{ records: Entry[]; next_cursor: string | null }> {
  const { code, document } = await tidyllmJson(['audit', 'list', ...args], { environment });
  expect(code).toBe(0);
  return document as never;
}

describe('tidyllm audit list', () => {
  it('finds the calls that each filter, and all of them together, ask for', async () => {
    const home = await withCalls();
    const some = home.naive.calls.find(({ outcome, userId }) => outcome === 'success' && userId !== 'ada')!;
    const filters: [string[], Parameters<NaiveHistory['search']>[0]][] = [
      [['--user', some.userId], { userId: some.userId }],
      [['--model', some.model], { model: some.model }],
      [['--model', some.modelId!], { model: some.modelId! }],
      [
        ['--outcome', 'refused', '--outcome', 'failed,orphaned'],
        { outcomes: ['refused', 'failed', 'orphaned'] },
      ],
      [['--text', some.reason.toUpperCase()], { text: some.reason }],
      [['--workspace', some.workspace!], { workspace: some.workspace! }],
      [['--branch', some.branch!], { branch: some.branch! }],
      [['--from', some.day, '--until', some.day], { fromDay: some.day, untilDay: some.day }],
      [['--from', some.time], { from: Date.parse(some.time) }],
      [['--until', some.time], { until: Date.parse(some.time) }],
    ];
    for (const [args, filter] of filters) {
      const { records } = await list(home, '--limit', '1000', ...args);
      expect(records.map(({ sequence }) => sequence)).toEqual(
        home.naive.search(filter).matching.map(({ sequence }) => sequence),
      );
      expect(records.length).toBeGreaterThan(0);
    }
    const all = Object.assign({}, ...filters.slice(0, 2).map(([, filter]) => filter)) as object;
    const { records } = await list(home, ...filters.slice(0, 2).flatMap(([args]) => args), '--limit', '1000');
    expect(records).toHaveLength(home.naive.search(all).matching.length);
  });

  it('comes in pages that meet each call once, newest first', async () => {
    const home = await withCalls();
    const sequences: number[] = [];
    let cursor: string | null = null;
    do {
      const args = ['--text', 'JIRA-1', '--limit', '37', ...(cursor === null ? [] : ['--cursor', cursor])];
      const page = await list(home, ...args);
      sequences.push(...page.records.map(({ sequence }) => sequence));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(sequences).toEqual(home.naive.search({ text: 'JIRA-1' }).matching.map(({ sequence }) => sequence));
  });

  it.each([
    ['--outcome', 'fine'],
    ['--from', '2026-02-30'],
    ['--until', '2026-01-01T25:00Z'],
    ['--limit', '0'],
    ['--cursor', 'x'],
  ])('refuses %s %s as wrong usage', async (...args) => {
    const { environment } = simulated();
    const { code, document } = await tidyllmJson(['audit', 'list', ...args], { environment });
    expect(code).toBe(2);
    expect(document).toMatchObject({ error: { code: 'invalid_request' } });
  });

  it('answers from the same index again, and from a new one when it is gone', async () => {
    const home = await withCalls();
    const before = await list(home);
    const [file] = readdirSync(join(home.home, 'index')).filter((name) => name === 'simulated.db');
    expect(file).toBeDefined();
    rmSync(join(home.home, 'index'), { recursive: true });
    expect(await list(home)).toEqual(before);
  });

  it('shows nothing of a ledger that was damaged after it was indexed', async () => {
    const home = await withCalls();
    await list(home);
    const last = readdirSync(home.directory)
      .filter((name) => name.endsWith('.journal'))
      .sort()
      .at(-1)!;
    const path = join(home.directory, last);
    writeFileSync(path, readFileSync(path, 'utf8').replace('"time":"20', '"time":"19'));
    const { code, document } = await tidyllmJson(['audit', 'list'], { environment: home.environment });
    expect(code).toBe(7);
    expect(document).toMatchObject({ error: { code: 'ledger_damaged' } });
  });
});

describe('tidyllm audit show', () => {
  it('shows every record of a call by its id and by the number of any of them', async () => {
    const { environment, naive } = await withCalls();
    const call = naive.calls.find(({ outcome }) => outcome === 'success')!;
    const ids = [call.callId, ...call.records.map(({ sequence }) => String(sequence))];
    for (const id of ids) {
      const { document } = await tidyllmJson(['audit', 'show', id], { environment });
      expect(document).toMatchObject({
        call: { call_id: call.callId, hash: call.hash },
        records: [{ record: { kind: 'RESERVE' } }, { record: { kind: 'DISPATCH' } }, { hash: call.hash }],
      });
    }
  });

  it('shows no record that was changed, wherever it is', async () => {
    const { environment, directory, naive } = await withCalls();
    await tidyllm(['audit', 'list'], { environment });
    const path = join(directory, '00000001.journal');
    const call = naive.calls.at(-1)!;
    writeFileSync(path, readFileSync(path, 'utf8').replace(call.reason, call.reason.toUpperCase()));
    const { code, document } = await tidyllmJson(['audit', 'show', call.callId], { environment });
    expect(code).toBe(7);
    expect(document).toMatchObject({ error: { code: 'ledger_damaged' } });
  });

  it('shows a record about the ledger', async () => {
    const { environment } = await withCalls();
    const { document } = await tidyllmJson(['audit', 'show', '3'], { environment });
    expect(document).toMatchObject({
      call: null,
      records: [{ segment: '00000001.journal', line: 3, record: { kind: 'policy_change' } }],
    });
  });
});

describe('tidyllm audit export', () => {
  it('writes the chosen calls as JSON lines in the shape of the list, in a file of this user’s own', async () => {
    const home = await withCalls();
    const out = join(home.home, 'calls.jsonl');
    const { code, document } = await tidyllmJson(
      ['audit', 'export', '--outcome', 'success', '--format', 'jsonl', '--out', out],
      home,
    );
    expect(code).toBe(0);
    const { records } = await list(home, '--outcome', 'success', '--limit', '10000');
    expect(document).toEqual({ file: out, format: 'jsonl', calls: records.length });
    const lines = readFileSync(out, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(records);
    expect(statSync(out).mode & 0o777).toBe(0o600);
  });

  it('writes CSV that no spreadsheet takes for formulas', async () => {
    const home = simulated();
    const writer = new JournalWriter({ directory: home.directory, mode: 'simulated' });
    const time = yesterday.toISOString();
    await writer.begin(time);
    const call = { user_id: 'ada', model: 'sonnet', model_id: null, backend: 'mock', priority: 'normal' };
    const where = { workspace: '+cmd', branch: '@x', command: 'cli' };
    writer.reserve(time, 'a', { ...call, ...where, reason: '=HYPERLINK("http://x","y"), JIRA-1' }, 100n);
    const cost = { outcome: 'success', cost: 10n, estimated: false, tokens: noTokens, ms: 5 } as const;
    writer.settle(time, 'a', cost);
    await writer.close();
    const { stdout } = await tidyllm(['audit', 'export', '--format', 'csv'], home);
    const [header, line] = stdout.split('\r\n');
    expect(header).toMatch(/^call_id,sequence,time,user_id,model,.*,hash$/);
    expect(line).toContain(`"'=HYPERLINK(""http://x"",""y""), JIRA-1"`);
    expect(line).toMatch(/,'\+cmd,'@x,[0-9a-f]{64}$/);
  });

  it('leaves the file that is there as it is when it can’t write a whole one', async () => {
    const home = await withCalls();
    const { code } = await tidyllm(['audit', 'export', '--out', join(home.home, 'no', 'folder.jsonl')], home);
    expect(code).toBe(2);
    const out = join(home.home, 'calls.jsonl');
    writeFileSync(out, 'before');
    const wrong = await tidyllm(['audit', 'export', '--format', 'xml', '--out', out], home);
    expect(wrong.code).toBe(2);
    expect(readFileSync(out, 'utf8')).toBe('before');
    expect(readdirSync(home.home).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('goes to where a symbolic link leads, and the link stays', async () => {
    const home = await withCalls();
    mkdirSync(join(home.home, 'exports'));
    for (const name of ['old', 'new']) {
      const [link, target] = [join(home.home, name), join(home.home, 'exports', name)];
      if (name === 'old') writeFileSync(target, 'before');
      symlinkSync(join('exports', name), link);
      expect((await tidyllm(['audit', 'export', '--out', link], home)).code).toBe(0);
      expect(readlinkSync(link)).toBe(join('exports', name));
      expect(readFileSync(target, 'utf8').trimEnd().split('\n')).toHaveLength(home.naive.calls.length);
    }
    expect(readdirSync(join(home.home, 'exports')).sort()).toEqual(['new', 'old']);
  });

  it('goes into a pipe, which stays one', async () => {
    const home = await withCalls();
    const pipe = join(home.home, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = spawn('cat', [pipe]);
    onTestFinished(() => void reader.kill());
    const exported = text(reader.stdout);
    expect((await tidyllm(['audit', 'export', '--out', pipe], home)).code).toBe(0);
    expect(statSync(pipe).isFIFO()).toBe(true);
    expect((await exported).trimEnd().split('\n')).toHaveLength(home.naive.calls.length);
  });

  it('says so when it is to be a folder', async () => {
    const home = simulated();
    const { code, document } = await tidyllmJson(['audit', 'export', '--out', home.home], home);
    expect(code).toBe(2);
    expect(document).toMatchObject({
      error: { code: 'invalid_request', message: expect.stringContaining('it is a folder') as string },
    });
  });

  it('refuses to mix an export with the one document of --json', async () => {
    const { code, document } = await tidyllmJson(['audit', 'export'], simulated());
    expect(code).toBe(2);
    expect(document).toMatchObject({ error: { code: 'invalid_request' } });
  });
});

describe('tidyllm usage', () => {
  it.each(['model', 'user', 'day', 'workspace', 'branch', 'hour'] as const)(
    'by %s agrees with the records',
    async (by) => {
      const { environment, naive } = await withCalls();
      const { code, document } = await tidyllmJson(['usage', '--by', by], { environment });
      expect(code).toBe(0);
      const rows = document['rows'] as { key: string; calls: number; spent_usd: string }[];
      const micro = (usd: string): bigint => BigInt(Math.round(Number(usd) * 1e6));
      expect(rows.map(({ key, calls, spent_usd }) => ({ key, calls, spent: micro(spent_usd) }))).toEqual(
        naive.usage(by).map(({ key, calls, spent }) => ({ key, calls, spent })),
      );
      expect(document['total']).toMatchObject({ calls: rows.reduce((sum, { calls }) => sum + calls, 0) });
    },
  );

  it('keeps to the days that were asked for', async () => {
    const { environment, naive } = await withCalls();
    const days = naive.usage('day').map(({ key }) => key!);
    const [since, until] = [days[3]!, days[6]!];
    const { document } = await tidyllmJson(['usage', '--by', 'day', '--since', since, '--until', until], {
      environment,
    });
    expect((document['rows'] as { key: string }[]).map(({ key }) => key)).toEqual(days.slice(3, 7));
  });

  it('refuses days that end before they begin', async () => {
    const days = ['--since', '2026-03-02', '--until', '2026-03-01'];
    const { code, document } = await tidyllmJson(['usage', ...days], simulated());
    expect(code).toBe(2);
    expect(document).toMatchObject({ error: { code: 'invalid_request' } });
  });

  it('says what the day and the month will come to, how that was found, and on how many days', async () => {
    const { environment } = await withCalls();
    const { document } = await tidyllmJson(['usage'], { environment });
    expect(document['forecast']).toMatchObject({
      day: {
        days: 14,
        method: expect.stringContaining('mean spend of the rest of the day') as string,
      },
      month: { days: 14, method: expect.stringContaining('working days') as string },
    });
    const { stdout } = await tidyllm(['usage'], { environment });
    expect(stdout).toMatch(/This month, forecast: \$[\d.,]+, from 14 days \(spent so far \+/);
  });

  it('says so when there is not enough history', async () => {
    const { environment } = simulated();
    const { document } = await tidyllmJson(['usage'], { environment });
    expect(document).toMatchObject({ rows: [], forecast: { day: null, month: null } });
    const { stdout } = await tidyllm(['usage'], { environment });
    expect(stdout).toContain('not enough history');
  });

  it.each([
    ['--by', 'colour'],
    ['--since', 'Monday'],
  ])('refuses %s %s as wrong usage', async (...args) => {
    expect((await tidyllm(['usage', ...args], simulated())).code).toBe(2);
  });
});
