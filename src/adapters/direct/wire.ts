import type { EventSourceMessage } from 'eventsource-parser';
import type { Billing } from '../../errors.ts';
import type { ConformedCall, ModelCall, ModelEvent } from '../../gateways/ports.ts';
import type { Model } from '../../pricing/modelCatalogue.ts';

/** How a service over HTTP is asked and answers. */
export interface Wire {
  /** Brings a call into the form that the service takes. Throws `invalid_request`, naming the rule. */
  conform(call: ModelCall, model: Model): ConformedCall;
  /** Headers besides those of the key. */
  headers(call: ModelCall): Record<string, string>;
  body(call: ModelCall): object;
  /** The events of a whole answer. Throws `StreamedFailure` if it says that it failed. */
  whole(answer: Fields, call: ModelCall): ModelEvent[];
  reader(call: ModelCall): StreamReader;
  /** What is billed of a stream that was stopped: `unknown` if it shows nothing of a model's reasoning. */
  billingOfStopped: Billing;
}

/** Reads one streamed answer. */
export interface StreamReader {
  /** What a message says of the answer. Throws `StreamedFailure` if it says that the call failed. */
  take(message: EventSourceMessage): ModelEvent[];
  /** Whether the service has taken the call on: it may bill what follows. */
  readonly accepted: boolean;
  /** Whether all is said, so that the connection need not end by itself. */
  readonly complete: boolean;
  /** What is still to be told when the stream is over. Throws `stream_incomplete` if the answer hadn't ended. */
  end(): ModelEvent[];
}

/** A failure that a service reports in its answer. The message may quote the prompt. */
export class StreamedFailure extends Error {
  readonly body: unknown;

  constructor(body: unknown) {
    super('The service reported a failure in its answer.');
    this.body = body;
  }
}

/** The members of a JSON object, of which nothing is known. */
export type Fields = Readonly<Record<string, unknown>>;

export function fieldsIn(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function listIn(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsIn) : [];
}

export function textIn(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A count of tokens: zero if it isn't said, and one that can't be if it is something else. */
export function countIn(value: unknown): number {
  if (value === undefined || value === null) return 0;
  return typeof value === 'number' ? value : -1;
}

/** The JSON of a message. Throws `StreamedFailure` for what is none. */
export function messageFields({ data }: EventSourceMessage): Fields {
  try {
    return fieldsIn(JSON.parse(data));
  } catch {
    throw new StreamedFailure(null);
  }
}

export function sizeOf(value: Fields): number {
  return Buffer.byteLength(JSON.stringify(value));
}
