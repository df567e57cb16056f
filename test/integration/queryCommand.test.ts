import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { JournalWriter, noTokens, writeSyntheticLedger } from '../support/syntheticLedger.ts';
import { temporaryFolder } from '../support/temporary.ts';

interface Home {
  home: string;
  environment: Record<string, string>;
}

function simulated(): Home & { directory: string } {
  const home = temporaryFolder();
  return {
    home,
    environment: { ...isolatedEnvironment(home), TIDYLLM_USER: 'ada' },
    directory: join(home, 'ledger', 'simulated'),
  };
}

async function query({ environment }: Home, ...args: string[]): Promise<Record<string, unknown>> {
  const { code, document } = await tidyllmJson(['audit', 'query', ...args], { environment });
  expect(document['error']).toBeUndefined();
  expect(code).toBe(0);
  return document;
}

async function withCalls(): Promise<Home> {
  const home = simulated();
  await writeSyntheticLedger({ directory: home.directory, mode: 'simulated', records: 2000, days: 20 });
  return home;
}

describe('tidyllm audit query', () => {
  it('has the same money as usage, to the micro-dollar', async () => {
    const home = await withCalls();
    for (const by of ['user', 'model', 'day', 'workspace']) {
      const { document } = await tidyllmJson(['usage', '--by', by], { environment: home.environment });
      const usage = document['rows'] as { key: string | null; spent_usd: string; adjusted_usd: string }[];
      const column = by === 'user' ? 'user_id' : by;
      const sql = `SELECT ${column}, usd(sum(cost_micro_usd)) FROM calls WHERE outcome <> 'pending' GROUP BY 1`;
      const { rows } = await query(home, sql);
      const withCalls = usage.filter(({ key, adjusted_usd: adjusted }) => key !== null && adjusted === '0');
      expect(withCalls.length).toBeGreaterThan(1);
      expect(rows).toEqual(expect.arrayContaining(withCalls.map((row) => [row.key, row.spent_usd])));
    }
    const { document } = await tidyllmJson(['usage', '--by', 'day'], { environment: home.environment });
    const usage = document['rows'] as { key: string | null; spent_usd: string; adjusted_usd: string }[];
    const days = await query(home, 'SELECT day, spent_usd, adjusted_usd FROM days ORDER BY day');
    expect(days['rows']).toEqual(usage.map((row) => [row.key, row.spent_usd, row.adjusted_usd]));
  });

  it('prints columns, rows and whether there are more; integers beyond 2^53 as text', async () => {
    const home = await withCalls();
    const sql =
      'SELECT max(cost_micro_usd) * 9000000000000 AS big, 1 AS one, 1.5 AS half, NULL AS missing FROM calls';
    const { columns, rows, truncated } = await query(home, sql);
    const max = ((await query(home, 'SELECT max(cost_micro_usd) FROM calls'))['rows'] as number[][])[0]![0]!;
    expect(columns).toEqual(['big', 'one', 'half', 'missing']);
    expect(rows).toEqual([[(BigInt(max) * 9_000_000_000_000n).toString(), 1, 1.5, null]]);
    expect(truncated).toBe(false);
    const many = await query(home, 'SELECT 1 FROM calls, calls AS more');
    expect([(many['rows'] as unknown[]).length, many['truncated']]).toEqual([10_000, true]);
  });

  it.each([
    ['DELETE FROM calls'],
    ['SELECT 1; SELECT 2'],
    ["ATTACH 'x' AS y"],
    ['SELECT nowhere FROM calls'],
    ['SELECT 1', '--since', '2026-02-30'],
    ['SELECT 1', '--format', 'xml'],
    ['SELECT 1', '--format', 'sqlite'],
    ['SELECT 1', '--out', 'x'],
    ['SELECT 1', '--saved', 'Spend by day'],
    ['--saved', 'no such query'],
    [],
  ])('refuses %s as wrong usage', async (...args) => {
    const { environment } = simulated();
    const { code, document } = await tidyllmJson(['audit', 'query', ...args], { environment });
    expect(code).toBe(2);
    expect(document).toMatchObject({ error: { code: 'invalid_request' } });
  });

  it('runs each example, and the queries of the user by name', async () => {
    const home = await withCalls();
    const folder = join(home.home, 'queries');
    const names = [
      'Cost by user and day',
      'Slowest models by p95',
      'Refused by reason',
      'Findings by rule',
      'Spend by day',
      'trend of spend by user',
    ];
    for (const name of names) expect(await query(home, '--saved', name)).toHaveProperty('columns');
    const { document } = await tidyllmJson(['audit', 'query', '--saved', 'x'], {
      environment: home.environment,
    });
    for (const name of names.slice(0, 5)) expect(JSON.stringify(document)).toContain(name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'Mine.sql'), 'SELECT 42 AS mine');
    expect(await query(home, '--saved', 'mine')).toMatchObject({ columns: ['mine'], rows: [[42]] });
  });

  it('has FLOW runs with what their calls came to', async () => {
    const home = simulated();
    const { document: run } = await tidyllmJson(['flow', 'run', '[Performance Test] calls=2'], {
      environment: home.environment,
    });
    await tidyllmJson(['flow', 'run', '[Cost Analysis]'], { environment: home.environment });
    const sql =
      'SELECT run_id, agreement, kind, outcome, execution_mode, calls, cost_usd, reserved_usd, user_id FROM runs ORDER BY sequence';
    const { rows } = await query(home, sql);
    expect(rows).toEqual([
      [
        ...[run['run_id'], 'performance_benchmark', 'flow', 'success', 'simulated', 2],
        ...[run['cost_usd'], run['reserved_usd'], 'ada'],
      ],
      [expect.any(String), 'cost_analysis', 'flow', 'success', 'simulated', 0, '0', '0', 'ada'],
    ]);
    const sum =
      'SELECT r.cost_micro_usd = sum(c.cost_micro_usd), count(*) FROM runs r JOIN calls c USING (run_id) GROUP BY run_id';
    expect((await query(home, sum))['rows']).toEqual([[1, 2]]);
  });

  it('writes CSV in which nothing acts as a formula, and an SQLite file that says what was asked', async () => {
    const home = simulated();
    const sql = "SELECT '=1+1' AS formula, 9007199254740993 AS big, 0.5 AS half";
    const { stdout } = await tidyllm(['audit', 'query', '--format', 'csv', sql], {
      environment: home.environment,
    });
    expect(stdout).toBe("formula,big,half\r\n'=1+1,9007199254740993,0.5\r\n");
    const path = join(temporaryFolder(), 'result.sqlite');
    writeFileSync(path, 'an older file');
    const { code } = await tidyllm(['audit', 'query', '--format', 'sqlite', '--out', path, sql], {
      environment: home.environment,
    });
    expect(code).toBe(0);
    expect(readFileSync(path, 'latin1').startsWith('SQLite format 3')).toBe(true);
    const database = new DatabaseSync(path, { readOnly: true });
    const result = database.prepare('SELECT formula, CAST(big AS TEXT) AS big, half FROM result').all();
    const asked = database.prepare('SELECT sql, truncated, left_out FROM query').get();
    database.close();
    expect(result.map((row) => ({ ...row }))).toEqual([
      { formula: '=1+1', big: '9007199254740993', half: 0.5 },
    ]);
    expect({ ...asked }).toEqual({ sql, truncated: 0, left_out: null });
  });

  it('counts money beyond 2^53 micro-dollars exactly', async () => {
    const large = simulated();
    const writer = new JournalWriter({ directory: large.directory, mode: 'simulated' });
    const time = '2026-03-02T10:00:00.000Z';
    await writer.begin(time);
    const call = {
      ...{ user_id: 'ada', reason: 'JIRA-1', model: 'm', model_id: 'm', backend: 'mock', priority: 'normal' },
      ...{ workspace: null, branch: null, command: 'cli' },
    };
    // No call costs more than this.
    const cost = 999_999_999_999_999n;
    for (let day = 10; day < 20; day += 1) {
      const then = time.replace('02T', `${day}T`);
      writer.reserve(then, `call-${day}`, call, cost);
      const settled = { outcome: 'success', cost, estimated: false, tokens: noTokens, ms: 1 } as const;
      writer.settle(then, `call-${day}`, settled);
    }
    await writer.close();
    const { rows } = await query(large, 'SELECT sum(cost_micro_usd), max(cost_usd) FROM calls');
    expect(rows).toEqual([['9999999999999990', '999999999.999999']]);
  });
});
