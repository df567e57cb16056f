import type { Ledger } from './ledger.ts';
import { parseCheckpoint, type SignedCheckpoint } from './signing.ts';

/** A place outside the ledger that keeps checkpoints, so that what was anchored can't be cut off or rewritten unseen. */
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
  /** When the last was kept; null when there is none. */
  changed: Date | null;
}

export interface AnchorSchedule {
  everyRecords: number;
  everyMinutes: number;
}

/** What is known of an anchor, for people to see. */
export interface AnchorStatus {
  location: string;
  /** Null while nothing was anchored. */
  last: { sequence: number; time: Date } | null;
  /** Why it can't be used now. */
  error: Error | null;
}

/** Keeps the ledger's head in every anchor: on demand, and when it has moved far or long enough. */
export class Anchoring {
  readonly #ledger: Ledger;
  readonly #schedule: AnchorSchedule;
  readonly #anchors: Map<Anchor, AnchorStatus>;
  #running: Promise<void> = Promise.resolve();
  #stop = (): void => undefined;

  constructor(ledger: Ledger, anchors: readonly Anchor[], schedule: AnchorSchedule) {
    this.#ledger = ledger;
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

  /** Publishes the head to every anchor now. Throws the first failure, after all were tried. */
  async publish(): Promise<void> {
    await this.#publishTo(() => true);
    for (const { error } of this.status) if (error) throw error;
  }

  /** Publishes to the anchors that are due; a failure stands in `status`. */
  publishDue(now = Date.now()): Promise<void> {
    const { everyRecords, everyMinutes } = this.#schedule;
    return this.#publishTo(({ last }, sequence) => {
      if (!last) return true;
      const behind = sequence - last.sequence;
      return behind >= everyRecords || (behind > 0 && now - last.time.getTime() >= everyMinutes * 60_000);
    });
  }

  /** Publishes what is due and stops. */
  async dispose(): Promise<void> {
    this.#stop();
    if (this.#anchors.size > 0) await this.publishDue().catch(() => undefined);
  }

  #publishTo(isDue: (status: AnchorStatus, sequence: number) => boolean): Promise<void> {
    // One at a time: what is due is decided after what runs has ended.
    const run = this.#running.then(async () => {
      const head = await this.#ledger.head();
      if (!head?.checkpoint) return;
      for (const [anchor, status] of this.#anchors) {
        try {
          status.last ??= await lastOf(anchor);
          if (!isDue(status, head.sequence)) continue;
          await anchor.publish(head.checkpoint);
          Object.assign(status, { last: { sequence: head.sequence, time: new Date() }, error: null });
        } catch (error) {
          if (!(error instanceof Error)) throw error;
          status.error = error;
        }
      }
    });
    this.#running = run.catch(() => undefined);
    return run;
  }
}

async function lastOf(anchor: Anchor): Promise<AnchorStatus['last']> {
  const { checkpoints, changed } = await anchor.kept();
  const sizes = checkpoints.flatMap((note) => parseCheckpoint(note)?.size ?? []);
  return changed && sizes.length > 0 ? { sequence: Math.max(...sizes), time: changed } : null;
}

/** The checkpoints that an anchor keeps of a ledger. Throws `anchor_failed`. */
export async function checkpointsOf(anchor: Anchor): Promise<SignedCheckpoint[]> {
  const { checkpoints } = await anchor.kept();
  return checkpoints.flatMap((note) => parseCheckpoint(note) ?? []);
}
