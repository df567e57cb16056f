import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BudgetAlertBook } from '../../../src/core/budgetAlerts.ts';
import { budgetScopes, type BudgetScope } from '../../../src/ledger/records.ts';
import { testSeed } from '../../support/random.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const alerts = [0.5, 0.8, 0.95];

function ledgerFolder(): string {
  return join(temporaryFolder(), 'ledger', 'live');
}

function under(scope: BudgetScope, spent: bigint, reserved = 0n, limit = 1000n) {
  return { scope, key: scope === 'ledger' ? '' : 'key', name: 'name', limit, spent, reserved };
}

const status = (...caps: ReturnType<typeof under>[]) => ({ day: '2026-01-31', caps });

describe('alerts of a budget', () => {
  it.each(budgetScopes)(
    'of the cap of a %s come from what was spent, each once, the highest alone',
    (scope) => {
      const book = new BudgetAlertBook(ledgerFolder(), 'editor');
      const told = (spent: bigint, reserved = 0n): number[] =>
        book.take(status(under(scope, spent, reserved)), alerts).map(({ share }) => share);
      expect(told(0n, 1000n)).toEqual([]);
      expect(told(499n, 501n)).toEqual([]);
      expect(told(500n)).toEqual([0.5]);
      expect(told(500n)).toEqual([]);
      expect(told(960n)).toEqual([0.95]);
      expect(told(850n)).toEqual([]);
      expect(told(1200n)).toEqual([]);
    },
  );

  it('are told anew of a cap that was raised, on another day, and by the other front door', () => {
    const folder = ledgerFolder();
    const take = (teller: 'editor' | 'terminal', day: string, limit: bigint): number =>
      new BudgetAlertBook(folder, teller).take({ day, caps: [under('user', 900n, 0n, limit)] }, alerts)
        .length;
    expect(take('editor', '2026-01-31', 1000n)).toBe(1);
    expect(take('editor', '2026-01-31', 1000n)).toBe(0);
    expect(take('terminal', '2026-01-31', 1000n)).toBe(1);
    expect(take('terminal', '2026-01-31', 1000n)).toBe(0);
    expect(take('editor', '2026-01-31', 1100n)).toBe(1);
    expect(take('editor', '2026-02-01', 1000n)).toBe(1);
  });

  it('say nothing of a cap of nothing, under which nothing was spent', () => {
    const book = new BudgetAlertBook(ledgerFolder(), 'terminal');
    expect(book.take(status(under('ledger', 0n, 0n, 0n)), [0, ...alerts])).toEqual([]);
  });

  it('are told where nothing can be written', () => {
    const folder = ledgerFolder();
    const home = join(folder, '..', '..');
    writeFileSync(join(home, 'alerts'), 'in the way');
    chmodSync(home, 0o700);
    const book = new BudgetAlertBook(folder, 'terminal');
    expect(book.take(status(under('ledger', 900n)), alerts)).toHaveLength(1);
    expect(book.take(status(under('ledger', 900n)), alerts)).toEqual([]);
  });

  it('are told exactly once each by however many tellers, in any order of spending', () => {
    const folder = ledgerFolder();
    let day = 0;
    const amounts = fc.array(fc.record({ spent: fc.nat(1200), by: fc.nat(2) }), { maxLength: 20 });
    fc.assert(
      fc.property(amounts, (steps) => {
        const date = new Date(Date.UTC(2026, 0, (day += 1))).toISOString().slice(0, 10);
        const books = [0, 1, 2].map(() => new BudgetAlertBook(folder, 'editor'));
        const told = steps.flatMap(({ spent, by }) =>
          (books[by] as BudgetAlertBook)
            .take({ day: date, caps: [under('ledger', BigInt(spent))] }, alerts)
            .map(({ share }) => share),
        );
        expect(new Set(told).size).toBe(told.length);
        const most = Math.max(0, ...steps.map(({ spent }) => spent)) / 1000;
        const reached = alerts.filter((share) => most >= share);
        expect(told.toSorted((a, b) => a - b).at(-1)).toBe(reached.at(-1));
      }),
      { seed: testSeed(), numRuns: 60 },
    );
  });
});
