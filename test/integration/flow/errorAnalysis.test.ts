import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Core } from '../../../src/core/core.ts';
import { everybody } from '../../../src/ledger/budgetFold.ts';
import type { Report } from '../../../src/flow/report.ts';
import { faultsOf, figureOf, findingOf, reportOf, rowsOf, runCommand } from '../../support/flowRuns.ts';
import { gatewayOnStandIn } from '../../support/gateways.ts';
import { storedRecords } from '../../support/ledgers.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { dayAgo, models, PastCalls, type PastCall } from '../../support/pastCalls.ts';

async function analysisAfter(
  write: (past: PastCalls) => Promise<void>,
  command = '[Error Analysis]',
): Promise<Report> {
  const { core, standIn } = await gatewayOnStandIn();
  const past = new PastCalls(core.journal.directory);
  await write(past);
  await past.end();
  const execution = await runCommand(core, command);
  expect(execution).toMatchObject({ mode: 'real', cost: 0n, calls: 0 });
  expect(standIn.calls).toHaveLength(0);
  return reportOf(execution);
}

const refusedCall = {
  ...{ user_id: 'ada', reason: '', model: 'claude-sonnet', model_id: null, backend: 'bedrock' as const },
  ...{ priority: 'normal' as const, workspace: null, branch: null, command: null },
  ...{ outcome: 'refused' as const, error_code: 'audit_reason_missing' },
};

/** Calls a day that are answered, from so many days ago until yesterday. */
function answered(days: number, perDay: number): PastCall[] {
  return Array.from({ length: days * perDay }, (_, index) => ({
    daysAgo: days - Math.floor(index / perDay),
    at: `0${index % perDay}:00`,
    ...{ model: 'sonnet', cost: 1000 },
  }));
}

function settingsFile(yaml: string): string {
  const file = join(temporaryFolder(), 'settings.yaml');
  writeFileSync(file, yaml);
  return file;
}

async function call(core: Core): Promise<void> {
  const request = { prompt: 'hello', auditReason: 'JIRA-1 make a call', modelId: 'claude-haiku' };
  await core.registry.calls().execute(request);
}

describe('the error analysis', () => {
  it('finds nothing where no call failed', async () => {
    const report = await analysisAfter((past) => past.makeAll(answered(5, 3)));
    expect(report.findings).toEqual([]);
    expect(report.summary).toBe(`None of 15 calls since ${dayAgo(6)} failed.`);
    expect(figureOf(report, 'error_rate')).toBe(0);
  });

  it('finds nothing in an empty ledger', async () => {
    const report = await analysisAfter(() => Promise.resolve());
    expect(report.findings).toEqual([]);
    expect(report.summary).toBe(`None of 0 calls since ${dayAgo(6)} failed.`);
  });

  it('classifies what failed, with its rate, when it was seen and where', async () => {
    let last = '';
    const report = await analysisAfter(async (past) => {
      await past.makeAll(answered(4, 9));
      for (const at of ['10:00', '10:07', '11:30', '12:45']) {
        const failed = { daysAgo: 1, model: 'haiku', user: 'grace', workspace: '/w/billing' } as const;
        last = await past.make({ ...failed, at, error: 'backend_throttled' });
      }
      await past.make({ daysAgo: 1, at: '13:00', model: 'sonnet', error: 'stream_incomplete' });
    });
    expect(figureOf(report, 'calls')).toBe(41);
    expect(figureOf(report, 'failed')).toBe(5);
    expect(figureOf(report, 'error_rate')).toBe(12.2);
    expect(report.summary).toBe(
      `5 of 41 calls since ${dayAgo(6)} failed (12.2 %), most with backend_throttled.`,
    );
    expect(faultsOf(report)).toEqual(['error_backend_throttled', 'error_stream_incomplete']);
    expect(rowsOf(report, 'classes').map((row) => row.slice(0, 5))).toEqual([
      ['backend_throttled', 4, 9.8, `${dayAgo(1)} 10:00 UTC`, `${dayAgo(1)} 12:45 UTC`],
      ['stream_incomplete', 1, 2.4, `${dayAgo(1)} 13:00 UTC`, `${dayAgo(1)} 13:00 UTC`],
    ]);
    const { severity, evidence, remedy } = findingOf(report, 'error_backend_throttled');
    expect(severity).toBe('problem');
    expect(evidence).toContain(
      `4 of 41 calls (9.8 %), first ${dayAgo(1)} 10:00 UTC, last ${dayAgo(1)} 12:45 UTC.`,
    );
    expect(evidence).toContain(
      `Concentrated on model ${models.haiku} (100 % of these, 10 % of all calls) and user grace (100 % of these, 10 % of all calls) and workspace /w/billing (100 % of these, 10 % of all calls).`,
    );
    expect(evidence).toContain(`Example: call ${last}.`);
    expect(remedy).toContain('quota');
    expect(findingOf(report, 'error_stream_incomplete').severity).toBe('warning');
    expect(rowsOf(report, 'by_day').at(-1)).toEqual([dayAgo(1), 14, 4, 1]);
  });

  it('names the change of a cap that came just before', async () => {
    const report = await analysisAfter(async (past) => {
      await past.makeAll(answered(3, 5));
      past.at(1, '09:40');
      await past.ledger.raiseCap({ ...everybody, limit: 2_000_000_000_000n }, { userId: 'ada', reason: 'x' });
      await past.make({ daysAgo: 1, at: '10:00', model: 'sonnet', error: 'backend_throttled' });
      // Of this nobody can say that it brought what was there before.
      past.at(1, '10:30');
      await past.ledger.raiseCap({ ...everybody, limit: 3_000_000_000_000n }, { userId: 'ada', reason: 'x' });
      await past.make({ daysAgo: 1, at: '10:40', model: 'sonnet', error: 'backend_throttled' });
    });
    expect(findingOf(report, 'error_backend_throttled').evidence).toContain(
      'In the hour before the first error: the cap of the ledger went from $1,000,000 to $2,000,000 (ada).',
    );
    expect(rowsOf(report, 'changes')).toEqual([
      [
        'backend_throttled',
        `${dayAgo(1)} 09:40 UTC`,
        'the cap of the ledger went from $1,000,000 to $2,000,000 (ada)',
      ],
    ]);
  });

  it('names the first use of a model that came just before', async () => {
    const report = await analysisAfter(async (past) => {
      await past.makeAll(answered(3, 5));
      await past.make({ daysAgo: 1, at: '09:30', cost: 1000 });
      await past.make({ daysAgo: 1, at: '10:00', error: 'backend_throttled' });
    });
    expect(findingOf(report, 'error_backend_throttled').evidence).toContain(
      `In the hour before the first error: the first call of these days with model ${models.haiku}.`,
    );
  });

  it('names no change for what was there from the beginning, or long after one', async () => {
    const report = await analysisAfter(async (past) => {
      await past.make({ daysAgo: 3, at: '08:00', error: 'access_denied' });
      await past.make({ daysAgo: 3, at: '08:10', model: 'sonnet', cost: 1000 });
      await past.make({ daysAgo: 3, at: '12:00', model: 'sonnet', error: 'backend_failed' });
    });
    for (const { evidence } of report.findings) expect(evidence).not.toContain('In the hour before');
    expect(rowsOf(report, 'changes')).toEqual([]);
  });

  it('puts what was seen in the order in which calls began, however they ended', async () => {
    const report = await analysisAfter(async (past) => {
      const slow = await past.make({ daysAgo: 1, at: '09:00', error: 'died' });
      await past.make({ daysAgo: 1, at: '09:30', error: 'backend_failed' });
      const failed = { outcome: 'failed', processing_time_ms: 1, error_code: 'backend_failed' } as const;
      await past.ledger.void(slow, failed);
    });
    expect(rowsOf(report, 'classes')[0]?.slice(3, 5)).toEqual([
      `${dayAgo(1)} 09:00 UTC`,
      `${dayAgo(1)} 09:30 UTC`,
    ]);
  });

  it('counts calls of processes that died, and leaves out what somebody stopped', async () => {
    const report = await analysisAfter(async (past) => {
      await past.makeAll(answered(3, 9));
      await past.make({ daysAgo: 1, at: '10:00', model: 'sonnet', error: 'died' });
      const stopped = await past.make({ daysAgo: 1, at: '11:00', model: 'sonnet', error: 'died' });
      const ended = { outcome: 'cancelled', processing_time_ms: 5, error_code: 'cancelled' } as const;
      await past.ledger.void(stopped, ended);
    });
    expect(faultsOf(report)).toEqual(['error_orphaned']);
    // However rare it is.
    expect(findingOf(report, 'error_orphaned').severity).toBe('problem');
    expect(figureOf(report, 'failed')).toBe(1);
    expect(rowsOf(report, 'classes').map(([code]) => code)).toEqual(['cancelled', 'orphaned']);
  });

  it('looks at the days it was asked for', async () => {
    const report = await analysisAfter(
      (past) =>
        past.makeAll([
          { daysAgo: 5, error: 'backend_failed' },
          { daysAgo: 1, cost: 1000 },
        ]),
      '[Error Analysis] days=3',
    );
    expect(report.summary).toBe(`None of 1 calls since ${dayAgo(2)} failed.`);
  });

  it('finds the throttling of a back-end, and a budget that refuses', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.0001' });
    await call(core);
    await core.raiseCap({ ...everybody, limit: 10_000_000n }, 'JIRA-1 more to spend');
    for (let index = 0; index < 8; index += 1) await call(core);
    standIn.behave = () => ({ refusal: 'throttled' });
    await call(core);
    await call(core);
    const report = reportOf(await runCommand(core, '[Error Analysis]'));
    expect(rowsOf(report, 'classes').map((row) => row.slice(0, 3))).toEqual([
      ['backend_throttled', 2, 18.2],
      ['budget_exceeded', 1, 9.1],
    ]);
    expect(findingOf(report, 'error_backend_throttled').evidence).toContain(
      'the cap of the ledger went from $0.0001 to $10 (ada)',
    );
  });

  it.each(['claude-sonnet', 'claude-3-sonnet', models.sonnet])(
    'takes calls that were refused as %s for calls of their model, which then says nothing',
    async (name) => {
      const report = await analysisAfter(async (past) => {
        await past.makeAll(answered(3, 5));
        past.at(1, '09:00');
        // As it was recorded before anybody looked for the model.
        for (let index = 0; index < 5; index += 1)
          await past.ledger.refuse(randomUUID(), { ...refusedCall, model: name, model_id: null });
      });
      const { evidence } = findingOf(report, 'error_audit_reason_missing');
      expect(evidence).not.toContain('model ');
      expect(evidence).not.toContain('the first call of these days with model');
      expect(rowsOf(report, 'changes').flat().join()).not.toContain('model');
    },
  );

  it('names the model of refused calls where it is the cause', async () => {
    const report = await analysisAfter(async (past) => {
      await past.makeAll(answered(3, 5));
      past.at(1, '09:00');
      const code = { error_code: 'model_not_recognized', model: 'claude-nothing', model_id: null };
      for (let index = 0; index < 3; index += 1)
        await past.ledger.refuse(randomUUID(), { ...refusedCall, ...code });
    });
    expect(findingOf(report, 'error_model_not_recognized').evidence).toContain(
      'Concentrated on model claude-nothing (100 % of these, 17 % of all calls)',
    );
  });

  it('says nothing of a region that every call had which got as far', async () => {
    const report = await analysisAfter(async (past) => {
      await past.makeAll(answered(2, 3));
      for (const at of ['10:00', '10:10', '10:20'])
        await past.make({ daysAgo: 1, at, model: 'sonnet', error: 'backend_throttled' });
      for (let index = 0; index < 9; index += 1)
        await past.ledger.refuse(randomUUID(), { ...refusedCall, model_id: models.sonnet });
    });
    expect(findingOf(report, 'error_backend_throttled').evidence).not.toContain('region');
  });

  it('says where failures are too few to have anything in common', async () => {
    const report = await analysisAfter(async (past) => {
      await past.makeAll(answered(3, 9));
      for (const at of ['10:00', '10:10'])
        await past.make({ daysAgo: 1, at, model: 'haiku', user: 'grace', error: 'backend_throttled' });
    });
    const { evidence } = findingOf(report, 'error_backend_throttled');
    expect(evidence).toContain('Too few to find what they have in common.');
    expect(evidence).not.toContain('Concentrated');
  });

  it.each([
    { failures: 3, of: 13, others: 7 },
    { failures: 3, of: 20, others: 20 },
    { failures: 4, of: 14, others: 9 },
    { failures: 5, of: 10, others: 6 },
  ])('says so too where $failures of a model with $of of all calls may be chance', async (counts) => {
    const report = await analysisAfter(async (past) => {
      const usual = answered(2, counts.of - counts.failures).slice(0, counts.of - counts.failures);
      await past.makeAll(usual.map((one) => ({ ...one, daysAgo: 2, at: '08:00' })));
      for (let index = 0; index < counts.others; index += 1)
        await past.make({ daysAgo: 1, at: '09:00', model: 'haiku', cost: 1000 });
      for (let index = 0; index < counts.failures; index += 1)
        await past.make({ daysAgo: 1, at: '10:00', model: 'sonnet', error: 'backend_throttled' });
    });
    const { evidence } = findingOf(report, 'error_backend_throttled');
    expect(evidence).toContain('Too few to find what they have in common.');
    expect(evidence).not.toContain('Concentrated');
  });

  it('leaves out what the first use of a ledger records, and not a cap that somebody is put under', async () => {
    const { core, standIn } = await gatewayOnStandIn({
      TIDYLLM_SETTINGS: settingsFile(
        'budget: { per_user_usd: { default: 50 }, per_model_usd: { default: 60 } }',
      ),
    });
    await call(core);
    standIn.behave = () => ({ refusal: 'throttled' });
    await call(core);
    const first = reportOf(await runCommand(core, '[Error Analysis]'));
    expect(findingOf(first, 'error_backend_throttled').evidence).not.toContain('In the hour before');
    expect(rowsOf(first, 'changes')).toEqual([]);
    const capped = await analysisAfter(async (past) => {
      await past.makeAll(answered(3, 5));
      const cap = { scope: 'user', key: 'ada', limit: 900_000_000n } as const;
      past.at(1, '09:50');
      await past.ledger.raiseCap(cap, { userId: 'grace', reason: 'x' });
      await past.make({ daysAgo: 1, at: '10:00', model: 'sonnet', error: 'backend_throttled' });
    });
    expect(findingOf(capped, 'error_backend_throttled').evidence).toContain(
      'the cap of user ada went from none to $900 (grace)',
    );
  });

  it('knows the model of every call that the gateway refuses, whatever for', async () => {
    const { core } = await gatewayOnStandIn();
    const gateway = core.registry.calls();
    const asked = { modelId: 'claude-sonnet', prompt: 'hello', auditReason: 'JIRA-1 a reason' };
    for (const wrong of [{ auditReason: '' }, { prompt: ' ' }, { temperature: 2 }, { maxTokens: 0 }])
      expect((await gateway.execute({ ...asked, ...wrong })).status).toBe('refused');
    const refused = storedRecords(core.journal.directory).filter((record) => record.kind === 'REFUSE');
    expect(refused.map(({ model_id }) => model_id)).toEqual(Array<string>(4).fill(models.sonnet));
  });

  it('leaves out the attempts of the security test, which have to fail', async () => {
    const { core } = await gatewayOnStandIn();
    await call(core);
    const security = await runCommand(core, '[Security Test] scan_workspace=false');
    expect(security).toMatchObject({ mode: 'real' });
    const report = reportOf(await runCommand(core, '[Error Analysis]'));
    expect(report.findings).toEqual([]);
    expect(figureOf(report, 'calls')).toBe(1);
    expect(report.sections.find(({ id }) => id === 'classes')?.text).toMatch(
      /[1-9]\d* attempts of the security test, which must fail, are left out/,
    );
  });
});

describe('the recorded performance', () => {
  it('has the times of the calls of the last days that were answered', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const past = new PastCalls(core.journal.directory);
    await past.make({ daysAgo: 9, ms: 9000, cost: 1 });
    for (const ms of [100, 200, 300, 400]) await past.make({ daysAgo: 2, ms, cost: 1000 });
    await past.make({ daysAgo: 1, ms: 5000, error: 'backend_failed' });
    await past.make({ daysAgo: 1, ms: 50, model: 'nova', cost: 1000 });
    await past.end();
    standIn.behave = () => ({ refusal: 'throttled' });
    const { fallback } = await runCommand(core, '[Performance Test] calls=1');
    const report = fallback?.report;
    expect(
      report && rowsOf(report, 'latency_by_model').map((row) => [row[0], row[1], row[2], row[6]]),
    ).toEqual([
      [models.haiku, 4, 250, 400],
      [models.nova, 1, 50, 50],
    ]);
  });
});
