import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';
import type { CoreHolder } from './coreHolder.ts';
import { inBackground } from './failures.ts';

/**
 * Contexts that complete the steps of the walkthrough in package.json. They take effect only while it is the
 * active editor: the editor ignores one that is true before it has read the walkthrough.
 */
type Step = 'connected' | 'budgetSet' | 'called';

/** Marks walkthrough steps as done, however they were done. */
export class WalkthroughProgress implements vscode.Disposable {
  readonly #log: vscode.LogOutputChannel;
  readonly #following: vscode.Disposable;
  readonly #done = new Set<Step>();

  constructor(holder: CoreHolder, log: vscode.LogOutputChannel) {
    this.#log = log;
    this.#following = vscode.Disposable.from(
      holder.onDidChange((state) => {
        if (state.kind === 'ready') this.#follow(state.core);
      }),
      holder.onDidChangeLedger((core) => this.#look(core)),
    );
  }

  dispose(): void {
    this.#following.dispose();
  }

  #follow(core: Core): void {
    const { backend, loaded } = core;
    if (!backend.simulated) this.#complete('connected');
    if (loaded.originOf(['budget', 'daily_limit_usd']).source !== 'default') this.#complete('budgetSet');
    this.#look(core);
  }

  #look({ ledger }: Core): void {
    if (this.#done.has('called')) return;
    const look = async (): Promise<void> => {
      const { scopes } = await ledger.budget();
      if (scopes.some(({ calls }) => calls > 0)) this.#complete('called');
    };
    inBackground(this.#log, look());
  }

  #complete(step: Step): void {
    if (this.#done.has(step)) return;
    this.#done.add(step);
    inBackground(this.#log, vscode.commands.executeCommand('setContext', `tidyllm.${step}`, true));
  }
}
