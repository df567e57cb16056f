import type { CallOrigin } from '../../gateways/callOrigin.ts';
import type { GatewayError } from '../../errors.ts';
import { formatUsd, microToUsd } from '../../pricing/cost.ts';
import type { FlowAgreement, WorkflowAction } from '../agreement.ts';
import { FailedWithReport, type Implementation } from '../implementation.ts';
import type { Report } from '../report.ts';

/** A workflow that an agreement asks to run. */
export interface AgreedWorkflow {
  /** Relative to the workspace folder. */
  file: string;
  inputs: Readonly<Record<string, string>>;
  /** The workflow may cost no more, micro-USD. */
  costLimit: bigint;
  reason: string;
  origin: CallOrigin;
  signal: AbortSignal;
  onProgress: (message: string, share?: number) => void;
}

/** How it ended. */
export interface AgreedWorkflowRun {
  workflow: string;
  /** Id of its own run. */
  runId: string;
  error: GatewayError | null;
  /** Micro-USD. */
  cost: bigint;
  makespanMs: number;
  steps: readonly {
    id: string;
    status: string;
    durationMs: number | null;
    cost: bigint | null;
    attempts: number;
  }[];
}

/** Runs workflows; what does so stands above agreements. */
export type RunAgreedWorkflow = (asked: AgreedWorkflow) => Promise<AgreedWorkflowRun>;

/** A workflow of the workspace. It holds its own money, never more than the agreement's limit, and has its own record. */
export function workflowAction(
  { trigger, parameters, costLimit }: FlowAgreement,
  { file }: WorkflowAction,
  { runWorkflow }: { runWorkflow: RunAgreedWorkflow },
): Implementation {
  return {
    id: 'workflow',
    title: trigger,
    parameters,
    worstCase: () => 0n,
    ownWorstCase: () => costLimit,
    run: async ({ parameters: values, reason, origin, signal, progress }) => {
      const inputs = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
      const run = await runWorkflow({
        file,
        inputs,
        costLimit,
        reason,
        origin,
        signal,
        onProgress: progress,
      });
      const report = reportOf(run);
      if (run.error) throw new FailedWithReport(run.error, report);
      return report;
    },
  };
}

function reportOf({ workflow, runId, error, cost, makespanMs, steps }: AgreedWorkflowRun): Report {
  const done = steps.filter(({ status }) => status === 'success').length;
  return {
    title: workflow,
    summary: `${done} of ${steps.length} steps succeeded, for ${formatUsd(cost)}. Run ${runId}.`,
    findings: error
      ? [
          {
            severity: 'problem',
            id: 'workflow_failed',
            title: 'The workflow did not succeed',
            evidence: error.message,
            remedy: error.hint,
          },
        ]
      : [],
    figures: [
      { id: 'cost', label: 'Cost', value: microToUsd(cost), unit: 'usd', better: 'lower' },
      { id: 'makespan', label: 'Duration', value: makespanMs, unit: 'ms', better: 'lower' },
    ],
    sections: [
      {
        id: 'steps',
        title: 'Steps',
        text: 'Its graph is in the FLOW view.',
        table: {
          columns: [
            { label: 'Step', unit: 'text' },
            { label: 'State', unit: 'text' },
            { label: 'Duration', unit: 'ms' },
            { label: 'Cost', unit: 'usd' },
            { label: 'Attempts', unit: 'count' },
          ],
          rows: steps.map((step) => [
            step.id,
            step.status,
            step.durationMs,
            step.cost === null ? null : microToUsd(step.cost),
            step.attempts,
          ]),
        },
        chart: null,
      },
    ],
  };
}
