import { describe, expect, it } from 'vitest';
import { microToUsd } from '../../../src/pricing/cost.ts';
import { faultsOf, figureOf, findingOf, reportOf, rowsOf, runCommand } from '../../support/flowRuns.ts';
import { gatewayOnStandIn } from '../../support/gateways.ts';
import { recordsOf } from '../../support/records.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { writeFlowFile } from '../../support/flowFiles.ts';

describe('the scalability test', () => {
  it('finds the knee where the model serves no more at the same time', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_AI_CONCURRENCY: '100' });
    standIn.atOnce = 4;
    standIn.behave = () => ({ firstTokenDelayMs: 400 });
    const report = reportOf(await runCommand(core, '[Scalability Test] calls_per_worker=3'));
    // Levels double, and on a busy disk the next one still gains a little.
    expect([4, 8]).toContain(figureOf(report, 'knee'));
    expect(faultsOf(report)).toEqual(['limit_model']);
    expect(findingOf(report, 'limit_model').evidence).toMatch(
      /^From a concurrency of [48]: the model answers more slowly .*, or this machine is busy/,
    );
    // Four at a time, each for 400 ms: ten a second is the most there is.
    expect(figureOf(report, 'throughput')).toBeLessThanOrEqual(10.1);
    expect(figureOf(report, 'throughput')).toBeGreaterThan(5);
    // At twice as many and more, a call waits for another one's turn.
    expect(Number(rowsOf(report, 'levels').at(-1)?.[2])).toBeGreaterThanOrEqual(2 * 398);
  });

  it('stops where the back-end throttles', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.behave = (_call, _index, underWay) =>
      underWay > 3 ? { refusal: 'throttled' } : { firstTokenDelayMs: 300 };
    const execution = await runCommand(core, '[Scalability Test]');
    const report = reportOf(execution);
    expect(faultsOf(report)).toEqual(['limit_throttled']);
    expect(figureOf(report, 'knee')).toBe(2);
    const levels = rowsOf(report, 'levels');
    expect(levels.map(([level]) => level)).toEqual([1, 2, 4]);
    const [, , , , answered, failed] = levels[2] ?? [];
    expect(Number(answered) + Number(failed)).toBe(16);
    expect(figureOf(report, 'failed_calls')).toBe(failed);
    expect(findingOf(report, 'limit_throttled').evidence).toContain(
      `the back-end throttled ${failed} of 16 calls at a concurrency of 4`,
    );
    expect(execution.mode).toBe('real');
  });

  it('stops where calls fail', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.behave = (_call, _index, underWay) =>
      underWay > 3 ? { refusal: 'internal' } : { firstTokenDelayMs: 300 };
    const report = reportOf(await runCommand(core, '[Scalability Test]'));
    expect(faultsOf(report)).toEqual(['limit_failures']);
    expect(findingOf(report, 'limit_failures')).toMatchObject({ severity: 'problem' });
    expect(figureOf(report, 'knee')).toBe(2);
  });

  it('counts a call that fails by itself, and goes on', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.behave = (_call, index) => (index === 20 ? { refusal: 'internal' } : { firstTokenDelayMs: 150 });
    const report = reportOf(await runCommand(core, '[Scalability Test] max_concurrency=4'));
    expect(faultsOf(report)).toEqual(['failed_calls']);
    expect(findingOf(report, 'failed_calls')).toMatchObject({
      severity: 'warning',
      evidence: '1 of 28 calls: 1 × backend_failed.',
    });
    expect(figureOf(report, 'knee')).toBe(4);
  });

  it('climbs no further than its cost limit, and says so', async () => {
    const folder = temporaryFolder();
    writeFlowFile(folder, {
      trigger: '[Small Load Test]',
      flow_encoding: '@load#test!climb@gateway_chain',
      expanded_meaning: 'A load test for little money.',
      action: 'small_load_test',
      real_implementation: 'scalability_test',
      cost_limit_usd: '0.02',
    });
    const { core, standIn } = await gatewayOnStandIn({}, { folders: [folder] });
    standIn.behave = () => ({ firstTokenDelayMs: 300 });
    const execution = await runCommand(core, '[Small Load Test]');
    const { reserved, cost, calls } = execution;
    const report = reportOf(execution);
    expect(reserved).toBeLessThanOrEqual(20_000n);
    expect(report.findings.map(({ id, severity }) => [id, severity])).toEqual([['limit_cost', 'note']]);
    const levels = rowsOf(report, 'levels').map(([level]) => Number(level));
    expect(levels.length).toBeGreaterThan(1);
    expect(levels.length).toBeLessThan(6);
    expect(calls).toBe(levels.reduce((sum, level) => sum + 4 * level, 0));
    expect(standIn.calls).toHaveLength(calls);
    expect(cost <= reserved).toBe(true);
    expect(figureOf(report, 'cost')).toBe(microToUsd(cost));
    // The next level would have taken it beyond its limit.
    const [{ reserved_micro_usd: perCall } = { reserved_micro_usd: '0' }] = await recordsOf(core, 'RESERVE');
    expect(reserved).toBe(BigInt(perCall) * BigInt(calls));
    expect(BigInt(perCall) * BigInt(calls + 8 * (levels.at(-1) ?? 0))).toBeGreaterThan(20_000n);
  });

  it('finds nothing where there is no limit up to where it looks', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.behave = () => ({ firstTokenDelayMs: 500 });
    const report = reportOf(
      await runCommand(core, '[Scalability Test] max_concurrency=4 calls_per_worker=2'),
    );
    expect(report.findings).toEqual([]);
    expect(figureOf(report, 'knee')).toBe(4);
    expect(report.summary).toContain('no limit was reached up to a concurrency of 4');
    expect(rowsOf(report, 'levels').map(([level]) => level)).toEqual([1, 2, 4]);
  });

  it('fails when no call is answered', async () => {
    const { core, standIn } = await gatewayOnStandIn();
    standIn.behave = () => ({ refusal: 'denied' });
    const execution = await runCommand(core, '[Scalability Test]');
    expect(execution).toMatchObject({
      ...{ mode: 'failed', error: { code: 'access_denied' }, cost: 0n },
      fallback: { implementation: 'recorded_performance', error: null },
    });
    // One level is enough to know.
    expect(standIn.calls).toHaveLength(4);
  });
});
