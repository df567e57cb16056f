import * as vscode from 'vscode';
import { BudgetAlertBook, type BudgetAlert } from '../core/budgetAlerts.ts';
import type { Core } from '../core/core.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { CommandId } from './commandIds.ts';
import type { CoreHolder, CoreState } from './coreHolder.ts';
import { inBackground } from './failures.ts';

/** Notifies once a day, in one window, that the spending under a cap has reached an alert of the settings. */
export class BudgetAlerts implements vscode.Disposable {
  readonly #log: vscode.LogOutputChannel;
  readonly #following: vscode.Disposable;
  #book: BudgetAlertBook | null = null;

  constructor(holder: CoreHolder, log: vscode.LogOutputChannel) {
    this.#log = log;
    this.#following = vscode.Disposable.from(
      holder.onDidChange((state) => this.#follow(state)),
      holder.onDidChangeLedger((core) => this.#look(core)),
    );
    this.#follow(holder.state);
  }

  dispose(): void {
    this.#following.dispose();
  }

  #follow(state: CoreState): void {
    if (state.kind !== 'ready') return;
    this.#book = new BudgetAlertBook(state.core.journal.directory, 'editor');
    this.#look(state.core);
  }

  #look(core: Core): void {
    if (this.#book) inBackground(this.#log, this.#tell(core, this.#book));
  }

  async #tell(core: Core, book: BudgetAlertBook): Promise<void> {
    for (const alert of book.take(await core.budget(), core.loaded.settings.budget.alerts))
      inBackground(this.#log, tell(alert, core.backend.simulated));
  }
}

async function tell({ cap, share }: BudgetAlert, simulated: boolean): Promise<void> {
  const percent = new Intl.NumberFormat(vscode.env.language, { style: 'percent' }).format(share);
  const [spent, limit] = [formatUsd(cap.spent), formatUsd(cap.limit)];
  const sentences = [
    cap.scope === 'ledger'
      ? vscode.l10n.t('{0} of today’s budget is spent: {1} of {2}.', percent, spent, limit)
      : vscode.l10n.t('{0} of today’s cap of {1} is spent: {2} of {3}.', percent, cap.name, spent, limit),
    ...(cap.reserved > 0n
      ? [vscode.l10n.t('{0} more is reserved for running calls.', formatUsd(cap.reserved))]
      : []),
    ...(simulated ? [vscode.l10n.t('The money is simulated.')] : []),
  ];
  const text = sentences.join(' ');
  const actions: { title: string; command: CommandId }[] = [
    { title: vscode.l10n.t('Open Budget'), command: 'tidyllm.openBudget' },
    { title: vscode.l10n.t('Raise Cap…'), command: 'tidyllm.raiseCap' },
  ];
  const show = share < 0.8 ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
  const chosen = await show(text, ...actions);
  if (chosen) await vscode.commands.executeCommand(chosen.command);
}
