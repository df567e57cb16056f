import { describe, expect, it } from 'vitest';
import type { Core } from '../../../src/core/core.ts';
import type { Report } from '../../../src/flow/report.ts';
import { costOf, formatUsd, microToUsd, noTokens } from '../../../src/pricing/cost.ts';
import { faultsOf, figureOf, findingOf, reportOf, rowsOf, runCommand } from '../../support/flowRuns.ts';
import { gatewayOnStandIn } from '../../support/gateways.ts';
import { dayAgo, models, PastCalls, type PastCall } from '../../support/pastCalls.ts';
import { afternoonZone, Spending } from '../../support/spending.ts';

/** What the analysis says of calls that were made on earlier days. */
async function analysisOf(calls: readonly PastCall[], command = '[Cost Analysis]'): Promise<Report> {
  return (await analyse((past) => past.makeAll(calls), command)).report;
}

async function analyse(
  write: (past: PastCalls) => Promise<void>,
  command = '[Cost Analysis]',
): Promise<{ report: Report; core: Core }> {
  const { core, standIn } = await gatewayOnStandIn();
  const past = new PastCalls(core.journal.directory);
  await write(past);
  await past.end();
  const execution = await runCommand(core, command);
  expect(execution).toMatchObject({ mode: 'real', reserved: 0n, cost: 0n, calls: 0 });
  expect(standIn.calls).toHaveLength(0);
  return { report: reportOf(execution), core };
}

/** A call a day, each for as much. */
function evenly(days: number, cost = 100_000): PastCall[] {
  return Array.from({ length: days }, (_, index) => ({ daysAgo: days - index, cost }));
}

/**
 * What the prices of 1,000,000 tokens come to (Sonnet 3.30, 16.50 and 0.33 from the cache; Haiku 1.10, 5.50
 * and 0.11; Nova Pro 0.80 and 3.20; Nova Micro 0.035 and 0.14), worked out by hand.
 */
const known: readonly PastCall[] = [
  // 1,000 × 3.30 + 500 × 16.50
  { daysAgo: 3, model: 'sonnet', workspace: '/w/shop', input: 1000, output: 500, cost: 11_550 },
  // 2,000 × 3.30 + 200 × 16.50 + 10,000 × 0.33
  {
    ...{ daysAgo: 3, model: 'sonnet', workspace: '/w/shop', at: '11:00', cost: 13_200 },
    ...{ input: 2000, output: 200, cacheRead: 10_000 },
  },
  // 4,000 × 1.10 + 1,000 × 5.50
  { daysAgo: 2, user: 'grace', workspace: '/w/billing', input: 4000, output: 1000, cost: 9_900 },
  { daysAgo: 2, user: 'grace', at: '12:00', error: 'backend_throttled' },
  // 500 × 1.10 + 100 × 5.50
  { daysAgo: 1, user: 'grace', input: 500, output: 100, cost: 1_100 },
  // 1,000 × 0.80 + 1,000 × 3.20
  { daysAgo: 1, model: 'nova', at: '13:00', input: 1000, output: 1000, cost: 4_000 },
];

describe('the cost analysis', () => {
  it('adds up to the last micro-dollar what calls cost by model, user, workspace and day', async () => {
    const report = await analysisOf([{ daysAgo: 31, cost: 5_000_000 }, ...known]);
    expect(report.findings).toEqual([]);
    expect(figureOf(report, 'spent')).toBe('0.03975');
    expect(figureOf(report, 'calls')).toBe(5);
    expect(figureOf(report, 'cost_per_call')).toBe('0.00795');
    expect(report.summary).toContain(`most of it by ${models.sonnet}`);
    expect(rowsOf(report, 'by_model')).toEqual([
      [models.sonnet, 2, 13_000, 700, '0.02475', 62.3, '0'],
      [models.haiku, 2, 4500, 1100, '0.011', 27.7, '0'],
      [models.nova, 1, 1000, 1000, '0.004', 10, '0'],
    ]);
    expect(rowsOf(report, 'by_user')).toEqual([
      ['ada', 3, 14_000, 1700, '0.02875', 72.3, '0'],
      ['grace', 2, 4500, 1100, '0.011', 27.7, '0'],
    ]);
    expect(rowsOf(report, 'by_workspace').map(([key, calls, , , spent]) => [key, calls, spent])).toEqual([
      ['/w/shop', 2, '0.02475'],
      ['/w/billing', 1, '0.0099'],
      ['(none)', 2, '0.0051'],
    ]);
    const days = rowsOf(report, 'trend');
    expect(days).toHaveLength(30);
    expect(days.slice(-4)).toEqual([
      [dayAgo(3), 2, '0.02475'],
      [dayAgo(2), 1, '0.0099'],
      [dayAgo(1), 2, '0.0051'],
      [dayAgo(0), 0, '0'],
    ]);
  });

  it('calls half of it the most of it, not most of it', async () => {
    const report = await analysisOf([
      { daysAgo: 1, cost: 1_000 },
      { daysAgo: 1, at: '11:00', model: 'nova', cost: 1_000 },
    ]);
    expect(report.summary).toContain(', the most by ');
  });

  it('looks at the days it was asked for', async () => {
    const report = await analysisOf(known, '[Cost Analysis] days=2');
    expect(figureOf(report, 'spent')).toBe('0.0051');
    expect(rowsOf(report, 'trend').map(([day]) => day)).toEqual([dayAgo(1), dayAgo(0)]);
  });

  it('works out what the cheapest models of the same vendor would have cost', async () => {
    const { report, core } = await analyse((past) => past.makeAll(known));
    const rows = rowsOf(report, 'cheaper_models');
    const of = (model: string) => rows.find(([one]) => one === model);
    // 1,000 × 0.10 + 500 × 0.50 = 350; 2,000 × 0.10 + 200 × 0.50 + 10,000 × 0.01 = 400
    expect(of(models.sonnet)).toEqual([
      ...[models.sonnet, 2, 13_000, 700, '0.02475', 'global.anthropic.claude-haiku-5-5'],
      ...['input $0.1, output $0.5', '0.00075', '0.024', 97],
    ]);
    // 1,000 × 0.035 + 1,000 × 0.14 = 175
    expect(of(models.nova)).toEqual([
      ...[models.nova, 1, 1000, 1000, '0.004', 'nova-micro'],
      ...['input $0.035, output $0.14', '0.000175', '0.003825', 95.6],
    ]);
    // Nothing that has a price and can be called is cheaper than what is said to be cheapest.
    const usage = { ...noTokens, input: 4500, output: 1100 };
    const costs = core.catalogue.callable().flatMap(({ modelId, tiers }) => {
      const cost = modelId.includes('anthropic.') ? costOf(tiers, usage) : null;
      return typeof cost === 'bigint' ? [cost] : [];
    });
    const cheapest = costs.reduce((a, b) => (a < b ? a : b));
    expect(of(models.haiku)?.[7]).toBe(microToUsd(cheapest));
    expect(figureOf(report, 'saving_model')).toBe(microToUsd(24_000n + 3_825n + (11_000n - cheapest)));
  });

  it('offers in place of a model none that takes less, and each once, whichever profile calls it', async () => {
    const report = await analysisOf([
      { daysAgo: 1, model: 'nova', input: 200_000, output: 9_000, cost: 188_800 },
    ]);
    const others = rowsOf(report, 'cheaper_models').map(([, , , , , other]) => other);
    // Nova Micro takes 128,000 tokens.
    expect(others).toEqual(['nova-lite', 'global.amazon.nova-2-lite-v1:0']);
  });

  it('has shares that add up', async () => {
    const report = await analysisOf(
      ['ada', 'grace', 'linus'].map((user) => ({ daysAgo: 1, user, cost: 1_000 })),
    );
    expect(rowsOf(report, 'by_user').map((row) => row[5])).toEqual([33.4, 33.3, 33.3]);
  });

  it.each([
    [
      'days of both weeks',
      [1, 2, 3, 4, 5, 6, 7],
      [8, 9, 10, 11, 12, 13, 14],
      ', +100 % compared with the seven days before',
    ],
    [
      'the working days of both weeks',
      [1, 2, 5, 6, 7],
      [8, 9, 12, 13, 14],
      ', +100 % compared with the seven days before',
    ],
    [
      'a week and two days',
      [1, 2, 3, 4, 5, 6, 7],
      [8, 9],
      '; too few days for a trend: 7 days with calls, 2 days in the seven days before',
    ],
    [
      'two days of each',
      [1, 2],
      [8, 9],
      '; too few days for a trend: 2 days with calls, 2 days in the seven days before',
    ],
    ['one day', [1], [], '; too few days for a trend: 1 day with calls, 0 days in the seven days before'],
    [
      'the week before only',
      [],
      [8, 9, 10],
      '; too few days for a trend: 0 days with calls, 3 days in the seven days before',
    ],
  ])('compares weeks with as many days of calls, not %s', async (_what, lately, before, said) => {
    const calls = [
      ...before.map((daysAgo) => ({ daysAgo, cost: 10_000 })),
      ...lately.map((daysAgo) => ({ daysAgo, cost: 20_000 })),
    ].sort((a, b) => b.daysAgo - a.daysAgo);
    for (const command of ['[Cost Analysis]', '[Cost Analysis] days=2']) {
      const report = await analysisOf(calls, command);
      expect(report.sections.find(({ id }) => id === 'trend')?.text).toBe(
        `The seven days before today came to ${formatUsd(BigInt(lately.length * 20_000))}${said}.`,
      );
    }
  });

  it('finds nothing in an even ledger', async () => {
    const report = await analysisOf(evenly(20));
    expect(report.findings).toEqual([]);
    expect(figureOf(report, 'spent')).toBe('2');
    expect(report.sections.find(({ id }) => id === 'trend')?.text).toBe(
      'The seven days before today came to $0.70, 0 % compared with the seven days before.',
    );
  });

  it('finds nothing in days that differ as days do', async () => {
    const report = await analysisOf(
      Array.from({ length: 20 }, (_, index) => ({
        daysAgo: 20 - index,
        cost: 100_000 + ((index * 7) % 5) * 20_000,
      })),
    );
    expect(report.findings).toEqual([]);
  });

  it.each([
    ['among even days', () => 100_000],
    ['among days that differ', (index: number) => 80_000 + ((index * 7) % 5) * 10_000],
  ])('finds a day that is dear %s, and who made it so', async (_where, costOf) => {
    const calls = Array.from({ length: 15 }, (_, index): PastCall => ({
      daysAgo: 15 - index,
      cost: costOf(index),
    }));
    const dear: PastCall = { daysAgo: 5, at: '15:00', user: 'grace', model: 'sonnet', cost: 900_000 };
    const report = await analysisOf([...calls.slice(0, 11), dear, ...calls.slice(11)]);
    expect(faultsOf(report)).toEqual(['unusual_day']);
    expect(report.findings).toHaveLength(1);
    const [finding] = report.findings;
    expect(finding?.title).toBe(`${dayAgo(5)} was unusually expensive`);
    expect(finding?.evidence).toContain('the median day has $0.10');
    expect(finding?.evidence).toContain(`Most of it: grace with ${models.sonnet}, $0.90 in 1 call.`);
  });

  it('finds a call that is dear among those of its model', async () => {
    let dear = '';
    const { report } = await analyse(async (past) => {
      for (let minute = 10; minute < 35; minute += 1) {
        await past.make({ daysAgo: 2, at: `10:${minute}`, cost: 2_000 });
        await past.make({ daysAgo: 2, at: `10:${minute}`, model: 'sonnet', cost: 300_000 });
      }
      dear = await past.make({ daysAgo: 1, user: 'grace', cost: 300_000 });
    });
    expect(faultsOf(report)).toEqual(['unusual_calls']);
    expect(report.findings).toHaveLength(1);
    expect(findingOf(report, 'unusual_calls')).toMatchObject({
      title: `Calls of ${models.haiku} were unusually expensive`,
      evidence: `1 of 26 calls cost more than 10 times the median of $0.0020; the most expensive cost $0.30 on ${dayAgo(1)} by grace (call ${dear}).`,
    });
  });

  it('finds calls that have tokens and no price', async () => {
    const report = await analysisOf([
      { daysAgo: 2, cost: 1_000 },
      { daysAgo: 1, model: 'nova', cost: 0 },
      { daysAgo: 1, model: 'nova', at: '11:00', cost: 0 },
    ]);
    expect(faultsOf(report)).toEqual(['unpriced_calls']);
    expect(findingOf(report, 'unpriced_calls')).toMatchObject({
      severity: 'problem',
      evidence: `2 calls of ${models.nova}.`,
    });
  });

  it('finds that much is estimated, with what dead processes left behind', async () => {
    const { report } = await analyse(async (past) => {
      await past.makeAll([
        { daysAgo: 2, cost: 7_000_000 },
        { daysAgo: 2, at: '11:00', cost: 2_000_000, estimated: true },
        { daysAgo: 1, cost: 1_000_000, error: 'died' },
      ]);
    });
    expect(faultsOf(report)).toEqual(['estimated_costs']);
    expect(findingOf(report, 'estimated_costs').evidence).toBe(
      '$3 of $10 (30 %); calls of processes that died: 1.',
    );
    expect(figureOf(report, 'estimated')).toBe('3');
  });

  it('finds nothing in few estimates', async () => {
    const report = await analysisOf([
      { daysAgo: 2, cost: 9_600_000 },
      { daysAgo: 1, cost: 400_000, estimated: true },
    ]);
    expect(report.findings).toEqual([]);
    expect(figureOf(report, 'estimated')).toBe('0.4');
  });

  it('counts what a bill corrected, where it knows it', async () => {
    const { report } = await analyse(async (past) => {
      await past.make({ daysAgo: 3, workspace: '/w/shop', cost: 100_000 });
      const amounts = { recorded_micro_usd: '100000', billed_micro_usd: '80000' };
      const bill = { source: 'bill.csv', source_sha256: '0'.repeat(64), token_class: 'input' } as const;
      const by = { user_id: 'ada', reason: 'JIRA-8 the bill' };
      const of = { day: dayAgo(3), model_id: models.haiku, difference_micro_usd: '-20000' };
      const compared = (await past.ledger.head())?.sequence ?? 0;
      past.at(1, '09:00');
      await past.ledger.adjust([{ ...amounts, ...bill, ...by, ...of }], compared);
    });
    expect(report.findings).toEqual([]);
    expect(figureOf(report, 'spent')).toBe('0.08');
    expect(figureOf(report, 'adjusted')).toBe('-0.02');
    const spentIn = (id: string) => rowsOf(report, id).map(([key, calls, , , spent]) => [key, calls, spent]);
    expect(spentIn('by_model')).toEqual([[models.haiku, 1, '0.08']]);
    // A bill doesn't know whose calls they were.
    expect(spentIn('by_user')).toEqual([['ada', 1, '0.1']]);
    expect(rowsOf(report, 'trend').at(-4)).toEqual([dayAgo(3), 1, '0.08']);
  });

  it('finds a call that cost more than it had reserved', async () => {
    const { report } = await analyse(async (past) => {
      const callId = await past.make({ daysAgo: 1, error: 'died' });
      await past.ledger.settle(callId, {
        ...{ outcome: 'success', cost_micro_usd: '1500000', estimated: false, unit_prices: null },
        ...{ processing_time_ms: 5, time_to_first_token_ms: 1, stop_reason: 'end_turn', error_code: null },
        ...{ response_hmac: null, tokens: tokens(100) },
      });
    });
    expect(faultsOf(report)).toEqual(['overrun']);
    expect(findingOf(report, 'overrun').evidence).toMatch(/: \$1\.50 instead of at most \$1\.$/);
  });

  it('forecasts from the hours that are left of a day', async () => {
    const zone = afternoonZone();
    const { core } = await gatewayOnStandIn({ TIDYLLM_BUDGET_TIMEZONE: zone });
    const spending = new Spending(core.journal.directory, zone);
    await spending.spend(
      Array.from({ length: 10 }, (_, index) => [
        { daysAgo: index + 1, hour: 9, cost: 2 },
        { daysAgo: index + 1, hour: 20, cost: 3 },
      ]).flat(),
    );
    await spending.ledger.dispose();
    const report = reportOf(await runCommand(core, '[Cost Analysis]'));
    expect(figureOf(report, 'forecast_day')).toBe('3');
    expect(rowsOf(report, 'forecast')[0]?.slice(0, 3)).toEqual(['today', '3', 10]);
  });

  it.each([
    ['full', 1, 'A cache would have saved'],
    ['hash', 2, 'A cache would have saved at most'],
  ])('counts repeated calls with the content policy %s', async (policy, repeated, label) => {
    const { core } = await gatewayOnStandIn({ TIDYLLM_AUDIT_CONTENT: policy });
    const gateway = core.registry.calls();
    const costs: bigint[] = [];
    // The third has as many tokens as the others, and asks something else.
    for (const prompt of ['What is a cat?', 'What is a cat?', 'What is a dog?', 'What is a mouse in fact?']) {
      const call = { prompt, auditReason: 'JIRA-1 ask twice', modelId: 'claude-haiku', userId: 'ada' };
      costs.push((await gateway.execute(call)).cost);
    }
    const report = reportOf(await runCommand(core, '[Cost Analysis]'));
    const saving = report.figures.find(({ id }) => id === 'saving_cache');
    const saved = costs.slice(1, 1 + repeated).reduce((sum, cost) => sum + cost, 0n);
    expect(saving).toMatchObject({ label, value: (Number(saved) / 1e6).toString() });
    expect(rowsOf(report, 'cache')).toEqual([[models.haiku, repeated, saving?.value]]);
    expect(JSON.stringify(report)).not.toContain('cat?');
  });

  it('says what the cache saved, and sees no price of a model in it', async () => {
    const { core } = await gatewayOnStandIn({
      TIDYLLM_CACHE_ENABLED: 'true',
      TIDYLLM_CACHE_MAX_TEMPERATURE: '1',
    });
    const ask = async (prompt: string) =>
      core.registry.calls().execute({ prompt, auditReason: 'JIRA-1 ask twice', modelId: 'claude-haiku' });
    const { cost } = await ask('What is a cat?');
    await ask('What is a dog?');
    expect(await ask('What is a cat?')).toMatchObject({ cacheHit: true });
    expect(await ask('What is a cat?')).toMatchObject({ cacheHit: true });
    const report = reportOf(await runCommand(core, '[Cost Analysis]'));
    const saved = (Number(2n * cost) / 1e6).toString();
    expect(
      ['calls', 'cache_hits', 'cache_hit_rate', 'cache_saved'].map((id) => figureOf(report, id)),
    ).toEqual([4, 2, 50, saved]);
    expect(rowsOf(report, 'cache_use')).toEqual([[models.haiku, 2, 50, saved]]);
    // Two were paid for. Policy keeps no text, so the second may repeat the first.
    expect(rowsOf(report, 'cache').map(([, repeated]) => repeated)).toEqual([1]);
  });

  it('says that there is nothing in an empty ledger', async () => {
    const report = await analysisOf([]);
    expect(report.findings).toEqual([]);
    expect(figureOf(report, 'spent')).toBe('0');
    expect(figureOf(report, 'cost_per_call')).toBeNull();
  });

  it('looks for no savings in the calls that test the gateway', async () => {
    const { core } = await gatewayOnStandIn();
    await runCommand(core, '[Performance Test] calls=4');
    const report = reportOf(await runCommand(core, '[Cost Analysis]'));
    expect(figureOf(report, 'calls')).toBe(4);
    expect(figureOf(report, 'spent')).not.toBe('0');
    expect([figureOf(report, 'saving_cache'), figureOf(report, 'saving_model')]).toEqual(['0', '0']);
  });
});

function tokens(input: number) {
  const cache = {
    ...{ cache_read_input_tokens: 0, cache_write_5m_input_tokens: 0 },
    cache_write_1h_input_tokens: 0,
  };
  return { input_tokens: input, output_tokens: 10, ...cache };
}
