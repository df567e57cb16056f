import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ContentPolicy, ContentStore } from '../content/contentStore.ts';
import { messageOf } from '../errors.ts';
import { KernelLock } from '../ledger/kernelLock.ts';
import { contentOfCall } from './content.ts';
import type { CallToSend, Delivery, TraceReceiver } from './receiver.ts';
import type { Spool, SpooledBatch, SpooledItem } from './spool.ts';
import { trackedCall, trackedRun, type TrackedCall, type TrackedRun } from './trackedCall.ts';

/** MLflow links at most so many traces of a request to a run. */
const mostOfBatch = 100;
const mostBatchBytes = 2_000_000;
const requestTimeoutMs = 30_000;
const firstDelayMs = 2_000;
const longestDelayMs = 300_000;

export interface SenderOptions {
  /** Opened for sending. */
  spool: Spool;
  receivers: readonly TraceReceiver[];
  content: Pick<ContentStore, 'read'>;
  policy: ContentPolicy;
}

/** Sends what waits in the spool. Of all processes one sends at a time: the one that holds the lock. */
export class Sender {
  readonly #options: SenderOptions;
  #lock: KernelLock | null = null;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /**
   * Sends all that can be sent now, unless another process is sending. What fails is noted in the spool and
   * sent later. Throws what SQLite and the lock throw.
   */
  async send(signal: AbortSignal): Promise<void> {
    const { spool, receivers } = this.#options;
    const due = receivers.filter(({ id, address }) => {
      if (!spool.hasWaiting(id)) return false;
      const { nextAttempt, failedAddress } = spool.status(id);
      return nextAttempt <= Date.now() || failedAddress !== address;
    });
    if (due.length === 0 || !this.#acquire()) return;
    try {
      spool.trim();
      await Promise.all(due.map((receiver) => this.#sendTo(receiver, signal)));
      spool.checkpoint();
    } finally {
      this.#lock?.release();
    }
  }

  dispose(): void {
    this.#lock?.close();
    this.#lock = null;
    this.#options.spool.close();
  }

  #acquire(): boolean {
    const { folder } = this.#options.spool;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#lock ??= new KernelLock(join(folder, 'sender.lock'));
    return this.#lock.tryAcquire();
  }

  async #sendTo(receiver: TraceReceiver, signal: AbortSignal): Promise<void> {
    const { spool } = this.#options;
    for (;;) {
      const batch = spool.next(receiver.id, mostOfBatch, mostBatchBytes);
      if (!batch || signal.aborted) return;
      const failure = await this.#deliver(receiver, batch, signal);
      if (failure !== null) {
        const { failures } = spool.status(receiver.id);
        spool.failed(receiver.id, receiver.address, failure, Date.now() + delayAfter(failures + 1));
        return;
      }
      spool.succeeded(receiver.id);
    }
  }

  /** Sends items, and sets aside those that the receiver refuses. Returns why the rest can't be sent now; or null. */
  async #deliver(
    receiver: TraceReceiver,
    { kind, run, items }: SpooledBatch,
    signal: AbortSignal,
  ): Promise<string | null> {
    const { spool } = this.#options;
    const [first] = items;
    if (!first) return null;
    const delivery = await this.#request(receiver, { kind, run, items }, signal);
    if (delivery.state === 'later') return delivery.why;
    if (delivery.state === 'taken') {
      spool.remove(items);
      return null;
    }
    if (items.length === 1) {
      spool.refuse(first, delivery.why);
      return null;
    }
    // One bad call has the whole request refused: the halves are tried one by one.
    const half = Math.ceil(items.length / 2);
    return (
      (await this.#deliver(receiver, { kind, run, items: items.slice(0, half) }, signal)) ??
      (await this.#deliver(receiver, { kind, run, items: items.slice(half) }, signal))
    );
  }

  async #request(
    receiver: TraceReceiver,
    { kind, run, items }: SpooledBatch,
    stop: AbortSignal,
  ): Promise<Delivery> {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(requestTimeoutMs)]);
    try {
      if (kind === 'call') return await receiver.sendCalls(await this.#callsOf(items, receiver), run, signal);
      const [ended] = items.map(runIn);
      if (!ended || items.length > 1) return { state: 'refused', why: 'It is in a form of another version.' };
      return (await receiver.sendRun?.(ended, signal)) ?? { state: 'taken' };
    } catch (error) {
      if (error instanceof UnknownForm) return { state: 'refused', why: error.message };
      const why = signal.aborted ? `${receiver.name} did not answer in time.` : messageOf(error);
      return { state: 'later', why };
    }
  }

  async #callsOf(items: readonly SpooledItem[], { takesRedacted }: TraceReceiver): Promise<CallToSend[]> {
    const { content, policy } = this.#options;
    const calls: CallToSend[] = [];
    for (const item of items) {
      const call = callIn(item);
      calls.push({ call, content: await contentOfCall(call, content, policy, takesRedacted) });
    }
    return calls;
  }
}

/** A body that an incompatible version wrote. */
class UnknownForm extends Error {}

function callIn({ body }: SpooledItem): TrackedCall {
  const { data } = trackedCall.safeParse(JSON.parse(body));
  if (!data) throw new UnknownForm('It is in a form of another version.');
  return data;
}

function runIn({ body }: SpooledItem): TrackedRun {
  const { data } = trackedRun.safeParse(JSON.parse(body));
  if (!data) throw new UnknownForm('It is in a form of another version.');
  return data;
}

/** Doubles with each failure in a row; half of it by chance, so that machines don't come back all at once. */
function delayAfter(failures: number): number {
  const full = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(failures - 1, 20));
  return full / 2 + (Math.random() * full) / 2;
}
