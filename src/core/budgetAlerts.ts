import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { systemCodeOf } from '../errors.ts';
import { reachedAlerts, type BudgetStatus, type CapStatus } from '../ledger/budgetStatus.ts';

/** Who tells people of alerts; each tells of each once a day. */
export type AlertTeller = 'editor' | 'terminal';

/** What was spent under a cap has reached an alert of the settings. */
export interface BudgetAlert {
  cap: CapStatus;
  /** Of the limit, 0 to 1. */
  share: number;
}

/** Which alerts of a day were told, by all windows or all commands of this machine. */
export class BudgetAlertBook {
  readonly #folder: string;
  readonly #teller: AlertTeller;
  /** Known to have been told. */
  readonly #told = new Set<string>();

  constructor(ledgerDirectory: string, teller: AlertTeller) {
    this.#folder = join(dirname(dirname(ledgerDirectory)), 'alerts', basename(ledgerDirectory));
    this.#teller = teller;
  }

  /** The highest alert of each cap that nobody has told of yet. Whoever asks has to tell. Never throws. */
  take({ day, caps }: Pick<BudgetStatus, 'day' | 'caps'>, alerts: readonly number[]): BudgetAlert[] {
    return caps.flatMap((cap) => {
      const reached = reachedAlerts(cap, alerts);
      // Those that were passed on the way are told with the highest.
      const ours = reached.filter((share) => this.#claim(day, cap, share));
      const highest = ours.at(-1);
      return highest !== undefined && highest === reached.at(-1) ? [{ cap, share: highest }] : [];
    });
  }

  /** Whether this is the first of all to tell: only one can make the file that stands for an alert. */
  #claim(day: string, { scope, key, limit }: CapStatus, share: number): boolean {
    // A cap that was raised is told of anew.
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
      // Where nothing can be written, it is better told twice than never.
      return systemCodeOf(error) !== 'EEXIST';
    }
  }
}
