import { hash, randomUUID } from 'node:crypto';
import type { Screened } from '../compliance/found.ts';
import type { Screening } from '../compliance/screening.ts';
import type { JsonObject } from '../content/messages.ts';
import { GatewayError } from '../errors.ts';
import { refusalError, type FlowAgreementManager } from '../flow/flowAgreementManager.ts';
import { formatFlowEncoding } from '../flow/flowEncoding.ts';
import { notMatched } from '../flow/notMatched.ts';
import { recordedOrigin } from '../gateways/callOrigin.ts';
import type { GatewayId } from '../gateways/gateway.ts';
import type { BackendInfo, CallTracker } from '../gateways/ports.ts';
import type { CallOptions, LlmRequest, LlmResponse, ModelCalls } from '../gateways/modelCalls.ts';
import type { GatewayRegistry } from '../gateways/registry.ts';
import { unreachable } from '../gateways/unreachable.ts';
import type { ObjectStore } from '../gateways/services.ts';
import type { EndRunInput, LedgerAdministration, LedgerReader, RunLedger } from '../ledger/contract.ts';
import { requireReason } from '../ledger/reason.ts';
import type { Caller } from '../ledger/records.ts';
import { formatUsd, microToUsd } from '../pricing/cost.ts';
import type { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import type { DeniedPath } from '../retrieval/deniedPaths.ts';
import type { Settings } from '../settings/schema.ts';
import { userNameOf } from '../userName.ts';
import { durationsOf } from '../workflow/durations.ts';
import type { Facts, OptimizationLevel, OperationResult } from '../workflow/operationResult.ts';
import {
  analyzeBottlenecks,
  fixErrors,
  optimizePerformance,
  validateCompliance,
  type Operation,
} from '../workflow/operations.ts';
import { referencesIn, textOf } from '../workflow/references.ts';
import type { ConfigOf } from '../workflow/stepConfig.ts';
import { TaskGraph } from '../workflow/taskGraph.ts';
import { allSteps, type Step, type Workflow } from '../workflow/workflow.ts';
import { parseWorkflow, textsOf, type ParsedWorkflow } from '../workflow/workflowDocument.ts';
import { outgoing, recordedRefusal } from './outgoing.ts';
import { runCosts } from './runCosts.ts';
import type { OpenRun, RunFiles } from './runFiles.ts';
import { mostMeasuredRuns, stepHistories } from './runHistory.ts';
import type { RunLine } from './runLine.ts';
import {
  inputsOf,
  isRunId,
  noRun,
  requireAllReturned,
  requireFolder,
  requireKept,
  requireRepeatable,
  requireTrust,
  resumable,
  validWorkflow,
} from './runRequirements.ts';
import { runViewOf, workedMs, type RunElsewhere, type RunOptions, type RunView } from './runView.ts';
import { stepRecord, type StepRecord } from './stepRecord.ts';
import { knownRequest, runsWorkflow } from './stepWork.ts';
import { slotsOf, workflowFacts } from './workflowFacts.ts';
import { faultOf, resultsIn, WorkflowRunner, type WorkEnd } from './workflowRunner.ts';

/** Steps at once whose calls other machines make: how many run is up to these. */
const mostElsewhere = 100;
const encoding = { domain: 'workflow', operation: 'run', action: 'execute', target: 'steps' };

export interface WorkflowDependencies {
  settings: Settings;
  ledger: RunLedger & Pick<LedgerReader, 'timeZone'> & Pick<LedgerAdministration, 'recover'>;
  /** The folder of the ledger's records. */
  journal: { directory: string };
  registry: Pick<GatewayRegistry, 'calls' | 'validateAgreement'>;
  agreements: Pick<FlowAgreementManager, 'parseCommand' | 'executeAgreement' | 'worstCase'>;
  catalogue: ModelCatalogue;
  backend: Pick<BackendInfo, 'id' | 'simulated' | 'region'>;
  screening: Pick<Screening, 'find' | 'recordable'>;
  /** The content of a request as it may leave. Throws `compliance_blocked`. */
  screened: (request: LlmRequest, user: string) => Promise<Screened>;
  tracker: Pick<CallTracker, 'run'>;
  objects: () => Promise<ObjectStore>;
  denied: readonly DeniedPath[];
  files: RunFiles;
  user: string;
  caller: Caller;
}

/** A workflow that is asked to run. */
export interface RunRequest extends RunOptions {
  /** Absolute path of its file; null for one that isn't in a file. */
  file: string | null;
  text: string;
  /** Why it runs: the audit reason of its calls. */
  reason: string;
  /** Values of its inputs; those left out have their defaults. */
  inputs?: Readonly<Record<string, string>>;
}

/** A run that is asked to go on. */
export interface ResumeRequest extends RunOptions {
  /** Whether a step that was begun, and may have had its effect, may be done again. Without it such a run is refused. */
  mayRepeat?: (step: string) => boolean | Promise<boolean>;
}

/** What runs of one workflow have in common. */
interface WorkflowName {
  /** Absolute path. */
  file: string | null;
  name: string;
}

/** A call of a step of another machine's run. */
export interface CallElsewhere {
  /** Name of the workflow. */
  workflow: string;
  run_id: string;
  step: string;
  user: string;
  reason: string;
  /** The most that it may cost, micro-USD. */
  most: string;
  request: {
    prompt: string;
    system?: string | undefined;
    model: string;
    max_tokens: number;
    temperature: number;
    schema?: JsonObject | undefined;
    cache?: boolean | undefined;
    use_class?: string | undefined;
  };
}

/** How a run ended. */
export interface RunResult {
  view: RunView;
  error: GatewayError | null;
  /** By the id of each last step: where it was written, or what it came to; empty unless all steps succeeded. */
  outputs: Readonly<Record<string, unknown>>;
}

/** A run with what its ids and definition are, before its steps. */
interface Prepared {
  runId: string;
  workflow: Workflow;
  inputs: Readonly<Record<string, string>>;
  user: string;
  reason: string;
  text: string;
  options: RunOptions;
  warnings: readonly string[];
}

/**
 * Workflows: what their files say, and their runs, each step's calls governed, the money held while a run goes on, and its
 * state durable, so that it can be resumed without paying a step again.
 */
export class WorkflowOptimizer {
  readonly #dependencies: WorkflowDependencies;

  constructor(dependencies: WorkflowDependencies) {
    this.#dependencies = dependencies;
  }

  /** What operations know beside a file, with the measured history of its runs. Throws `content_unavailable`. */
  async facts(parsed: ParsedWorkflow): Promise<Facts> {
    return this.#factsWith(stepHistories(await this.#runsOf(parsed.workflow)));
  }

  #factsWith(history: Facts['history']): Facts {
    const { settings, catalogue, backend } = this.#dependencies;
    return workflowFacts({ settings, catalogue, region: backend.region }, history);
  }

  /** The result of an operation on a file. Throws what `facts` throws. */
  async processWorkflow(
    operation: Operation,
    { file, text, level }: { file: string; text: string; level?: OptimizationLevel },
  ): Promise<OperationResult> {
    const parsed = parseWorkflow(file, text);
    const facts = await this.facts(parsed);
    const findingsIn = operation === 'validate' ? await this.#searched(parsed, text) : null;
    return this.#operate(operation, parsed, { text, level, facts: { ...facts, findingsIn } });
  }

  /**
   * The result of an operation at once, without history: of a workflow as an object, or of one model step that works on
   * `analysis_input`. `optimization_target` is performance, bottlenecks, errors or compliance.
   */
  processSync(data: Readonly<Record<string, unknown>>): OperationResult {
    const { analysis_input: input, optimization_target: target = 'performance', ...workflow } = data;
    const operation = operationFor(target);
    const step = { id: 'analysis', type: 'ai_processing', config: { prompt: input } };
    const of = input === undefined ? workflow : { name: 'Analysis', steps: [step] };
    const text = JSON.stringify(of, null, 2);
    return this.#operate(operation, parseWorkflow('workflow.json', text), {
      text,
      facts: this.#factsWith(new Map()),
    });
  }

  #operate(
    operation: Operation,
    parsed: ParsedWorkflow,
    { text, facts, level }: { text: string; facts: Facts; level?: OptimizationLevel | undefined },
  ): OperationResult {
    const { optimization_level: usual, performance_threshold: threshold } =
      this.#dependencies.settings.workflow;
    switch (operation) {
      case 'analyze':
        return analyzeBottlenecks(parsed, text, facts);
      case 'optimize':
        return optimizePerformance(parsed, text, facts, {
          level: level ?? (usual as OptimizationLevel),
          threshold,
        });
      case 'fix':
        return fixErrors(parsed, text, facts);
      case 'validate':
        return validateCompliance(parsed, text, facts);
    }
  }

  /** What is found in the file and in each text of its steps, searched as a request is; null past the deadline. */
  async #searched({ steps }: ParsedWorkflow, text: string): Promise<Facts['findingsIn']> {
    const texts = new Set([text, ...allSteps(steps).flatMap((step) => textsOf(step).map((one) => one.text))]);
    const messages = [...texts].map((content) => ({ role: 'user' as const, content }));
    const found = await this.#dependencies.screening.find({ system: null, messages });
    const byText = found && Map.groupBy(found, (one) => one.text);
    return byText && ((of) => byText.get(of) ?? []);
  }

  /**
   * The runs that were worked on last, at most `most`, newest first; of one workflow, by its file and name. `unreadable` counts
   * files among them that nobody can read.
   */
  async list(most: number, of?: WorkflowName): Promise<{ runs: RunView[]; unreadable: number }> {
    const runs: RunView[] = [];
    let unreadable = 0;
    for (const id of await this.#dependencies.files.ids()) {
      if (runs.length === most) break;
      const isMeant = of ? await this.#isOf(id, of).catch(nullIfUnreadable) : true;
      const view = isMeant === true ? await this.view(id).catch(nullIfUnreadable) : null;
      if (view) runs.push(view);
      else if (isMeant !== false) unreadable += 1;
    }
    return { runs: runs.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt)), unreadable };
  }

  /** Whether a run is one of a workflow, by its first line alone. */
  async #isOf(id: string, { file, name }: WorkflowName): Promise<boolean> {
    const began = await this.#dependencies.files.first(id);
    return began?.kind === 'began' && began.file === file && began.workflow === name;
  }

  /** A run as its file has it now; null if there is none. Throws `content_unavailable`. */
  async view(runId: string): Promise<RunView | null> {
    const { files } = this.#dependencies;
    const lines = isRunId(runId) ? await files.read(runId) : null;
    return lines && runViewOf(runId, lines, files.isRunning(runId));
  }

  /** What a step came to, as text: its answer or its value; null if it isn't there or isn't kept. Throws as `view` does. */
  async resultOf(runId: string, step: string): Promise<string | null> {
    const lines = (await this.#dependencies.files.read(runId)) ?? [];
    for (const line of lines.toReversed()) {
      if (line.kind === 'answered' && line.step === step) return line.text;
      if (line.kind === 'ended' && line.step === step && line.value !== undefined) return textOf(line.value);
    }
    return null;
  }

  /** The last record of a step in the journal; null if it made no call and ran no agreement. Throws as `view` does. */
  async recordOf(runId: string, step: string): Promise<StepRecord | null> {
    const lines = (await this.#dependencies.files.read(runId)) ?? [];
    return stepRecord(this.#dependencies.journal.directory, { runId, step }, lines);
  }

  /** Tells of changes of runs by any process. Call the result to stop. */
  onDidChange(listener: () => void): () => void {
    return this.#dependencies.files.onDidChange(listener);
  }

  /** The lines of the last runs of a workflow, newest first: as far back as its history counts. */
  async #runsOf(workflow: Workflow | null): Promise<RunLine[][]> {
    if (!workflow) return [];
    const { files } = this.#dependencies;
    const found: RunLine[][] = [];
    let successes = 0;
    for (const id of await files.ids()) {
      if (successes === mostMeasuredRuns) break;
      if (!(await this.#isOf(id, workflow).catch(nullIfUnreadable))) continue;
      const lines = await files.read(id).catch(nullIfUnreadable);
      if (!lines) continue;
      found.push([...lines]);
      if (lines.some((line) => line.kind === 'closed' && line.status === 'success')) successes += 1;
    }
    return found;
  }

  /**
   * Runs a workflow. A run that fails is a result with an error. Throws for a file with errors, a missing reason or input,
   * what policy refuses, and if the ledger or the run's file can't be written.
   */
  async run(request: RunRequest): Promise<RunResult> {
    const { file, text, inputs = {} } = request;
    const { files, user } = this.#dependencies;
    requireTrust(request);
    if (request.elsewhere) this.requireShareable();
    const parsed = parseWorkflow(file ?? 'workflow.yaml', text);
    const workflow = this.#agreed(validWorkflow(parsed, file));
    const reason = await this.#recordedReason(request.reason);
    const prepared: Prepared = {
      runId: randomUUID(),
      workflow,
      inputs: inputsOf(workflow, inputs),
      user,
      reason,
      text,
      options: request,
      warnings: await this.#brokenPromises(parsed, text),
    };
    const open = await files.open(prepared.runId, user);
    try {
      return await this.#goOn(prepared, open, [this.#beganLine(prepared)]);
    } finally {
      open.release();
    }
  }

  /**
   * Goes on with a run where it ended; results that are there aren't made again. Throws `invalid_request` for a run that is
   * over or can't be resumed here, and for a step that may not be repeated, `flow_running` while a process works on it, and
   * what `run` throws.
   */
  async resume(runId: string, request: ResumeRequest): Promise<RunResult> {
    requireTrust(request);
    const view = await this.view(runId);
    if (!view) throw noRun(runId);
    const open = await this.#dependencies.files.open(runId, this.#dependencies.user);
    try {
      const began = resumable(runId, open.lines);
      requireKept(this.#dependencies.settings);
      requireFolder(began.folder, request.origin.folder);
      if (!request.elsewhere) requireAllReturned(runId, open.lines);
      const parsed = parseWorkflow(began.file ?? 'workflow.yaml', began.kept.text);
      const workflow = this.#agreed(validWorkflow(parsed, began.file));
      await requireRepeatable(workflow, open.lines, request.mayRepeat);
      const prepared: Prepared = {
        runId,
        workflow,
        inputs: began.kept.inputs,
        user: this.#dependencies.user,
        reason: began.reason,
        text: began.kept.text,
        options: request,
        warnings: [],
      };
      return await this.#goOn(prepared, open, []);
    } finally {
      open.release();
    }
  }

  /** Throws `invalid_request` where policy keeps no content: what other machines are asked goes through a database. */
  requireShareable(): void {
    const { content } = this.#dependencies.settings.audit;
    if (content === 'full') return;
    throw new GatewayError('invalid_request', `Calls can’t be shared: audit.content is ${content}.`, {
      hint: 'Prompts and answers wait in the team’s database, which needs audit.content: full on every machine.',
    });
  }

  /** Without `workflow.enable_flow_agreements` what a file agrees on has no effect. */
  #agreed(workflow: Workflow): Workflow {
    if (this.#dependencies.settings.workflow.enable_flow_agreements) return workflow;
    return { ...workflow, slaSeconds: null, complianceLevels: [] };
  }

  /** What the file promises and doesn't keep, as warnings: each call of a run is checked on its own. */
  async #brokenPromises(parsed: ParsedWorkflow, text: string): Promise<string[]> {
    const { compliance_mode: isOn, enable_flow_agreements: promises } = this.#dependencies.settings.workflow;
    const levels = parsed.workflow?.complianceLevels ?? [];
    if (!isOn || !promises || levels.length === 0) return [];
    const facts = { ...(await this.facts(parsed)), findingsIn: await this.#searched(parsed, text) };
    return validateCompliance(parsed, text, facts)
      .rules.filter(
        ({ id, state }) => state === 'failed' && levels.some((level) => id.startsWith(`${level}.`)),
      )
      .map(({ id, source, evidence }) => `Rule ${id} (${source}) isn’t kept: ${evidence}`);
  }

  #beganLine({ workflow, reason, text, inputs, options: { origin } }: Prepared): RunLine {
    const { user, settings } = this.#dependencies;
    const tasks = [...new TaskGraph(workflow.steps).tasks.values()];
    return {
      kind: 'began',
      workflow: workflow.name,
      file: workflow.file,
      folder: origin.folder,
      user,
      reason,
      cost_limit: workflow.costLimit.toString(),
      sla_seconds: workflow.slaSeconds,
      steps: tasks.map(({ id, step, after }) => ({ id, type: step.type, after: [...after] })),
      kept: settings.audit.content === 'full' ? { text, inputs: { ...inputs } } : null,
    };
  }

  /** Holds the money, does the work, and gives back what is left of the money. */
  async #goOn(prepared: Prepared, open: OpenRun, first: readonly RunLine[]): Promise<RunResult> {
    const { ledger, settings, backend } = this.#dependencies;
    const { runId, options } = prepared;
    const resumed = first.length === 0;
    const before = workedMs(open.lines);
    // Calls and runs of a dead process are ended first: what they cost counts.
    await ledger.recover();
    const amount = await this.#amount(prepared, open.lines);
    const validatedBy = await this.#validate(prepared, amount);
    const ledgerRun = resumed ? randomUUID() : runId;
    const slots = options.elsewhere ? mostElsewhere : slotsOf(settings);
    // Before the money is held: what is held under an id that no file names couldn't be added up.
    open.append(...first, { kind: 'opened', at: new Date().toISOString(), ledger_run: ledgerRun, slots });
    const began = performance.now();
    const endRun = (end: Pick<WorkEnd, 'status' | 'error'> | null, refused = false): Promise<unknown> =>
      ledger.endRun(ledgerRun, {
        ...endingOf(end, Math.round(performance.now() - began), backend.simulated),
        validated_by: validatedBy,
        ...(refused && { outcome: 'refused' }),
      });
    const refusal = await this.#startRun(ledgerRun, prepared, amount);
    if (refusal) {
      const refused = { ...nothingDone, error: refusal };
      await endRun(refused, true);
      await this.#close(prepared, open, refused);
      throw refusal;
    }
    let end: WorkEnd;
    try {
      options.onEvent?.({ type: 'run_started', runId, resumed, reserved: amount });
      this.#warn(prepared, open);
      end = await this.#work(prepared, { open, amount, slots, ledgerRun, before });
    } catch (error) {
      await endRun(null);
      throw error;
    }
    await endRun(end);
    return this.#close(prepared, open, end);
  }

  #warn({ warnings, options }: Prepared, open: OpenRun): void {
    const all = [...warnings];
    const [began] = open.lines;
    if (began?.kind === 'began' && began.kept === null)
      all.push('The run can’t be resumed: audit.content keeps no results.');
    for (const message of all) warn(message, { options, open });
  }

  /**
   * What the steps' own calls may still cost: the limit, less what was spent, and less the most that agreements of steps
   * can cost, which hold their own money. Throws `cost_limit_exceeded`.
   */
  async #amount({ workflow }: Prepared, lines: readonly RunLine[]): Promise<bigint> {
    const done = resultsIn(lines, workflow);
    const { total } = await runCosts(this.#dependencies.journal.directory, lines);
    let left = workflow.costLimit - total;
    for (const step of allSteps(workflow.steps))
      if (step.type === 'flow' && !done.has(step.id)) left -= await this.#worstCaseOf(step);
    if (left >= 0n) return left;
    throw new GatewayError(
      'cost_limit_exceeded',
      `The workflow may cost ${formatUsd(workflow.costLimit)}, and its agreements can cost more than is left of that.`,
      {
        hint: 'Raise cost_limit_usd of the workflow and run it anew, or reduce the work of its agreements: a run keeps the limit it began with.',
      },
    );
  }

  async #worstCaseOf(step: Step): Promise<bigint> {
    const { command } = step.config as ConfigOf<'flow'>;
    const { agreements } = this.#dependencies;
    const match = await agreements.parseCommand(command);
    const { agreement, parameters } = match;
    if (!agreement) throw notMatched(command, match);
    if (agreement.workflow) throw runsWorkflow(step.id, agreement.trigger);
    // Its parameters may be known only when the step runs.
    return referencesIn(command).length > 0
      ? agreement.costLimit
      : agreements.worstCase(agreement, parameters);
  }

  /** The levels that approved. Throws what one would refuse the run's calls with. */
  async #validate(prepared: Prepared, amount: bigint): Promise<GatewayId[]> {
    const { workflow, reason, user } = prepared;
    const { origin } = prepared.options;
    const { registry, settings } = this.#dependencies;
    const stated = { defaultModel: settings.aws.bedrock.default_model, useClass: workflow.useClass };
    const requests = allSteps(workflow.steps).flatMap((step) =>
      step.type === 'ai_processing' ? (knownRequest(step, stated) ?? []) : [],
    );
    const context = {
      agreement: agreementOf(workflow),
      reason,
      requests: requests.map((request) => ({ ...request, userId: user, auditReason: reason, origin })),
      worstCase: amount,
      costLimit: workflow.costLimit,
    };
    const validations = await registry.validateAgreement(context);
    const refused = validations.find(({ error }) => error)?.error;
    // So that an exception can be asked for.
    if (refused?.code === 'compliance_blocked') await recordedRefusal(context, prepared.runId, registry);
    if (refused) throw refused;
    return validations.filter(({ state }) => state === 'approved').map(({ gateway }) => gateway);
  }

  /** Holds the money; the result says why it can't be held. */
  async #startRun(
    ledgerRun: string,
    { workflow, user, reason, text, options }: Prepared,
    amount: bigint,
  ): Promise<GatewayError | null> {
    const { ledger, caller, backend } = this.#dependencies;
    const { refusal } = await ledger.startRun(ledgerRun, {
      amount,
      approved: null,
      reason,
      ...recordedOrigin(options.origin),
      agreement: agreementOf(workflow),
      trigger: triggerOf(workflow),
      flow_encoding: formatFlowEncoding(encoding),
      implementation: 'workflow',
      definition_sha256: hash('sha256', text),
      source: workflow.file,
      confidence: 1,
      user_id: user,
      ...caller,
      backend: backend.id,
      concurrent: true,
    });
    return refusal && refusalError(refusal, { trigger: triggerOf(workflow) }, amount, ledger.timeZone);
  }

  async #work(
    { runId, workflow, inputs, reason, options }: Prepared,
    held: { open: OpenRun; amount: bigint; slots: number; ledgerRun: string; before: number },
  ): Promise<WorkEnd> {
    const { settings, agreements, denied, objects, user } = this.#dependencies;
    const { folder } = options.origin;
    const history = stepHistories(await this.#runsOf(workflow));
    const durations = durationsOf(new TaskGraph(workflow.steps), { history });
    const flow = { runId: held.ledgerRun, agreement: agreementOf(workflow), costLimit: held.amount };
    const runner = new WorkflowRunner({
      workflow,
      inputs,
      file: held.open,
      services: {
        calls: await this.#callsOf(
          { runId, workflow: workflow.name, left: held.amount },
          { agreement: flow.agreement, reason, user },
          { options, open: held.open },
        ),
        agreements,
        defaultModel: settings.aws.bedrock.default_model,
        places: { folder, denied, objects },
        folders: folder === null ? [] : [{ path: folder, denied }],
      },
      durations: new Map([...durations].map(([id, { ms }]) => [id, ms])),
      slots: held.slots,
      keepsResults: settings.audit.content === 'full',
      workedMs: held.before,
      run: {
        runId,
        workflow: workflow.name,
        useClass: workflow.useClass,
        flow,
        user,
        reason,
        origin: { ...options.origin, ...(workflow.file !== null && { file: workflow.file }) },
        trusted: options.trusted,
        signal: options.signal ?? new AbortController().signal,
        ...(options.approve && { approve: options.approve }),
      },
      onEvent: (event) => options.onEvent?.(event),
    });
    return runner.run();
  }

  /** What makes the calls of a run: this machine's gateways, or others. */
  async #callsOf(
    run: Pick<RunElsewhere, 'runId' | 'workflow' | 'left'>,
    asked: { agreement: string; reason: string; user: string },
    { options, open }: { options: RunOptions; open: OpenRun },
  ): Promise<() => ModelCalls> {
    const { registry, backend } = this.#dependencies;
    if (!options.elsewhere) return () => registry.calls();
    const calls = await options.elsewhere({
      ...run,
      lines: open.lines,
      append: (line) => open.append(line),
      warn: (message) => warn(message, { options, open }),
      calls: registry.calls(),
      outgoing: (request) => outgoing(request, asked, this.#dependencies),
      backend,
    });
    return () => calls;
  }

  /**
   * Makes a call of a step of another machine's run: it is checked, held, made and recorded here, under a run of its own.
   * The response says how it ended; throws what the ledger throws.
   */
  async callFor(given: CallElsewhere, options: CallOptions): Promise<LlmResponse> {
    const { ledger, backend, registry } = this.#dependencies;
    const began = performance.now();
    let call: CallElsewhere;
    let prepared: Prepared;
    let validatedBy: GatewayId[];
    try {
      call = { ...given, user: userNameOf(given.user), reason: await this.#recordedReason(given.reason) };
      prepared = preparedCall(call);
      validatedBy = await this.#validate(prepared, prepared.workflow.costLimit);
    } catch (error) {
      if (GatewayError.is(error)) return unreachable(error, given.request.model, backend);
      throw error;
    }
    const { runId, workflow } = prepared;
    const amount = workflow.costLimit;
    const endRun = (response: LlmResponse, outcome?: 'refused'): Promise<unknown> =>
      ledger.endRun(runId, {
        ...endingOf(endOf(response), Math.round(performance.now() - began), backend.simulated),
        validated_by: validatedBy,
        ...(outcome && { outcome }),
      });
    const refusal = await this.#startRun(runId, prepared, amount);
    if (refusal) {
      const refused = unreachable(refusal, call.request.model, backend);
      await endRun(refused, 'refused');
      return refused;
    }
    const flow = { runId, agreement: agreementOf(workflow), costLimit: amount };
    const response = await registry.calls().execute({ ...requestElsewhere(call), flow }, options);
    await endRun(response);
    return response;
  }

  /** The reason of a run as it may be recorded. Throws `audit_reason_missing`. */
  async #recordedReason(given: string): Promise<string> {
    const { settings, screening } = this.#dependencies;
    const minReasonLength = settings.audit.min_reason_length;
    return screening.recordable(requireReason(given, { minReasonLength }));
  }

  /** Writes how the run ended, with its costs from the ledger. */
  async #close({ runId, workflow, options }: Prepared, open: OpenRun, end: WorkEnd): Promise<RunResult> {
    const costs = await runCosts(this.#dependencies.journal.directory, open.lines);
    open.append({
      kind: 'closed',
      at: new Date().toISOString(),
      status: end.status,
      error: end.error && faultOf(end.error),
      cost: costs.total.toString(),
      costs: Object.fromEntries([...costs.steps].map(([id, cost]) => [id, cost.toString()])),
      sla_missed: end.slaMissed,
    });
    const view = runViewOf(runId, open.lines, false);
    if (!view) throw new TypeError('A run begins with its first line.');
    this.#dependencies.tracker.run({
      kind: 'flow',
      id: runId,
      name: triggerOf(workflow),
      startedAt: view.startedAt,
      failed: end.status !== 'success',
      parameters: { agreement: agreementOf(workflow), outcome: end.status },
      metrics: { duration_ms: view.makespanMs, cost_usd: Number(microToUsd(costs.total)) },
    });
    options.onEvent?.({ type: 'run_ended', view });
    return { view, error: end.error, outputs: end.outputs };
  }
}

/** Tells of what isn't as it should be, also in the run's file. */
function warn(message: string, { options, open }: { options: RunOptions; open: OpenRun }): void {
  open.append({ kind: 'warned', at: new Date().toISOString(), message });
  options.onEvent?.({ type: 'warning', message });
}

const originElsewhere = { door: 'worker', folder: null, branch: null };

/** A call of another machine's run, as a run of its own: it has no steps around it here. */
function preparedCall({ workflow: name, user, reason, most, request }: CallElsewhere): Prepared {
  return {
    runId: randomUUID(),
    workflow: {
      name,
      description: '',
      file: null,
      inputs: {},
      steps: [],
      useClass: request.use_class,
      costLimit: BigInt(most),
      slaSeconds: null,
      complianceLevels: [],
    },
    inputs: {},
    user,
    reason,
    text: JSON.stringify(request),
    options: { origin: originElsewhere, trusted: false },
    warnings: [],
  };
}

function requestElsewhere({ run_id: runId, step, user, reason, request }: CallElsewhere): LlmRequest {
  const { prompt, system, model, max_tokens: maxTokens, temperature, schema, cache } = request;
  return {
    prompt,
    ...(system !== undefined && { system }),
    modelId: model,
    maxTokens,
    temperature,
    ...(schema && { outputSchema: { schema } }),
    ...(cache !== undefined && { cache }),
    ...(request.use_class !== undefined && { useClass: request.use_class }),
    userId: user,
    auditReason: reason,
    origin: originElsewhere,
    workflow: { runId, step },
  };
}

function endOf({ success, error }: LlmResponse): Pick<WorkEnd, 'status' | 'error'> {
  if (success) return { status: 'success', error: null };
  return { status: error?.code === 'cancelled' ? 'cancelled' : 'failed', error };
}

const nothingDone = { status: 'failed', error: null, slaMissed: false, outputs: {} } as const;

/** How the ledger records a run's end; null for one that ended by a fault of the program or its files. */
function endingOf(
  end: Pick<WorkEnd, 'status' | 'error'> | null,
  durationMs: number,
  simulated: boolean,
): Omit<EndRunInput, 'validated_by'> {
  const status = end?.status ?? 'failed';
  return {
    execution_mode: status === 'success' ? (simulated ? 'simulated' : 'real') : 'failed',
    outcome: status,
    error_code: end ? (end.error?.code ?? null) : 'internal_error',
    fallback: null,
    fallback_outcome: null,
    duration_ms: durationMs,
    summary: null,
    problems: 0,
    warnings: 0,
    report_sha256: null,
  };
}

function triggerOf({ name }: Workflow): string {
  return `[Workflow ${name}]`;
}

/** The id under which the ledger has the runs of a workflow. */
function agreementOf({ name }: Workflow): string {
  const slug = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 60);
  return `workflow_${/[a-z0-9]/.test(slug) ? slug : hash('sha256', name).slice(0, 12)}`;
}

/** The operation for what is to be improved. Throws `invalid_request`. */
function operationFor(target: unknown): Operation {
  const known: Readonly<Record<string, Operation>> = {
    performance: 'optimize',
    bottlenecks: 'analyze',
    errors: 'fix',
    compliance: 'validate',
  };
  const found = typeof target === 'string' && Object.hasOwn(known, target) ? known[target] : undefined;
  if (found) return found;
  const names = Object.keys(known).join(', ');
  throw new GatewayError('invalid_request', `optimization_target must be one of ${names}.`);
}

/** One unreadable run doesn't take the others away. */
function nullIfUnreadable(error: unknown): null {
  if (GatewayError.is(error, 'content_unavailable')) return null;
  throw error;
}
