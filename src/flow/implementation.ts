import { GatewayError } from '../errors.ts';
import type { CallOrigin } from '../gateways/callOrigin.ts';
import type { CallOptions, LlmRequest, LlmResponse } from '../gateways/modelCalls.ts';
import type { ImplementationId, ParameterDefinition, ParameterValues } from './agreement.ts';
import type { Report } from './report.ts';

/** The context that a run passes to its implementation. */
export interface FlowRun {
  readonly runId: string;
  /** Validated parameters, with defaults. */
  readonly parameters: ParameterValues;
  /** The most that it may spend, micro-USD. */
  readonly reserved: bigint;
  /** Aborts on cancel and at the time limit. Throw its reason soon after. */
  readonly signal: AbortSignal;
  /** Reports the current step, with the progress, 0 to 1, if known. */
  readonly progress: (message: string, share?: number) => void;
  /** A governed call within the run's reservation, with the run's user, reason and origin. A failed call doesn't throw. */
  readonly call: (request: RunRequest, options?: Pick<CallOptions, 'onEvent'>) => Promise<LlmResponse>;
  /** Why it runs, as recorded. */
  readonly reason: string;
  readonly origin: CallOrigin;
  /** The workspace folder of the run; null if there is none. */
  readonly workspace: string | null;
}

export type RunRequest = Omit<LlmRequest, 'userId' | 'auditReason' | 'origin' | 'flow' | 'attempt'>;

/** The implementation of an agreement. */
export interface Implementation {
  readonly id: ImplementationId;
  readonly title: string;
  readonly parameters: readonly ParameterDefinition[];
  /** Whether it diagnoses the ledger: then it runs, unrecorded, while the ledger refuses records. */
  readonly examinesLedger?: boolean;
  /**
   * The most that it can spend with these parameters, micro-USD; reserved before the start. An implementation that can
   * work with less stays within `costLimit`. Throws `GatewayError`.
   */
  worstCase(parameters: ParameterValues, costLimit: bigint): bigint;
  /** The most that it can spend of money that it holds itself, micro-USD; left out for none. */
  ownWorstCase?(): bigint;
  /** What it is known to send with these parameters: each kind of request once. Gateways check it before the start. */
  requests?(parameters: ParameterValues): readonly RunRequest[];
  /** Throws `GatewayError` if it can't run; detected problems are findings. */
  run(run: FlowRun): Promise<Report>;
}

/** A failed run that still has a report. */
export class FailedWithReport extends GatewayError {
  readonly report: Report;

  constructor({ code, message, hint }: GatewayError, report: Report) {
    super(code, message, { hint });
    this.report = report;
  }
}
