import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { Core } from '../gateways/core.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { CommandId } from './commandIds.ts';
import type { CoreHolder, CoreState } from './coreHolder.ts';
import { inBackground } from './failures.ts';

/** The last alert that was told of, in the storage that all windows share. */
interface Told {
  ledger: string;
  day: string;
  share: number;
  /** The window that tells. */
  teller: string;
}

const storageKey = 'budgetAlert';
/** Windows learn of each other's claims within this time. */
const claimMs = 300;

/** Tells once a day, in one of the windows, that the spend has reached an alert of the settings. */
export class BudgetAlerts implements vscode.Disposable {
  readonly #storage: vscode.Memento;
  readonly #log: vscode.LogOutputChannel;
  readonly #window = randomUUID();
  readonly #following: vscode.Disposable;
  #stopLedger = (): void => undefined;

  constructor(holder: CoreHolder, storage: vscode.Memento, log: vscode.LogOutputChannel) {
    this.#storage = storage;
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
    const { alerts } = core.loaded.settings.budget;
    const share = Math.max(
      0,
      ...alerts.filter((one) => used * 1_000_000n >= limit * BigInt(Math.round(one * 1_000_000))),
    );
    const ledger = core.ledger.directory;
    if (share === 0 || this.#wasTold(ledger, day, share)) return;
    await this.#storage.update(storageKey, { ledger, day, share, teller: this.#window } satisfies Told);
    // Several windows may have seen it at once; the last claim stands.
    await delay(claimMs);
    if (this.#told?.teller !== this.#window) return;
    await tell(share, { used, limit }, core.backend.simulated);
  }

  get #told(): Told | undefined {
    return this.#storage.get<Told>(storageKey);
  }

  #wasTold(ledger: string, day: string, share: number): boolean {
    const told = this.#told;
    return told !== undefined && told.ledger === ledger && told.day === day && told.share >= share;
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
