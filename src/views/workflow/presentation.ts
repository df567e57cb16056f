import * as vscode from 'vscode';
import { durationText } from '../../flow/cellText.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { OperationResult } from '../../workflow/operationResult.ts';
import { criticalPath } from '../../workflow/schedule.ts';
import type { StepType } from '../../workflow/stepConfig.ts';
import { TaskGraph } from '../../workflow/taskGraph.ts';
import type { Workflow } from '../../workflow/workflow.ts';
import type { RunView, StepStatus, StepView } from '../../workflowRuns/runView.ts';
import type { Graph, GraphStep } from './protocol.ts';
import { runStatusText } from './runStatusText.ts';

/** What a run's view says beside the run. */
export interface RunSurroundings {
  /** The run that this one is compared with. */
  compared: RunView | null;
  simulated: boolean;
  inMlflow: boolean;
  /** Whether this window works on the run. */
  isHere: boolean;
}

/** A run as its view shows it. */
export function presentRun(run: RunView, { compared, simulated, inMlflow, isHere }: RunSurroundings): Graph {
  const critical = new Set(criticalSteps(run.steps));
  const before = new Map(compared?.steps.map((step) => [step.id, step]));
  return {
    title: run.workflow,
    runId: run.runId,
    facts: factsOf(run),
    warnings: [...run.warnings],
    error: run.error ? [run.error.message, run.error.hint].filter(Boolean).join(' ') : '',
    simulated,
    inMlflow,
    actions: { run: run.file !== null, resume: run.resumable, stop: isHere, compare: true },
    comparison: compared && { runId: compared.runId, text: comparisonText(run, compared) },
    steps: run.steps.map((step) => ({
      ...presentStep(step),
      critical: critical.has(step.id),
      before: comparedStep(step, before.get(step.id)),
    })),
  };
}

/** A workflow without a run, with the durations that are expected. */
export function presentWorkflow(workflow: Workflow, analysis: OperationResult, simulated: boolean): Graph {
  const critical = new Set(analysis.criticalPath);
  const expected = new Map(analysis.steps.map((step) => [step.id, step]));
  const time = durationText(analysis.makespanMs);
  return {
    title: workflow.name,
    runId: null,
    facts: [
      {
        name: vscode.l10n.t('Expected time'),
        value: analysis.estimated ? vscode.l10n.t('{0} (estimated)', time) : time,
      },
      { name: vscode.l10n.t('Cost limit'), value: formatUsd(workflow.costLimit) },
    ],
    warnings: [],
    error: '',
    simulated,
    inMlflow: false,
    actions: { run: true, resume: false, stop: false, compare: false },
    comparison: null,
    steps: [...new TaskGraph(workflow.steps).tasks.values()].map(({ id, step, after }): GraphStep => {
      const known = expected.get(id);
      const duration = known ? durationText(known.durationMs) : '';
      return {
        id,
        type: step.type,
        after: [...after],
        status: null,
        statusText: '',
        duration: known?.estimated ? vscode.l10n.t('about {0}', duration) : duration,
        wait: '',
        cost: known && known.medianCost !== null ? formatUsd(known.medianCost) : '',
        attempts: 0,
        cached: false,
        critical: critical.has(id),
        error: '',
        before: null,
      };
    }),
  };
}

/** The steps of the longest way through a run, by their durations; none before a step has ended. */
function criticalSteps(steps: readonly StepView[]): string[] {
  const durations = new Map(steps.map(({ id, durationMs }) => [id, durationMs ?? 0]));
  if (![...durations.values()].some((ms) => ms > 0)) return [];
  const flat = steps.map(({ id, type, after }) => ({
    id,
    type: type as StepType,
    config: {},
    dependsOn: after,
    steps: [],
    idempotent: true,
    path: [],
  }));
  return criticalPath(new TaskGraph(flat), durations);
}

function presentStep(step: StepView): Omit<GraphStep, 'critical' | 'before'> {
  const { id, type, after, status, durationMs, waitMs, cost, attempts, cached, error } = step;
  return {
    id,
    type,
    after: [...after],
    status,
    statusText: stepStatusText(status),
    duration: durationMs === null ? '' : durationText(durationMs),
    wait: waitMs === null ? '' : durationText(waitMs),
    cost: cost === null ? '' : formatUsd(cost),
    attempts,
    cached,
    error: error?.message ?? '',
  };
}

function factsOf(run: RunView): Graph['facts'] {
  const { status, startedAt, makespanMs, cost, costLimit, slaSeconds, slaMissed, slots, user, reason } = run;
  const limit = formatUsd(costLimit);
  const sla = (seconds: number): string =>
    slaMissed ? vscode.l10n.t('{0} s, missed', seconds) : vscode.l10n.t('{0} s', seconds);
  return [
    { name: vscode.l10n.t('State'), value: runStatusText(status) },
    { name: vscode.l10n.t('Started'), value: startText(startedAt) },
    { name: vscode.l10n.t('Took'), value: durationText(makespanMs) },
    {
      name: vscode.l10n.t('Cost'),
      value:
        cost === null
          ? vscode.l10n.t('at most {0}', limit)
          : vscode.l10n.t('{0} of {1}', formatUsd(cost), limit),
    },
    ...(slaSeconds === null ? [] : [{ name: vscode.l10n.t('Agreed time'), value: sla(slaSeconds) }]),
    { name: vscode.l10n.t('Steps at once'), value: String(slots) },
    { name: vscode.l10n.t('User'), value: user },
    { name: vscode.l10n.t('Reason'), value: reason },
  ];
}

function comparedStep(step: StepView, before: StepView | undefined): GraphStep['before'] {
  if (!before) return null;
  const { statusText, duration, cost } = presentStep(before);
  const ms =
    step.durationMs !== null && before.durationMs !== null ? step.durationMs - before.durationMs : null;
  return { statusText, duration, cost, change: ms === null ? '' : changeText(ms) };
}

function comparisonText(run: RunView, before: RunView): string {
  const when = startText(before.startedAt);
  const time = changeText(run.makespanMs - before.makespanMs);
  if (run.cost === null || before.cost === null)
    return vscode.l10n.t('Compared with the run of {0}: {1}.', when, time);
  const micro = run.cost - before.cost;
  const sign = micro > 0n ? '+' : micro < 0n ? '−' : '±';
  const cost = `${sign}${formatUsd(micro < 0n ? -micro : micro)}`;
  return vscode.l10n.t('Compared with the run of {0}: {1}, {2}.', when, time, cost);
}

function changeText(ms: number): string {
  return ms === 0 ? '±0 ms' : `${ms > 0 ? '+' : '−'}${durationText(Math.abs(ms))}`;
}

function stepStatusText(status: StepStatus): string {
  const texts = {
    waiting: vscode.l10n.t('waiting'),
    running: vscode.l10n.t('running'),
    success: vscode.l10n.t('done'),
    failed: vscode.l10n.t('failed'),
    cancelled: vscode.l10n.t('stopped'),
  };
  return texts[status];
}

function startText(iso: string): string {
  return new Intl.DateTimeFormat(vscode.env.language, { dateStyle: 'medium', timeStyle: 'medium' }).format(
    new Date(iso),
  );
}
