import * as vscode from 'vscode';
import type { ChatMemory } from '../../chat/chatMemory.ts';
import type { Core } from '../../core/core.ts';
import { durationText } from '../../flow/cellText.ts';
import { requireReason } from '../../ledger/reason.ts';
import { formatUsd } from '../../pricing/cost.ts';
import type { Workflow } from '../../workflow/workflow.ts';
import type { RunEvent, RunOptions } from '../../workflowRuns/runView.ts';
import { requireTrust, validWorkflow } from '../../workflowRuns/runRequirements.ts';
import type { RunResult } from '../../workflowRuns/workflowOptimizer.ts';
import type { CoreHolder } from '../coreHolder.ts';
import { showFailure } from '../failures.ts';
import { askApproval } from '../flowRuns.ts';
import type { GitContext } from '../gitContext.ts';
import { pickReason } from '../pickReason.ts';
import { pickRun, pickWorkflow } from './pickWorkflow.ts';
import { readWorkflow, type WorkflowFiles } from './workflowFiles.ts';
import type { WorkflowRuns } from './workflowRuns.ts';

export interface RunWorkflowDependencies {
  holder: CoreHolder;
  files: WorkflowFiles;
  runs: WorkflowRuns;
  git: GitContext;
  memory: ChatMemory;
  /** Shows the graph of a run. */
  showRun: (runId: string) => Promise<void>;
  log: vscode.LogOutputChannel;
}

/** Asks for the workflow, its inputs, the reason and a confirmation of its cost, and runs it. */
export async function runWorkflow(
  file: string | undefined,
  dependencies: RunWorkflowDependencies,
): Promise<void> {
  const { holder, files, git, memory } = dependencies;
  requireTrust({ trusted: vscode.workspace.isTrusted });
  const core = await holder.whenReady();
  const path = file ?? (await pickWorkflow(files, vscode.l10n.t('Run Workflow')));
  if (path === undefined) return;
  files.name(path);
  await saved(path);
  const { text, parsed } = await readWorkflow(path);
  const workflow = validWorkflow(parsed, path);
  const inputs = await askInputs(workflow);
  if (!inputs) return;
  const reason = await pickReason(git, memory.reasons, '');
  if (reason === undefined) return;
  requireReason(reason, { minReasonLength: core.loaded.settings.audit.min_reason_length });
  if (!(await confirms(core, { ...workflow, reason }))) return;
  await memory.addReason(reason);
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(path));
  await follow(workflow.name, folder, dependencies, ({ workflows }, options) =>
    workflows.run({ file: path, text, reason, inputs, ...options }),
  );
}

/** Asks which run goes on, unless it is given, and goes on with it. */
export async function resumeWorkflow(
  runId: string | undefined,
  dependencies: RunWorkflowDependencies,
): Promise<void> {
  requireTrust({ trusted: vscode.workspace.isTrusted });
  const { holder, runs } = dependencies;
  const resumable = (await runs.list()).filter((one) => one.resumable);
  const asked = {
    title: vscode.l10n.t('Resume Workflow Run'),
    placeHolder: vscode.l10n.t('Select a run that didn’t end'),
  };
  if (runId === undefined && resumable.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t('No run of a workflow can be resumed.'));
    return;
  }
  const run =
    runId === undefined
      ? await pickRun(resumable, asked)
      : await holder.use(({ workflows }) => workflows.view(runId));
  if (!run || !(await confirms(await holder.whenReady(), { ...run, name: run.workflow }))) return;
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.fsPath === run.folder);
  await follow(run.workflow, folder, dependencies, ({ workflows }, options) =>
    workflows.resume(run.runId, { mayRepeat, ...options }),
  );
}

/** Only what is saved runs. */
async function saved(path: string): Promise<void> {
  const open = vscode.workspace.textDocuments.find(
    ({ uri, isDirty }) => isDirty && uri.scheme === 'file' && uri.fsPath === path,
  );
  await open?.save();
}

/** Undefined when cancelled. */
async function askInputs({ name, inputs }: Workflow): Promise<Record<string, string> | undefined> {
  const values: Record<string, string> = {};
  for (const [input, usual] of Object.entries(inputs)) {
    const value = await vscode.window.showInputBox({
      title: `${name} · ${input}`,
      prompt: vscode.l10n.t('Value of the input {0}', input),
      value: usual ?? '',
      ignoreFocusOut: true,
      validateInput: (text) => (text === '' && usual === null ? vscode.l10n.t('Enter a value.') : null),
    });
    if (value === undefined) return undefined;
    values[input] = value;
  }
  return values;
}

/** Real money is spent only after a person confirms, whoever calls the command. */
async function confirms(
  { backend }: Core,
  { name, costLimit, reason }: { name: string; costLimit: bigint; reason: string },
): Promise<boolean> {
  if (backend.simulated) return true;
  const run = vscode.l10n.t('Run');
  const detail = [
    vscode.l10n.t('It makes real calls that cost at most {0}.', formatUsd(costLimit)),
    vscode.l10n.t('Reason: {0}', reason),
  ].join('\n');
  const asked = vscode.l10n.t('Run {0}?', name);
  return (await vscode.window.showWarningMessage(asked, { modal: true, detail }, run)) === run;
}

/** Only a person knows whether a step that may have had its effect can be done again. */
async function mayRepeat(step: string): Promise<boolean> {
  const repeat = vscode.l10n.t('Do It Again');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('Step {0} may have had its effect. Do it again?', step),
    { modal: true, detail: vscode.l10n.t('It was begun, and isn’t marked as one that can run twice.') },
    repeat,
  );
  return chosen === repeat;
}

/** Runs with progress that can be cancelled, and says how it ended. */
async function follow(
  name: string,
  folder: vscode.WorkspaceFolder | undefined,
  { holder, runs, git, showRun, log }: RunWorkflowDependencies,
  run: (core: Core, options: RunOptions) => Promise<RunResult>,
): Promise<void> {
  const { Notification } = vscode.ProgressLocation;
  const options = { location: Notification, title: name, cancellable: true };
  const origin = await git.callOrigin('palette', folder);
  const result = await vscode.window.withProgress(options, async (report, token) => {
    const stopped = new AbortController();
    const stop = (): void => stopped.abort();
    token.onCancellationRequested(stop);
    const progress = progressText();
    let ended = (): void => undefined;
    try {
      return await holder.use((core) =>
        run(core, {
          origin,
          trusted: vscode.workspace.isTrusted,
          approve: askApproval,
          signal: stopped.signal,
          onEvent: (event) => {
            if (event.type === 'run_started') {
              ended = runs.begin(event.runId, stop);
              void showRun(event.runId).catch((error: unknown) => showFailure(log, error));
            }
            report.report({ message: progress(event) });
          },
        }),
      );
    } finally {
      ended();
    }
  });
  await tell(name, result, log);
}

/** What a notification says after each event. */
function progressText(): (event: RunEvent) => string {
  const running = new Set<string>();
  let limit = '';
  let done = 0;
  return (event) => {
    if (event.type === 'run_started') limit = vscode.l10n.t('at most {0}', formatUsd(event.reserved));
    if (event.type === 'step_started') running.add(event.step);
    if (event.type === 'step_ended') {
      running.delete(event.step);
      done += 1;
    }
    const [first] = running;
    const more = running.size > 1 ? ` +${running.size - 1}` : '';
    const steps = first === undefined ? '' : `${first}${more}`;
    return [vscode.l10n.t('{0} steps ended', done), steps, limit].filter(Boolean).join(' · ');
  };
}

async function tell(name: string, { view, error }: RunResult, log: vscode.LogOutputChannel): Promise<void> {
  const cost = formatUsd(view.cost ?? 0n);
  if (error && error.code !== 'cancelled') {
    await showFailure(log, error);
    return;
  }
  const text = error
    ? vscode.l10n.t('{0} was stopped; it cost {1}.', name, cost)
    : vscode.l10n.t('{0} ended after {1}; it cost {2}.', name, durationText(view.makespanMs), cost);
  void vscode.window.showInformationMessage(text);
}
