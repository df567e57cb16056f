import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';
import { joined, look, nothingObserved, readLedger, type Observations } from '../health/checks.ts';
import type { CoreHolder } from './coreHolder.ts';
import { inBackground } from './failures.ts';
import type { SettingsFile } from './settingsFile.ts';

/** A refused connection must show within five seconds. */
const lookEveryMs = 3_000;

/** The results of the last check, and the path of settings.yaml, which may not exist. */
export interface Seen extends Observations {
  settingsFile: string | null;
}

export const nothingSeen: Seen = { ...nothingObserved, settingsFile: null };

/** Runs the checks for all views: on request, on a change, and on a schedule while a view is visible. */
export class HealthMonitor implements vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #settingsFile: Pick<SettingsFile, 'path'>;
  readonly #log: vscode.LogOutputChannel;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #following: vscode.Disposable;
  #core: Core | null = null;
  #seen = nothingSeen;
  #round: { core: Core | null; done: Promise<void> } | null = null;
  #watchers = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Fires after each single check. */
  readonly onDidChange = this.#changed.event;

  constructor(holder: CoreHolder, settingsFile: Pick<SettingsFile, 'path'>, log: vscode.LogOutputChannel) {
    this.#holder = holder;
    this.#settingsFile = settingsFile;
    this.#log = log;
    this.#following = vscode.Disposable.from(
      holder.onDidChange(() => this.#follow()),
      holder.onDidChangeLedger((core) => {
        if (this.#watchers === 0) return;
        const read = readLedger(core).then((ledger) => this.#take({ ledger }, core));
        inBackground(log, read);
      }),
    );
    this.#follow();
  }

  get seen(): Seen {
    return this.#seen;
  }

  /** Checks now and repeatedly until the result is disposed. */
  watch(): vscode.Disposable {
    this.#watchers += 1;
    void this.refresh();
    let watching = true;
    return {
      dispose: () => {
        if (!watching) return;
        watching = false;
        this.#watchers -= 1;
        if (this.#watchers === 0) clearTimeout(this.#timer);
      },
    };
  }

  /** Resolves once every check has ended or timed out. Joins a running check. */
  refresh(): Promise<void> {
    const core = this.#core;
    if (this.#round?.core !== core) this.#round = { core, done: this.#look(core) };
    return this.#round.done;
  }

  dispose(): void {
    this.#following.dispose();
    this.#watchers = 0;
    clearTimeout(this.#timer);
    this.#changed.dispose();
  }

  /** A new core is checked even if no view is visible, because the badge shows the result. */
  #follow(): void {
    const { state } = this.#holder;
    const core = state.kind === 'ready' ? state.core : null;
    if (core === null || core !== this.#core) {
      this.#core = core;
      this.#seen = { ...nothingSeen, settingsFile: this.#seen.settingsFile };
    }
    this.#changed.fire();
    if (state.kind !== 'starting') void this.refresh();
  }

  async #look(core: Core | null): Promise<void> {
    clearTimeout(this.#timer);
    const looks = [
      this.#settingsFile.path().then((settingsFile) => this.#take({ settingsFile })),
      ...(core ? [look(core, { before: this.#seen, onSeen: (part) => this.#take(part, core) })] : []),
    ];
    for (const one of looks) inBackground(this.#log, one);
    await Promise.allSettled(looks);
    // If the core was replaced meanwhile, another check is running.
    if (this.#round?.core !== core) return;
    this.#round = null;
    if (this.#watchers > 0) this.#timer = setTimeout(() => void this.refresh(), lookEveryMs);
  }

  /** Stores a result, unless its core has been replaced. */
  #take({ settingsFile, ...part }: Partial<Seen>, core?: Core): void {
    if (core && core !== this.#core) return;
    this.#seen = { ...joined(this.#seen, part), settingsFile: settingsFile ?? this.#seen.settingsFile };
    this.#changed.fire();
  }
}
