import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import type { Core } from '../../src/core/core.ts';
import type { HistoryClient } from '../../src/history/historyClient.ts';
import { HistoryIndex } from '../../src/history/historyIndex.ts';
import { budgetCsv } from '../../src/views/budget/budgetCsv.ts';
import { BudgetFiguresReader, lastChange } from '../../src/views/budget/budgetFigures.ts';
import { isolatedEnvironment, setEnvironment } from '../support/gateways.ts';
import { afternoonZone, Spending, teamSpending } from '../support/spending.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** The index without its thread. */
function historyOf(core: Core): Pick<HistoryClient, 'ask'> {
  const index = new HistoryIndex(core.journal.directory);
  onTestFinished(() => {
    index.close();
  });
  return {
    ask: (method, parameters) =>
      index.ask(() => (index[method] as (...all: unknown[]) => never).apply(index, parameters)),
  };
}

async function teamLedger(
  settings = '',
  calls = teamSpending(),
): Promise<{ core: Core; spending: Spending; reader: BudgetFiguresReader }> {
  const home = temporaryFolder();
  const zone = afternoonZone();
  const spending = new Spending(join(home, 'ledger', 'live'), zone);
  onTestFinished(() => spending.ledger.dispose());
  await spending.spend(calls);
  writeFileSync(
    join(home, 'settings.yaml'),
    `budget: { timezone: ${zone}, daily_limit_usd: "60"${settings} }\n`,
  );
  setEnvironment({ ...isolatedEnvironment(home), AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' });
  const core = await compose({ environment: process.env, user: 'ada' });
  onTestFinished(() => core.dispose());
  return { core, spending, reader: new BudgetFiguresReader(core, historyOf(core)) };
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

describe('the figures of the budget', () => {
  it('agree with each other and with the ledger', async () => {
    const { reader } = await teamLedger();
    const { status, hours, breakdowns, monthDays } = await reader.read();
    expect(status.spent).toBe(31_400_000n);
    expect(hours.map(({ model }) => model)).toEqual([
      'us.anthropic.claude-sonnet-4-6',
      'us.anthropic.claude-haiku-4-5-20251001-v1:0',
      'us.amazon.nova-pro-v1:0',
    ]);
    expect(hours[0]?.spent.slice(8, 13)).toEqual([0n, 6_000_000n, 7_000_000n, 8_000_000n, 0n]);
    expect(sum(hours.flatMap(({ spent }) => spent))).toBe(status.spent);
    for (const rows of Object.values(breakdowns))
      expect(sum(rows.map(({ spent }) => spent))).toBe(status.spent);
    expect(breakdowns.user.map(({ key, calls }) => [key, calls])).toEqual([
      ['ada', 3],
      ['grace', 4],
      ['linus', 2],
    ]);
    expect(monthDays.at(-1)).toEqual({ day: status.day, spent: status.spent });
  });

  it('compare the seven days before today with the seven before them', async () => {
    const { reader } = await teamLedger();
    const { breakdowns } = await reader.read();
    const [ada] = breakdowns.user;
    const spentIn = (from: number, to: number): number =>
      teamSpending()
        .filter(({ user, daysAgo }) => user === 'ada' && daysAgo >= from && daysAgo <= to)
        .reduce((total, { cost }) => total + Math.round(cost * 1e6), 0);
    expect(ada?.lately).toBe(BigInt(spentIn(1, 7)));
    expect(ada?.before).toBe(BigInt(spentIn(8, 14)));
  });

  it.each([
    [[1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14], true],
    [[1, 2, 5, 6, 7], [8, 9, 12, 13, 14], true],
    [[1, 2, 3, 4, 5, 6, 7], [8, 9], false],
    [[1, 2], [8, 9], false],
    [[1, 2, 3], [], false],
  ])('compare weeks with calls on days %j and %j: %j', async (lately, before, comparable) => {
    const calls = [0, ...lately, ...before].map((daysAgo) => ({ daysAgo, hour: 9, cost: 1 }));
    const { reader } = await teamLedger('', calls);
    expect((await reader.read()).weeksComparable).toBe(comparable);
  });

  it('take only what is new of the day when they are read again', async () => {
    const { reader, spending } = await teamLedger();
    const before = await reader.read();
    const held = await spending.reserve({ cost: 3, model: 'nova-pro' });
    expect((await reader.read()).status.reserved).toBe(3_000_000n);
    await spending.settle(held, 2.5);
    const after = await reader.read();
    expect(after.status).toMatchObject({ spent: before.status.spent + 2_500_000n, reserved: 0n });
    expect(sum(after.hours.flatMap(({ spent }) => spent))).toBe(after.status.spent);
  });

  it('name the alerts of every cap that were reached by what was spent, and when', async () => {
    const { reader, spending } = await teamLedger(
      ', per_user_usd: { grace: "10", ada: "30" }, per_model_usd: { nova-pro: "4.9" }, per_workspace_usd: { /home/ada/shop: "25" }',
    );
    const reached = async () =>
      (await reader.read()).alerts.map(({ cap, share, at }) => [cap.scope, cap.key, share, at]);
    const [time] = [expect.any(Number) as number];
    const atFirst = [
      // Half of $60 was passed by the last call but one.
      ['ledger', '', 0.5, time],
      ['user', 'ada', 0.5, time],
      ['user', 'grace', 0.5, time],
      ['user', 'grace', 0.8, time],
      ['workspace', '/home/ada/shop', 0.5, time],
      ['workspace', '/home/ada/shop', 0.8, time],
    ];
    expect((await reached()).sort()).toEqual(atFirst.sort());
    const held = await spending.reserve({ cost: 20 });
    expect(await reached()).toHaveLength(atFirst.length);
    await spending.settle(held, 20);
    expect(await reached()).toEqual(expect.arrayContaining([['ledger', '', 0.8, time]]));
  });

  it('have forecasts not below what is spent, and none without a past', async () => {
    const { reader } = await teamLedger();
    const { status, dayForecast, monthForecast, monthDays } = await reader.read();
    expect(dayForecast?.amount).toBeGreaterThan(status.spent);
    expect(monthForecast?.amount).toBeGreaterThanOrEqual(sum(monthDays.map(({ spent }) => spent)));
  });

  it('say who raised a cap and why', async () => {
    const { core, reader } = await teamLedger(', per_user_usd: { grace: "20" }');
    await core.raiseCap({ scope: 'user', key: 'grace', limit: 35_000_000n }, 'JIRA-9 release week');
    const figures = await reader.read();
    const cap = figures.status.caps.find(({ scope }) => scope === 'user');
    expect(cap).toMatchObject({ key: 'grace', limit: 35_000_000n, spent: 8_000_000n });
    expect(lastChange(figures, { scope: 'user', key: 'grace' })).toMatchObject({
      user_id: 'ada',
      reason: 'JIRA-9 release week',
      day: figures.status.day,
    });
  });

  it('are exported as one table, with names that a spreadsheet can’t take for formulas', async () => {
    const { reader, spending } = await teamLedger();
    await spending.settle(await spending.reserve({ cost: 1, user: '=cmd()' }), 1);
    const lines = budgetCsv(await reader.read())
      .trimEnd()
      .split('\r\n');
    expect(lines[0]).toBe('section,name,detail,calls,tokens,spent_usd,reserved_usd,limit_usd');
    expect(lines[1]).toBe('cap,ledger,,,,32.4,0,60');
    expect(lines.some((line) => line.startsWith("user,'=cmd(),"))).toBe(true);
    expect(lines.filter((line) => line.startsWith('hour,'))).toHaveLength(10);
    expect(lines.every((line) => line.split(',').length === 8)).toBe(true);
  });
});
