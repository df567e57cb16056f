import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compose } from '../../../src/app/compose.ts';
import type { Core } from '../../../src/core/core.ts';
import type { FlowExecution } from '../../../src/flow/flowAgreementManager.ts';
import { journalExists } from '../../../src/ledger/journal.ts';
import { verifyLedger } from '../../../src/ledger/verifyLedger.ts';
import type { LedgerRecord } from '../../../src/ledger/records.ts';
import { writeFlowFile } from '../../support/flowFiles.ts';
import { reportOf, runCommand } from '../../support/flowRuns.ts';
import { gatewayOnStandIn, type TestGateway } from '../../support/gateways.ts';
import { storedRecords } from '../../support/ledgers.ts';
import { recordsOf } from '../../support/records.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const team = {
  trigger: '[Team Speed]',
  flow_encoding: '@team#speed!measure@gateway_chain',
  expanded_meaning: 'Measure how fast the team is served.',
  action: 'team_speed',
  real_implementation: 'performance_test',
  fallback: 'recorded_performance',
};

/** What can't run without a parameter, and takes it into a prompt. */
const needy = {
  trigger: '[Needy]',
  flow_encoding: '@team#needy!ask@model',
  expanded_meaning: 'Ask for what is given.',
  action: 'needy',
  real_implementation: 'prompt',
  parameters: { what: { type: 'text' } },
  prompt: { template: 'Tell me of {{what}}.' },
};

/** The core on a stand-in, with agreements of a workspace. */
async function withAgreements(
  agreements: readonly object[],
  environment: Record<string, string> = {},
): Promise<TestGateway & { folder: string }> {
  const folder = temporaryFolder();
  writeFlowFile(folder, ...agreements);
  return { ...(await gatewayOnStandIn(environment, { folders: [folder] })), folder };
}

/** The records of runs, oldest first. */
function runRecords(core: Core): LedgerRecord[] {
  if (!journalExists(core.journal.directory)) return [];
  return storedRecords(core.journal.directory).filter(({ kind }) => kind.startsWith('flow_'));
}

async function expectNothingHeld(core: Core): Promise<void> {
  expect(await core.budget()).toMatchObject({ reserved: 0n });
  expect((await core.ledger.budget()).scopes.every(({ reserved }) => reserved === 0n)).toBe(true);
  expect(await verifyLedger({ directory: core.journal.directory, mode: null })).toMatchObject({ ok: true });
}

/** Begins a run whose first call waits, and gives it once it has begun. */
function begun(core: Core, command: string): { ended: Promise<FlowExecution>; stop: () => void } {
  const stop = new AbortController();
  return { ended: runCommand(core, command, { signal: stop.signal }), stop: () => stop.abort() };
}

describe('a run that has begun', () => {
  it('comes to its end when whoever started it throws, and may run again', async () => {
    const { core } = await withAgreements([]);
    const execution = await runCommand(core, '[Performance Test] calls=1', {
      onStart: () => {
        throw new Error('the view has gone');
      },
    });
    expect(execution).toMatchObject({ mode: 'failed', error: { code: 'flow_failed' } });
    expect(execution.reserved > 0n).toBe(true);
    await expectNothingHeld(core);
    expect(await runCommand(core, '[Performance Test] calls=1')).toMatchObject({ outcome: 'success' });
  });

  it('comes to its end when its report can’t be kept, and says so', async () => {
    const { core, home } = await withAgreements([]);
    writeFileSync(join(home, 'flow'), 'a file where the folder of reports belongs');
    const execution = await runCommand(core, '[Cost Analysis]');
    expect(execution).toMatchObject({ outcome: 'success', notKept: { code: 'content_unavailable' } });
    expect(runRecords(core).at(-1)).toMatchObject({ kind: 'flow_end', report_sha256: null });
    await expectNothingHeld(core);
  });
});

describe('a run that doesn’t begin', () => {
  it('is refused by a gateway when it may cost more than its agreement allows', async () => {
    const { core, standIn } = await withAgreements([{ ...team, cost_limit_usd: '0.001' }]);
    const execution = await runCommand(core, '[Team Speed]');
    expect(execution).toMatchObject({
      ...{ mode: 'failed', outcome: 'refused', reserved: 0n, cost: 0n, calls: 0, report: null },
      error: { code: 'cost_limit_exceeded' },
      validations: [{ gateway: 'corporate_llm', level: 1, state: 'refused' }],
      fallback: { implementation: 'recorded_performance', error: null },
    });
    expect(execution.fallback?.report?.title).toBe('Recorded performance');
    expect(standIn.calls).toHaveLength(0);
    expect(runRecords(core)).toMatchObject([
      { kind: 'flow_start', agreement: 'team_speed', reserved_micro_usd: '0' },
      {
        ...{ kind: 'flow_end', outcome: 'refused', error_code: 'cost_limit_exceeded', validated_by: [] },
        ...{ fallback: 'recorded_performance', fallback_outcome: 'success', execution_mode: 'failed' },
      },
    ]);
    await expectNothingHeld(core);
  });

  it('is refused when the day has too little left for it', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_BUDGET_DAILY_LIMIT_USD: '0.001' });
    const execution = await runCommand(core, '[Performance Test]');
    expect(execution).toMatchObject({
      ...{ mode: 'failed', outcome: 'refused', reserved: 0n, cost: 0n, calls: 0 },
      error: { code: 'budget_exceeded', exitCode: 3 },
      fallback: { implementation: 'recorded_performance', error: null },
    });
    expect(execution.error?.message).toMatch(
      /^\[Performance Test\] may cost \$0\.\d+, and \$0\.0010 of today's \$0\.0010 is left\.$/,
    );
    expect(standIn.calls).toHaveLength(0);
    expect(runRecords(core)).toMatchObject([
      { kind: 'flow_start', reserved_micro_usd: '0' },
      { kind: 'flow_end', outcome: 'refused', error_code: 'budget_exceeded', calls: 0 },
    ]);
    await expectNothingHeld(core);
  });

  it.each([
    ['calls=0', 'calls must be 1 to 500'],
    ['call=5', 'call is not a parameter; did you mean calls?'],
    ['calls=many', 'calls must be a whole number'],
  ])('takes no parameter that can’t be: %s', async (parameter, problem) => {
    const { core } = await gatewayOnStandIn();
    await expect(runCommand(core, `[Performance Test] ${parameter}`)).rejects.toMatchObject({
      code: 'invalid_request',
      message: `[Performance Test]: ${problem}.`,
    });
    expect(runRecords(core)).toEqual([]);
  });

  it('is none when nothing known was meant', async () => {
    const { core } = await gatewayOnStandIn();
    await expect(runCommand(core, '[Cost Analysis of Everything]')).rejects.toMatchObject({
      code: 'flow_not_matched',
      hint: expect.stringContaining('[Cost Analysis]') as string,
    });
    expect(runRecords(core)).toEqual([]);
  });

  it('is refused, and recorded, when it is of a workspace that isn’t trusted', async () => {
    const { core, standIn, folder } = await withAgreements([team]);
    const execution = await runCommand(core, '[Team Speed]', { trusted: false });
    expect(execution).toMatchObject({
      ...{ mode: 'failed', outcome: 'refused', fallback: null, report: null, validations: [] },
      error: { code: 'flow_not_approved' },
    });
    expect(standIn.calls).toHaveLength(0);
    expect(runRecords(core)).toMatchObject([
      {
        ...{ kind: 'flow_start', agreement: 'team_speed', source: join(folder, '.tidyllm', 'flow.yaml') },
        ...{ approved: null, reserved_micro_usd: '0' },
      },
      { kind: 'flow_end', outcome: 'refused', error_code: 'flow_not_approved', fallback: null },
    ]);
    // Nor for what has to be given, which nobody was asked for.
    const lacking = await withAgreements([needy]);
    expect(await runCommand(lacking.core, '[Needy]', { trusted: false })).toMatchObject({
      ...{ outcome: 'refused', error: { code: 'flow_not_approved' }, reserved: 0n },
    });
    // What is built in is nobody's word.
    expect(await runCommand(core, '[Cost Analysis]', { trusted: false })).toMatchObject({ mode: 'real' });
  });
});

describe('one run at a time', () => {
  it('holds for an agreement over all that share a ledger', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const other = await compose({ environment: process.env, user: 'ada' });
    onTestFinished(() => other.dispose());
    const reached = new Promise<void>((resolve) => {
      standIn.behave = () => {
        resolve();
        return { firstTokenDelayMs: 60_000 };
      };
    });
    const first = begun(core, '[Performance Test] calls=2');
    await reached;
    const second = await runCommand(other, '[Performance Test]');
    expect(second).toMatchObject({
      ...{ mode: 'failed', outcome: 'refused', fallback: null, reserved: 0n },
      error: { code: 'flow_running' },
    });
    expect(await runCommand(other, '[Cost Analysis]')).toMatchObject({ outcome: 'success' });
    first.stop();
    expect(await first.ended).toMatchObject({ outcome: 'cancelled' });
    standIn.behave = null;
    expect(await runCommand(other, '[Performance Test] calls=2')).toMatchObject({ outcome: 'success' });
    await expectNothingHeld(core);
  });

  it('does not hold for an agreement that may run more than once', async () => {
    const { core, standIn } = await withAgreements([{ ...team, concurrent: true }]);
    const { promise: bothReached, resolve } = Promise.withResolvers<undefined>();
    standIn.behave = (_call, _index, underWay) => {
      if (underWay === 2) resolve(undefined);
      return { firstTokenDelayMs: 60_000 };
    };
    const runs = [begun(core, '[Team Speed]'), begun(core, '[Team Speed]')];
    await bothReached;
    for (const { stop } of runs) stop();
    for (const { ended } of runs) expect(await ended).toMatchObject({ error: { code: 'cancelled' } });
    await expectNothingHeld(core);
  });
});

describe('a run that is stopped', () => {
  it('ends at its time limit', async () => {
    const { core, standIn } = await withAgreements([{ ...team, time_limit_seconds: 1 }]);
    standIn.behave = () => ({ firstTokenDelayMs: 60_000 });
    const execution = await runCommand(core, '[Team Speed]');
    expect(execution).toMatchObject({
      ...{ mode: 'failed', outcome: 'failed', calls: 1 },
      error: { code: 'flow_timed_out', message: '[Team Speed] was stopped after 1 s.' },
      fallback: { implementation: 'recorded_performance', error: null },
    });
    expect(execution.durationMs).toBeGreaterThanOrEqual(990);
    expect(execution.durationMs).toBeLessThan(10_000);
    expect(standIn.calls).toHaveLength(1);
    await expectNothingHeld(core);
  });

  it.each(['[Performance Test]', '[Scalability Test]', '[Integration Test]'])(
    '%s leaves nothing behind when it is cancelled while it waits for a model',
    async (trigger) => {
      const { core, standIn } = await gatewayOnStandIn();
      const stop = new AbortController();
      standIn.behave = () => {
        stop.abort();
        return { firstTokenDelayMs: 60_000 };
      };
      const execution = await runCommand(core, trigger, { signal: stop.signal });
      expect(execution).toMatchObject({
        ...{ mode: 'failed', outcome: 'cancelled', error: { code: 'cancelled' }, fallback: null },
      });
      expect(execution.calls).toBeGreaterThan(0);
      expect(runRecords(core).at(-1)).toMatchObject({ kind: 'flow_end', outcome: 'cancelled' });
      await expectNothingHeld(core);
    },
  );

  it.each([
    ['[Performance Test]', 'while an answer streams'],
    ['[Scalability Test]', 'while answers stream'],
  ])('%s leaves nothing behind when it is cancelled %s', async (trigger) => {
    const { core, standIn } = await gatewayOnStandIn();
    const stop = new AbortController();
    standIn.behave = (_call, index) => {
      if (index === 5) setImmediate(() => stop.abort());
      return { delayMs: 30 };
    };
    const execution = await runCommand(core, trigger, { signal: stop.signal });
    expect(execution).toMatchObject({ outcome: 'cancelled', fallback: null });
    expect(execution.cost > 0n && execution.cost <= execution.reserved).toBe(true);
    await expectNothingHeld(core);
  });

  it.each([
    '[Cost Analysis]',
    '[Error Analysis]',
    '[Integration Test]',
    '[Security Test]',
    '[Compliance Report]',
    '[Performance Test]',
    '[Scalability Test]',
  ])('%s leaves nothing behind when it is cancelled as soon as it says what it does', async (trigger) => {
    const { core } = await gatewayOnStandIn();
    const stop = new AbortController();
    const messages: string[] = [];
    const execution = await runCommand(core, trigger, {
      signal: stop.signal,
      onProgress: (message) => {
        messages.push(message);
        stop.abort();
      },
    });
    expect(messages.length).toBeGreaterThan(0);
    expect(execution).toMatchObject({ mode: 'failed', outcome: 'cancelled', fallback: null, report: null });
    expect(runRecords(core).at(-1)).toMatchObject({ kind: 'flow_end', outcome: 'cancelled' });
    await expectNothingHeld(core);
  });

  it('does not begin when it was cancelled before', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const execution = await runCommand(core, '[Performance Test]', { signal: AbortSignal.abort() });
    expect(execution).toMatchObject({ outcome: 'cancelled', calls: 0, cost: 0n });
    expect(standIn.calls).toHaveLength(0);
    await expectNothingHeld(core);
  });
});

describe('a fallback that makes calls', () => {
  it('has what the run still holds, and no more', async () => {
    const load = { ...team, real_implementation: 'scalability_test', fallback: 'performance_test' };
    const { core, standIn } = await withAgreements([load]);
    standIn.behave = (_call, index) => (index < 4 ? { refusal: 'internal' } : {});
    const execution = await runCommand(core, '[Team Speed]');
    expect(execution).toMatchObject({
      ...{ mode: 'failed', outcome: 'failed', error: { code: 'backend_failed' }, calls: 24 },
      fallback: { implementation: 'performance_test', error: null },
    });
    const limits = (await recordsOf(core, 'RESERVE')).map(({ flow }) => flow?.cost_limit_micro_usd);
    expect(new Set(limits)).toEqual(new Set([execution.reserved.toString()]));
    expect(execution.cost > 0n && execution.cost < execution.reserved).toBe(true);
    await expectNothingHeld(core);
  });

  it('has nothing when the run was refused', async () => {
    const { core, standIn } = await withAgreements([
      {
        ...team,
        real_implementation: 'scalability_test',
        fallback: 'performance_test',
        cost_limit_usd: '0.0001',
      },
    ]);
    const execution = await runCommand(core, '[Team Speed]');
    expect(execution).toMatchObject({
      ...{ outcome: 'refused', error: { code: 'cost_limit_exceeded' }, cost: 0n },
      fallback: { implementation: 'performance_test', error: { code: 'cost_limit_exceeded' } },
    });
    expect(standIn.calls).toHaveLength(0);
    await expectNothingHeld(core);
  });
});

describe('a report', () => {
  it('is kept for this user only, and proven by the hash in its record', async () => {
    const { core, home } = await gatewayOnStandIn();
    const execution = await runCommand(core, '[Performance Test] calls=2');
    const [end] = await recordsOf(core, 'flow_end');
    const folder = join(home, 'flow', 'live');
    const path = join(folder, `${execution.runId}.json`);
    expect(readdirSync(folder)).toEqual([`${execution.runId}.json`]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const sha256 = end?.report_sha256 ?? '';
    expect(await core.reports.read(execution.runId, sha256)).toEqual(execution.storedReport);
    expect(end?.summary).toBe(execution.report?.summary);
    writeFileSync(path, readFileSync(path, 'utf8').replace('2 of 2 calls', '9 of 9 calls'));
    await expect(core.reports.read(execution.runId, sha256)).rejects.toMatchObject({
      code: 'content_unavailable',
    });
  });

  it('says what it was run with, and what the ledger says it cost', async () => {
    const { core } = await gatewayOnStandIn();
    const { storedReport, cost, report } = await runCommand(core, '[Performance Test] calls=2', {
      parameters: { max_tokens: 8 },
    });
    expect(storedReport).toMatchObject({
      ...{ trigger: '[Performance Test]', agreement: 'performance_benchmark', execution_mode: 'real' },
      ...{ cost_usd: (Number(cost) / 1e6).toString(), parameters: { calls: 2, max_tokens: 8 }, report },
    });
  });

  it('counts problems and warnings in the record of its run', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.behave = (_call, index) => (index === 0 ? { refusal: 'internal' } : { firstTokenDelayMs: 20 });
    const execution = await runCommand(core, '[Performance Test] calls=3 first_token_limit_ms=1');
    const { findings } = reportOf(execution);
    const of = (severity: string) => findings.filter((finding) => finding.severity === severity);
    expect(of('problem').map(({ id }) => id)).toEqual(['failed_calls']);
    expect(of('warning').map(({ id }) => id)).toContain('slow_first_token');
    expect((await recordsOf(core, 'flow_end')).at(-1)).toMatchObject({
      problems: 1,
      warnings: of('warning').length,
    });
  });
});
