import { expect, it } from 'vitest';
import { budgetStatus } from '../../../src/ledger/budgetStatus.ts';
import type { ScopeKey } from '../../../src/ledger/records.ts';

const policy = {
  capOf: ({ scope, key }: ScopeKey) =>
    scope === 'ledger' ? { scope, key, limit: 1000n, origin: 'the test' } : undefined,
  alerts: [0.5, 0.8, 0.95],
};

it.each([
  [0n, 0n, 'ok', 1000n],
  [799n, 0n, 'ok', 201n],
  [800n, 0n, 'warning', 200n],
  // What is held may come back.
  [500n, 300n, 'ok', 200n],
  [799n, 201n, 'ok', 0n],
  [800n, 200n, 'warning', 0n],
  [950n, 0n, 'critical', 50n],
  [1000n, 0n, 'exceeded', 0n],
  [1200n, 0n, 'exceeded', 0n],
])('spent %s and reserved %s of 1000 is %s with %s left', (spent, reserved, level, remaining) => {
  const budget = {
    day: '2026-01-31',
    timeZone: 'UTC',
    spent,
    reserved,
    scopes: [],
    raised: [],
    clockAheadMs: 0,
    overruns: 0,
  };
  expect(budgetStatus(budget, policy)).toMatchObject({ level, remaining });
});
