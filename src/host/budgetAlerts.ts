import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { systemCodeOf } from '../errors.ts';
import type { Core } from '../gateways/core.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { CommandId } from './commandIds.ts';
import type { CoreHolder, CoreState } from './coreHolder.ts';
import { inBackground } from './failures.ts';

/** Tells once a day, in one of all windows, that the spend has reached an alert of the settings. */
export class BudgetAlerts implements vscode.Disposable {
  readonly #log: vscode.LogOutputChannel;
  readonly #following: vscode.Disposable;
  #stopLedger = (): void => undefined;
  /** Alerts that are known to have been told, by ledger and day. */
  readonly #told = new Set<string>();

  constructor(holder: CoreHolder, log: vscode.LogOutputChannel) {
    this.#log = log;
    this.#following = holder.onDidChange((state) => this.#follow(state));
    this.#follow(holder.state);
  }

  dispose(): void {
    this.#following.dispose();
    this.#stopLedger();
  }

  #follow(state: CoreState): void {
    this.#stopLedger();
    if (state.kind !== 'ready') return;
    const { core } = state;
    const look = (): void => inBackground(this.#log, this.#look(core));
    this.#stopLedger = core.ledger.onDidChange(look);
    look();
  }

  async #look(core: Core): Promise<void> {
    const { day, spent, reserved, limit } = await core.budget();
    const used = spent + reserved;
    const reached = core.loaded.settings.budget.alerts
      .filter((share) => used * 1_000_000n >= limit * BigInt(Math.round(share * 1_000_000)))
      .toSorted((a, b) => a - b);
    // Those that were passed on the way are told with the highest.
    const ours = reached.filter((share) => this.#claim(core.ledger.directory, day, share));
    const highest = ours.at(-1);
    if (highest !== undefined && highest === reached.at(-1))
      await tell(highest, { used, limit }, core.backend.simulated);
  }

  /** Whether this window is the first of all to tell of an alert: only one can make the file that stands for it. */
  #claim(ledgerDirectory: string, day: string, share: number): boolean {
    const folder = join(dirname(dirname(ledgerDirectory)), 'alerts', basename(ledgerDirectory));
    const path = join(folder, `${day}-${share}`);
    if (this.#told.has(path)) return false;
    this.#told.add(path);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder))
      if (!name.startsWith(day)) rmSync(join(folder, name), { force: true });
    try {
      writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
      return true;
    } catch (error) {
      if (systemCodeOf(error) === 'EEXIST') return false;
      throw error;
    }
  }
}

async function tell(
  share: number,
  { used, limit }: { used: bigint; limit: bigint },
  simulated: boolean,
): Promise<void> {
  const percent = new Intl.NumberFormat(vscode.env.language, { style: 'percent' }).format(share);
  const message = vscode.l10n.t(
    '{0} of today’s budget is used: {1} of {2}.',
    percent,
    formatUsd(used),
    formatUsd(limit),
  );
  const text = simulated ? `${message} ${vscode.l10n.t('The money is simulated.')}` : message;
  const actions: { title: string; command: CommandId }[] = [
    { title: vscode.l10n.t('Open Budget'), command: 'tidyllm.openBudget' },
    { title: vscode.l10n.t('Raise Cap…'), command: 'tidyllm.raiseCap' },
  ];
  const show = share < 0.8 ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
  const chosen = await show(text, ...actions);
  if (chosen) await vscode.commands.executeCommand(chosen.command);
}
