import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { systemCodeOf } from '../errors.ts';
import type { Core } from '../core/core.ts';
import type { CapStatus } from '../ledger/budgetStatus.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { CommandId } from './commandIds.ts';
import type { CoreHolder, CoreState } from './coreHolder.ts';
import { inBackground } from './failures.ts';

/** Tells once a day, in one of all windows, that the spend under a cap has reached an alert of the settings. */
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
    const { day, caps } = await core.budget();
    for (const cap of caps) {
      const reached = core.loaded.settings.budget.alerts
        .filter((share) => usedOf(cap) * 1_000_000n >= cap.limit * BigInt(Math.round(share * 1_000_000)))
        .toSorted((a, b) => a - b);
      // Those that were passed on the way are told with the highest.
      const ours = reached.filter((share) => this.#claim(core.ledger.directory, day, cap, share));
      const highest = ours.at(-1);
      if (highest !== undefined && highest === reached.at(-1))
        inBackground(this.#log, tell(highest, cap, core.backend.simulated));
    }
  }

  /** Whether this window is the first of all to tell of an alert: only one can make the file that stands for it. */
  #claim(ledgerDirectory: string, day: string, { scope, key, limit }: CapStatus, share: number): boolean {
    const folder = join(dirname(dirname(ledgerDirectory)), 'alerts', basename(ledgerDirectory));
    // A cap that was raised is told of anew.
    const id = createHash('sha256')
      .update(JSON.stringify([scope, key, String(limit), share]))
      .digest('hex');
    const path = join(folder, `${day}-${id}`);
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

function usedOf({ spent, reserved }: CapStatus): bigint {
  return spent + reserved;
}

async function tell(share: number, cap: CapStatus, simulated: boolean): Promise<void> {
  const percent = new Intl.NumberFormat(vscode.env.language, { style: 'percent' }).format(share);
  const [used, limit] = [formatUsd(usedOf(cap)), formatUsd(cap.limit)];
  const message =
    cap.scope === 'ledger'
      ? vscode.l10n.t('{0} of today’s budget is used: {1} of {2}.', percent, used, limit)
      : vscode.l10n.t('{0} of today’s cap of {1} is used: {2} of {3}.', percent, cap.name, used, limit);
  const text = simulated ? `${message} ${vscode.l10n.t('The money is simulated.')}` : message;
  const actions: { title: string; command: CommandId }[] = [
    { title: vscode.l10n.t('Open Budget'), command: 'tidyllm.openBudget' },
    { title: vscode.l10n.t('Raise Cap…'), command: 'tidyllm.raiseCap' },
  ];
  const show = share < 0.8 ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
  const chosen = await show(text, ...actions);
  if (chosen) await vscode.commands.executeCommand(chosen.command);
}
