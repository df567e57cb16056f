import { AsyncLocalStorage } from 'node:async_hooks';
import { messageOf } from '../errors.ts';
import { gatewayIds, type GatewayId } from '../gateways/gateway.ts';
import type { LlmResponse } from '../gateways/modelCalls.ts';
import type { CallTracker, EndedAttempt, EndedRun } from '../gateways/ports.ts';
import type { TraceReceiver } from './receiver.ts';
import type { Sender } from './sender.ts';
import { nothingSpooled, type Spool, type SpoolStatus } from './spool.ts';
import { callOf, runOf, type Tracked } from './trackedCall.ts';

/** Calls that end within this time are sent together, in milliseconds. */
const gatherMs = 1_000;
/** How often an idle process looks for what others left, in milliseconds. */
const lookAgainMs = 15_000;
/** How long a process that ends goes on sending, in milliseconds. */
const atEndMs = 500;

/** How tracking in one receiver goes. */
export interface ReceiverStatus extends SpoolStatus {
  receiver: TraceReceiver['id'];
  name: string;
  address: string;
}

export interface TrackingStatus {
  receivers: readonly ReceiverStatus[];
  /** Why the spool can't be used; null if it can. */
  fault: string | null;
  /** Where the spool is. */
  folder: string;
}

/** A call while it runs. */
interface OpenCall {
  level: GatewayId;
  attempts: EndedAttempt[];
  ended: boolean;
}

/** Follows calls into the spool, and sends from there in the background. */
export class Tracker implements CallTracker {
  readonly mlflowEnabled: boolean;
  readonly #spool: Spool;
  readonly #sender: Sender;
  readonly #receivers: readonly TraceReceiver[];
  readonly #calls = new AsyncLocalStorage<OpenCall>();
  readonly #stop = new AbortController();
  #timer: { at: number; handle: NodeJS.Timeout } | null = null;
  #fault: string | null = null;
  #sending: Promise<void> | null = null;

  /** `spool` is opened for calls. */
  constructor(spool: Spool, sender: Sender, receivers: readonly TraceReceiver[]) {
    this.mlflowEnabled = receivers.some(({ id }) => id === 'mlflow');
    this.#spool = spool;
    this.#sender = sender;
    this.#receivers = receivers;
    this.#sendAfter(gatherMs);
  }

  /** Whether calls are tracked anywhere. */
  get isOn(): boolean {
    return this.#receivers.length > 0;
  }

  async call<Response extends LlmResponse>(
    level: GatewayId,
    make: () => Promise<Response>,
  ): Promise<Response> {
    if (!this.isOn || this.#isPartOfAnother(level)) return make();
    const call: OpenCall = { level, attempts: [], ended: false };
    const startedAt = performance.now();
    setImmediate(() => this.#spool.prepare());
    try {
      const response = await this.#calls.run(call, make);
      this.#keep(() => callOf(level, startedAt, call.attempts, response));
      return response;
    } finally {
      call.ended = true;
    }
  }

  attempt(ended: EndedAttempt): void {
    const call = this.#calls.getStore();
    if (call?.ended === false) call.attempts.push(ended);
    else this.#keep(() => callOf('corporate_llm', ended.startedAt, [ended], ended.response));
  }

  run(ended: EndedRun): void {
    this.#keep(
      () => runOf(ended),
      this.#receivers.filter(({ sendRun }) => sendRun !== null),
    );
  }

  /** How sending goes. Never throws. */
  status(): TrackingStatus {
    const { folder } = this.#spool;
    let fault = this.#spool.fault ?? this.#fault;
    const receivers = this.#receivers.map(({ id, name, address }): ReceiverStatus => {
      try {
        return { receiver: id, name, address, ...this.#spool.status(id) };
      } catch (error) {
        fault ??= messageOf(error);
        return { receiver: id, name, address, ...nothingSpooled };
      }
    });
    return { receivers, fault, folder };
  }

  /** Sends what waits, and again what was refused, without regard to earlier failures. Rejects never. */
  async sendNow(signal: AbortSignal): Promise<TrackingStatus> {
    for (const { id } of this.#receivers) {
      this.#spool.retryRefused(id);
      this.#spool.hurry(id);
    }
    await this.#sending;
    await (this.#sending ??= this.#send(signal));
    return this.status();
  }

  /** Writes what is left, and sends for half a second at most. */
  async dispose(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer.handle);
    const ending = setTimeout(() => this.#stop.abort(), atEndMs);
    try {
      await this.#sending;
      await this.#send(this.#stop.signal);
    } finally {
      clearTimeout(ending);
      this.#stop.abort();
      this.#sender.dispose();
      this.#spool.close();
    }
  }

  /** Whether a higher level has begun it. A call that begins where another one is told of is a call of its own. */
  #isPartOfAnother(level: GatewayId): boolean {
    const call = this.#calls.getStore();
    return call?.ended === false && gatewayIds.indexOf(level) < gatewayIds.indexOf(call.level);
  }

  #keep(read: () => Tracked | null, receivers = this.#receivers): void {
    if (receivers.length === 0) return;
    try {
      const tracked = read();
      if (!tracked) return;
      const ids = receivers.map(({ id }) => id);
      this.#spool.add(tracked, ids);
      if (!this.#sending) this.#sendAfter(gatherMs);
    } catch (error) {
      // A fault of tracking is shown by health, and fails no call.
      this.#fault = messageOf(error);
    }
  }

  #sendAfter(milliseconds: number): void {
    const at = performance.now() + milliseconds;
    if (this.#stop.signal.aborted || !this.isOn) return;
    if (this.#timer && this.#timer.at <= at) return;
    if (this.#timer) clearTimeout(this.#timer.handle);
    const handle = setTimeout(() => {
      this.#timer = null;
      this.#sending ??= this.#send(this.#stop.signal);
    }, milliseconds);
    handle.unref();
    this.#timer = { at, handle };
  }

  async #send(signal: AbortSignal): Promise<void> {
    this.#spool.flush();
    try {
      await this.#sender.send(signal);
      this.#fault = null;
    } catch (error) {
      this.#fault = messageOf(error);
    } finally {
      this.#sending = null;
      this.#sendAfter(lookAgainMs);
    }
  }
}
