import type { GatewayError } from '../errors.ts';
import type { Receipt } from './contract.ts';
import type { Journal } from './journal.ts';
import type { LedgerClock } from './ledgerClock.ts';
import { asLedgerError } from './ledgerFailure.ts';
import type { LedgerFolder } from './ledgerFolder.ts';
import type { LedgerOptions } from './ledgerOptions.ts';
import type { LedgerState } from './ledgerState.ts';
import type { LockedJournal } from './lockedJournal.ts';
import type { RecordDraft } from './records.ts';
import { Retention } from './retention.ts';
import type { Signer } from './signing.ts';

/** Reads the state under the lock and returns what to record at that time. */
export type Plan = (state: LedgerState, time: string, signer: Signer) => RecordDraft[];

/** One step under the lock, and who learns how it went. */
interface Step {
  plan: Plan;
  /** Called once the step's records are durable, with the place of the last that is no note. */
  done: (receipt: Receipt) => void;
  /** Called when there is nothing to write: the plan failed. */
  refused: (error: GatewayError) => void;
  /** Called when the records could not be made durable. */
  unwritten: (error: GatewayError) => void;
}

interface StepQueueParts {
  options: Pick<LedgerOptions, 'overrides' | 'user' | 'retentionDays' | 'timeZone' | 'onRetention'>;
  folder: LedgerFolder;
  locked: LockedJournal;
  clock: LedgerClock;
  /** Called after what waited was written, or was not. */
  written: () => void;
}

/** Steps that wait for the lock: those that wait together share one write and one sync. */
export class StepQueue {
  // Another extension in the same process must not replace these methods.
  static {
    Object.freeze(this.prototype);
  }

  readonly #parts: StepQueueParts;
  readonly #retention: Retention;
  readonly #steps: Step[] = [];
  #queue: Promise<unknown> = Promise.resolve();
  #draining = false;

  constructor(parts: StepQueueParts) {
    this.#parts = parts;
    this.#retention = new Retention(parts.folder.directory, parts.options);
  }

  /** Queues a step. `result` runs as soon as its records are durable, `unwritten` when they could not be written. */
  enqueue<T>(plan: Plan, result: (receipt: Receipt) => T, unwritten?: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#steps.push({
        plan,
        done: (receipt) => {
          resolve(result(receipt));
        },
        refused: reject,
        unwritten: (error) => {
          unwritten?.();
          reject(error);
        },
      });
      if (this.#draining) return;
      this.#draining = true;
      void this.exclusive(() => this.#drain());
    });
  }

  /** Serializes this process's access to the files. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work, work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** Resolves when what was queued so far is done. */
  async idle(): Promise<void> {
    await this.#queue;
  }

  /** Writes everything that waits, batch by batch. Never rejects: each step learns of its own failure. */
  async #drain(): Promise<void> {
    const { folder, locked, written } = this.#parts;
    while (this.#steps.length > 0) {
      // A batch is taken only once the lock is held, so that it has all that came while waiting.
      let batch: Step[] = [];
      try {
        await locked.locked(async (journal, signer) => {
          batch = this.#steps.splice(0);
          await this.#writeBatch(journal, batch, signer);
        });
      } catch (error) {
        folder.close();
        const explained = asLedgerError(folder.directory, error);
        for (const step of batch.length > 0 ? batch : this.#steps.splice(0)) step.unwritten(explained);
      }
    }
    this.#draining = false;
    written();
  }

  async #writeBatch(journal: Journal, batch: readonly Step[], signer: Signer): Promise<void> {
    const { clock, folder } = this.#parts;
    const { state } = journal;
    const time = clock.time(state);
    await journal.rotate(time, clock.dayOf(time, state).timezone, signer);
    await this.#retention.apply(journal, time);
    journal.stage([...clock.records(state), ...this.#overrides(state)], time);
    const staged: { step: Step; receipt: Receipt }[] = [];
    for (const step of batch) {
      try {
        // Staged at once, so that the next plan of the batch sees what this one holds.
        staged.push({ step, receipt: journal.stage(step.plan(state, time, signer), time) });
      } catch (error) {
        step.refused(asLedgerError(folder.directory, error));
      }
    }
    await journal.flush();
    for (const { step, receipt } of staged) step.done(receipt);
  }

  /** Recorded where a segment doesn't say so yet, or another process began without them. */
  #overrides({ overrides: recorded }: LedgerState): RecordDraft[] {
    const { overrides = [], user } = this.#parts.options;
    if (overrides.join('\n') === recorded.join('\n')) return [];
    return [{ kind: 'override', call_id: null, variables: [...overrides], user_id: user }];
  }
}
