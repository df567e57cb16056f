import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { systemCodeOf } from '../errors.ts';
import { reachedAlerts, type BudgetStatus, type CapStatus } from '../ledger/budgetStatus.ts';

/** The channels that notify people; each shows every alert once a day. */
export type AlertTeller = 'editor' | 'terminal';

/** The spending under a cap has reached an alert of the settings. */
export interface BudgetAlert {
  cap: CapStatus;
  /** Share of the limit, 0 to 1. */
  share: number;
}

/** Which of a day's alerts were shown, by all windows or all commands of this machine. */
export class BudgetAlertBook {
  readonly #folder: string;
  readonly #teller: AlertTeller;
  /** Alerts known to have been shown. */
  readonly #told = new Set<string>();

  constructor(ledgerDirectory: string, teller: AlertTeller) {
    this.#folder = join(dirname(dirname(ledgerDirectory)), 'alerts', basename(ledgerDirectory));
    this.#teller = teller;
  }

  /** The highest alert of each cap that hasn't been shown yet. The caller must show it. Never throws. */
  take({ day, caps }: Pick<BudgetStatus, 'day' | 'caps'>, alerts: readonly number[]): BudgetAlert[] {
    return caps.flatMap((cap) => {
      const reached = reachedAlerts(cap, alerts);
      // Lower alerts that were reached at the same time count as shown with the highest.
      const ours = reached.filter((share) => this.#claim(day, cap, share));
      const highest = ours.at(-1);
      return highest !== undefined && highest === reached.at(-1) ? [{ cap, share: highest }] : [];
    });
  }

  /** Whether this process is the first to show it: only one can create the alert's marker file. */
  #claim(day: string, { scope, key, limit }: CapStatus, share: number): boolean {
    // A raised cap is reported again.
    const id = createHash('sha256')
      .update(JSON.stringify([this.#teller, scope, key, String(limit), share]))
      .digest('hex');
    const name = `${day}-${id}`;
    if (this.#told.has(name)) return false;
    this.#told.add(name);
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      for (const other of readdirSync(this.#folder))
        if (!other.startsWith(day)) rmSync(join(this.#folder, other), { force: true });
      writeFileSync(join(this.#folder, name), '', { flag: 'wx', mode: 0o600 });
      return true;
    } catch (error) {
      // If nothing can be written, showing it twice is better than never.
      return systemCodeOf(error) !== 'EEXIST';
    }
  }
}
