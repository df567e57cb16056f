import { randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import type { Screening } from '../compliance/screening.ts';
import type { GatewayErrorCode } from '../errorCodes.ts';
import { GatewayError, messageOf } from '../errors.ts';
import { budgetBlocked } from '../gateways/budgetRefusals.ts';
import { recordedOrigin, type CallOrigin } from '../gateways/callOrigin.ts';
import type { CallTracker, EndedRun } from '../gateways/ports.ts';
import type { LlmRequest } from '../gateways/modelCalls.ts';
import type { AgreementValidation, GatewayRegistry } from '../gateways/registry.ts';
import type {
  EndRunInput,
  LedgerAdministration,
  LedgerReader,
  RunLedger,
  RunReceipt,
  RunRefusal,
} from '../ledger/contract.ts';
import type { LedgerLocation } from '../ledger/readJournal.ts';
import type { Caller, ExecutionMode, RunOutcome } from '../ledger/records.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import type {
  BuiltInId,
  FlowAgreement,
  ParameterDefinition,
  ParameterValues,
  ShellAction,
} from './agreement.ts';
import { loadCatalogue, type Catalogue, type FlowFile } from './catalogue.ts';
import { executionHistory, type EventsOf, type FlowExecutionEntry } from './executionHistory.ts';
import { formatFlowEncoding } from './flowEncoding.ts';
import { FailedWithReport, type FlowRun, type Implementation, type RunRequest } from './implementation.ts';
import { Matcher, type FlowMatch } from './matching.ts';
import { notMatched } from './notMatched.ts';
import { resolveParameters } from './parameters.ts';
import type { Finding, Report, StoredReport } from './report.ts';
import type { ReportStore } from './reportStore.ts';
import { changeStamp } from '../changeStamp.ts';
import type { Fault } from '../yamlDocument.ts';

/** The maximum length of a reason. */
const longestReason = 1000;

export interface FlowDependencies {
  ledger: RunLedger & Pick<LedgerReader, 'budget' | 'timeZone'> & Pick<LedgerAdministration, 'recover'>;
  journal: LedgerLocation;
  registry: GatewayRegistry;
  reports: ReportStore;
  backend: { id: string; simulated: boolean };
  user: string;
  /** Who makes a run, whatever the name. */
  caller: Caller;
  /** Told of each run that ended. */
  tracker: Pick<CallTracker, 'run'>;
  /** The agreement files, and the faults of their names. */
  sources: { files: readonly FlowFile[]; faults: readonly Fault[] };
  /** What the calls of built-in agreements are for; undefined where policy doesn't name it. */
  builtInUseClass: string | undefined;
  screening: Pick<Screening, 'recordable'>;
  /** The implementations and fallbacks of agreements. */
  implementationOf: (agreement: FlowAgreement) => Promise<Implementation>;
  fallbackOf: (id: BuiltInId) => Promise<Implementation>;
  /**
   * Where duties are separated: null if a second person has approved this wording of an agreement, otherwise the id of the
   * request for that, which is recorded if there is none. Left out where one person is enough.
   */
  secondPerson?: (
    agreement: Pick<FlowAgreement, 'id' | 'definitionSha256'>,
    reason: string,
  ) => Promise<string | null>;
}

/** A command line that a person must see before it runs. */
export interface ApprovalRequest {
  agreement: FlowAgreement;
  command: string;
  /** Absolute. */
  directory: string;
}

export interface ExecuteOptions {
  /** Parameters as given; the agreement checks and completes them. */
  parameters?: Readonly<Record<string, unknown>>;
  /** How well the command matched; 1 for a selected agreement. */
  confidence?: number;
  origin: CallOrigin;
  signal?: AbortSignal;
  onProgress?: (message: string, share?: number) => void;
  /** Called once the run has started, with its reservation in micro-USD. */
  onStart?: (runId: string, reserved: bigint) => void;
  /** Whether the workspace is trusted. */
  trusted: boolean;
  /** Shows a command line to a person; without it no command runs. */
  approve?: (request: ApprovalRequest) => Promise<boolean>;
}

/** The fallback that ran after the implementation failed. */
export interface FallbackExecution {
  implementation: string;
  report: Report | null;
  error: GatewayError | null;
}

/** The result of a run. A failed run is an execution with an error, never an exception. */
export interface FlowExecution {
  runId: string;
  agreement: FlowAgreement;
  /** `real` only if the implementation itself completed on a real back-end. */
  mode: ExecutionMode;
  outcome: RunOutcome;
  confidence: number;
  parameters: ParameterValues;
  /** ISO 8601. */
  startedAt: string;
  durationMs: number;
  /** Reserved before the start, and spent, micro-USD. */
  reserved: bigint;
  cost: bigint;
  calls: number;
  validations: readonly AgreementValidation[];
  report: Report | null;
  /** The report of the implementation or the fallback; null if there is none. */
  storedReport: StoredReport | null;
  /** Why the report could not be stored; null if it was stored, or there is none. */
  notKept: GatewayError | null;
  error: GatewayError | null;
  fallback: FallbackExecution | null;
  /** Whether its answers and money are simulated. */
  simulated: boolean;
  /** Sequence number of the record that ended it; null if a damaged ledger refuses records. */
  receipt: RunReceipt | null;
}

/** A request to run an agreement. */
interface Asked {
  agreement: FlowAgreement;
  parameters: ParameterValues;
  options: ExecuteOptions;
}

/** The state of a run in progress. */
interface Running extends Asked {
  runId: string;
  reason: string;
  signal: AbortSignal;
  startedAt: Date;
  began: number;
  /** Whether it may continue while the ledger refuses records. */
  examinesLedger: boolean;
}

/** The outcome of the implementation. */
interface Work {
  report: Report | null;
  error: GatewayError | null;
  fallback: FallbackExecution | null;
}

interface Ending {
  validations: readonly AgreementValidation[];
  reserved: bigint;
  /** Whether it was refused before the start. */
  refused: boolean;
  work: Work;
}

/** The audit reason of an agreement's calls. */
function reasonOf({ trigger, expandedMeaning }: FlowAgreement): string {
  return `${trigger} ${expandedMeaning}`.slice(0, longestReason);
}

/** The values of parameters that have one before a person is asked. */
function initialValues(
  parameters: readonly ParameterDefinition[],
  fixed: ParameterValues = {},
): ParameterValues {
  const initial = parameters.flatMap(({ name, default: value }) => (value === null ? [] : [[name, value]]));
  return { ...fixed, ...(Object.fromEntries(initial) as ParameterValues) };
}

/** How a recorded request gets its second signature. */
function approvalSteps(id: string): string {
  return `Request ${id} is recorded. Export it with "tidyllm compliance exception show ${id} --out FILE", have an approver sign it, and import their file.`;
}

/** After a person's decision, or because another run is in progress, no fallback runs. */
const withoutFallback: ReadonlySet<GatewayErrorCode> = new Set([
  'cancelled',
  'flow_not_approved',
  'flow_running',
]);

/** Before the workspace is trusted, no agreement from it runs, and no command. */
function distrustOf(
  { shell, workflow, source, trigger }: FlowAgreement,
  { trusted }: ExecuteOptions,
): GatewayError | null {
  if (trusted || !(shell || workflow || source.kind === 'workspace')) return null;
  const message = `${trigger} does not run: the workspace is not trusted.`;
  const hint = 'Trust the workspace first, if you trust its authors.';
  return new GatewayError('flow_not_approved', message, { hint });
}

/** Pre-approved operations by name: finds the agreement that a command means, and runs it with its own record. */
export class FlowAgreementManager {
  readonly #dependencies: FlowDependencies;
  #loaded: { stamp: string; catalogue: Catalogue; matcher: Matcher } | null = null;

  constructor(dependencies: FlowDependencies) {
    this.#dependencies = dependencies;
  }

  /** The agreements of the current files, with their faults. */
  async catalogue(): Promise<Catalogue> {
    return (await this.#load()).catalogue;
  }

  async getAvailableAgreements(): Promise<readonly FlowAgreement[]> {
    return (await this.catalogue()).agreements;
  }

  /** The agreement with an id. Throws `flow_not_matched`. */
  async agreement(id: string): Promise<FlowAgreement> {
    const { catalogue, matcher } = await this.#load();
    const found = catalogue.agreements.find((agreement) => agreement.id === id);
    if (!found) throw notMatched(id, matcher.match(id));
    return found;
  }

  /** The agreement that a command means; below the threshold none, with the nearest instead. */
  async parseCommand(text: string): Promise<FlowMatch> {
    return (await this.#load()).matcher.match(text);
  }

  async #load(): Promise<{ catalogue: Catalogue; matcher: Matcher }> {
    const { files, faults } = this.#dependencies.sources;
    const stamp = files.map(({ path }) => changeStamp(path)).join();
    if (this.#loaded?.stamp !== stamp) {
      const loaded = await loadCatalogue({ files });
      const catalogue = { ...loaded, faults: [...faults, ...loaded.faults] };
      this.#loaded = { stamp, catalogue, matcher: new Matcher(catalogue.agreements) };
    }
    return this.#loaded;
  }

  /** Throws `flow_not_matched` with the nearest triggers, and what `executeAgreement` throws. */
  async executeFlowCommand(text: string, options: ExecuteOptions): Promise<FlowExecution> {
    const match = await this.parseCommand(text);
    if (!match.agreement) throw notMatched(text, match);
    const parameters = { ...match.parameters, ...options.parameters };
    return this.executeAgreement(match.agreement, { ...options, parameters, confidence: match.confidence });
  }

  /** The last runs in the ledger, newest first, each record verified. Throws `ledger_damaged`. */
  getExecutionHistory(eventsOf: EventsOf, limit: number): Promise<FlowExecutionEntry[]> {
    return executionHistory(this.#dependencies.journal.directory, eventsOf, limit);
  }

  /** The most that a run can cost, micro-USD. Throws `GatewayError`. */
  async worstCase(agreement: FlowAgreement, given: Readonly<Record<string, unknown>> = {}): Promise<bigint> {
    const implementation = await this.#dependencies.implementationOf(agreement);
    const held = implementation.worstCase(resolveParameters(agreement, given), agreement.costLimit);
    return held + (implementation.ownWorstCase?.() ?? 0n);
  }

  /**
   * Every gateway's decision on an agreement with its defaults, without running it: nothing is recorded. With `redact`, what
   * policy would keep back is redacted first. Throws `GatewayError` for what prevents its calls anywhere.
   */
  async validate(
    agreement: FlowAgreement,
    { redact = false, origin }: { redact?: boolean; origin: CallOrigin },
  ): Promise<AgreementValidation[]> {
    const implementation = await this.#dependencies.implementationOf(agreement);
    const parameters = initialValues(agreement.parameters, agreement.fixed);
    const worstCase = implementation.worstCase(parameters, agreement.costLimit);
    const reason = reasonOf(agreement);
    const call = { agreement, reason, origin };
    const requests = this.#requestsOf(implementation, parameters).map((request) => ({
      ...this.#requestFor(call, request),
      redact,
    }));
    return this.#validate({ agreement, reason }, requests, worstCase);
  }

  /**
   * Runs an agreement: validated by every gateway, within its cost limit, with its start and end recorded.
   * Throws for invalid parameters, and if the ledger can't be written.
   */
  async executeAgreement(agreement: FlowAgreement, options: ExecuteOptions): Promise<FlowExecution> {
    // Missing trust is reported first, whatever else is wrong.
    const distrust = distrustOf(agreement, options);
    const parameters = distrust ? {} : resolveParameters(agreement, options.parameters ?? {});
    const asked = { agreement, parameters, options };
    const { implementation, reserved, error } = await this.#prepare(asked, distrust);
    const approval = error
      ? { approved: distrust && agreement.shell ? false : null, error }
      : await this.#approval(asked);
    // The time limit starts here, so that it doesn't include a person's approval.
    const running: Running = {
      ...asked,
      runId: randomUUID(),
      reason: await this.#dependencies.screening.recordable(reasonOf(agreement)),
      signal: signalOf(asked),
      startedAt: new Date(),
      began: performance.now(),
      examinesLedger: implementation.examinesLedger ?? false,
    };
    const ready = implementation.examinesLedger
      ? await this.#unlessDamaged(running, () => this.#dependencies.ledger.budget())
      : true;
    if (ready === null && !approval.error) {
      const work = await this.#work(running, implementation, 0n);
      return this.#end(running, { validations: [], reserved: 0n, refused: false, work });
    }
    const requests = this.#requestsOf(implementation, parameters);
    const validations = approval.error
      ? []
      : await this.#validate(
          running,
          requests.map((request) =>
            this.#requestFor({ agreement, reason: running.reason, origin: options.origin }, request),
          ),
          reserved,
        );
    const refused = approval.error ?? validations.find((one) => one.error)?.error ?? null;
    const refusal = await this.#start(running, refused ? 0n : reserved, approval.approved);
    const refusedBy = refused ?? refusal;
    // The start is recorded, so the end must be too: nothing below throws before that.
    if (refusedBy) {
      if (refusedBy.code === 'compliance_blocked') await this.#recordKeptBack(running, requests);
      const work = { report: null, error: refusedBy, fallback: await this.#fallback(running, refusedBy, 0n) };
      return this.#end(running, { validations, reserved: 0n, refused: true, work });
    }
    const work = await this.#work(running, implementation, reserved);
    return this.#end(running, { validations, reserved, refused: false, work });
  }

  /** The implementation that will run, and the most that it can cost. */
  async #prepare({ agreement, parameters }: Asked, distrust: GatewayError | null) {
    const implementation = await this.#dependencies.implementationOf(agreement);
    if (distrust) return { implementation, reserved: 0n, error: distrust };
    try {
      return {
        implementation,
        reserved: implementation.worstCase(parameters, agreement.costLimit),
        error: null,
      };
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      return { implementation, reserved: 0n, error };
    }
  }

  /** A command line runs only after a person has seen it. */
  async #approval({
    agreement,
    options,
  }: Asked): Promise<{ approved: boolean | null; error: GatewayError | null }> {
    const { shell, trigger } = agreement;
    const approved = shell ? false : null;
    if (!shell) return { approved, error: null };
    const { folder: workspace } = options.origin;
    if (workspace === null) {
      const error = new GatewayError(
        'flow_not_approved',
        `${trigger} runs a command, which needs a folder.`,
        {
          hint: 'Open a folder, or run it in one.',
        },
      );
      return { approved, error };
    }
    const directory = directoryOf(workspace, shell);
    if (directory === null) {
      const error = new GatewayError(
        'flow_not_approved',
        `${trigger} does not run: ${shell.directory} is not a folder inside ${workspace}.`,
        { hint: 'Name a folder of the workspace in shell.directory, not a link that leads out of it.' },
      );
      return { approved, error };
    }
    const request = { agreement, command: shell.command, directory };
    if (await options.approve?.(request)) return this.#secondApproval(agreement);
    const error = new GatewayError('flow_not_approved', `The command of ${trigger} was not approved.`, {
      hint: 'Nothing was run. Run it again and approve it, if it is right.',
    });
    return { approved, error };
  }

  /** Where duties are separated, what a person approved runs only with the signature of another. */
  async #secondApproval(
    agreement: FlowAgreement,
  ): Promise<{ approved: boolean; error: GatewayError | null }> {
    const { trigger } = agreement;
    const { secondPerson } = this.#dependencies;
    if (!secondPerson) return { approved: true, error: null };
    try {
      const waiting = await secondPerson(agreement, reasonOf(agreement));
      if (waiting === null) return { approved: true, error: null };
      const message = `The command of ${trigger} needs a second person’s approval.`;
      const hint = `Nothing was run. ${approvalSteps(waiting)} Then run it again.`;
      return { approved: false, error: new GatewayError('flow_not_approved', message, { hint }) };
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      return { approved: false, error };
    }
  }

  #validate(
    { agreement, reason }: Pick<Running, 'agreement' | 'reason'>,
    requests: readonly LlmRequest[],
    worstCase: bigint,
  ): Promise<AgreementValidation[]> {
    const { id, costLimit } = agreement;
    const context = { agreement: id, reason, requests, worstCase, costLimit };
    return this.#dependencies.registry.validateAgreement(context);
  }

  /** What policy kept back is recorded as a call, as everywhere: with its findings, and what an exception would permit. */
  async #recordKeptBack(running: Running, requests: readonly RunRequest[]): Promise<void> {
    const { run } = this.#run(running, 0n);
    for (const request of requests) if ((await run.call(request)).error) return;
  }

  #requestsOf(implementation: Implementation, parameters: ParameterValues): readonly RunRequest[] {
    return implementation.requests?.(parameters) ?? [];
  }

  /** A call of an agreement, with its user, reason, use class and origin. */
  #requestFor(
    { agreement, reason, origin }: { agreement: FlowAgreement; reason: string; origin: CallOrigin },
    request: RunRequest,
  ): LlmRequest {
    const { user, builtInUseClass } = this.#dependencies;
    const { source } = agreement;
    const useClass = source.kind === 'built-in' ? builtInUseClass : agreement.useClass;
    return {
      ...request,
      userId: user,
      auditReason: reason,
      ...(useClass !== undefined && { useClass }),
      origin: { ...origin, file: source.file ?? undefined },
    };
  }

  /** Records the start. The error says why it may not start. */
  async #start(running: Running, amount: bigint, approved: boolean | null): Promise<GatewayError | null> {
    const { ledger, backend, user, caller } = this.#dependencies;
    const { agreement, reason, options } = running;
    const origin = recordedOrigin(options.origin);
    const input = {
      amount,
      approved,
      reason,
      ...origin,
      agreement: agreement.id,
      trigger: agreement.trigger,
      flow_encoding: formatFlowEncoding(agreement.flowEncoding),
      implementation: agreement.implementation,
      definition_sha256: agreement.definitionSha256,
      source: agreement.source.file,
      confidence: options.confidence ?? 1,
      user_id: user,
      ...caller,
      backend: backend.id,
      concurrent: agreement.concurrent,
    };
    // A run of a dead process must not block this one.
    await ledger.recover();
    const { refusal } = await ledger.startRun(running.runId, input);
    return refusal && refusalError(refusal, agreement, amount, ledger.timeZone);
  }

  async #work(running: Running, implementation: Implementation, reserved: bigint): Promise<Work> {
    const { signal, options } = running;
    const { run, settled } = this.#run(running, reserved);
    try {
      signal.throwIfAborted();
      options.onStart?.(running.runId, reserved);
      const report = await implementation.run(run);
      // A cancel at the last moment still counts.
      signal.throwIfAborted();
      return { report, error: null, fallback: null };
    } catch (thrown) {
      const error = runError(thrown, running.agreement, signal, options.signal);
      const fallback = await this.#fallback(running, error, reserved);
      return { report: error instanceof FailedWithReport ? error.report : null, error, fallback };
    } finally {
      // A run ends after all its calls, including those that its implementation no longer awaits.
      await settled();
    }
  }

  #run(
    { runId, agreement, parameters, reason, signal, options }: Running,
    costLimit: bigint,
  ): { run: FlowRun; settled: () => Promise<unknown> } {
    const { registry } = this.#dependencies;
    const calls = new Set<Promise<unknown>>();
    const run: FlowRun = {
      runId,
      parameters,
      signal,
      reserved: costLimit,
      reason,
      origin: options.origin,
      workspace: options.origin.folder,
      progress: (message, share) => options.onProgress?.(message, share),
      call: (request, { onEvent } = {}) => {
        const call = registry.calls().execute(
          {
            ...this.#requestFor({ agreement, reason, origin: options.origin }, request),
            flow: { runId, agreement: agreement.id, costLimit },
          },
          { signal, ...(onEvent && { onEvent }) },
        );
        calls.add(call);
        void call.finally(() => calls.delete(call));
        return call;
      },
    };
    return { run, settled: () => Promise.allSettled(calls) };
  }

  /** Runs the agreement's fallback, within the rest of the run's reservation. */
  async #fallback(
    running: Running,
    { code }: GatewayError,
    reserved: bigint,
  ): Promise<FallbackExecution | null> {
    const { agreement, options } = running;
    const { fallback } = agreement;
    if (fallback === null || withoutFallback.has(code)) return null;
    const signal = signalOf(running);
    let settled: () => Promise<unknown> = () => Promise.resolve();
    try {
      const implementation = await this.#dependencies.fallbackOf(fallback);
      const parameters = initialValues(implementation.parameters);
      const made = this.#run({ ...running, parameters, signal }, reserved);
      ({ settled } = made);
      return { implementation: fallback, report: await implementation.run(made.run), error: null };
    } catch (thrown) {
      const error = runError(thrown, agreement, signal, options.signal);
      return { implementation: fallback, report: null, error };
    } finally {
      await settled();
    }
  }

  async #end(running: Running, { validations, reserved, refused, work }: Ending): Promise<FlowExecution> {
    const { ledger, backend, tracker } = this.#dependencies;
    const { runId, agreement, parameters, options, startedAt } = running;
    const { report, error, fallback } = work;
    const mode = error ? 'failed' : isSimulated(agreement, backend) ? 'simulated' : 'real';
    const durationMs = Math.round(performance.now() - running.began);
    const found = withFailure(report ?? fallback?.report ?? null, agreement, error);
    const { stored, sha256, notKept } = await this.#keep(running, found, mode, durationMs);
    const ending: EndRunInput = {
      execution_mode: mode,
      outcome: outcomeOf(error, refused),
      error_code: error?.code ?? null,
      fallback: fallback?.implementation ?? null,
      fallback_outcome: fallback && (fallback.error ? 'failed' : 'success'),
      validated_by: validations.filter(({ state }) => state === 'approved').map(({ gateway }) => gateway),
      duration_ms: durationMs,
      summary: report?.summary ?? null,
      problems: countOf(report, 'problem'),
      warnings: countOf(report, 'warning'),
      report_sha256: sha256,
    };
    const receipt = await this.#unlessDamaged(running, () => ledger.endRun(runId, ending));
    tracker.run(trackedRun(running, ending, report, receipt));
    return {
      runId,
      agreement,
      mode,
      parameters,
      durationMs,
      reserved,
      validations,
      report,
      error,
      fallback,
      outcome: outcomeOf(error, refused),
      confidence: options.confidence ?? 1,
      startedAt: startedAt.toISOString(),
      cost: receipt?.cost ?? 0n,
      calls: receipt?.calls ?? 0,
      storedReport: stored,
      notKept,
      simulated: isSimulated(agreement, backend),
      receipt,
    };
  }

  /** The ledger's result; null if the ledger is damaged and the run diagnoses it. */
  async #unlessDamaged<T>({ examinesLedger }: Running, ask: () => Promise<T>): Promise<T | null> {
    try {
      return await ask();
    } catch (error) {
      if (examinesLedger && GatewayError.is(error, 'ledger_damaged')) return null;
      throw error;
    }
  }

  /** Stores the report of a run. A failed run's report goes only to the caller. Never throws. */
  async #keep(
    running: Running,
    report: Report | null,
    mode: ExecutionMode,
    durationMs: number,
  ): Promise<{ stored: StoredReport | null; sha256: string | null; notKept: GatewayError | null }> {
    if (!report) return { stored: null, sha256: null, notKept: null };
    const { runId, agreement, parameters, startedAt } = running;
    const { ledger, reports } = this.#dependencies;
    const { id, trigger, prompt, shell } = agreement;
    let stored: StoredReport | null = null;
    try {
      const totals = await this.#unlessDamaged(running, () => ledger.runTotals(runId));
      stored = {
        run_id: runId,
        agreement: id,
        trigger,
        execution_mode: mode,
        duration_ms: durationMs,
        started_at: startedAt.toISOString(),
        cost_usd: microToUsd(totals?.cost ?? 0n),
        parameters,
        report,
      };
      // Without a record of the run, the report isn't stored either.
      if (mode === 'failed' || totals === null) return { stored, sha256: null, notKept: null };
      // Parameters of a prompt or command are part of its text, and are treated like it.
      const kept = prompt || shell ? { ...stored, parameters: {} } : stored;
      return { stored, ...(await reports.write(kept)), notKept: null };
    } catch (thrown) {
      const unexpected = new GatewayError('content_unavailable', messageOf(thrown), { cause: thrown });
      return { stored, sha256: null, notKept: GatewayError.is(thrown) ? thrown : unexpected };
    }
  }
}

/** A command line has real effects, even if models are simulated. */
function isSimulated({ shell }: FlowAgreement, { simulated }: { simulated: boolean }): boolean {
  return simulated && !shell;
}

/** Aborts on cancel, and at the agreement's time limit, counted from now. */
function signalOf({ agreement, options }: Asked): AbortSignal {
  const timeLimit = AbortSignal.timeout(agreement.timeLimitSeconds * 1000);
  return options.signal ? AbortSignal.any([options.signal, timeLimit]) : timeLimit;
}

/** The report of a failed run says first that it failed, and why. */
function withFailure(
  report: Report | null,
  { trigger }: FlowAgreement,
  error: GatewayError | null,
): Report | null {
  if (!report || !error) return report;
  const failure: Finding = {
    severity: 'problem',
    id: 'run_failed',
    title: `${trigger} did not complete`,
    evidence: error.message,
    remedy: error.hint,
  };
  return { ...report, findings: [failure, ...report.findings] };
}

/** The real folder of a command; null if it is outside the workspace. */
function directoryOf(workspace: string, { directory }: ShellAction): string | null {
  try {
    const root = realpathSync(workspace);
    const real = realpathSync(resolve(root, directory));
    return real === root || real.startsWith(root + sep) ? real : null;
  } catch {
    return null;
  }
}

/** The run as tracking shows it. Parameters of a prompt or command are part of its text, and stay here. */
function trackedRun(
  { runId, agreement, parameters, startedAt }: Running,
  ending: EndRunInput,
  report: Report | null,
  receipt: RunReceipt | null,
): EndedRun {
  const { id, flowEncoding, prompt, shell } = agreement;
  const given = prompt || shell ? [] : Object.entries(parameters);
  const figures = (report?.figures ?? []).flatMap(({ id: name, value }): [string, number][] =>
    value === null || !Number.isFinite(Number(value)) ? [] : [[name, Number(value)]],
  );
  return {
    kind: 'flow',
    id: runId,
    name: agreement.trigger,
    startedAt: startedAt.toISOString(),
    failed: ending.outcome !== 'success',
    parameters: {
      agreement: id,
      flow_encoding: formatFlowEncoding(flowEncoding),
      execution_mode: ending.execution_mode,
      outcome: ending.outcome,
      ...(ending.error_code !== null && { error_code: ending.error_code }),
      ...Object.fromEntries(given.map(([name, value]) => [`parameter.${name}`, String(value)])),
    },
    metrics: {
      ...Object.fromEntries(figures),
      duration_ms: ending.duration_ms,
      calls: receipt?.calls ?? 0,
      cost_usd: Number(microToUsd(receipt?.cost ?? 0n)),
      problems: ending.problems,
      warnings: ending.warnings,
    },
  };
}

function countOf(report: Report | null, severity: Finding['severity']): number {
  return report?.findings.filter((finding) => finding.severity === severity).length ?? 0;
}

function outcomeOf(error: GatewayError | null, refused: boolean): RunOutcome {
  if (!error) return 'success';
  if (error.code === 'cancelled') return 'cancelled';
  return refused ? 'refused' : 'failed';
}

/** Why a run may not start, as an error. */
export function refusalError(
  refusal: RunRefusal,
  { trigger }: Pick<FlowAgreement, 'trigger'>,
  amount: bigint,
  timeZone: string,
): GatewayError {
  if ('running' in refusal) {
    return new GatewayError('flow_running', `${trigger} is already running.`, {
      hint: 'Wait until it ends, or stop it. With "concurrent: true" an agreement may run more than once at a time.',
      retryable: true,
    });
  }
  if ('overruns' in refusal) return budgetBlocked(refusal.overruns, timeZone);
  const { cap, left } = refusal;
  const owner = cap.scope === 'ledger' ? '' : ` for the ${cap.scope} ${cap.key}`;
  return new GatewayError(
    'budget_exceeded',
    `${trigger} may cost ${formatUsd(amount)}, and ${formatUsd(left > 0n ? left : 0n)} of today's ${formatUsd(cap.limit)}${owner} is left.`,
    { hint: `Reduce its work, or raise the cap. The day ends at midnight (${timeZone}).` },
  );
}

/** The time limit and a cancel abort the same signal; any other error is a failure of the run. */
function runError(
  thrown: unknown,
  { trigger, timeLimitSeconds }: FlowAgreement,
  signal: AbortSignal,
  cancel: AbortSignal | undefined,
): GatewayError {
  if (cancel?.aborted) return new GatewayError('cancelled', `${trigger} was stopped.`, { cause: thrown });
  if (signal.aborted) {
    return new GatewayError('flow_timed_out', `${trigger} was stopped after ${timeLimitSeconds} s.`, {
      hint: 'Reduce its work, or raise time_limit_seconds of the agreement.',
      retryable: true,
      cause: thrown,
    });
  }
  if (GatewayError.is(thrown)) return thrown;
  return new GatewayError('flow_failed', `${trigger} failed: ${messageOf(thrown)}`, { cause: thrown });
}
