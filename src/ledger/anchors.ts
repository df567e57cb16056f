import { GatewayError } from '../errors.ts';
import { closeLedger } from './closure.ts';
import type { Fault } from './fault.ts';
import type { LedgerHead, LedgerReader } from './contract.ts';
import { damageError, firstSequence, ledgerIdIn, type LedgerLocation } from './readJournal.ts';
import { verifyLedger } from './verifyLedger.ts';
import { parseCheckpoint, type SignedCheckpoint } from './signing.ts';

/** A place outside the ledger that keeps checkpoints, so that truncating or rewriting what was anchored is detected. */
export interface Anchor {
  /** Where it is, in one line. */
  readonly location: string;
  /** Keeps a signed checkpoint; durable when it resolves. Throws `anchor_failed`. */
  publish(checkpoint: string): Promise<void>;
  /** Throws `anchor_failed`. */
  kept(): Promise<KeptCheckpoints>;
}

export interface KeptCheckpoints {
  /** Signed notes, in no order. */
  checkpoints: string[];
  /** When the last one was published; null when there is none. */
  changed: Date | null;
}

export interface AnchorSchedule {
  everyRecords: number;
  everyMinutes: number;
}

/** The state of an anchor, for people. */
export interface AnchorStatus {
  location: string;
  /** The last checkpoint of this ledger; null before the first. */
  last: { sequence: number; time: Date } | null;
  /** Why it can't be used now, or how the ledger contradicts it. */
  error: Error | null;
}

type AnchoredLedger = Pick<LedgerReader, 'head' | 'onDidChange'>;

/**
 * Publishes the ledger's head to every anchor: on demand, and after enough records or time. Compares the ledger
 * with them before the first call, with every publication and with each verification: a ledger that is behind its
 * anchor, or contradicts it, is closed until a person decides.
 */
export class Anchoring {
  readonly #ledger: AnchoredLedger;
  readonly #journal: LedgerLocation;
  readonly #schedule: AnchorSchedule;
  readonly #anchors: Map<Anchor, AnchorStatus>;
  #running: Promise<unknown> = Promise.resolve();
  #compared: Promise<void> | null = null;
  #stop = (): void => undefined;

  /** `journal` is where the ledger's records lie. */
  constructor(
    ledger: AnchoredLedger,
    journal: LedgerLocation,
    anchors: readonly Anchor[],
    schedule: AnchorSchedule,
  ) {
    this.#ledger = ledger;
    this.#journal = journal;
    this.#schedule = schedule;
    this.#anchors = new Map(
      anchors.map((anchor) => [anchor, { location: anchor.location, last: null, error: null }]),
    );
  }

  get status(): readonly Readonly<AnchorStatus>[] {
    return [...this.#anchors.values()];
  }

  /** Follows the ledger until `dispose`. */
  start(): void {
    if (this.#anchors.size === 0) return;
    const stopFollowing = this.#ledger.onDidChange(() => void this.publishDue());
    const timer = setInterval(() => void this.publishDue(), this.#schedule.everyMinutes * 60_000).unref();
    this.#stop = () => {
      stopFollowing();
      clearInterval(timer);
    };
  }

  /** Compares once per process: the next publication finds later changes. Throws `ledger_damaged`. */
  compareOnce(): Promise<void> {
    if (this.#anchors.size === 0) return Promise.resolve();
    this.#compared ??= this.#inTurn(async () => {
      for (const [anchor, status] of this.#anchors)
        await this.#attempt(anchor, status, () => Promise.resolve());
    });
    // After a person's decision it is compared again.
    this.#compared.catch(() => (this.#compared = null));
    return this.#compared;
  }

  /** Compares now, and closes a ledger that doesn't match; an anchor that can't be read is reported in `status`. */
  async compare(): Promise<void> {
    this.#compared = null;
    await this.compareOnce().catch(() => undefined);
  }

  /** This ledger's checkpoints in the readable anchors, whether the ledger is closed or not. */
  async ownCheckpoints(): Promise<SignedCheckpoint[]> {
    const kept = await Promise.allSettled([...this.#anchors.keys()].map(checkpointsOf));
    const ledgerId = ledgerIdIn(this.#journal.directory);
    return kept
      .flatMap((read) => (read.status === 'fulfilled' ? read.value : []))
      .filter((checkpoint) => checkpoint.ledgerId === ledgerId);
  }

  /** The last checkpoint of each ledger in the readable anchors, each in one line. */
  async latest(): Promise<string[]> {
    const kept = await Promise.allSettled([...this.#anchors.keys()].map(checkpointsOf));
    return kept.flatMap((read) => (read.status === 'fulfilled' ? latestOf(read.value).map(nameOf) : []));
  }

  /** Publishes the head to every anchor now. Throws the first failure after trying all. */
  async publish(): Promise<void> {
    await this.#publishTo(() => true);
    for (const { error } of this.status) if (error) throw error;
  }

  /** Publishes to the anchors that are due; `status` has the failures. */
  async publishDue(now = Date.now()): Promise<void> {
    const { everyRecords, everyMinutes } = this.#schedule;
    const isDue = ({ last }: AnchorStatus, sequence: number): boolean => {
      if (!last) return true;
      const behind = sequence - last.sequence;
      return behind >= everyRecords || (behind > 0 && now - last.time.getTime() >= everyMinutes * 60_000);
    };
    // A refusing ledger is reported by the next call and in every view.
    await this.#publishTo(isDue).catch(() => undefined);
  }

  /** Publishes what is due and stops. */
  async dispose(): Promise<void> {
    this.#stop();
    if (this.#anchors.size > 0) await this.publishDue();
  }

  async #publishTo(isDue: (status: AnchorStatus, sequence: number) => boolean): Promise<void> {
    // One at a time: what is due is decided after the running publication.
    await this.#inTurn(async () => {
      const head = await this.#ledger.head();
      if (!head?.checkpoint) return;
      for (const [anchor, status] of this.#anchors) {
        if (status.last && !status.error && !isDue(status, head.sequence)) continue;
        await this.#attempt(anchor, status, async ({ checkpoint, sequence }) => {
          if (!checkpoint || !isDue(status, sequence)) return;
          await anchor.publish(checkpoint);
          status.last = { sequence, time: new Date() };
        });
      }
    });
  }

  /** Compares with an anchor, then uses it. Throws `ledger_damaged`; the anchor's own errors go to `status`. */
  async #attempt(
    anchor: Anchor,
    status: AnchorStatus,
    work: (head: LedgerHead) => Promise<void>,
  ): Promise<void> {
    try {
      const { checkpoints, changed } = await anchor.kept();
      const notes = parsed(checkpoints);
      // Read after the anchor: otherwise a checkpoint published meanwhile would be ahead of it.
      const head = await this.#ledger.head();
      status.error = await this.#requireFit(notes, head).then(() => null, asError);
      if (status.error) throw status.error;
      if (!head) return;
      const sizes = notes.filter(({ ledgerId }) => ledgerId === head.ledgerId).map(({ size }) => size);
      status.last = changed && sizes.length > 0 ? { sequence: Math.max(...sizes), time: changed } : null;
      await work(head);
    } catch (error) {
      status.error = asError(error);
      // An unreachable anchor is shown in every view; a ledger that doesn't match refuses calls.
      if (GatewayError.is(error, 'ledger_damaged')) throw error;
    }
  }

  /** Closes the ledger when it contradicts an anchor, and throws `ledger_damaged`. */
  async #requireFit(notes: readonly SignedCheckpoint[], head: LedgerHead | null): Promise<void> {
    const fault = await misfit(this.#journal, notes, head);
    if (fault === null) return;
    closeLedger(this.#journal.directory, fault, true);
    throw damageError(this.#journal.directory, fault);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#running.then(work);
    this.#running = run.catch(() => undefined);
    return run;
  }
}

/** How a ledger contradicts the checkpoints of one anchor; null when it matches. */
async function misfit(
  journal: LedgerLocation,
  notes: readonly SignedCheckpoint[],
  head: LedgerHead | null,
): Promise<Fault | null> {
  const fault = (detail: string): Fault => ({
    segment: '',
    line: 0,
    sequence: head?.sequence ?? 0,
    kind: 'anchor_mismatch',
    detail,
  });
  const last = notes
    .filter(({ ledgerId }) => ledgerId === head?.ledgerId)
    .toSorted((a, b) => a.size - b.size)
    .at(-1);
  if (!last) {
    const other = notes.at(-1);
    if (!other) return null;
    // A person has accepted this ledger knowing what was anchored.
    if (latestOf(notes).every((note) => head?.accepted.includes(nameOf(note)))) return null;
    const here = head ? `this is the ledger ${head.ledgerId}` : 'there is none here';
    return fault(`another ledger, ${other.ledgerId}, was anchored at record ${other.size}, and ${here}`);
  }
  const { sequence } = head ?? { sequence: 0 };
  if (last.size > sequence)
    return fault(
      `the ledger ends at record ${sequence}, but record ${last.size} was anchored: its end was cut off`,
    );
  // Retention drops what is half a year old: another beginning that is newer than all anchors was made.
  const first = firstSequence(journal.directory);
  if (last.size < first - 1)
    return head?.accepted.includes(nameOf(last))
      ? null
      : fault(`its records begin at ${first}, and the last that was anchored, ${last.size}, is not there`);
  const { firstFault } = await verifyLedger(journal, { since: last.size, anchors: [last] });
  return firstFault;
}

/** The largest checkpoint of each ledger. */
function latestOf(notes: readonly SignedCheckpoint[]): SignedCheckpoint[] {
  const latest = new Map<string, SignedCheckpoint>();
  for (const note of notes)
    if (note.size >= (latest.get(note.ledgerId)?.size ?? 0)) latest.set(note.ledgerId, note);
  return [...latest.values()];
}

/** A checkpoint in one line, for a record. */
function nameOf({ ledgerId, size, root }: SignedCheckpoint): string {
  return `${ledgerId} ${size} ${root}`;
}

/** The checkpoints in an anchor, of any ledger. Throws `anchor_failed`. */
export async function checkpointsOf(anchor: Anchor): Promise<SignedCheckpoint[]> {
  return parsed((await anchor.kept()).checkpoints);
}

function parsed(notes: readonly string[]): SignedCheckpoint[] {
  return notes.flatMap((note) => parseCheckpoint(note) ?? []);
}

function asError(error: unknown): Error {
  if (error instanceof Error) return error;
  throw error;
}
