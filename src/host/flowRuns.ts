import * as vscode from 'vscode';
import type { Core } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import type { FlowAgreement } from '../flow/agreement.ts';
import type { EventsOf, FlowExecutionEntry } from '../flow/executionHistory.ts';
import type { ApprovalRequest, ExecuteOptions, FlowExecution } from '../flow/flowAgreementManager.ts';
import { notMatched } from '../flow/notMatched.ts';
import { shownCommand } from '../flow/shownCommand.ts';
import type { StoredReport } from '../flow/report.ts';
import type { ExecutionMode } from '../ledger/records.ts';
import { formatUsd } from '../pricing/cost.ts';
import type { CallOrigin } from '../gateways/callOrigin.ts';
import type { CoreHolder } from './coreHolder.ts';
import type { GitContext } from './gitContext.ts';
import type { Histories } from './histories.ts';

/** Runs searched to find one. */
const runsSearched = 1_000;
/** Complete reports kept in this window. */
const reportsKept = 20;

/** A run in progress in this window. */
export interface RunningRun {
  agreement: string;
  /** The current step. */
  message: string;
  /** Progress, 0 to 1; null if unknown. */
  share: number | null;
  stop: () => void;
}

/** A run that has a report. */
export interface ReportedRun {
  runId: string;
  /** ISO 8601. */
  startedAt: string;
  executionMode: ExecutionMode;
}

export interface RunOptions {
  parameters?: Readonly<Record<string, unknown>> | undefined;
  confidence?: number | undefined;
  /** The front door: `palette`, `chat`, … */
  command: string;
  signal?: AbortSignal | undefined;
  onProgress?: ((message: string, share?: number) => void) | undefined;
}

/** FLOW runs of this window, and those in the ledger. */
export class FlowRuns implements vscode.Disposable {
  readonly #holder: CoreHolder;
  readonly #histories: Histories;
  readonly #git: GitContext;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #running = new Set<RunningRun>();
  /** Cached records: reading verifies each one, which is too slow for every change of a view. */
  #read: { stamp: string; entries: readonly FlowExecutionEntry[] } | null = null;
  /** Reports with their private sections, which are kept only while the window is open. */
  readonly #reports = new Map<string, StoredReport>();

  /** Fires when a run starts, progresses or ends. */
  readonly onDidChange = this.#changed.event;

  constructor(holder: CoreHolder, histories: Histories, git: GitContext) {
    this.#holder = holder;
    this.#histories = histories;
    this.#git = git;
  }

  get running(): readonly RunningRun[] {
    return [...this.#running];
  }

  stop(agreement: string): void {
    for (const run of this.#running) if (run.agreement === agreement) run.stop();
  }

  dispose(): void {
    for (const run of this.#running) run.stop();
    this.#changed.dispose();
  }

  /** Runs an agreement; resolves when its end is recorded. Throws what `executeAgreement` throws. */
  async execute(agreement: FlowAgreement, options: RunOptions): Promise<FlowExecution> {
    const stopped = new AbortController();
    const run: RunningRun = {
      agreement: agreement.id,
      message: '',
      share: null,
      stop: () => stopped.abort(),
    };
    options.signal?.addEventListener('abort', run.stop, { once: true });
    if (options.signal?.aborted) run.stop();
    this.#running.add(run);
    this.#changed.fire();
    let limit = '';
    try {
      const execution: ExecuteOptions = {
        parameters: options.parameters ?? {},
        confidence: options.confidence ?? 1,
        origin: await this.#origin(agreement, options.command),
        signal: stopped.signal,
        trusted: vscode.workspace.isTrusted,
        approve: askApproval,
        onStart: (_, reserved) => {
          if (reserved > 0n) limit = vscode.l10n.t('at most {0}', formatUsd(reserved));
        },
        onProgress: (said, share) => {
          const message = [said, limit].filter(Boolean).join(' · ');
          Object.assign(run, { message, share: share ?? null });
          options.onProgress?.(message, share);
          this.#changed.fire();
        },
      };
      return await this.#holder.use(async ({ flow }) =>
        this.#keep(await flow.executeAgreement(agreement, execution)),
      );
    } finally {
      options.signal?.removeEventListener('abort', run.stop);
      this.#running.delete(run);
      this.#changed.fire();
    }
  }

  /** Runs the agreement that matches a command. Throws `flow_not_matched` and what `execute` throws. */
  async executeCommand(
    text: string,
    options: RunOptions & { onStart: (agreement: FlowAgreement) => void },
  ): Promise<FlowExecution> {
    const { flow } = await this.#holder.whenReady();
    const match = await flow.parseCommand(text);
    if (!match.agreement) throw notMatched(text, match);
    options.onStart(match.agreement);
    const { parameters, confidence } = match;
    return this.execute(match.agreement, { ...options, parameters, confidence });
  }

  /** The last runs of the ledger in use, newest first. Throws `ledger_damaged`. */
  async history(limit: number): Promise<readonly FlowExecutionEntry[]> {
    const { flow, journal } = await this.#holder.whenReady();
    const index = this.#histories.of(journal.directory);
    const eventsOf: EventsOf = (kind, most) => index.ask('events', [kind, most]);
    const latest = await Promise.all([eventsOf('flow_start', 1), eventsOf('flow_end', 1)]);
    const stamp = JSON.stringify([journal.directory, limit, latest]);
    if (this.#read?.stamp === stamp) return this.#read.entries;
    const entries = await flow.getExecutionHistory(eventsOf, limit);
    this.#read = { stamp, entries };
    return entries;
  }

  /** The report of a run, with its private sections while the window is open. Throws `GatewayError`. */
  async reportOf(runId: string): Promise<StoredReport> {
    const shown = this.#reports.get(runId);
    if (shown) return shown;
    const core = await this.#holder.whenReady();
    const { reportSha256, trigger } = await this.entry(runId);
    if (reportSha256 !== null) return core.reports.read(runId, reportSha256);
    throw new GatewayError('invalid_request', vscode.l10n.t('This run of {0} has no report.', trigger), {
      hint: vscode.l10n.t('Only a completed run has a report.'),
    });
  }

  /** Runs of an agreement with a report, newest first. */
  async reportedRuns(agreement: string): Promise<ReportedRun[]> {
    const entries = await this.history(runsSearched);
    return entries.flatMap(({ agreement: of, runId, timestamp, mode, reportSha256 }) =>
      of === agreement && mode !== null && reportSha256 !== null
        ? [{ runId, startedAt: timestamp, executionMode: mode }]
        : [],
    );
  }

  /** Throws `invalid_request` for a run that isn't in the ledger. */
  async entry(runId: string): Promise<FlowExecutionEntry> {
    const { runById } = await import('../flow/executionHistory.ts');
    return runById(await this.history(runsSearched), runId);
  }

  #keep(execution: FlowExecution): FlowExecution {
    const stored = execution.storedReport;
    if (stored) this.#reports.set(execution.runId, stored);
    const oldest = this.#reports.keys().next();
    if (this.#reports.size > reportsKept && !oldest.done) this.#reports.delete(oldest.value);
    return execution;
  }

  /** A workspace agreement runs in the folder that defines it. */
  #origin({ source }: FlowAgreement, door: string): Promise<CallOrigin> {
    const defined =
      source.kind === 'workspace' && source.file !== null
        ? vscode.workspace.getWorkspaceFolder(vscode.Uri.file(source.file))
        : undefined;
    return this.#git.callOrigin(door, defined);
  }
}

/** A command line runs only after a person has seen it. */
export async function askApproval({ agreement, command, directory }: ApprovalRequest): Promise<boolean> {
  const run = vscode.l10n.t('Run Command');
  const chosen = await vscode.window.showWarningMessage(
    vscode.l10n.t('{0} runs a command on this machine.', agreement.trigger),
    { modal: true, detail: `${shownCommand(command)}\n\n${vscode.l10n.t('In {0}', directory)}` },
    run,
  );
  return chosen === run;
}

/** The most that a run can cost, formatted; null if it costs nothing or is unknown. */
export async function worstCaseOf(
  { flow }: Core,
  agreement: FlowAgreement,
  parameters?: object,
): Promise<bigint | null> {
  try {
    const worst = await flow.worstCase(agreement, { ...parameters });
    return worst > 0n ? worst : null;
  } catch (error) {
    if (GatewayError.is(error)) return null;
    throw error;
  }
}
