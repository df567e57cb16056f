import { describe, expect, test } from 'vitest';
import { retryAfterMs } from '../../../src/adapters/retryAfter.ts';
import { GatewayError } from '../../../src/errors.ts';
import { CircuitBreaker } from '../../../src/gateways/aiProcessing/circuitBreaker.ts';
import { ConcurrencyLimit } from '../../../src/gateways/aiProcessing/concurrencyLimit.ts';
import { retryDelay, RetryBudget } from '../../../src/gateways/aiProcessing/pacing.ts';
import type { Priority } from '../../../src/gateways/modelCalls.ts';
import { slotsInMemory } from '../../support/slotsInMemory.ts';

const service = 'bedrock model';
const settings = { attempts: 5, baseDelayMs: 100, maxDelayMs: 1_000 };

function throttled(retryAfter?: number): GatewayError {
  return new GatewayError('backend_throttled', 'Too many.', { retryable: true, retryAfterMs: retryAfter });
}

describe('the wait before a retry', () => {
  test('has full jitter under a limit that doubles up to the longest delay', () => {
    const longest = [1, 2, 3, 4, 5, 6].map((attempt) =>
      retryDelay({ attempt, error: throttled() }, settings, () => 1),
    );
    expect(longest).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(retryDelay({ attempt: 3, error: throttled() }, settings, () => 0)).toBe(0);
  });

  test('is never shorter than the provider asked for, even above the longest delay', () => {
    expect(retryDelay({ attempt: 1, error: throttled(5_000) }, settings, () => 0.5)).toBe(5_000);
  });

  test('is not waited for when the provider asks for more than a minute', () => {
    expect(retryDelay({ attempt: 1, error: throttled(60_001) }, settings, () => 0.5)).toBeNull();
  });

  test.each([
    [{ 'retry-after': '3' }, 3_000],
    [{ 'retry-after-ms': '250', 'retry-after': '3' }, 250],
    [{ 'x-amz-retry-after': '700' }, 700],
    [{ 'retry-after': 'Sun, 29 Nov 2026 10:00:05 GMT' }, 5_000],
    [{ 'retry-after': 'Sun, 29 Nov 2026 09:00:00 GMT' }, 0],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ])('is read from the headers %j', (headers, expected) => {
    expect(retryAfterMs(headers as Record<string, string>, Date.parse('2026-11-29T10:00:00Z'))).toBe(
      expected,
    );
  });

  test('is taken from a budget that only successes fill again', () => {
    const budget = new RetryBudget();
    const takes = Array.from({ length: 12 }, () => budget.take(service));
    expect(takes.filter(Boolean)).toHaveLength(10);
    expect(budget.take('bedrock other')).toBe(true);
    for (let success = 0; success < 4; success += 1) budget.succeeded(service);
    expect(budget.take(service)).toBe(false);
    budget.succeeded(service);
    expect(budget.take(service)).toBe(true);
    expect(budget.take(service)).toBe(false);
  });
});

describe('the circuit breaker', () => {
  function fail(breaker: CircuitBreaker, times: number): void {
    for (let time = 0; time < times; time += 1) {
      const passage = breaker.enter(service);
      if ('end' in passage) passage.end('failure');
    }
  }

  test('opens after five failures in a row, and for that service alone', () => {
    const breaker = new CircuitBreaker(5, () => 0);
    fail(breaker, 4);
    expect(breaker.enter(service)).toHaveProperty('end');
    fail(breaker, 1);
    expect(breaker.enter(service)).toEqual({ pausedMs: 30_000 });
    expect(breaker.enter('bedrock other')).toHaveProperty('end');
  });

  test('counts no refusal and starts again after a success', () => {
    const breaker = new CircuitBreaker(5, () => 0);
    fail(breaker, 4);
    for (const outcome of ['neutral', 'success'] as const) {
      const passage = breaker.enter(service);
      if ('end' in passage) passage.end(outcome);
    }
    fail(breaker, 4);
    expect(breaker.enter(service)).toHaveProperty('end');
  });

  test('lets one probe at a time through after the pause, whatever becomes of it', () => {
    let now = 0;
    const breaker = new CircuitBreaker(5, () => now);
    fail(breaker, 5);
    now = 30_000;
    for (const outcome of ['neutral', 'failure'] as const) {
      const probe = breaker.enter(service);
      expect(breaker.enter(service)).toEqual({ pausedMs: 0 });
      if ('end' in probe) probe.end(outcome);
    }
    // The failed probe starts a pause twice as long.
    expect(breaker.enter(service)).toEqual({ pausedMs: 60_000 });
    now += 60_000;
    const probe = breaker.enter(service);
    if ('end' in probe) probe.end('success');
    expect(breaker.states()).toEqual([{ service, state: 'closed', failures: 0, pausedMs: 0 }]);
  });

  test('never pauses for longer than five minutes', () => {
    let now = 0;
    const breaker = new CircuitBreaker(5, () => now);
    fail(breaker, 5);
    for (let probe = 0; probe < 10; probe += 1) {
      now += 300_000;
      fail(breaker, 1);
    }
    expect(breaker.enter(service)).toEqual({ pausedMs: 300_000 });
  });
});

describe('the limit of calls at once', () => {
  const never = new AbortController().signal;

  test('starts the most urgent first, and those of one urgency in their order', async () => {
    let now = 0;
    const limit = new ConcurrencyLimit(1, slotsInMemory(1), () => now);
    const leave = await limit.enter(service, 'normal', never);
    const started: string[] = [];
    const queue = (['low', 'normal', 'high', 'normal'] as Priority[]).map(async (priority, index) => {
      now += 1;
      const done = await limit.enter(service, priority, never);
      started.push(`${priority} ${index}`);
      done('served');
    });
    leave('served');
    await Promise.all(queue);
    expect(started).toEqual(['high 2', 'normal 1', 'normal 3', 'low 0']);
  });

  test('lets a low call that has waited go before a high one that comes later', async () => {
    let now = 0;
    const limit = new ConcurrencyLimit(1, slotsInMemory(1), () => now);
    const leave = await limit.enter(service, 'normal', never);
    const started: string[] = [];
    const enter = async (priority: Priority): Promise<void> => {
      const done = await limit.enter(service, priority, never);
      started.push(priority);
      done('served');
    };
    const low = enter('low');
    now = 10_001;
    const high = enter('high');
    leave('served');
    await Promise.all([low, high]);
    expect(started).toEqual(['low', 'high']);
  });

  test('forgets a call that was stopped while it waited', async () => {
    const limit = new ConcurrencyLimit(1, slotsInMemory(1), () => 0);
    const leave = await limit.enter(service, 'normal', never);
    const stop = new AbortController();
    const waiting = limit.enter(service, 'high', stop.signal);
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    expect(limit.waiting).toBe(0);
    leave('served');
    (await limit.enter(service, 'low', never))('served');
  });

  test('halves for a service that throttles, and grows again with what it serves', async () => {
    const limit = new ConcurrencyLimit(8, slotsInMemory(8), () => 0);
    const one = async (load: 'served' | 'throttled'): Promise<void> =>
      (await limit.enter(service, 'normal', never))(load);
    for (let time = 0; time < 5; time += 1) await one('throttled');
    expect(limit.limitOf(service)).toBe(1);
    expect(limit.limitOf('bedrock other')).toBe(8);
    for (let served = 0; served < 60; served += 1) await one('served');
    expect(limit.limitOf(service)).toBe(8);
  });

  test('does not hold back other services for one at its limit', async () => {
    const limit = new ConcurrencyLimit(2, slotsInMemory(2), () => 0);
    (await limit.enter(service, 'normal', never))('throttled');
    const leave = await limit.enter(service, 'normal', never);
    const second = limit.enter(service, 'high', never);
    (await limit.enter('bedrock other', 'low', never))('served');
    leave('served');
    (await second)('served');
  });
});
