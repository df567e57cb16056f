import type * as vscode from 'vscode';
import { subjectHash } from '../../content/contentKeys.ts';
import { erasedAfter, tombstonesRead } from '../../history/erasures.ts';
import type { CoreHolder } from '../../host/coreHolder.ts';
import { inBackground } from '../../host/failures.ts';
import type { Histories } from '../../host/histories.ts';
import { Repeated } from '../../repeated.ts';
import type { OpenConversation } from './openConversation.ts';

export interface ErasuresDependencies {
  holder: CoreHolder;
  histories: Histories;
  open: () => OpenConversation;
  /** Forgets what was written and not asked, in every conversation. */
  forgetUnsent: () => Promise<void>;
  log: vscode.LogOutputChannel;
}

/** Follows erasures of this user's content, which the terminal or another window may make. */
export class Erasures {
  readonly #dependencies: ErasuresDependencies;
  readonly #searches = new Repeated(() => this.#forgetErased());
  /** When this user was last erased, as far as this window knows; undefined before it has looked. */
  #erased: string | null | undefined;

  constructor(dependencies: ErasuresDependencies) {
    this.#dependencies = dependencies;
  }

  /** Looks in the background. */
  search(): void {
    inBackground(this.#dependencies.log, this.#searches.request());
  }

  /** Clears what the terminal or another window erased: its tombstone is in the ledger. */
  async #forgetErased(): Promise<void> {
    const { state } = this.#dependencies.holder;
    if (state.kind !== 'ready') return;
    const { user, ledger, journal } = state.core;
    const { directory } = journal;
    const ledgerId = await ledger.identity();
    if (ledgerId === null) return;
    const tombstones = await this.#dependencies.histories
      .of(directory)
      .ask('events', ['tombstone', tombstonesRead], { onFailure: () => undefined });
    const subject = subjectHash(user);
    const erased = await erasedAfter(directory, tombstones, subject, 0);
    if (this.#erased !== undefined && this.#erased !== erased) await this.#dependencies.forgetUnsent();
    this.#erased = erased;
    const forgot = await this.#dependencies
      .open()
      .conversation.forgetErased(
        ledgerId,
        async (after) => (await erasedAfter(directory, tombstones, subject, after)) !== null,
      );
    if (forgot) this.#dependencies.open().startAnew();
  }
}
