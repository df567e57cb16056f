import type { TrackedContent } from './content.ts';
import type { TrackedCall, TrackedRun } from './trackedCall.ts';
import type { SpooledBatch } from './spool.ts';

/** A call with its prompt and answer, as far as policy allows them for this receiver. */
export interface CallToSend {
  call: TrackedCall;
  /** By call id of the attempt. */
  content: ReadonlyMap<string, TrackedContent>;
}

/** What a receiver did with a request. */
export type Delivery =
  | { state: 'taken' }
  /** It can't take anything now; nothing is lost. */
  | { state: 'later'; why: string }
  /** It refuses this content and always will. */
  | { state: 'refused'; why: string };

/** A service that takes calls: MLflow, or an OpenTelemetry endpoint. Taking the same call again MUST NOT double it. */
export interface TraceReceiver {
  readonly id: 'mlflow' | 'otlp';
  /** Its name in messages. */
  readonly name: string;
  /** Where it is, without a password. */
  readonly address: string;
  /** The weakest redaction with which prompts and answers may go there. */
  readonly takesRedacted: boolean;
  sendCalls(calls: readonly CallToSend[], run: SpooledBatch['run'], signal: AbortSignal): Promise<Delivery>;
  /** Null for a receiver that knows no runs: they aren't kept for it. */
  readonly sendRun: ((run: TrackedRun, signal: AbortSignal) => Promise<Delivery>) | null;
}
