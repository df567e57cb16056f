import { GatewayError } from '../errors.ts';
import type { CallOptions, LlmRequest, LlmResponse } from '../gateways/modelCalls.ts';
import type { ImplementationId, ParameterDefinition, ParameterValues } from './agreement.ts';
import type { Report } from './report.ts';

/** What a run gives to what it runs. */
export interface FlowRun {
  readonly runId: string;
  /** Checked against the definitions, defaults filled in. */
  readonly parameters: ParameterValues;
  /** What it may spend, micro-USD. */
  readonly reserved: bigint;
  /** Aborts on cancel and at the time limit. Throw its reason soon after. */
  readonly signal: AbortSignal;
  /** Says what is under way, with the share that is done, 0 to 1, where it is known. */
  readonly progress: (message: string, share?: number) => void;
  /** A governed call within the run's reservation; user, reason and origin are the run's. Never throws for a failed call. */
  readonly call: (request: RunRequest, options?: Pick<CallOptions, 'onEvent'>) => Promise<LlmResponse>;
  /** Folder of the workspace it is run in; null where there is none. */
  readonly workspace: string | null;
}

export type RunRequest = Omit<LlmRequest, 'userId' | 'auditReason' | 'origin' | 'flow'>;

/** The work behind an agreement. */
export interface Implementation {
  readonly id: ImplementationId;
  readonly title: string;
  readonly parameters: readonly ParameterDefinition[];
  /** Whether it looks for what is wrong with the ledger: then it runs, unrecorded, while that takes no records. */
  readonly examinesLedger?: boolean;
  /**
   * The most it will spend with these parameters, micro-USD; reserved before it starts. One that can do with less
   * keeps to `costLimit`. Throws `GatewayError`.
   */
  worstCase(parameters: ParameterValues, costLimit: bigint): bigint;
  /** Throws `GatewayError` when it can't be done; what it finds wrong is a finding. */
  run(run: FlowRun): Promise<Report>;
}

/** A run that failed and has something to show all the same. */
export class FailedWithReport extends GatewayError {
  readonly report: Report;

  constructor({ code, message, hint }: GatewayError, report: Report) {
    super(code, message, { hint });
    this.report = report;
  }
}
