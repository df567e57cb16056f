import { randomUUID } from 'node:crypto';
import { recordedOrigin } from '../../src/gateways/callOrigin.ts';
import type { Core } from '../../src/core/core.ts';
import type { ParameterValues } from '../../src/flow/agreement.ts';
import { GatewayError } from '../../src/errors.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import type { Implementation } from '../../src/flow/implementation.ts';
import type { ExecuteOptions, FlowExecution } from '../../src/flow/flowAgreementManager.ts';
import type { Cell, Finding, Report } from '../../src/flow/report.ts';

export interface TestRun {
  parameters?: ParameterValues;
  signal?: AbortSignal;
  workspace?: string | null;
  onProgress?: (message: string) => void;
}

const hash = '0'.repeat(64);

/** Runs an implementation within a run of the real ledger, its calls made by the real gateway. */
export async function runImplementation(
  core: Core,
  implementation: Implementation,
  { parameters = {}, signal = new AbortController().signal, workspace = null, onProgress }: TestRun = {},
): Promise<Report> {
  const { registry, user } = core;
  const ledger = core.ledger as Ledger;
  const runId = randomUUID();
  const defaults = Object.fromEntries(
    implementation.parameters.map(({ name, default: initial }) => [name, initial ?? '']),
  );
  const given = { ...defaults, ...parameters };
  const { limit } = await core.budget();
  const reserved = implementation.worstCase(given, limit);
  const reason = `[${implementation.title}] of a test`;
  const origin = { door: 'test', folder: workspace, branch: null };
  const { refusal } = await ledger.startRun(runId, {
    ...{ agreement: implementation.id, trigger: `[${implementation.title}]`, flow_encoding: '@a#b!c@d' },
    ...{ implementation: implementation.id, definition_sha256: hash, source: null, confidence: 1 },
    ...{ ...core.caller, approved: null, user_id: user, reason, backend: null },
    ...recordedOrigin(origin),
    ...{ amount: reserved, concurrent: true },
  });
  if (refusal) throw new Error('The run was refused.');
  try {
    return await implementation.run({
      ...{ runId, parameters: given, reserved, signal, workspace, reason, origin },
      progress: (message) => onProgress?.(message),
      call: (request, options = {}) =>
        registry.calls().execute(
          {
            ...{ ...request, userId: user, auditReason: reason, origin },
            flow: { runId, agreement: implementation.id, costLimit: reserved },
          },
          { ...options, signal },
        ),
    });
  } finally {
    const end = ledger.endRun(runId, {
      ...{ execution_mode: 'real', outcome: 'success', error_code: null, fallback: null },
      ...{ fallback_outcome: null, validated_by: ['corporate_llm'], duration_ms: 1, summary: null },
      ...{ problems: 0, warnings: 0, report_sha256: null },
    });
    // One that has found the ledger damaged has no record.
    await end.catch((error: unknown) => {
      if (!implementation.examinesLedger || !GatewayError.is(error, 'ledger_damaged')) throw error;
    });
  }
}

/** Problems and warnings by id, each once. */
export function faultsOf({ findings }: Pick<Report, 'findings'>): string[] {
  const faults = findings.filter(({ severity }: Finding) => severity !== 'note');
  return [...new Set(faults.map(({ id }) => id))].toSorted();
}

/** Runs what a command means as a front door would. */
export function runCommand(
  core: Core,
  command: string,
  options: Partial<ExecuteOptions> = {},
): Promise<FlowExecution> {
  const origin = { door: 'test', folder: null, branch: null };
  return core.flow.executeFlowCommand(command, { origin, trusted: true, ...options });
}

/** The report of a run that succeeded; throws its error otherwise. */
export function reportOf({ report, error }: FlowExecution): Report {
  if (!report || error) throw error ?? new Error('The run has no report.');
  return report;
}

/** The value of a figure; throws where there is none. */
export function figureOf({ figures }: Report, id: string): Cell {
  const found = figures.find((figure) => figure.id === id);
  if (!found) throw new Error(`The report has no figure ${id}.`);
  return found.value;
}

/** The rows of a section's table; none where it has no table. */
export function rowsOf({ sections }: Report, id: string): readonly (readonly Cell[])[] {
  return sections.find((section) => section.id === id)?.table?.rows ?? [];
}

/** A finding; throws where there is none. */
export function findingOf({ findings }: Report, id: string): Finding {
  const found = findings.find((finding) => finding.id === id);
  if (!found) throw new Error(`The report has no finding ${id}.`);
  return found;
}
