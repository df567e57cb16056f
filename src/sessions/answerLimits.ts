import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { GatewayError } from '../errors.ts';

/**
 * The limits of one HTTP answer from any server, because its body is read into memory. Node.js limits its
 * headers to 16 KiB.
 */
export interface AnswerLimits {
  /** Of the body, as it comes over the wire. */
  bytes: number;
  /** From the request to the end of the body. */
  milliseconds: number;
}

/** For answers that are small by nature: service information, credentials, lists, errors. */
export const smallAnswer: AnswerLimits = { bytes: 4_000_000, milliseconds: 30_000 };

/** An answer that exceeded its limits and was aborted. */
export class UnboundedAnswer extends GatewayError {
  /** Where the AWS SDK looks for the status of an answer; without it, words for programmers would be added. */
  readonly $metadata: { httpStatusCode?: number };

  constructor(host: string, what: string, status: number | undefined) {
    super('service_failed', `${host} ${what}; the rest was not read.`, {
      hint: 'Check the address, and the proxy if there is one: what answers there is not what was asked for.',
    });
    this.$metadata = { ...(status !== undefined && { httpStatusCode: status }) };
  }
}

const underWay = new AsyncLocalStorage<AnswerLimits>();

/**
 * Does work whose requests may be answered with no more than this, within limits that already hold: the answer, or
 * the request that has none yet, fails with `UnboundedAnswer`.
 */
export function withinLimits<T>(limits: AnswerLimits, work: () => T): T {
  return underWay.run(limits, work);
}

/** The same, where no limit was given. */
export function withinSomeLimits<T>(work: () => T): T {
  return withinLimits(underWay.getStore() ?? smallAnswer, work);
}

// Libraries that ask for credentials don't take our agent; this reports every request as it is sent.
subscribe('http.client.request.start', (message) => {
  const limits = underWay.getStore();
  if (limits) limit((message as { request: ClientRequest }).request, limits);
});

function limit(request: ClientRequest, { bytes, milliseconds }: AnswerLimits): void {
  let response: IncomingMessage | null = null;
  const giveUp = (what: string): void => {
    const error = new UnboundedAnswer(request.host, what, response?.statusCode);
    if (response) response.destroy(error);
    else request.destroy(error);
  };
  const timer = Number.isFinite(milliseconds)
    ? setTimeout(() => giveUp(`did not end its answer within ${milliseconds / 1000} s`), milliseconds)
    : undefined;
  request.once('close', () => clearTimeout(timer));
  request.once('response', (answer) => {
    response = answer;
    answer.once('close', () => clearTimeout(timer));
    const isStream = answer.headers['content-type'] === 'application/vnd.amazon.eventstream';
    const longestEvent = isStream ? eventLengths() : () => 0;
    const push = answer.push.bind(answer);
    let received = 0;
    // Not a listener: that would set the body flowing before its reader is there.
    answer.push = (chunk: Uint8Array | null, encoding) => {
      received += chunk?.length ?? 0;
      if (chunk === null || (received <= bytes && longestEvent(chunk) <= bytes)) return push(chunk, encoding);
      if (!answer.destroyed) giveUp(`sent more than ${bytes} bytes`);
      return false;
    };
  });
}

/** Reads what each event of an event stream declares as its length, for which its reader makes room at once. */
function eventLengths(): (chunk: Uint8Array) => number {
  let left = 0;
  let length = 0;
  let digits = 0;
  return (chunk) => {
    let longest = 0;
    for (let offset = 0; offset < chunk.length;) {
      if (left > 0) {
        const skipped = Math.min(left, chunk.length - offset);
        left -= skipped;
        offset += skipped;
        continue;
      }
      length = length * 256 + (chunk[offset] ?? 0);
      digits += 1;
      offset += 1;
      if (digits < 4) continue;
      longest = Math.max(longest, length);
      left = Math.max(length - 4, 0);
      length = 0;
      digits = 0;
    }
    return longest;
  };
}
