import { resolve } from 'node:path';
import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import { visibleLine } from '../visibleText.ts';
import type { SharedCallsClient } from '../workflowWorkers/sharedCalls.ts';
import { parseWorkflow } from '../workflow/workflowDocument.ts';
import type { RunEvent, RunOptions, RunView, StepView } from '../workflowRuns/runView.ts';
import type { RunResult } from '../workflowRuns/workflowOptimizer.ts';
import { approveAtTerminal, projectFolder, showProgress } from './flow.ts';
import { positiveInteger } from './options.ts';
import { controlScreen } from './output.ts';
import { askYesOrNo } from './questions.ts';
import { readTextFile } from './readText.ts';
import { stopSignal } from './stopSignal.ts';
import { terminalOrigin } from './terminalOrigin.ts';
import { errorJson, note, printError, printJson, printLine, table, type Terminal } from './terminal.ts';

export interface WorkflowRunOptions {
  reason?: string;
  input: string[];
  approve?: string;
  on?: string;
}

/** `tidyllm workflow run FILE`. Exit code of the error, 130 after an interrupt; 0 if every step succeeded. */
export async function workflowRun(
  core: Core,
  file: string,
  { reason, input, approve, on }: WorkflowRunOptions,
  terminal: Terminal,
): Promise<number> {
  const request = { file: resolve(file), text: await readTextFile(file), reason: reason ?? '' };
  const inputs = inputsFrom(input);
  return follow(core, { file, approve, on, terminal }, (options) =>
    core.workflows.run({ ...request, inputs, ...options }),
  );
}

/** `tidyllm workflow resume RUN`: goes on where a run ended; a step that can't run twice is asked about. */
export async function workflowResume(
  core: Core,
  runId: string,
  { repeat, approve, on }: { repeat: string[]; approve?: string; on?: string },
  terminal: Terminal,
): Promise<number> {
  const mayRepeat = (step: string): boolean | Promise<boolean> =>
    repeat.includes(step) ||
    (process.stdin.isTTY && askYesOrNo(`Step "${step}" may have had its effect. Do it again?`));
  return follow(core, { approve, on, terminal }, (options) =>
    core.workflows.resume(runId, { mayRepeat, ...options }),
  );
}

/** `tidyllm workflow history [FILE]`: runs, newest first, of all workflows or of a file's. */
export async function workflowHistory(
  core: Core,
  file: string | undefined,
  { limit }: { limit: string },
  terminal: Terminal,
): Promise<number> {
  const most = positiveInteger(limit, '--limit');
  const { runs, unreadable } = await core.workflows.list(
    most,
    file === undefined ? undefined : await namedIn(file),
  );
  if (unreadable > 0)
    note(terminal, `${unreadable} run(s) can’t be read: changed, or their user was erased.`);
  if (terminal.json) {
    printJson({ runs: runs.map(viewJson) });
    return 0;
  }
  const rows = runs.map((run) => [
    run.startedAt.slice(0, 19).replace('T', ' '),
    visibleLine(run.workflow),
    run.status,
    `${run.steps.filter(({ status }) => status === 'success').length}/${run.steps.length}`,
    seconds(run.makespanMs),
    run.cost === null ? '' : formatUsd(run.cost),
    run.slaMissed ? 'missed' : '',
    run.runId,
  ]);
  const header = ['time (UTC)', 'workflow', 'outcome', 'steps', 'took', 'cost', 'SLA', 'run'];
  printLine(table(header, rows, ['steps', 'took', 'cost']));
  return 0;
}

/** Runs with progress on standard error, and prints the result. An interrupt stops it in order. */
async function follow(
  core: Core,
  {
    file,
    approve,
    on,
    terminal,
  }: { file?: string; approve: string | undefined; on: string | undefined; terminal: Terminal },
  run: (options: RunOptions) => Promise<RunResult>,
): Promise<number> {
  if (core.simulatedBecause !== null) note(terminal, `SIMULATED: ${core.simulatedBecause}`);
  const shared = await callsOn(core, on);
  const stop = stopSignal();
  const result = await run({
    origin: await terminalOrigin(projectFolder(core), file),
    // Naming a workflow in a terminal means trusting this folder.
    trusted: true,
    approve: (request) => approveAtTerminal(request, approve),
    signal: stop.signal,
    onEvent: progressOn(terminal),
    ...(shared && { elsewhere: shared.of }),
  }).finally(async () => {
    stop.dispose();
    await shared?.close();
  });
  if (!terminal.quiet && process.stderr.isTTY) controlScreen('stderr', 'clearLine');
  if (terminal.json) printJson(resultJson(result));
  else printResult(result, on, terminal);
  return result.error?.exitCode ?? 0;
}

/** The calls that workers make; null where this machine makes them. */
async function callsOn(core: Core, on: string | undefined): Promise<SharedCallsClient | null> {
  if (on === undefined) return null;
  if (on !== 'postgres')
    throw new GatewayError('invalid_request', `--on must be postgres, not "${on}".`, {
      hint: 'Leave it out to run the workflow on this machine.',
    });
  core.workflows.requireShareable();
  const { openSharedCalls } = await import('../workflowWorkers/sharedCalls.ts');
  return openSharedCalls(await core.teamDatabase());
}

function progressOn(terminal: Terminal): (event: RunEvent) => void {
  let ended = 0;
  const running = new Set<string>();
  return (event) => {
    if (event.type === 'run_started')
      note(terminal, `Run ${event.runId}: at most ${formatUsd(event.reserved)} for calls of its steps.`);
    if (event.type === 'warning') note(terminal, `Warning: ${event.message}`);
    if (event.type === 'step_started') running.add(event.step);
    if (event.type === 'step_ended') {
      running.delete(event.step);
      ended += 1;
    }
    if (event.type.startsWith('step_'))
      showProgress(`${ended} ended; running: ${[...running].join(', ')}`, terminal);
  };
}

function printResult({ view, error, outputs }: RunResult, on: string | undefined, terminal: Terminal): void {
  const rows = view.steps.map((step) => [
    step.id,
    step.status,
    step.durationMs === null ? '' : seconds(step.durationMs),
    `${step.cached ? 'cached ' : ''}${step.cost === null ? '' : formatUsd(step.cost)}`,
    String(step.attempts),
  ]);
  printLine(table(['step', 'outcome', 'time', 'cost', 'attempts'], rows, ['time', 'cost', 'attempts']));
  for (const [id, value] of Object.entries(outputs))
    printLine(`${id}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  if (error) printError(error);
  if (error && view.resumable)
    note(
      terminal,
      on === undefined
        ? `Go on with "tidyllm workflow resume ${view.runId}".`
        : `Go on with "tidyllm workflow resume ${view.runId} --on ${on}". Until then calls that workers have begun count with the most that they can cost.`,
    );
  if (view.slaMissed) note(terminal, `The agreed ${view.slaSeconds} s were missed.`);
  const cost = view.cost === null ? '' : ` · ${formatUsd(view.cost)}`;
  note(terminal, `${view.status} after ${seconds(view.makespanMs)}${cost} · run ${view.runId}`);
}

function resultJson({ view, error, outputs }: RunResult): object {
  return {
    ...documentOf(view),
    outputs,
    sla_missed: view.slaMissed,
    warnings: view.warnings,
    error: error && errorJson(error),
  };
}

function viewJson(view: RunView): object {
  const { workflow, file, startedAt, endedAt, resumable, slaMissed } = view;
  return {
    ...documentOf(view),
    workflow,
    file,
    started_at: startedAt,
    ended_at: endedAt,
    resumable,
    sla_missed: slaMissed,
  };
}

function documentOf({ runId, status, steps, cost, makespanMs }: RunView): object {
  return {
    run_id: runId,
    status,
    steps: steps.map(stepJson),
    cost_usd: cost === null ? null : microToUsd(cost),
    makespan_ms: makespanMs,
  };
}

function stepJson({ id, status, durationMs, cost, attempts, cached }: StepView): object {
  return {
    id,
    status,
    duration_ms: durationMs,
    cost_usd: cost === null ? null : microToUsd(cost),
    attempts,
    cached,
  };
}

/** Throws `invalid_request` for a file with errors, which has no name to look for. */
async function namedIn(file: string): Promise<{ file: string; name: string }> {
  const path = resolve(file);
  const { workflow } = parseWorkflow(path, await readTextFile(file));
  if (workflow) return { file: path, name: workflow.name };
  throw new GatewayError('invalid_request', `${file} is no valid workflow.`, {
    hint: `Run "tidyllm workflow fix ${file}", or list all runs without naming a file.`,
  });
}

function inputsFrom(options: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    options.map((option) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(option) ?? [];
      if (name !== undefined && value !== undefined) return [name, value];
      throw new GatewayError('invalid_request', `--input must be NAME=VALUE, not "${option}".`);
    }),
  );
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
