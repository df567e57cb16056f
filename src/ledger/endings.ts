import type { Receipt } from './contract.ts';
import type { LedgerState } from './ledgerState.ts';
import type { RecordDraft } from './records.ts';

/** How many endings are remembered, so that ending a call twice returns the first receipt. */
const endingsKept = 1000;

/** The record that ends a call or a run; null when it is not open. */
export type DraftEnding = (state: LedgerState) => RecordDraft[] | null;

/** Calls and runs of this process: each ends once, and none is forgotten while its ending is not durable. */
export class Endings {
  // Another extension in the same process must not replace these methods.
  static {
    Object.freeze(this.prototype);
  }

  /** What is reserved, acknowledged and not ended. */
  readonly #inFlight = new Set<string>();
  /** Endings that could not be written; they come first when the ledger is writable again. */
  readonly #owed = new Map<string, DraftEnding>();
  readonly #receipts = new Map<string, Promise<Receipt>>();

  /** Adds a call or run that is now open. */
  begin(id: string): void {
    this.#inFlight.add(id);
  }

  get underWay(): boolean {
    return this.#inFlight.size > 0;
  }

  /** Whether it is open, or its ending is not written yet. */
  isKnown(id: string): boolean {
    return this.#inFlight.has(id) || this.#owed.has(id);
  }

  get owed(): ReadonlyMap<string, DraftEnding> {
    return this.#owed;
  }

  /** Keeps an ending that could not be written. */
  owe(id: string, draft: DraftEnding): void {
    this.#owed.set(id, draft);
  }

  /** The first ending's receipt; undefined for what has not ended. */
  first(id: string): Promise<Receipt> | undefined {
    return this.#receipts.get(id);
  }

  /** Remembers an ending that is being written, until it fails. */
  remember(id: string, receipt: Promise<Receipt>): Promise<Receipt> {
    this.#receipts.set(id, receipt);
    receipt.catch(() => this.#receipts.delete(id));
    const oldest = this.#receipts.keys().next();
    if (this.#receipts.size > endingsKept && !oldest.done) this.#receipts.delete(oldest.value);
    return receipt;
  }

  /** It has ended, and that is durable. */
  ended(id: string, receipt: Receipt): Receipt {
    this.#owed.delete(id);
    this.#inFlight.delete(id);
    return receipt;
  }
}
