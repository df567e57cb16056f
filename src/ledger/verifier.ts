import { join } from 'node:path';
import { ChainFault, type Fault, type FaultKind } from './fault.ts';
import { firstLine, isTorn, segmentName, segmentNumber } from './journal.ts';
import { LedgerState } from './ledgerState.ts';
import { chunks, restOf, type LedgerLocation } from './readJournal.ts';
import type { SignedCheckpoint } from './signing.ts';

/** What a verifier looks at besides the records, and whom it tells. */
export interface VerifierOptions {
  /** Checkpoints kept elsewhere, which the ledger must contain. */
  anchors?: readonly SignedCheckpoint[];
  signal?: AbortSignal | undefined;
  /** Gets the bytes read so far; they begin anew where one pass has to decide what threads found. */
  onProgress?: ((bytes: number) => void) | undefined;
}

/** Checks the segments of a ledger, or some in a row: record by record, in bounded memory, up to the first fault. */
export class Verifier {
  records = 0;
  anchors = 0;
  readonly #location: LedgerLocation;
  readonly #options: VerifierOptions;
  readonly #due: SignedCheckpoint[];
  #state: LedgerState;
  #bytes = 0;
  #unendorsedBefore: readonly string[] = [];

  constructor(location: LedgerLocation, options: VerifierOptions) {
    this.#location = location;
    this.#options = options;
    this.#due = (options.anchors ?? []).toSorted((a, b) => a.size - b.size);
    this.#state = new LedgerState(location.mode, location.pinnedKey);
  }

  get head(): { sequence: number; hash: string } | null {
    const { sequence, hash } = this.#state.head;
    return sequence === 0 ? null : { sequence, hash };
  }

  get unendorsedKeys(): string[] {
    return this.#state.unendorsedKeys;
  }

  /** The keys that count as unendorsed where it began; where that isn't the first segment, it is taken for granted. */
  get unendorsedBefore(): readonly string[] {
    return this.#unendorsedBefore;
  }

  /** The first fault of the segments from one on, by its index. */
  async run(names: readonly string[], from: number): Promise<Fault | null> {
    let before: string | null = null;
    for (const name of names.slice(from)) {
      const expected: string = before === null ? name : segmentName(segmentNumber(before) + 1);
      if (name !== expected) return this.#missing(expected);
      const fault = await this.#segment(name, before === null, name === names.at(-1));
      if (fault) return fault;
      before = name;
    }
    const first = segmentName(this.#state.firstSegment);
    if ((names[0] ?? first) > first) return this.#missing(first);
    return this.#unreachedAnchor(names.at(-1) ?? first) ?? this.#uncheckedAnchors(first);
  }

  /**
   * Whether the segments from one on are intact, the header of the next one follows from them, and the anchors are all of
   * theirs. For the end of the ledger, use `run`.
   */
  async leadsTo(names: readonly string[], from: number, next: number): Promise<boolean> {
    for (let index = from; index < next; index += 1) {
      const name = names[index] ?? '';
      if (index > from && name !== segmentName(this.#state.segment + 1)) return false;
      if (await this.#segment(name, index === from, false)) return false;
    }
    const name = names[next] ?? '';
    const header = firstLine(join(this.#location.directory, name));
    if (header === null || name !== segmentName(this.#state.segment + 1)) return false;
    this.#state.take(header, true);
    return this.#due.length === 0;
  }

  /** Checks a segment and the one before it. */
  async around(names: readonly string[], segment: string): Promise<Fault | null> {
    const at = names.indexOf(segment);
    const first = Math.max(0, at - 1);
    for (const name of names.slice(first, at + 1)) {
      const fault = await this.#segment(name, name === names[first], name === names.at(-1));
      if (fault && fault.kind !== 'unterminated_tail') return fault;
    }
    return null;
  }

  async #segment(name: string, first: boolean, last: boolean): Promise<Fault | null> {
    const { signal, onProgress } = this.#options;
    let line = 0;
    let offset = 0;
    const fault = (kind: FaultKind, detail: string): Fault => ({
      segment: name,
      line: line + 1,
      sequence: this.#state.head.sequence + 1,
      kind,
      detail,
    });
    try {
      for await (const { bytes, ends, complete } of chunks(join(this.#location.directory, name), 0)) {
        signal?.throwIfAborted();
        let start = 0;
        for (const end of ends) {
          const stored = bytes.subarray(start, end);
          if (first && line === 0) this.#begin(stored, segmentNumber(name));
          this.#state.take(stored, line === 0);
          offset += end + 1 - start;
          start = end + 1;
          this.#checkAnchors();
          this.records += 1;
          line += 1;
        }
        this.#bytes += start;
        onProgress?.(this.#bytes);
        if (complete && start < bytes.length) {
          const detail = `${bytes.length - start} bytes follow the last complete record: a write was cut short, or is under way`;
          return fault('unterminated_tail', detail);
        }
      }
    } catch (error) {
      if (!(error instanceof ChainFault)) throw error;
      const rest =
        last && error.kind !== 'unreadable'
          ? await restOf(join(this.#location.directory, name), offset)
          : Buffer.alloc(0);
      if (!isTorn(error.kind, rest, offset)) return fault(error.kind, error.message);
      const detail = `${rest.length} bytes after the last complete record are what a power loss left of a write`;
      return fault('unterminated_tail', detail);
    }
    // A segment is closed only with a header after it; an empty last one is about to get its own.
    return line === 0 && !last ? fault('bad_header', 'the segment is empty') : null;
  }

  #begin(header: Buffer, segment: number): void {
    this.#state = LedgerState.before(header, this.#location.mode, this.#location.pinnedKey);
    if (this.#state.segment !== segment - 1)
      throw new ChainFault('bad_header', `the header is that of segment ${this.#state.segment + 1}`);
    this.#checkAnchors();
    this.#unendorsedBefore = this.#state.unendorsedKeys;
    // What these anchored was dropped, or is not asked for.
    while ((this.#due[0]?.size ?? Infinity) < this.#state.head.sequence) this.#due.shift();
    this.#checkAnchors();
  }

  /** Checkpoints that were given and could not be compared with anything prove nothing. */
  #uncheckedAnchors(segment: string): Fault | null {
    if ((this.#options.anchors ?? []).length === 0 || this.anchors > 0) return null;
    const detail = 'every anchor is of records before the first that was checked: none could be compared';
    return { segment, line: 1, sequence: this.#state.head.sequence, kind: 'anchor_mismatch', detail };
  }

  #checkAnchors(): void {
    const { ledgerId } = this.#state;
    if (ledgerId !== '' && this.#due[0] && this.#due[0].ledgerId !== ledgerId)
      throw new ChainFault('anchor_mismatch', 'the anchor is that of another ledger');
    for (let next = this.#due[0]; next?.size === this.#state.head.sequence; next = this.#due[0]) {
      const { size, root } = this.#state.checkpoint;
      if (next.root !== root) {
        const detail = `the anchor at record ${size} is of other records: what came before it was rewritten`;
        throw new ChainFault('anchor_mismatch', detail);
      }
      if (!this.#state.isSigned(next))
        throw new ChainFault('bad_signature', `no key of this ledger signed the anchor at record ${size}`);
      this.#due.shift();
      this.anchors += 1;
    }
  }

  #unreachedAnchor(segment: string): Fault | null {
    const next = this.#due[0];
    if (!next) return null;
    const { sequence } = this.#state.head;
    const detail =
      next.ledgerId === this.#state.ledgerId
        ? `the ledger ends at record ${sequence}, but record ${next.size} was anchored: its end was cut off`
        : 'the anchor is that of another ledger';
    return { segment, line: 0, sequence: sequence + 1, kind: 'anchor_mismatch', detail };
  }

  #missing(segment: string): Fault {
    const sequence = this.#state.head.sequence + 1;
    return { segment, line: 1, sequence, kind: 'missing_segment', detail: 'the segment is missing' };
  }
}
