import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type * as vscode from 'vscode';
import type { Core } from '../../../src/core/core.ts';
import type { Health } from '../../../src/gateways/gateway.ts';
import type { ServiceId } from '../../../src/gateways/services.ts';
import { CoreHolder } from '../../../src/host/coreHolder.ts';
import { HealthMonitor } from '../../../src/host/healthMonitor.ts';

vi.mock('vscode', async () => (await import('../../support/vscode.ts')).fakeVscode);

const log = { info: () => undefined, error: () => undefined } as unknown as vscode.LogOutputChannel;

function health(state: Health['state']): Health {
  return { state, latencyMs: 1, evidence: '', error: null, checkedAt: new Date().toISOString() };
}

/** A core whose services are as the test says; it counts how often they are looked at. */
class Machine {
  looks = 0;
  readonly states: Partial<Record<ServiceId, Health['state']>> = {};
  /** Before it, checks of S3 don't end. */
  answer: Promise<unknown> = Promise.resolve();
  readonly core = {
    backend: { simulated: false },
    sessions: {
      credentialStatus: () => Promise.resolve({ found: null, expiresAt: null, arn: null, error: null }),
      checkHealth: async (id: ServiceId) => {
        this.looks += id === 'bedrock' ? 1 : 0;
        if (id === 's3') await this.answer;
        const found = health(this.states[id] ?? 'healthy');
        return { ...found, since: found.checkedAt };
      },
    },
    registry: {
      healthCheck: () =>
        Promise.resolve({
          corporate_llm: health('healthy'),
          ai_processing: health('not_installed'),
          workflow_optimizer: health('not_installed'),
        }),
    },
    journal: { directory: '/ledger' },
    ledger: {
      head: () => Promise.resolve(null),
      requireRecordable: () => Promise.resolve(),
      recover: () => Promise.resolve(),
      onDidChange: () => () => undefined,
    },
    budget: () => Promise.resolve({ spent: 0n }),
    flow: { catalogue: () => Promise.resolve({ agreements: [], faults: [], files: [] }) },
    dispose: () => Promise.resolve(),
  } as unknown as Core;
}

describe('the health monitor', () => {
  let machine: Machine;
  let holder: CoreHolder;
  let monitor: HealthMonitor;

  beforeEach(async () => {
    vi.useFakeTimers();
    machine = new Machine();
    holder = new CoreHolder(() => Promise.resolve(machine.core), log);
    monitor = new HealthMonitor(holder, { path: () => Promise.resolve('/settings.yaml') }, log);
    await holder.reconnect();
    // The look that a new core gets.
    await vi.advanceTimersByTimeAsync(0);
  });

  afterEach(() => {
    monitor.dispose();
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it('looks once at a new core, and no more while nobody watches', async () => {
    expect(machine.looks).toBe(1);
    expect(monitor.seen.services.postgres?.state).toBe('healthy');
    expect(monitor.seen.settingsFile).toBe('/settings.yaml');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(machine.looks).toBe(1);
  });

  it('looks again and again while somebody watches, in one round for all', async () => {
    const [first, second] = [monitor.watch(), monitor.watch()];
    await vi.advanceTimersByTimeAsync(0);
    expect(machine.looks).toBe(2);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(machine.looks).toBe(3);
    first.dispose();
    first.dispose();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(machine.looks).toBe(4);
    second.dispose();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(machine.looks).toBe(4);
  });

  it('shows a failure and its end without being asked, and keeps since when', async () => {
    monitor.watch();
    await vi.advanceTimersByTimeAsync(0);
    machine.states.postgres = 'failed';
    await vi.advanceTimersByTimeAsync(3_000);
    const failed = monitor.seen.services.postgres;
    expect(failed?.state).toBe('failed');
    await vi.advanceTimersByTimeAsync(3_000);
    expect(monitor.seen.services.postgres?.since).toBe(failed?.since);
    expect(monitor.seen.services.postgres?.checkedAt).not.toBe(failed?.checkedAt);
    machine.states.postgres = 'healthy';
    await vi.advanceTimersByTimeAsync(3_000);
    expect(monitor.seen.services.postgres?.state).toBe('healthy');
  });

  it('tells of each result as soon as it is there, and of one that never comes', async () => {
    machine.answer = new Promise(() => undefined);
    machine.states.mlflow = 'failed';
    const timeout = new AbortController();
    vi.spyOn(AbortSignal, 'timeout').mockReturnValueOnce(timeout.signal);
    const looked = monitor.refresh();
    await vi.advanceTimersByTimeAsync(0);
    expect(monitor.seen.services.mlflow?.state).toBe('failed');
    expect(monitor.seen.services.s3?.state).toBe('healthy');
    timeout.abort();
    await looked;
    expect(monitor.seen.services.s3).toMatchObject({
      state: 'failed',
      evidence: 'No response within 4 s.',
    });
  });

  it('forgets what it found of a core that was replaced', async () => {
    machine = new Machine();
    machine.states.s3 = 'not_configured';
    const seen: unknown[] = [];
    monitor.onDidChange(() => seen.push(monitor.seen.services));
    await holder.reconnect();
    expect(seen[0]).toEqual({});
    await monitor.refresh();
    expect(monitor.seen.services.s3?.state).toBe('not_configured');
  });
});
