import { BudgetFold } from './budgetFold.ts';
import { ChainFault, decodeRecord, emptyHead, encodeRecord, ledgerIdBytes, type Head } from './chain.ts';
import { requireShape } from './recordShape.ts';
import { recordVersion, type LedgerMode, type LedgerRecord, type RecordDraft } from './records.ts';

/**
 * A ledger after some of its records: where the chain stands and what the budget is. Writer and verifier
 * take records through it, so that they accept exactly the same ledgers.
 */
export class LedgerState {
  readonly fold = new BudgetFold();
  readonly #mode: LedgerMode | null;
  #ledgerId: Buffer | null = null;
  #head: Head = emptyHead;

  /** `mode` is what the header must say; null takes either. */
  constructor(mode: LedgerMode | null) {
    this.#mode = mode;
  }

  get head(): Head {
    return this.#head;
  }

  /** Lower-case hex; empty before the first record. */
  get ledgerId(): string {
    return this.#ledgerId?.toString('hex') ?? '';
  }

  /** Checks and folds the next stored line, without its LF. Throws `ChainFault`. */
  take(line: Buffer, firstOfSegment: boolean): LedgerRecord {
    const { record, head, ledgerId } = decodeRecord(this.#ledgerId, this.#head, line);
    requireShape(record);
    if (record.time < this.#head.time)
      throw new ChainFault('inconsistent', 'the time is before that of the last record');
    this.#requireHeader(record, firstOfSegment);
    this.fold.apply(record, head.hash);
    this.#ledgerId = ledgerId;
    this.#head = head;
    return record;
  }

  /** Whether these bytes are the next record. */
  verifies(line: Buffer): boolean {
    try {
      decodeRecord(this.#ledgerId, this.#head, line);
      return true;
    } catch (error) {
      if (error instanceof ChainFault) return false;
      throw error;
    }
  }

  /** Gives a new record its place in the chain, folds it, and returns its line. Throws `ChainFault`. */
  add(draft: RecordDraft, time: string): Buffer {
    const record: LedgerRecord = { ...draft, v: recordVersion, seq: this.#head.sequence + 1, time };
    requireShape(record);
    const ledgerId = this.#ledgerId ?? (record.kind === 'header' ? ledgerIdBytes(record.ledger_id) : null);
    if (ledgerId === null) throw new ChainFault('bad_header', 'the first record of a ledger is its header');
    const { line, head } = encodeRecord(ledgerId, this.#head, record);
    this.fold.apply(record, head.hash);
    this.#ledgerId = ledgerId;
    this.#head = head;
    return line;
  }

  /** A segment begins with a header that names the hash it follows, and has no other. */
  #requireHeader(record: LedgerRecord, firstOfSegment: boolean): void {
    if (firstOfSegment !== (record.kind === 'header')) {
      const detail = firstOfSegment ? 'the first record is not a header' : 'a header stands inside a segment';
      throw new ChainFault('bad_header', detail);
    }
    if (record.kind !== 'header') return;
    if (record.prev !== this.#head.hash.toString('hex')) {
      throw new ChainFault('bad_header', 'the header does not name the hash it follows');
    }
    if (this.#mode !== null && record.mode !== this.#mode) {
      throw new ChainFault('bad_header', `this is a ${record.mode} ledger where a ${this.#mode} one belongs`);
    }
  }
}
