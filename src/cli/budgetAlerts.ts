import { BudgetAlertBook, type BudgetAlert } from '../core/budgetAlerts.ts';
import type { Core } from '../core/core.ts';
import { formatUsd } from '../pricing/cost.ts';
import { note, type Terminal } from './terminal.ts';

/** Reports on stderr which caps have reached an alert, each once a day. Never fails a command. */
export async function noteBudgetAlerts(core: Core, terminal: Terminal): Promise<void> {
  if (terminal.quiet) return;
  try {
    const book = new BudgetAlertBook(core.journal.directory, 'terminal');
    for (const alert of book.take(await core.budget(), core.loaded.settings.budget.alerts))
      note(terminal, alertText(alert, core.backend.simulated));
  } catch {
    // The command itself reports a fault of the ledger.
  }
}

function alertText({ cap, share }: BudgetAlert, simulated: boolean): string {
  const { scope, name, key, spent, reserved, limit } = cap;
  const of = scope === 'ledger' ? 'budget' : `cap of ${scope} ${name || key}`;
  const held = reserved > 0n ? `, and ${formatUsd(reserved)} is reserved for running calls` : '';
  const label = simulated ? 'SIMULATED: ' : '';
  return `${label}${Math.round(share * 1000) / 10} % of today's ${of} is spent: ${formatUsd(spent)} of ${formatUsd(limit)}${held}.`;
}
