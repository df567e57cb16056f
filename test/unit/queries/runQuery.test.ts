import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CallDescription } from '../../../src/ledger/records.ts';
import { queryTables } from '../../../src/queries/schema.ts';
import { queryOf } from '../../support/queries.ts';
import { JournalWriter, noTokens, writeSyntheticLedger } from '../../support/syntheticLedger.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { naiveHistory } from '../history/naiveHistory.ts';

const call: CallDescription = {
  user_id: 'ada',
  reason: 'JIRA-1 accounts',
  model: 'claude-haiku',
  model_id: 'us.anthropic.claude-haiku-4-5-20251001-v1:0',
  backend: 'bedrock',
  priority: 'normal',
  workspace: '/home/team/project',
  branch: 'main',
  command: 'chat',
};

function newLedger(): string {
  return join(temporaryFolder(), 'ledger', 'live');
}

async function withCalls(): Promise<string> {
  const directory = newLedger();
  await writeSyntheticLedger({ directory, records: 3000, days: 9 });
  return directory;
}

describe('the tables of a query', () => {
  it('hold every call and day of the ledger, with the same money', async () => {
    const directory = await withCalls();
    const naive = naiveHistory(directory);
    const ended = naive.calls.filter(({ outcome }) => outcome !== 'pending');
    const calls = await queryOf(
      directory,
      `SELECT call_id, sequence, day, user_id, reason, model, outcome, cost_micro_usd, cost_usd, output_tokens, hash
       FROM calls WHERE outcome <> 'pending' ORDER BY sequence DESC`,
    );
    expect(
      calls.rows.map(([id, sequence, day, user, reason, model, outcome, cost]) => [
        id,
        sequence,
        day,
        user,
        reason,
        model,
        outcome,
        cost,
      ]),
    ).toEqual(
      ended.map((one) => [
        one.callId,
        one.sequence,
        one.day,
        one.userId,
        one.reason,
        one.modelId ?? one.model,
        one.outcome,
        Number(one.cost),
      ]),
    );
    const days = await queryOf(
      directory,
      'SELECT day, calls, refused, spent_micro_usd, adjusted_micro_usd FROM days ORDER BY day',
    );
    expect(days.rows).toEqual(
      naive
        .usage('day')
        .map((day) => [day.key, day.calls, day.refusals, Number(day.spent), Number(day.adjusted)]),
    );
    expect(calls.tables.map(({ table, copied, total }) => [table, copied === total])).toEqual(
      queryTables.map(({ name }) => [name, true]),
    );
  });

  it('hold the findings of requests and answers, and what was not searched', async () => {
    const directory = newLedger();
    const writer = new JournalWriter({ directory });
    const time = '2026-03-02T10:00:00.000Z';
    await writer.begin(time);
    writer.reserve(time, 'one', call, 100n);
    const found = [
      { rule: 'email', class: 'personal_data', count: 3 },
      { rule: 'aws-access-token', class: 'secret', count: 1 },
    ];
    const request = { decision: 'redact', levels: ['gdpr'], findings: found, unreadable: { images: 2 } };
    writer.add(time, { kind: 'note', call_id: 'one', topic: 'compliance.request', data: request });
    writer.settle(time, 'one', { outcome: 'success', cost: 7n, estimated: false, tokens: noTokens, ms: 5 });
    writer.add(time, { kind: 'note', call_id: 'one', topic: 'compliance.answer', data: { late: true } });
    writer.refuse(time, 'two', { ...call, user_id: 'grace' }, 'compliance_blocked');
    const blocked = { decision: 'block', levels: ['gdpr'], findings: found.slice(1), more_rules: 4 };
    writer.add(time, { kind: 'note', call_id: 'two', topic: 'compliance.request', data: blocked });
    await writer.close();
    const { rows } = await queryOf(
      directory,
      'SELECT call_id, user_id, model, part, rule, class, count, decision FROM findings ORDER BY sequence, rowid DESC',
    );
    const model = call.model_id;
    expect(rows.toSorted()).toEqual(
      [
        ['one', 'ada', model, 'request', 'email', 'personal_data', 3, 'redact'],
        ['one', 'ada', model, 'request', 'aws-access-token', 'secret', 1, 'redact'],
        ['one', 'ada', model, 'request', 'unreadable_images', 'not_searched', 2, 'redact'],
        ['one', 'ada', model, 'answer', 'deadline', 'not_searched', 1, null],
        ['two', 'grace', model, 'request', 'aws-access-token', 'secret', 1, 'block'],
        ['two', 'grace', model, 'request', 'more_rules', 'more_rules', 4, 'block'],
      ].toSorted(),
    );
  });

  it('hold comparisons with their calls, and running calls without a cost', async () => {
    const directory = newLedger();
    const writer = new JournalWriter({ directory });
    const time = '2026-03-02T10:00:00.000Z';
    await writer.begin(time);
    for (const [id, cost] of [
      ['one', 7n],
      ['two', 30n],
    ] as const) {
      writer.reserve(time, id, call, 100n);
      const data = { comparison_id: 'compared', models: 2 };
      writer.add(time, { kind: 'note', call_id: id, topic: 'call.compared', data });
      writer.settle(time, id, { outcome: 'success', cost, estimated: false, tokens: noTokens, ms: 5 });
    }
    writer.reserve(time, 'three', call, 100n);
    await writer.close();
    const { rows } = await queryOf(
      directory,
      'SELECT runs.run_id, runs.kind, runs.calls, runs.cost_micro_usd, sum(calls.cost_micro_usd) FROM runs JOIN calls ON comparison_id = runs.run_id',
    );
    expect(rows).toEqual([['compared', 'comparison', 2, 37, 37]]);
    const running = await queryOf(directory, "SELECT cost_usd FROM calls WHERE outcome = 'pending'");
    expect(running.rows).toEqual([[null]]);
  });

  it('hold the newest rows up to the limit, those of the days that are asked for, and say how many there are', async () => {
    const directory = await withCalls();
    const { calls } = naiveHistory(directory);
    const newest = await queryOf(directory, 'SELECT sequence FROM calls ORDER BY sequence DESC', {
      limits: { copiedRows: 10 },
    });
    expect(newest.rows.flat()).toEqual(calls.slice(0, 10).map(({ sequence }) => sequence));
    expect(newest.tables[0]).toEqual({ table: 'calls', copied: 10, total: calls.length });
    const short = await queryOf(directory, 'SELECT count(*) FROM calls', {
      limits: { copiedCharacters: 1000 },
    });
    expect(short.rows[0]![0]).toBeLessThan(5);
    const { day } = calls[500]!;
    const ofDay = await queryOf(directory, 'SELECT count(*), min(day), max(day) FROM calls', {
      days: { since: day, until: day },
    });
    expect(ofDay.rows).toEqual([[calls.filter((one) => one.day === day).length, day, day]]);
  });
});

describe('a query', () => {
  const bomb = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n';

  it.each([
    bomb,
    bomb.replace('count(*)', 'json_group_array(hex(randomblob(500000)))'),
    bomb.replace('count(*)', 'group_concat(hex(randomblob(500000)))'),
  ])('is ended after its time: %s', async (sql) => {
    const directory = await withCalls();
    await expect(queryOf(directory, sql, { limits: { time: 50 } })).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'The query was ended after 0.05 s.',
    });
  });

  it('is ended when it is cancelled while it runs', async () => {
    const directory = await withCalls();
    const stopped = new AbortController();
    const steps = new Set<string>();
    const running = queryOf(directory, bomb, {
      signal: stopped.signal,
      limits: { time: 3_600_000 },
      onProgress: ({ step }) => {
        steps.add(step);
        if (step === 'running') stopped.abort(new Error('enough'));
      },
    });
    await expect(running).rejects.toThrow('enough');
    expect([...steps]).toEqual(['indexing', 'running']);
  });

  it('that is cancelled while the index is read leaves it usable', async () => {
    const directory = await withCalls();
    const stopped = new AbortController();
    const first = queryOf(directory, 'SELECT 1', {
      signal: stopped.signal,
      onProgress: () => stopped.abort(new Error('enough')),
    });
    await expect(first).rejects.toThrow('enough');
    const { rows } = await queryOf(directory, 'SELECT count(*) FROM calls');
    expect(rows).toEqual([[naiveHistory(directory).calls.length]]);
  });

  it('that collects too much in its functions is ended, and only it', async () => {
    const directory = await withCalls();
    const many = bomb.replace('count(*)', 'median(x)');
    await expect(
      queryOf(directory, many, { limits: { memory: 24 * 2 ** 20, time: 3_600_000 } }),
    ).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'The query needs more memory than it may use.',
    });
    expect((await queryOf(directory, 'SELECT 1')).rows).toEqual([[1]]);
  });

  it('says the fault of a damaged ledger, and answers from the records before it only if that is wanted', async () => {
    const directory = await withCalls();
    const segment = readdirSync(directory)
      .filter((name) => name.endsWith('.journal'))
      .at(-1)!;
    const path = join(directory, segment);
    const lines = readFileSync(path, 'utf8').split('\n');
    const last = lines.length - 2;
    lines[last] = lines[last]!.replace('"time":"20', '"time":"19');
    writeFileSync(path, lines.join('\n'));
    await expect(queryOf(directory, 'SELECT 1')).rejects.toMatchObject({ code: 'ledger_damaged' });
    const { rows, ledgerFault } = await queryOf(directory, 'SELECT count(*) FROM calls', {
      toleratesFault: true,
    });
    expect(rows[0]![0]).toBeGreaterThan(100);
    expect(ledgerFault).toContain(segment);
  });
});
