import { join } from 'node:path';
import { AnswerFiles } from '../adapters/answerFiles.ts';
import { ConversationFiles } from '../chat/conversationFiles.ts';
import { toolNote } from '../chat/tools/toolNote.ts';
import { Approvals } from '../approvals/approvals.ts';
import { personalKey } from '../approvals/personalKey.ts';
import { UnifiedChatManager } from '../chat/unifiedChatManager.ts';
import { separatesDuties } from '../compliance/policy.ts';
import { builtInUseClass } from '../compliance/useClass.ts';
import { Screening } from '../compliance/screening.ts';
import { ContentStore } from '../content/contentStore.ts';
import { administration } from '../core/administration.ts';
import type { ComposeOptions, Core, Tracking } from '../core/core.ts';
import { InfrastructureDelegate } from '../core/infrastructureDelegate.ts';
import { Detector } from '../detection/detector.ts';
import { GatewayError } from '../errors.ts';
import { flowFiles } from '../flow/catalogue.ts';
import { FlowAgreementManager } from '../flow/flowAgreementManager.ts';
import type { ImplementationDependencies } from '../flow/implementations.ts';
import { ReportStore } from '../flow/reportStore.ts';
import { AiProcessingGateway } from '../gateways/aiProcessing/aiProcessingGateway.ts';
import { MachineSlots } from '../gateways/aiProcessing/machineSlots.ts';
import { systemPacing } from '../gateways/aiProcessing/pacing.ts';
import { screenedForPreview, screenRequest } from '../gateways/corporateLlm/screenRequest.ts';
import type { AdmissionPolicy } from '../gateways/corporateLlm/admission.ts';
import { CorporateLlmGateway } from '../gateways/corporateLlm/corporateLlmGateway.ts';
import { WorkflowOptimizerGateway } from '../gateways/workflowOptimizer/workflowOptimizerGateway.ts';
import type { GovernedCalls } from '../gateways/modelCalls.ts';
import type { Gateway } from '../gateways/gateway.ts';
import type { BackendInfo, ModelBackend, Pacing } from '../gateways/ports.ts';
import type { TeamDatabase } from '../gateways/services.ts';
import { initGateways, type GatewayRegistry } from '../gateways/registry.ts';
import { budgetStatus, type BudgetStatus } from '../ledger/budgetStatus.ts';
import type { DayBudget, LedgerReader } from '../ledger/contract.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerLocation } from '../ledger/readJournal.ts';
import { capsFrom } from '../ledger/capSettings.ts';
import { requireSqlite } from '../ledger/kernelLock.ts';
import { dayInJournal } from '../ledger/pastDay.ts';
import type { Caller } from '../ledger/records.ts';
import type { ProfileDirectory } from '../pricing/inferenceProfiles.ts';
import { ModelCatalogue, type ModelOffer } from '../pricing/modelCatalogue.ts';
import { requireCleanVariables } from '../sessions/awsVariables.ts';
import type { UnifiedSessionManager } from '../sessions/unifiedSessionManager.ts';
import type { DeniedPath } from '../retrieval/deniedPaths.ts';
import { loadSettings, type LoadedSettings } from '../settings/loadSettings.ts';
import type { Settings } from '../settings/schema.ts';
import { userDirectories } from '../settings/settingsPlaces.ts';
import { statePlaces } from '../statePlaces.ts';
import { agreedWorkflows } from '../workflowRuns/agreedWorkflow.ts';
import { RunFiles } from '../workflowRuns/runFiles.ts';
import { WorkflowOptimizer } from '../workflowRuns/workflowOptimizer.ts';
import { chooseBackend } from './backend.ts';
import { callerOf, Patience } from './caller.ts';
import { anchorAt, openLedger } from './openLedger.ts';
import { trackingOf } from './tracking.ts';
import { settingsWarnings } from './warnings.ts';

/** Reads the settings, chooses the adapters and wires the core. Throws `GatewayError`. */
export async function compose(options: ComposeOptions): Promise<Core> {
  const base = await foundationOf(options);
  const { loaded, sessions, backend, simulatedBecause, user, caller, content, reports, catalogue } = base;
  const { ledger, journal, anchoring, capOf, budget, answers, conversations, workflowRuns, slots } = base;
  const { detector, screening, approvals, tracking } = base;
  const { tracker } = tracking;
  const policy = policyOf(loaded.settings, backend.simulated, user, caller);
  const callsOn = (reached: ModelBackend, prices: ModelCatalogue): CorporateLlmGateway =>
    new CorporateLlmGateway({
      backend: reached,
      catalogue: prices,
      ledger,
      content,
      policy,
      screening,
      exceptions: approvals,
      tracker,
    });
  const twoPersons = separatesDuties(loaded.settings.compliance);
  const registry = await initGateways({
    corporate_llm: () => Promise.resolve(callsOn(backend, catalogue)),
    ai_processing: (below) =>
      Promise.resolve(processingOn(below, { ...base, pacing: options.pacing ?? systemPacing })),
    workflow_optimizer: (below) => Promise.resolve(optimizerOn(below, base, options)),
  });
  const parts = { ...base, twoPersons, cache: answers, registry, callsOn, anchorAt };
  const { minReasonLength } = policy;
  const decided = { ledger, journal, anchoring, content, catalogue, capOf, budget, user, approvals };
  const kept = { answers, conversations, workflowRuns, sharedCalls: sharedCallsOf(base) };
  return {
    ...administration({ ...decided, ...kept, twoPersons, minReasonLength }),
    approvals,
    loaded: {
      ...loaded,
      warnings: settingsWarnings(options, loaded, catalogue, journal.mode),
    },
    folders: options.folders ?? [],
    backend: infoOf(backend),
    simulatedBecause,
    sessions,
    user,
    caller,
    ledger,
    journal,
    anchoring,
    anchorAt,
    budget,
    content,
    catalogue,
    registry,
    cache: answers,
    compliance: screening,
    tracking,
    infrastructure: new InfrastructureDelegate(registry, backend),
    chat: chatOn(registry, base, options),
    ...flowAndWorkflows(options, parts, base),
    teamDatabase: () => teamDatabaseOf(base),
    reports,
    dispose: async () => {
      await tracker.dispose();
      await anchoring.dispose();
      await ledger.dispose();
      backend.dispose();
      slots.dispose();
      workflowRuns.dispose();
      await detector.dispose();
      await sessions.dispose();
    },
  };
}

/** The chat's modes over the registry's calls. */
function chatOn(
  registry: GatewayRegistry,
  {
    loaded,
    backend,
    catalogue,
    budget,
    ledger,
    user,
    content,
    screening,
    approvals: exceptions,
  }: Awaited<ReturnType<typeof foundationOf>>,
  { environment, folders = [] }: ComposeOptions,
): UnifiedChatManager {
  return new UnifiedChatManager({
    registry,
    backend,
    screen: (request) => screenedForPreview(request, user, { content, screening, exceptions }),
    toolsAllowed: loaded.settings.chat.tools === 'ask',
    embeddingModel: loaded.settings.chat.retrieval_embeddings,
    catalogue,
    remaining: async () => (await budget()).remaining,
    recordToolUse: ({ callId, ledger: ledgerId }, use) =>
      ledger.note({ callId, ledgerId }, toolNote(user, use)),
    keepsAnswers: content.keepsText,
    configuration: userDirectories(environment).config,
    folders,
    deniedPaths: deniedPathsOf(loaded),
  });
}

/** What gateways and agreements stand on: settings, services, who is calling, prices and the ledger. */
async function foundationOf(options: ComposeOptions) {
  // Without it no call can be made and nothing be looked up: better said by every command, and before all else.
  requireSqlite();
  const loaded = await loadSettings(options.environment, options);
  const { settings } = loaded;
  requireCleanVariables(options.environment);
  const patience = new Patience();
  const sessions = await openSessions(options, loaded, patience);
  const { backend, simulatedBecause, offer, profiles } = await chooseBackend(loaded, options, sessions);
  sessions.useBedrock(
    backend.id === 'bedrock'
      ? (signal) => backend.checkHealth(signal)
      : (simulatedBecause ?? `Calls go to ${backend.name}.`),
  );
  const { user, caller } = await callerOf(options, backend.simulated ? null : sessions, patience);

  const { state } = userDirectories(options.environment);
  const mode = backend.simulated ? 'simulated' : 'live';
  const content = new ContentStore({
    directory: statePlaces.content(state),
    policy: settings.audit.content,
    patterns: settings.compliance.patterns,
    mode,
  });
  const reports = new ReportStore({
    directory: statePlaces.reports(state, mode),
    timeZone: settings.budget.timezone,
  });
  const answers = answersOf(settings, options, state);
  const slots = new MachineSlots(statePlaces.slots(state, mode), settings.ai.concurrency);
  const catalogue = catalogueOf(settings, offer, backend.region, profiles);
  const capOf = capsFrom({
    budget: settings.budget,
    modelKeyOf: (name) => catalogue.capKeyOf(name),
    originOf: (path) => loaded.originOf(path).text,
  });
  const conversations = new ConversationFiles(state);
  const workflowRuns = new RunFiles({
    directory: statePlaces.workflowRuns(state, mode),
    keys: statePlaces.contentKeys(state),
  });
  const { deadline_ms: deadlineMs } = settings.compliance;
  const detector = new Detector({ patterns: settings.compliance.patterns, deadlineMs });
  const { retention_days: retentionDays } = settings.audit;
  const screening = new Screening(settings.compliance, detector, { retentionDays });
  const kept = { content, reports, answers, conversations, workflowRuns };
  const parts = { loaded, state, backend, user, capOf, ...kept };
  const tracking = trackingOf(loaded, { folder: statePlaces.spool(state, mode), content, sessions, options });
  const opened = openLedger({ ...parts, options, tracker: tracking.tracker });
  const approvals = approvalsOn(opened, { settings, state, user, caller, screening });
  const { alerts } = settings.budget;
  const budget = async (day?: string): Promise<BudgetStatus> =>
    budgetStatus(await dayOf(opened.ledger, opened.journal, day), { capOf, alerts });
  return {
    ...parts,
    ...opened,
    sessions,
    simulatedBecause,
    caller,
    catalogue,
    budget,
    slots,
    detector,
    screening,
    approvals,
    tracking,
  };
}

/** The files that policy keeps out of requests, each with the file of settings that says so. */
function deniedPathsOf({ settings, originOf }: LoadedSettings): DeniedPath[] {
  const key = ['compliance', 'paths_denied'];
  return settings.compliance.paths_denied.map((pattern, index) => {
    const own = originOf([...key, String(index)]);
    return { pattern, origin: (own.source === 'default' ? originOf(key) : own).text };
  });
}

/** What needs a second person, with the approvers of the settings. */
function approvalsOn(
  { ledger, journal }: { ledger: Ledger; journal: LedgerLocation },
  { settings, state, user, caller, screening }: ApprovalParts,
): Approvals {
  return new Approvals({
    ledger,
    directory: journal.directory,
    approvers: settings.compliance.approvers,
    user,
    account: caller.account ?? null,
    key: () => personalKey(state),
    recordable: (reason) => screening.recordable(reason),
    minReasonLength: settings.audit.min_reason_length,
  });
}

interface ApprovalParts {
  settings: Settings;
  state: string;
  user: string;
  caller: Caller;
  screening: Screening;
}

/** Where answers are cached, whether caching is on or not. */
function answersOf({ cache }: Settings, { folders = [] }: ComposeOptions, state: string): AnswerFiles {
  const place = cache.location === 'workspace' ? (folders[0] ?? state) : state;
  return new AnswerFiles({
    directory: join(place, cache.directory),
    keys: statePlaces.contentKeys(state),
    ttlSeconds: cache.ttl_seconds,
    maxBytes: cache.max_bytes,
  });
}

/** Level 2, on top of the corporate gateway. */
function processingOn(
  below: GovernedCalls,
  { loaded, answers, slots, pacing, tracking }: ProcessingParts,
): AiProcessingGateway {
  const { ai, retry, cache } = loaded.settings;
  return new AiProcessingGateway({
    below,
    cache: cache.enabled ? answers : null,
    slots,
    policy: {
      attempts: retry.attempts,
      baseDelayMs: retry.base_delay_ms,
      maxDelayMs: retry.max_delay_ms,
      pauseAfterFailures: retry.pause_after_failures,
      concurrency: ai.concurrency,
      fallbackModels: ai.fallback_models,
      cacheScope: cache.scope,
      cacheMaxTemperature: cache.max_temperature,
      backends: ai.backends,
    },
    pacing,
    tracker: tracking.tracker,
  });
}

interface ProcessingParts {
  loaded: LoadedSettings;
  answers: AnswerFiles;
  slots: MachineSlots;
  pacing: Pacing;
  tracking: Tracking;
}

/** Level 3, on top of the second. */
function optimizerOn(
  below: Gateway,
  { loaded, tracking: { tracker } }: Awaited<ReturnType<typeof foundationOf>>,
  { folders = [] }: ComposeOptions,
): WorkflowOptimizerGateway {
  const { workflow } = loaded.settings;
  return new WorkflowOptimizerGateway({
    below,
    policy: {
      optimizationLevel: workflow.optimization_level,
      performanceThreshold: workflow.performance_threshold,
      complianceMode: workflow.compliance_mode,
      dagManagerEnabled: workflow.enable_dag_manager,
      flowAgreementsEnabled: workflow.enable_flow_agreements,
    },
    knowledge: folders,
    tracker,
  });
}

/** Agreements and workflows: each can run the other. */
function flowAndWorkflows(
  options: ComposeOptions,
  parts: Omit<FlowParts, 'runWorkflow'>,
  base: Awaited<ReturnType<typeof foundationOf>>,
): { flow: FlowAgreementManager; workflows: WorkflowOptimizer } {
  const { loaded, sessions } = base;
  const runWorkflow = agreedWorkflows(() => workflows, {
    settings: loaded.settings,
    denied: deniedPathsOf(loaded),
    objects: () => sessions.objects(),
  });
  const flow = flowOf(options, { ...parts, runWorkflow });
  const workflows = workflowsOn(parts.registry, flow, base);
  return { flow, workflows };
}

/** The team's database. Throws `invalid_request` if there is none. */
async function teamDatabaseOf({
  loaded: { settings },
  sessions,
}: Awaited<ReturnType<typeof foundationOf>>): Promise<TeamDatabase> {
  if (settings.postgres.host !== null) return sessions.teamDatabase();
  throw new GatewayError('invalid_request', 'There is no database of the team: postgres.host is not set.', {
    hint: 'Set postgres.host, db_name and db_user in settings.yaml.',
  });
}

/** Users' calls in the team's database, if there is one. */
function sharedCallsOf(base: Awaited<ReturnType<typeof foundationOf>>): {
  erase: (subject: string) => Promise<void>;
} {
  return {
    erase: async (subject) => {
      if (base.loaded.settings.postgres.host === null) return;
      const { CallTable } = await import('../workflowWorkers/callTable.ts');
      const { pool, failure } = await teamDatabaseOf(base);
      await new CallTable(pool).erase(subject).catch((error: unknown) => {
        throw failure(error);
      });
    },
  };
}

/** Workflows over the registry's calls. */
function workflowsOn(
  registry: GatewayRegistry,
  agreements: FlowAgreementManager,
  {
    loaded,
    ledger,
    journal,
    catalogue,
    backend,
    content,
    screening,
    approvals: exceptions,
    tracking,
    sessions,
    workflowRuns,
    user,
    caller,
  }: Awaited<ReturnType<typeof foundationOf>>,
): WorkflowOptimizer {
  return new WorkflowOptimizer({
    settings: loaded.settings,
    ledger,
    journal,
    registry,
    agreements,
    catalogue,
    backend,
    screening,
    screened: (request, userId) => screenRequest(request, userId, { content, screening, exceptions }),
    tracker: tracking.tracker,
    objects: () => sessions.objects(),
    denied: deniedPathsOf(loaded),
    files: workflowRuns,
    user,
    caller,
  });
}

/** The part of the back-end that front doors see: nothing that calls a model. */
function infoOf(backend: ModelBackend): BackendInfo {
  const { id, name, simulated, location, region } = backend;
  return { id, name, simulated, location, region, checkHealth: (signal) => backend.checkHealth(signal) };
}

function catalogueOf(
  { ai, bedrock, models, budget, prices }: Settings,
  offer: ModelOffer,
  region: string,
  profiles: ProfileDirectory | undefined,
): ModelCatalogue {
  return new ModelCatalogue({
    offer,
    mapping: offer === 'bedrock' ? bedrock.model_mapping : ai.model_mapping,
    bases: models,
    capped: Object.keys(budget.per_model_usd),
    prices,
    unknownPrice: budget.unknown_price,
    guardrailPrice: bedrock.guardrail_price,
    region,
    profiles,
  });
}

/** The policy on reasons and user names. */
function policyOf(
  { audit, budget }: Settings,
  simulated: boolean,
  user: string,
  caller: Caller,
): AdmissionPolicy {
  const arnsCapped = Object.keys(budget.per_user_usd).some((name) => name.startsWith('arn:'));
  return {
    minReasonLength: audit.min_reason_length,
    defaultUser: user,
    caller,
    callerNeeded: arnsCapped && !simulated,
  };
}

/** The budget of a day, by default today. */
async function dayOf(ledger: LedgerReader, { directory }: LedgerLocation, day?: string): Promise<DayBudget> {
  const today = await ledger.budget();
  return day === undefined || day === today.day ? today : dayInJournal(directory, day, today.timeZone);
}

/** Loaded here, so that the AWS SDK isn't loaded before it is needed. */
async function openSessions(
  { environment, network, mfaCode }: ComposeOptions,
  loaded: LoadedSettings,
  patience: Patience,
): Promise<UnifiedSessionManager> {
  const { UnifiedSessionManager } = await import('../sessions/unifiedSessionManager.ts');
  return new UnifiedSessionManager({
    loaded,
    network: { environment, ...network },
    mfaCode: mfaCode && ((serial) => patience.pausedFor(() => mfaCode(serial))),
  });
}

type FlowParts = Omit<
  ImplementationDependencies,
  'flow' | 'calls' | 'environment' | 'defaultModel' | 'cacheSeconds'
> & {
  ledger: Ledger;
  approvals: Approvals;
  twoPersons: boolean;
  screening: Screening;
  registry: GatewayRegistry;
  reports: ReportStore;
  tracking: Tracking;
};

/** FLOW agreements; their implementations are loaded on the first run. */
function flowOf(
  { environment, folders = [], flowFolders = folders }: ComposeOptions,
  parts: FlowParts,
): FlowAgreementManager {
  const { loaded, catalogue, registry, approvals, twoPersons, tracking } = parts;
  const { settings } = loaded;
  const defaultModel = settings.aws.bedrock.default_model;
  const load = async () =>
    (await import('../flow/implementations.ts')).createImplementations({
      ...parts,
      environment,
      defaultModel,
      cacheSeconds: settings.cache.ttl_seconds,
      calls: () => registry.calls(),
      flow: { catalogue: () => flow.catalogue() },
    });
  let made: ReturnType<typeof load> | null = null;
  const implementations = () => (made ??= load());
  const flow: FlowAgreementManager = new FlowAgreementManager({
    ...parts,
    tracker: tracking.tracker,
    builtInUseClass: builtInUseClass(settings.compliance),
    ...(twoPersons && {
      secondPerson: ({ id, definitionSha256 }, reason) =>
        approvals.waitingForAgreement(id, definitionSha256, reason),
    }),
    sources: flowFiles(environment, settings.flow.files, flowFolders),
    implementationOf: async (agreement) => {
      // The cost of a run is calculated before its first call, which would otherwise load the profiles.
      await catalogue.learnAll([defaultModel, agreement.prompt?.model ?? '']);
      return (await implementations()).of(agreement);
    },
    fallbackOf: async (id) => (await implementations()).builtIn(id),
  });
  return flow;
}
