import { closeLedger, closureOf, forgetClosure } from './closure.ts';
import type { ReopeningFound } from './contract.ts';
import type { Endings } from './endings.ts';
import type { Fault } from './fault.ts';
import type { InstallationKey } from './installationKey.ts';
import { JournalDamaged, segmentName, type Journal } from './journal.ts';
import type { LedgerClock } from './ledgerClock.ts';
import { asLedgerError } from './ledgerFailure.ts';
import type { LedgerFolder } from './ledgerFolder.ts';
import type { LedgerOptions } from './ledgerOptions.ts';
import { damageError, type LedgerLocation } from './readJournal.ts';
import { faultAround } from './verifyLedger.ts';
import { endOfOrphan, orphanedRuns, recoveryDrafts, type Liveness } from './recovery.ts';
import type { Signer } from './signing.ts';

interface LockedJournalParts {
  location: LedgerLocation;
  folder: LedgerFolder;
  clock: LedgerClock;
  key: InstallationKey;
  endings: Endings;
  onOrphanedRuns: LedgerOptions['onOrphanedRuns'];
}

/** The journal as it may be written: under the lock, up to date, whole, of the ledger and the key that it has to be of. */
export class LockedJournal {
  // Another extension in the same process must not replace these methods.
  static {
    Object.freeze(this.prototype);
  }

  readonly #parts: LockedJournalParts;
  readonly #liveness: Liveness;
  /** The journal in which what dead processes left open was ended. */
  #recovered: Journal | null = null;
  /** Whether a person's decision is being recorded in a ledger that is closed until then. */
  #reopening = false;
  /** Id of the ledger this process began with; a replacement is not accepted. */
  #ledgerId: string | null = null;

  constructor(parts: LockedJournalParts) {
    this.#parts = parts;
    const { folder, endings } = parts;
    this.#liveness = {
      instance: folder.instance,
      isKnown: (id) => endings.isKnown(id),
      isGone: (instance) => folder.isGone(instance),
    };
  }

  /**
   * Runs `work` under the lock, after ending what dead processes left open and writing this process's late endings.
   * Throws every error as it is.
   */
  async locked<T>(work: (journal: Journal, signer: Signer) => Promise<T>): Promise<T> {
    const { folder, clock, key } = this.#parts;
    const kernel = await folder.acquireLock();
    try {
      await this.#requireOpen();
      folder.holdAlive();
      const journal = folder.openJournal(true);
      const torn = journal.catchUp() > 0 || !journal.begun;
      const signer = await key.usable(journal.state);
      const endorser = await key.endorserOf(signer, journal.state);
      if (torn) await journal.repairTail(clock.time(journal.state), endorser ?? signer);
      this.#requireSameLedger(journal);
      await key.enrol(journal, signer, endorser, clock.time(journal.state));
      if (this.#recovered !== journal) await this.#recover(journal);
      await this.#writeOwed(journal);
      return await work(journal, signer);
    } finally {
      kernel.release();
    }
  }

  /** Checks again for what dead processes left open, before anything else is written. */
  recoverAgain(): void {
    this.#recovered = null;
  }

  async #recover(journal: Journal): Promise<void> {
    const { folder, clock, onOrphanedRuns } = this.#parts;
    await journal.sync();
    journal.stage(recoveryDrafts(journal.state, this.#liveness), clock.time(journal.state));
    // What a run cost is known once its calls have ended.
    const runs = orphanedRuns(journal.state, this.#liveness);
    if (runs.length > 0) onOrphanedRuns?.(runs);
    journal.stage(runs.map(endOfOrphan), clock.time(journal.state));
    await journal.flush();
    folder.removeDeadLocks();
    this.#recovered = journal;
  }

  /** Endings that could not be written earlier; one that did reach the disk is not written twice. */
  async #writeOwed(journal: Journal): Promise<void> {
    const { clock, endings } = this.#parts;
    const written = [...endings.owed].map(
      ([id, draft]) => [id, journal.stage(draft(journal.state) ?? [], clock.time(journal.state))] as const,
    );
    await journal.flush();
    for (const [id, receipt] of written)
      void endings.remember(id, Promise.resolve(endings.ended(id, receipt)));
  }

  /** The journal as it is now, without the lock; null while there is none. Throws `GatewayError`. */
  async refresh(): Promise<Journal | null> {
    const { folder } = this.#parts;
    const closure = closureOf(folder.directory);
    if (closure?.certain) throw damageError(folder.directory, closure.fault);
    // A possible half write is checked again under the lock.
    if (closure) return this.#refreshLocked();
    try {
      if (!folder.journal && !folder.exists) return null;
      const journal = folder.openJournal(false);
      journal.catchUp();
      this.#requireSameLedger(journal);
      return journal;
    } catch (error) {
      folder.close();
      // It may have been a write under way; only faults seen under the lock count.
      if (error instanceof JournalDamaged) return this.#refreshLocked();
      throw asLedgerError(folder.directory, error);
    }
  }

  #refreshLocked(): Promise<Journal> {
    return this.locked((journal) => Promise.resolve(journal)).catch((error: unknown) => this.#fail(error));
  }

  #fail(error: unknown): never {
    const { folder } = this.#parts;
    folder.close();
    throw asLedgerError(folder.directory, error);
  }

  /** Lets `work` write into a ledger that is closed: a person's decision. */
  async reopening<T>(work: () => Promise<T>): Promise<T> {
    this.#reopening = true;
    try {
      return await work();
    } finally {
      this.#reopening = false;
    }
  }

  /** Sets the ledger aside, so that a new one can begin. As `LedgerFolder.setAside`; throws `GatewayError`. */
  async setAside(found: ReopeningFound): Promise<string | null> {
    const { folder, clock } = this.#parts;
    try {
      const place = await folder.setAside(found, clock.wall());
      if (place !== null) this.#ledgerId = null;
      return place;
    } catch (error) {
      throw asLedgerError(folder.directory, error);
    }
  }

  /** Throws `ledger_damaged` while the ledger is closed. Under the lock. */
  async #requireOpen(): Promise<void> {
    const { location } = this.#parts;
    const { directory } = location;
    const closure = closureOf(directory);
    if (closure === null || this.#reopening) return;
    const fault = closure.certain ? closure.fault : await faultAround(location, closure.fault);
    if (fault) {
      closeLedger(directory, fault, true);
      throw damageError(directory, fault);
    }
    forgetClosure(directory);
  }

  #requireSameLedger(journal: Journal): void {
    const { ledgerId, reopened, head } = journal.state;
    if (ledgerId === '') return;
    this.#parts.key.requirePinned(journal.state);
    // A person may have set the previous ledger aside.
    const wasReplaced = reopened?.replaces === this.#ledgerId;
    if (this.#ledgerId === null || wasReplaced) this.#ledgerId = ledgerId;
    if (this.#ledgerId === ledgerId || this.#reopening) return;
    const { directory } = this.#parts.folder;
    const detail = `another ledger, ${ledgerId}, was put in the place of ${this.#ledgerId} while it was in use`;
    const segment = segmentName(journal.state.segment);
    const fault: Fault = { segment, line: 1, sequence: head.sequence, kind: 'inconsistent', detail };
    closeLedger(directory, fault, true);
    throw damageError(directory, fault);
  }
}
