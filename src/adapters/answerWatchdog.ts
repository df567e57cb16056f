import { GatewayError, type Billing } from '../errors.ts';
import type { ModelCall, ModelEvent } from '../gateways/ports.ts';
import type { AnswerLimits } from '../sessions/answerLimits.ts';
import { lateAnswer, notConnected, overlongAnswer, stalledStream } from './answerErrors.ts';

/** An answer that isn't streamed is silent until it is complete; the longest take minutes. */
const wholeAnswerTimeoutMs = 600_000;
/** A connection whose answer is complete gets this long to end by itself. */
const endTimeoutMs = 1_000;
/** What one token may take to be made, in milliseconds; the slowest models need a tenth of it. */
const mostMsOfToken = 250;
/** Bytes of text or of hidden output that one token may stand for; the longest tokens of published vocabularies have 128. */
const mostBytesOfToken = 256;
/** The same with what is around it on the wire, when each token comes in an event of its own. */
const mostWireBytesOfToken = 1_024;
/** Longest vector of any model, and the longest text of one of its numbers. */
const mostDimensions = 4_096;
const mostBytesOfNumber = 32;
/** What is there besides, such as the signature of what a model thought; errors fit into it. */
const bytesBesides = 200_000;

/** The most that an answer may be on the wire. */
export function wireLimits(call: ModelCall): AnswerLimits {
  const bytes = 5 * bytesBesides + call.maxTokens * mostWireBytesOfToken + 2 * bytesOfVectors(call);
  return { bytes, milliseconds: Infinity };
}

/** The most that the vectors of an embedding are as text. Some models send them twice. */
function bytesOfVectors({ content: { embedding, messages } }: ModelCall): number {
  return embedding ? messages.length * mostDimensions * mostBytesOfNumber : 0;
}

/**
 * The events of a call that is ended when it stays silent, goes on for ever or says more than its tokens can be.
 * `idleTimeoutMs` is the silence after which a streamed call counts as stalled, in milliseconds.
 */
export async function* boundedAnswer(
  call: ModelCall,
  { service, idleTimeoutMs: patience }: { service: string; idleTimeoutMs: number },
  signal: AbortSignal,
  answer: (watchdog: AnswerWatchdog) => AsyncIterable<ModelEvent>,
): AsyncGenerator<ModelEvent> {
  const idleTimeoutMs = call.stream ? patience : Math.max(patience, wholeAnswerTimeoutMs);
  const deadlineMs = 2 * idleTimeoutMs + call.maxTokens * mostMsOfToken;
  const watchdog = new AnswerWatchdog({ service, idleTimeoutMs, deadlineMs }, signal);
  const most = bytesBesides + call.maxTokens * mostBytesOfToken + bytesOfVectors(call);
  let received = 0;
  try {
    for await (const event of answer(watchdog)) {
      received += sizeOfEvent(event);
      if (received > most) throw overlongAnswer(call.maxTokens);
      yield event;
    }
  } finally {
    watchdog.stop();
  }
}

/** The size of an event's part of an answer, in bytes. */
function sizeOfEvent(event: ModelEvent): number {
  switch (event.type) {
    case 'hidden':
      return event.bytes;
    case 'text':
    case 'thinking':
      return Buffer.byteLength(event.text);
    case 'tool_use_input':
      return Buffer.byteLength(event.json);
    case 'signature':
      return event.signature.length;
    case 'redacted_thinking':
      return event.data.length;
    case 'citation':
      return Buffer.byteLength(JSON.stringify(event.citation));
    default:
      return 0;
  }
}

/** Ends a call that is silent or too long, and distinguishes that from a call stopped by its caller. */
export class AnswerWatchdog {
  readonly #service: string;
  readonly #idleTimeoutMs: number;
  readonly #deadlineMs: number;
  readonly #caller: AbortSignal;
  readonly #controller = new AbortController();
  readonly #deadline: NodeJS.Timeout;
  #timer: NodeJS.Timeout;
  #stalled = false;
  #late = false;

  /** Limits in milliseconds: of silence, and of all. */
  constructor(
    { service, idleTimeoutMs, deadlineMs }: { service: string; idleTimeoutMs: number; deadlineMs: number },
    caller: AbortSignal,
  ) {
    this.#service = service;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#deadlineMs = deadlineMs;
    this.#caller = caller;
    this.#timer = this.#start(idleTimeoutMs);
    this.#deadline = setTimeout(() => {
      this.#late = true;
      this.#controller.abort();
    }, deadlineMs);
  }

  #start(timeoutMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#stalled = true;
      this.#controller.abort();
    }, timeoutMs);
  }

  /** The answer is complete: from now on silence is short. */
  expectEnd(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start(endTimeoutMs);
  }

  get signal(): AbortSignal {
    return AbortSignal.any([this.#caller, this.#controller.signal]);
  }

  reset(): void {
    this.#timer.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#deadline);
  }

  /** The error of a call that was stopped or stalled; null when neither happened. */
  explain(cause: unknown, billing: Billing): GatewayError | null {
    if (this.#late && billing !== 'none') return lateAnswer(this.#deadlineMs, cause);
    if (this.#stalled || this.#late) {
      return billing === 'none'
        ? notConnected(this.#service, cause)
        : stalledStream(this.#service, this.#idleTimeoutMs, cause);
    }
    if (this.#caller.aborted)
      return new GatewayError('cancelled', 'The call was stopped.', { billing, cause });
    return null;
  }
}
