import canonicalize from 'canonicalize';
import { BudgetFold } from './budgetFold.ts';
import { decodeRecord, emptyHead, encodeRecord, ledgerIdHex, splitLine, type Head } from './chain.ts';
import type { Receipt } from './contract.ts';
import { messageOf } from '../errors.ts';
import { ChainFault } from './fault.ts';
import { MerkleTree } from './merkleTree.ts';
import type { FoldedFields, FoldedRecord } from './recordShape.ts';
import { foldedRecord } from './recordShape.ts';
import {
  recordVersion,
  type CarriedState,
  type ClockReading,
  type HeaderRecord,
  type LedgerMode,
  type LedgerRecord,
  type RecordDraft,
  type ReopeningRecord,
} from './records.ts';
import {
  enrolmentText,
  isSignedBy,
  keyIdOf,
  parseCheckpoint,
  policyText,
  signCheckpoint,
  type Checkpoint,
  type Signer,
} from './signing.ts';

/**
 * A ledger after some of its records: the head of its chain, the tree over it, who may sign, and the
 * budget. Writer and verifier take records through it, so that they accept exactly the same ledgers.
 */
export class LedgerState {
  // Another extension in the same process must not replace these methods.
  static {
    Object.freeze(this.prototype);
  }

  readonly fold = new BudgetFold();
  readonly #keys = new Map<string, EnrolledKey>();
  readonly #pinnedKey: string | null;
  /** Whether a key is enrolled only as the successor of one that endorses it. */
  #endorsedKeys = false;
  #mode: LedgerMode | null;
  #ledgerId: string | null = null;
  #head: Head = emptyHead;
  #tree = new MerkleTree();
  #segment = 0;
  #segmentBegan = '';
  #firstSegment = 1;
  #clockAnomaly = '';
  #reopened: Reopening | null = null;
  #overrides: readonly string[] = [];
  #clockReading: TimedReading | null = null;

  /**
   * `mode` is what every header must say; null takes either, but one. With a pinned key, named by its id or by
   * its 32 bytes in base64, nothing counts as signed but by it and by keys that descend from it.
   */
  constructor(mode: LedgerMode | null, pinnedKey: string | null = null) {
    this.#mode = mode;
    this.#pinnedKey = pinnedKey;
  }

  /**
   * The state before a segment, from what its header (without its LF) carries. Taking that header next
   * shows whether it hangs together. Throws `ChainFault`.
   */
  static before(header: Buffer, mode: LedgerMode | null, pinnedKey: string | null = null): LedgerState {
    const state = new LedgerState(mode, pinnedKey);
    const record = foldedRecord(splitLine(header).body.toString('utf8'));
    if (record.kind !== 'header') throw new ChainFault('bad_header', 'the first record is not a header');
    const { carried, seq, prev, segment } = record;
    state.#segment = segment - 1;
    if (!carried) return state;
    state.#ledgerId = ledgerIdHex(record.ledger_id);
    state.#head = { sequence: seq - 1, hash: prev, time: '' };
    state.#restore(carried, seq - 1);
    return state;
  }

  #restore(carried: CarriedState, size: number): void {
    try {
      this.#firstSegment = carried.first_segment;
      this.#tree = new MerkleTree(size, carried.tree);
      this.fold.restore(carried);
    } catch (error) {
      // The shape of a header says no more than that it carries an object.
      throw new ChainFault(
        'bad_header',
        `the state that the header carries can't be read: ${messageOf(error)}`,
      );
    }
    for (const { key_id: keyId, public_key: publicKey } of carried.enrolled) {
      if (publicKey !== null && keyIdOf(this.ledgerId, publicKey) !== keyId)
        throw new ChainFault('bad_header', `the header carries another key than ${keyId}`);
      // Its endorsement is in records that are not read.
      this.#keys.set(keyId, {
        publicKey,
        endorsed: this.#pinnedKey === null || this.#isPinned(keyId, publicKey),
      });
    }
    const trusted = [...this.#keys.values()].some(
      ({ publicKey, endorsed }) => endorsed && publicKey !== null,
    );
    if (this.#pinnedKey !== null && !trusted) {
      const detail = `key ${this.#pinnedKey} may not sign where the records begin: pin the one that took its place`;
      throw new ChainFault('bad_signature', detail);
    }
  }

  #isPinned(keyId: string, publicKey: string | null): boolean {
    return this.#pinnedKey === keyId || this.#pinnedKey === publicKey;
  }

  get head(): Head {
    return this.#head;
  }

  /** Lower-case hex; empty before the first record. */
  get ledgerId(): string {
    return this.#ledgerId ?? '';
  }

  /** Where the last record stands. */
  get receipt(): Receipt {
    return { sequence: this.#head.sequence, hash: this.#head.hash, ledgerId: this.ledgerId };
  }

  /** Number of the segment that the last record is in; 0 before the first. */
  get segment(): number {
    return this.#segment;
  }

  /** When that segment began, ISO 8601; empty before the first record. */
  get segmentBegan(): string {
    return this.#segmentBegan;
  }

  /** The oldest segment that retention has left. */
  get firstSegment(): number {
    return this.#firstSegment;
  }

  /** What a person has accepted, in the last `reopening` since the first header that was read. */
  get reopened(): Reopening | null {
    return this.#reopened;
  }

  /** The last since the header that was read first. */
  get clockReading(): TimedReading | null {
    return this.#clockReading;
  }

  /** What the last `override` since the header says; nothing before it. */
  get overrides(): readonly string[] {
    return this.#overrides;
  }

  /** Time of the last `clock_anomaly` that was read; empty before the first. */
  get clockAnomaly(): string {
    return this.#clockAnomaly;
  }

  get checkpoint(): Checkpoint {
    return { size: this.#head.sequence, root: this.#tree.root() };
  }

  /** Whether a key may sign here, was replaced, or is not known. */
  keyState(keyId: string): 'enrolled' | 'replaced' | 'unknown' {
    const key = this.#keys.get(keyId);
    return key === undefined ? 'unknown' : key.publicKey === null ? 'replaced' : 'enrolled';
  }

  get hasKeys(): boolean {
    return this.#keys.size > 0;
  }

  /** Whether a key, named by its id or by its bytes in base64, is one that signs or signed here. */
  knowsKey(pinnedKey: string): boolean {
    return [pinnedKey, keyIdOf(this.ledgerId, pinnedKey)].some((keyId) => this.#keys.has(keyId));
  }

  /** Ids of keys that descend neither from the first nor from the pinned key: no key consented to them. */
  get unendorsedKeys(): string[] {
    return [...this.#keys].flatMap(([keyId, { endorsed }]) => (endorsed ? [] : [keyId]));
  }

  /** Checks and folds the next stored line, without its LF. Throws `ChainFault`. */
  take(line: Buffer, firstOfSegment: boolean): FoldedRecord {
    const { record, head, ledgerId } = decodeRecord(this.#ledgerId, this.#head, line);
    if (record.time < this.#head.time)
      throw new ChainFault('inconsistent', 'the time is before that of the last record');
    if (firstOfSegment !== (record.kind === 'header')) {
      const detail = firstOfSegment ? 'the first record is not a header' : 'a header stands inside a segment';
      throw new ChainFault('bad_header', detail);
    }
    this.#apply(record, head, ledgerId);
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
    const ledgerId = this.#ledgerId ?? (record.kind === 'header' ? ledgerIdHex(record.ledger_id) : null);
    if (ledgerId === null) throw new ChainFault('bad_header', 'the first record of a ledger is its header');
    const { text, line, head } = encodeRecord(ledgerId, this.#head, record);
    this.#apply(foldedRecord(text), head, ledgerId);
    return line;
  }

  /** The header of the next segment, which carries this state. `ledgerUuid` names a ledger that begins. */
  nextHeader(
    ledgerUuid: string,
    mode: LedgerMode,
    signer: Signer,
    clock: ClockReading | null = null,
  ): RecordDraft {
    const first = this.#head.sequence === 0;
    return {
      kind: 'header',
      call_id: null,
      ledger_id: first ? ledgerUuid : uuidOf(this.ledgerId),
      prev: this.#head.hash,
      segment: this.#segment + 1,
      mode,
      ...(clock && { clock }),
      carried: first ? null : this.#carry(),
      checkpoint: first ? null : signCheckpoint(this.ledgerId, this.checkpoint, signer),
      endorsed_keys: true,
    };
  }

  #apply(record: FoldedRecord, head: Head, ledgerId: string): void {
    switch (record.kind) {
      case 'header':
        this.#takeHeader(record);
        break;
      case 'key':
        this.#takeKey(record);
        break;
      case 'policy_change':
        this.#requireSignature(record);
        break;
      case 'clock_reading':
        this.#clockReading = { boot: record.boot, running_ms: record.running_ms, time: record.time };
        break;
      case 'override':
        this.#overrides = record.variables;
        break;
      case 'reopening':
        this.#reopened = { replaces: record.replaces, anchored: record.anchored };
        break;
      case 'clock_anomaly':
        this.#clockAnomaly = record.time;
        break;
      case 'retention':
        if (record.first_segment <= this.#firstSegment || record.first_segment > this.#segment)
          throw new ChainFault('inconsistent', `record ${record.seq} drops segments that were not there`);
        this.#firstSegment = record.first_segment;
        break;
      default:
    }
    this.fold.apply(record, head.hash);
    this.#tree.add(head.hash);
    this.#ledgerId = ledgerId;
    this.#head = head;
  }

  #carry(): CarriedState {
    const enrolled = [...this.#keys]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key_id, { publicKey }]) => ({ key_id, public_key: publicKey }));
    return { tree: this.#tree.subtrees, first_segment: this.#firstSegment, enrolled, ...this.fold.carry() };
  }

  /** A segment begins with a header that names the hash it follows and carries the state before it, signed. */
  #takeHeader(header: FoldedFields<'header'>): void {
    if (header.prev !== this.#head.hash)
      throw new ChainFault('bad_header', 'the header does not name the hash it follows');
    if (this.#mode !== null && header.mode !== this.#mode) {
      const detail = `this is a ${header.mode} ledger where a ${this.#mode} one belongs`;
      throw new ChainFault('bad_header', detail);
    }
    if (header.segment !== this.#segment + 1)
      throw new ChainFault('bad_header', `segment ${header.segment} follows ${this.#segment}`);
    if (this.#ledgerId !== null) this.#requireCarried(header, this.#ledgerId);
    else if (header.carried !== null || header.checkpoint !== null || header.segment !== 1)
      throw new ChainFault('bad_header', 'the first header carries what cannot be');
    if (this.#endorsedKeys && !header.endorsed_keys)
      throw new ChainFault('bad_header', 'the header no longer asks that keys are endorsed');
    this.#endorsedKeys = header.endorsed_keys ?? false;
    this.#mode = header.mode;
    this.#segment = header.segment;
    this.#segmentBegan = header.time;
    this.#overrides = [];
    // Without one nothing of an earlier segment counts: every process measures by the same.
    this.#clockReading = header.clock ? { ...header.clock, time: header.time } : null;
  }

  #requireCarried({ carried, checkpoint, ledger_id }: HeaderFields, ledgerId: string): void {
    if (ledgerIdHex(ledger_id) !== ledgerId)
      throw new ChainFault('bad_header', 'the header names another ledger');
    if (canonicalize(carried) !== canonicalize(this.#carry()))
      throw new ChainFault('inconsistent', 'the header carries another state than its records come to');
    const note = checkpoint === null ? null : parseCheckpoint(checkpoint);
    const { size, root } = this.checkpoint;
    if (note?.size !== size || note.root !== root || note.ledgerId !== ledgerId)
      throw new ChainFault('bad_signature', 'the checkpoint is not one of the records before');
    if (!this.isSigned(note)) throw new ChainFault('bad_signature', 'no enrolled key signed the checkpoint');
  }

  /** Whether an enrolled key signed a checkpoint, and the pinned one or a descendant where one is pinned. */
  isSigned({
    text,
    signatures,
  }: {
    text: string;
    signatures: { keyId: string; signature: string }[];
  }): boolean {
    return signatures.some(
      ({ keyId, signature }) => this.#isTrusted(keyId) && this.#isSignedBy(keyId, text, signature),
    );
  }

  #isTrusted(keyId: string): boolean {
    return this.#pinnedKey === null || this.#keys.get(keyId)?.endorsed === true;
  }

  #isSignedBy(keyId: string, text: string, signature: string): boolean {
    const publicKey = this.#keys.get(keyId)?.publicKey ?? null;
    return publicKey !== null && isSignedBy(publicKey, text, signature);
  }

  #takeKey({ key_id, public_key, proof, replaces, endorsement, seq }: FoldedFields<'key'>): void {
    const text = enrolmentText(this.ledgerId, key_id);
    if (key_id !== keyIdOf(this.ledgerId, public_key) || !isSignedBy(public_key, text, proof))
      throw new ChainFault('bad_signature', `record ${seq} enrols a key without proof of it`);
    if ((replaces === null) !== (endorsement === null))
      throw new ChainFault('inconsistent', `record ${seq} replaces a key without its consent`);
    if (this.#keys.has(key_id))
      throw new ChainFault('inconsistent', `record ${seq} enrols a key that was enrolled before`);
    if (replaces !== null) {
      if (!this.#isSignedBy(replaces, text, endorsement ?? ''))
        throw new ChainFault('bad_signature', `the key that record ${seq} replaces did not sign it`);
      const { endorsed = false } = this.#keys.get(replaces) ?? {};
      this.#keys.set(replaces, { publicKey: null, endorsed });
      this.#keys.set(key_id, { publicKey: public_key, endorsed });
      return;
    }
    const first = !this.hasKeys;
    if (!first && this.#endorsedKeys)
      throw new ChainFault('bad_signature', `no key before it endorsed the key that record ${seq} enrols`);
    if (first && this.#pinnedKey !== null && !this.#isPinned(key_id, public_key)) {
      const detail = `the ledger's first key is ${key_id}, not ${this.#pinnedKey} that is asked for`;
      throw new ChainFault('wrong_key', detail);
    }
    this.#keys.set(key_id, { publicKey: public_key, endorsed: first });
  }

  #requireSignature(change: FoldedFields<'policy_change'>): void {
    if (!this.#isSignedBy(change.key_id, policyText(this.ledgerId, change), change.signature))
      throw new ChainFault('bad_signature', `no enrolled key signed the change of policy ${change.seq}`);
    if (!this.#isTrusted(change.key_id)) {
      const detail = `key ${change.key_id}, which signed the change of policy ${change.seq}, doesn't descend from ${this.#pinnedKey ?? ''}`;
      throw new ChainFault('bad_signature', detail);
    }
  }
}

/** What a person has accepted. */
export type Reopening = Pick<ReopeningRecord, 'replaces' | 'anchored'>;

/** What the clock is measured by. */
export interface TimedReading extends ClockReading {
  /** ISO 8601. */
  time: string;
}

function uuidOf(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

interface EnrolledKey {
  /** Base64; null for one that was replaced, which signs nothing any more. */
  publicKey: string | null;
  /** Whether it is the first or the pinned key, or a successor of one that descends from it. */
  endorsed: boolean;
}

type HeaderFields = Pick<HeaderRecord, 'carried' | 'checkpoint' | 'ledger_id'>;
