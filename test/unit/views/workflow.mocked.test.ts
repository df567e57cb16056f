import { describe, expect, it, vi } from 'vitest';
import type { RunView, StepView } from '../../../src/workflowRuns/runView.ts';
import { presentRun } from '../../../src/views/workflow/presentation.ts';
import { graphSchema } from '../../../src/views/workflow/protocol.ts';

vi.mock('vscode', async () => (await import('../../support/vscode.ts')).fakeVscode);

function step(id: string, after: string[], more: Partial<StepView> = {}): StepView {
  return {
    id,
    type: 'ai_processing',
    after,
    status: 'success',
    startedAt: '2026-11-02T10:00:00.000Z',
    durationMs: 100,
    waitMs: 0,
    attempts: 1,
    cached: false,
    cost: 1500n,
    error: null,
    ...more,
  };
}

function run(steps: StepView[], more: Partial<RunView> = {}): RunView {
  return {
    runId: '00000000-0000-0000-0000-000000000001',
    workflow: 'Orders',
    file: '/w/.tidyllm/workflows/orders.yaml',
    folder: '/w',
    user: 'ada',
    reason: 'JIRA-1 orders',
    status: 'success',
    resumable: false,
    startedAt: '2026-11-02T10:00:00.000Z',
    endedAt: '2026-11-02T10:00:01.000Z',
    makespanMs: 400,
    costLimit: 1_000_000n,
    cost: 4500n,
    slaSeconds: null,
    slaMissed: false,
    slots: 4,
    warnings: [],
    error: null,
    steps,
    ...more,
  };
}

const surroundings = { compared: null, simulated: false, inMlflow: false, isHere: false };

describe('a run as its view shows it', () => {
  it('has every text ready, and is what the view understands', () => {
    const shown = presentRun(run([step('a', []), step('b', ['a'])]), surroundings);
    expect(graphSchema.parse(shown)).toEqual(shown);
    expect(shown.steps[1]).toMatchObject({ statusText: 'done', duration: '100 ms', cost: '$0.0015' });
    expect(shown.facts).toContainEqual({ name: 'Cost', value: '$0.0045 of $1' });
  });

  it('has the longest way by the durations as the critical path, and none before a step has ended', () => {
    const steps = [
      step('a', []),
      step('slow', ['a'], { durationMs: 300 }),
      step('fast', ['a']),
      step('end', ['slow', 'fast']),
    ];
    const critical = (of: StepView[]): string[] =>
      presentRun(run(of), surroundings).steps.flatMap((one) => (one.critical ? one.id : []));
    expect(critical(steps)).toEqual(['a', 'slow', 'end']);
    expect(critical(steps.map((one) => ({ ...one, durationMs: null })))).toEqual([]);
  });

  it('says nothing of costs while it goes on, and can be stopped where it runs', () => {
    const running = run([step('a', [], { status: 'running', durationMs: null, cost: null })], {
      status: 'running',
      cost: null,
    });
    const shown = presentRun(running, { ...surroundings, isHere: true });
    expect(shown.facts).toContainEqual({ name: 'Cost', value: 'at most $1' });
    expect(shown.steps[0]).toMatchObject({ cost: '', duration: '', statusText: 'running' });
    expect(shown.actions.stop).toBe(true);
  });

  it('compares durations and costs by step, also with steps that only one run has', () => {
    const before = run([step('a', [], { durationMs: 350, status: 'failed' })], {
      runId: '00000000-0000-0000-0000-000000000002',
      makespanMs: 900,
      cost: 5500n,
    });
    const shown = presentRun(run([step('a', []), step('b', ['a'])]), { ...surroundings, compared: before });
    expect(shown.comparison?.text).toMatch(/: −500 ms, −\$0\.0010\.$/);
    expect(shown.steps.map((one) => one.before)).toEqual([
      { statusText: 'failed', duration: '350 ms', cost: '$0.0015', change: '−250 ms' },
      null,
    ]);
    expect(graphSchema.parse(shown)).toEqual(shown);
  });
});
