import { describe, expect, it } from 'vitest';
import { readRecords } from '../../../src/ledger/readJournal.ts';
import type { LedgerRecord } from '../../../src/ledger/records.ts';
import { microToUsd } from '../../../src/pricing/cost.ts';
import { faultsOf, figureOf, findingOf, reportOf, rowsOf, runCommand } from '../../support/flowRuns.ts';
import { gatewayOnMock, gatewayOnStandIn } from '../../support/gateways.ts';
import { recordsOf } from '../../support/records.ts';

/** A timer may be early by a fraction of a millisecond. */
const early = 2;

describe('the performance test', () => {
  it('finds nothing where calls are quick', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const execution = await runCommand(core, '[Performance Test]');
    const report = reportOf(execution);
    expect(report.findings).toEqual([]);
    expect(execution).toMatchObject({ mode: 'real', outcome: 'success', calls: 20, fallback: null });
    expect(standIn.calls).toHaveLength(20);
    expect(new Set(standIn.calls.map(({ body }) => JSON.stringify(body.messages))).size).toBe(20);
    expect(report.summary).toMatch(/^20 of 20 calls answered/);
    expect(figureOf(report, 'failed_calls')).toBe(0);
  });

  it('measures a first token that comes late, in its stage', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.behave = () => ({ firstTokenDelayMs: 120 });
    const report = reportOf(await runCommand(core, '[Performance Test] calls=6 first_token_limit_ms=100'));
    expect(faultsOf(report)).toEqual(['slow_first_token']);
    for (const id of ['first_token_p50', 'first_token_p95', 'latency_p50'])
      expect(figureOf(report, id)).toBeGreaterThanOrEqual(120 - early);
    const [, , model, streaming, , whole] = rowsOf(report, 'latency_by_stage').map(([, p50]) => Number(p50));
    expect(model).toBeGreaterThanOrEqual(120 - early);
    expect(model).toBeLessThan(240);
    expect(streaming).toBeLessThan(60);
    expect(whole).toBeGreaterThanOrEqual(model ?? Infinity);
    expect(report.summary).toContain('the slowest stage is "First token"');
  });

  it('measures an answer that takes long, in its stage', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.behave = () => ({ delayMs: 120 });
    const report = reportOf(await runCommand(core, '[Performance Test] calls=6 latency_limit_ms=100'));
    expect(faultsOf(report)).toEqual(['slow_call']);
    const [, , model, streaming] = rowsOf(report, 'latency_by_stage').map(([, p50]) => Number(p50));
    expect(streaming).toBeGreaterThanOrEqual(120 - early);
    expect(model).toBeLessThan(60);
    expect(report.summary).toContain('the slowest stage is "Streaming"');
    // One after another, no more than that many fit into a second.
    expect(figureOf(report, 'throughput')).toBeLessThan(1000 / (120 - early));
  });

  it('adds up: the stages of a call are the whole of it', async () => {
    const { core } = await gatewayOnStandIn();
    const report = reportOf(await runCommand(core, '[Performance Test] calls=1'));
    const p50 = rowsOf(report, 'latency_by_stage').map(([, value]) => Number(value));
    const whole = p50.pop() ?? 0;
    expect(Math.abs(p50.reduce((sum, value) => sum + value, 0) - whole)).toBeLessThan(0.1);
  });

  it('finds the few calls that take much longer than others', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.behave = (_call, index) => ({ firstTokenDelayMs: index === 7 ? 1_200 : 0 });
    const report = reportOf(await runCommand(core, '[Performance Test]'));
    expect(faultsOf(report)).toEqual(['long_tail']);
    const calls = rowsOf(report, 'calls').map(([, first, whole]) => [Number(first), Number(whole)]);
    const slow = calls.findIndex(([first]) => (first ?? 0) >= 1_200 - early);
    expect(slow).toBe(7);
    expect(findingOf(report, 'long_tail').evidence).toContain(
      `The slowest call took ${Math.round(calls[7]?.[1] ?? 0)} ms`,
    );
    expect(figureOf(report, 'latency_p99')).toBeGreaterThan(900);
    expect(figureOf(report, 'latency_p50')).toBeLessThan(400);
  });

  it('counts calls that fail, and names why', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.behave = (_call, index) => (index % 10 === 4 ? { refusal: 'throttled' } : {});
    const execution = await runCommand(core, '[Performance Test]');
    const report = reportOf(execution);
    expect(faultsOf(report)).toEqual(['failed_calls']);
    expect(findingOf(report, 'failed_calls')).toMatchObject({
      severity: 'problem',
      evidence: '2 of 20 calls: 2 × backend_throttled.',
    });
    expect(figureOf(report, 'failed_calls')).toBe(2);
    const calls = rowsOf(report, 'calls');
    expect(calls).toHaveLength(20);
    expect(calls.flatMap(([call, , whole]) => (whole === null ? [call] : []))).toEqual([5, 15]);
    expect(execution).toMatchObject({ mode: 'real', calls: 20 });
  });

  it('fails when no call is answered, and shows what was recorded before', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    const gateway = core.registry.calls();
    const earlier = { prompt: 'hello', auditReason: 'JIRA-1 before', modelId: 'claude-haiku' };
    expect(await gateway.execute(earlier)).toMatchObject({ success: true });
    standIn.behave = () => ({ refusal: 'unavailable' });
    const execution = await runCommand(core, '[Performance Test] calls=3');
    expect(execution).toMatchObject({
      ...{ mode: 'failed', outcome: 'failed', cost: 0n, calls: 3, report: null },
      error: { code: 'backend_failed' },
      fallback: { implementation: 'recorded_performance', error: null },
    });
    const shown = execution.fallback?.report;
    expect(shown && figureOf(shown, 'calls')).toBe(1);
    expect(execution.storedReport).toMatchObject({
      execution_mode: 'failed',
      report: { summary: shown?.summary },
    });
    expect((await recordsOf(core, 'flow_end')).at(-1)).toMatchObject({
      ...{ execution_mode: 'failed', outcome: 'failed', error_code: 'backend_failed' },
      ...{ fallback: 'recorded_performance', fallback_outcome: 'success', report_sha256: null },
    });
  });

  it('costs what the ledger says, and no more than it reserved before its first call', async () => {
    const { core } = await gatewayOnStandIn();
    const held: bigint[] = [];
    const reads: Promise<unknown>[] = [];
    const execution = await runCommand(core, '[Performance Test] calls=5', {
      onStart: () => void reads.push(core.budget().then(({ reserved }) => held.push(reserved))),
    });
    await Promise.all(reads);
    const { reserved, cost, runId, agreement } = execution;
    expect(held).toEqual([reserved]);
    const settled = await recordsOf(core, 'SETTLE');
    const spent = settled.reduce((sum, record) => sum + BigInt(record.cost_micro_usd), 0n);
    expect(settled).toHaveLength(5);
    expect(cost).toBe(spent);
    expect(cost > 0n && cost < reserved && reserved <= agreement.costLimit).toBe(true);
    expect(figureOf(reportOf(execution), 'cost')).toBe(microToUsd(spent));
    expect(await core.budget()).toMatchObject({ spent, reserved: 0n });

    const records: LedgerRecord[] = [];
    for await (const { record } of readRecords(core.journal.directory)) records.push(record);
    const start = records.findIndex(({ kind }) => kind === 'flow_start');
    expect(start).toBeLessThan(records.findIndex(({ kind }) => kind === 'RESERVE'));
    const reason = `[Performance Test] ${agreement.expandedMeaning}`;
    expect(records[start]).toMatchObject({
      ...{ run_id: runId, agreement: 'performance_benchmark', reason, confidence: 1, approved: null },
      ...{ reserved_micro_usd: reserved.toString(), source: null, user_id: 'ada' },
      flow_encoding: '@performance#test!benchmark@gateway_chain',
    });
    const calls = records.filter((record) => record.kind === 'RESERVE');
    expect(calls).toHaveLength(5);
    for (const call of calls) {
      expect(call).toMatchObject({
        ...{ reason, command: 'test' },
        flow: {
          ...{ run_id: runId, agreement: 'performance_benchmark' },
          cost_limit_micro_usd: reserved.toString(),
        },
      });
    }
    expect(records.at(-1)).toMatchObject({
      ...{ kind: 'flow_end', run_id: runId, cost_micro_usd: cost.toString(), calls: 5 },
      ...{
        outcome: 'success',
        execution_mode: 'real',
        validated_by: ['corporate_llm', 'ai_processing', 'workflow_optimizer'],
      },
    });
  });

  it('is simulated on the mock back-end', async () => {
    const { core } = await gatewayOnMock();
    const execution = await runCommand(core, '[Performance Test] calls=2');
    expect(execution).toMatchObject({ mode: 'simulated', simulated: true, outcome: 'success' });
    expect(execution.storedReport).toMatchObject({ execution_mode: 'simulated' });
    expect((await recordsOf(core, 'flow_end')).at(-1)).toMatchObject({ execution_mode: 'simulated' });
  });
});
