import { existsSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { FileAnchor } from './adapters/fileAnchor.ts';
import { GitNoteAnchor } from './adapters/gitNoteAnchor.ts';
import { MockBackend } from './adapters/mockModel.ts';
import { subjectHash } from './content/contentKeys.ts';
import { ContentStore } from './content/contentStore.ts';
import { GatewayError } from './errors.ts';
import { flowFiles } from './flow/catalogue.ts';
import { FlowAgreementManager } from './flow/flowAgreementManager.ts';
import { ReportStore } from './flow/reportStore.ts';
import { CorporateLlmGateway } from './gateways/corporateLlm/corporateLlmGateway.ts';
import type { ComposeOptions, Core } from './core/core.ts';
import type { BackendId } from './gateways/modelCalls.ts';
import type { ModelBackend } from './gateways/ports.ts';
import { UnifiedChatManager } from './chat/unifiedChatManager.ts';
import { initGateways } from './gateways/registry.ts';
import { Anchoring, type Anchor } from './ledger/anchors.ts';
import { reopenLedger } from './ledger/reopenLedger.ts';
import { idOf, type Cap } from './ledger/budgetFold.ts';
import { budgetStatus, type BudgetStatus } from './ledger/budgetStatus.ts';
import { capsFrom } from './ledger/capSettings.ts';
import { requireSqlite } from './ledger/kernelLock.ts';
import { Ledger } from './ledger/ledger.ts';
import type { LedgerLocation } from './ledger/readJournal.ts';
import { dayInJournal } from './ledger/pastDay.ts';
import { requireReason } from './ledger/reason.ts';
import type { LedgerMode, ScopeKey } from './ledger/records.ts';
import { signingKeyFile } from './ledger/signingKey.ts';
import { otherHomes } from './ledger/otherHomes.ts';
import { formatUsd } from './pricing/cost.ts';
import type { ProfileDirectory } from './pricing/inferenceProfiles.ts';
import { ModelCatalogue } from './pricing/modelCatalogue.ts';
import { loadSettings, type LoadedSettings } from './settings/loadSettings.ts';
import { userDirectories } from './settings/settingsPlaces.ts';
import type { AwsKeys } from './sessions/awsCredentials.ts';
import { requireCleanVariables } from './sessions/awsVariables.ts';
import type { CallerIdentity } from './sessions/callerIdentity.ts';
import type { UnifiedSessionManager } from './sessions/unifiedSessionManager.ts';
import type { Settings } from './settings/schema.ts';
import { userCapKey, userNameFault, userNameOf } from './userName.ts';
import { workspaceKey } from './workspaceKey.ts';
import type { Fault } from './yamlDocument.ts';
import { strayIn, withoutStray } from './strayCharacters.ts';

/** Longer than this nobody waits to learn the time. */
const clockTimeoutMs = 5_000;
/** Longer than this nobody waits to learn whose credentials they are. */
const identityTimeoutMs = 1_500;

/** Reads the settings, chooses the adapters and wires the core. Throws `GatewayError`. */
export async function compose(options: ComposeOptions): Promise<Core> {
  // Without it no call can be made and nothing be looked up: better said by every command, and before all else.
  requireSqlite();
  const loaded = await loadSettings(options.environment, options);
  const { settings } = loaded;
  // Loaded here and not above, so that the AWS SDK costs nothing before it is needed.
  const patience = new Patience(identityTimeoutMs);
  const { mfaCode } = options;
  requireCleanVariables(options.environment);
  const { UnifiedSessionManager } = await import('./sessions/unifiedSessionManager.ts');
  const sessions = new UnifiedSessionManager({
    loaded,
    network: { environment: options.environment, ...options.network },
    mfaCode: mfaCode && ((serial) => patience.pausedFor(() => mfaCode(serial))),
  });
  const { backend, simulatedBecause, profiles } = await chooseBackend(settings, options, sessions);
  sessions.useBedrock(simulatedBecause ?? ((signal) => backend.checkHealth(signal)));
  const { state } = userDirectories(options.environment);
  const mode = backend.simulated ? 'simulated' : 'live';
  const timeZone = settings.budget.timezone;
  const told = options.user?.trim() || options.environment['TIDYLLM_USER']?.trim();
  const arnsCapped = Object.keys(settings.budget.per_user_usd).some((name) => name.startsWith('arn:'));
  // Also where a name was told: that is only claimed, and the ARN stands beside it.
  const identity = backend.simulated ? null : await identityOf(sessions, patience);
  const account = systemUser();
  const user = userNameOf(told || identity?.name || account);
  const caller = { account, ...(identity && { caller_arn: identity.arn }) };
  const content = new ContentStore({
    directory: join(state, 'content'),
    policy: settings.audit.content,
    mode,
  });
  const reports = new ReportStore({ directory: join(state, 'flow', mode), timeZone });
  const catalogue = new ModelCatalogue({
    mapping: settings.bedrock.model_mapping,
    bases: settings.models,
    capped: Object.keys(settings.budget.per_model_usd),
    prices: settings.prices,
    unknownPrice: settings.budget.unknown_price,
    guardrailPrice: settings.bedrock.guardrail_price,
    region: backend.region,
    profiles,
  });
  const capOf = capsFrom({
    budget: settings.budget,
    modelKeyOf: (name) => catalogue.capKeyOf(name),
    originOf: (path) => loaded.originOf(path).text,
  });
  const journal = {
    directory: join(state, 'ledger', mode),
    mode,
    // The simulated ledger is another, and of no worth.
    pinnedKey: backend.simulated ? null : settings.audit.pinned_key,
  } satisfies LedgerLocation;
  const ledger: Ledger = new Ledger({
    ...journal,
    user,
    timeZone,
    capOf,
    signingKeys: signingKeyFile(state, options.olderSigningKeys),
    retentionDays: settings.audit.retention_days,
    minReasonLength: settings.audit.min_reason_length,
    overrides: [
      ...namedSettings(options, loaded),
      ...loaded.loosened.map(({ name, value }) => `${name}=${value}`),
    ],
    compareAnchors: () => anchoring.compareOnce(),
    clockOffset: async () => {
      const { clockOffsetMs = null } = await backend.checkHealth(AbortSignal.timeout(clockTimeoutMs));
      return clockOffsetMs;
    },
    onRetention: (day) => {
      // What can't be deleted now goes with the next segment.
      content.removeBefore(day).catch(() => undefined);
      reports.removeBefore(day).catch(() => undefined);
    },
  });
  const { file, git, every_records: everyRecords, every_minutes: everyMinutes } = settings.audit.anchor;
  const anchors = [...(file ? [new FileAnchor(file)] : []), ...(git ? [new GitNoteAnchor(git)] : [])];
  const anchoring = new Anchoring(ledger, journal, backend.simulated ? [] : anchors, {
    everyRecords,
    everyMinutes,
  });
  anchoring.start();
  const policy = {
    ...{ minReasonLength: settings.audit.min_reason_length, defaultUser: user, caller },
    callerNeeded: arnsCapped && !backend.simulated,
  };
  const budget = async (day?: string): Promise<BudgetStatus> => {
    const today = await ledger.budget();
    const asked =
      day === undefined || day === today.day
        ? today
        : await dayInJournal(journal.directory, day, today.timeZone);
    return budgetStatus(asked, { capOf, alerts: settings.budget.alerts });
  };
  const callsOn = (reached: ModelBackend, prices: ModelCatalogue): CorporateLlmGateway =>
    new CorporateLlmGateway({ backend: reached, catalogue: prices, ledger, content, policy });
  const registry = await initGateways({
    corporate_llm: () => Promise.resolve(callsOn(backend, catalogue)),
  });
  // Loaded by the first run: listing agreements needs none of it.
  const implementations = once(async () => {
    const { createImplementations } = await import('./flow/implementations.ts');
    return createImplementations({
      ...{
        loaded,
        ledger,
        journal,
        catalogue,
        content,
        sessions,
        registry,
        backend,
        budget,
        anchorAt,
        state,
        callsOn,
      },
      calls: () => registry.calls(),
      environment: options.environment,
      defaultModel: settings.aws.bedrock.default_model,
      cacheSeconds: settings.cache.ttl_seconds,
    });
  });
  const flow = new FlowAgreementManager({
    ...{ ledger, journal, registry, reports, user, caller, backend },
    sources: flowFiles(
      options.environment,
      settings.flow.files,
      options.flowFolders ?? options.folders ?? [],
    ),
    implementationOf: async (agreement) => {
      // What a run may cost is asked before its first call, which would learn it.
      const models = [settings.aws.bedrock.default_model, agreement.prompt?.model ?? ''];
      await catalogue.learnAll(models);
      return (await implementations()).of(agreement);
    },
    fallbackOf: async (id) => (await implementations()).builtIn(id),
  });
  return {
    loaded: {
      ...loaded,
      warnings: [
        ...loaded.warnings,
        ...namedSettings(options, loaded).map(settingsElsewhere),
        ...unknownModels(settings, catalogue),
        ...budgetsElsewhere(options, mode),
      ],
    },
    folders: options.folders ?? [],
    flow,
    reports,
    catalogue,
    backend: {
      id: backend.id,
      simulated: backend.simulated,
      location: backend.location,
      region: backend.region,
      checkHealth: (signal) => backend.checkHealth(signal),
    },
    simulatedBecause,
    sessions,
    ledger,
    journal,
    registry,
    chat: new UnifiedChatManager(registry),
    user,
    caller,
    anchoring,
    anchorAt,
    budget,
    raiseCap: async (asked, reason) => {
      const cap = { ...asked, key: await keyOf(asked, catalogue) };
      const by = { userId: user, reason: requireReason(reason, policy) };
      const before = (await budget()).caps.find((one) => idOf(one) === idOf(cap));
      const limit = before?.limit ?? capOf(cap)?.limit;
      if (limit === undefined || cap.limit <= limit) throw notHigher(cap, limit);
      return ledger.raiseCap(cap, by);
    },
    content,
    eraseContent: async (subject, reason) => {
      // Nothing is erased whose record would be refused.
      const because = { user_id: user, reason: requireReason(reason, policy) };
      const erase = (name: string) =>
        content.erase(name, (count) =>
          ledger.tombstone({ subject_sha256: subjectHash(name), items: count, ...because }),
        );
      const { items, recorded } = await erase(subject);
      if (userNameFault(subject) !== null || userNameOf(subject) === subject)
        return { items, receipt: recorded };
      // Records of earlier versions have names as they were written.
      const inOneForm = await erase(userNameOf(subject));
      return { items: items + inOneForm.items, receipt: inOneForm.recorded };
    },
    reopenLedger: (reason, options) =>
      reopenLedger({ ledger, journal, anchoring }, { userId: user, reason }, options),
    acknowledgeOverruns: async (reason) => ledger.acknowledgeOverruns({ userId: user, reason }),
    dispose: async () => {
      await anchoring.dispose();
      await ledger.dispose();
      backend.dispose();
      await sessions.dispose();
    },
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => (made ??= make());
}

function anchorAt(path: string): Anchor {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory()
    ? new GitNoteAnchor(path)
    : new FileAnchor(path);
}

/** Names of models that nobody knows: caps and bases that hold for nothing. */
function unknownModels({ budget, models }: Settings, catalogue: ModelCatalogue): Fault[] {
  const isUnknown = (name: string): boolean => catalogue.idOf(name) === null;
  const caps = Object.keys(budget.per_model_usd).filter((name) => name !== 'default' && isUnknown(name));
  const unused = Object.keys(models).filter(isUnknown);
  const bases = Object.entries(models).filter(([, { base }]) => isUnknown(base));
  return [
    ...caps.map((name) => `budget.per_model_usd: no model "${name}" is known, so its cap holds for nothing`),
    ...unused.map((name) => `models: no model "${name}" is known, so its base is used by nothing`),
    ...bases.map(([name, { base }]) => `models."${name}".base: no model "${base}" is known`),
  ].map((message) => ({ severity: 'warning', message, place: null }));
}

/** A settings file that governs in the place of this user's own, as `NAME=path`. */
function namedSettings({ settingsFile }: ComposeOptions, { file, userFile }: LoadedSettings): string[] {
  if (file === null || file === userFile || !existsSync(userFile)) return [];
  return [`${settingsFile === undefined ? 'TIDYLLM_SETTINGS' : 'settings'}=${file}`];
}

function settingsElsewhere(named: string): Fault {
  const message = `${named} governs in the place of this user's own settings; the audit records say so`;
  return { severity: 'warning', message, place: null };
}

/** A second TIDYLLM_HOME is a second budget. Simulated money is none. */
function budgetsElsewhere({ environment }: ComposeOptions, mode: LedgerMode): Fault[] {
  if (mode === 'simulated') return [];
  const { state } = userDirectories(environment);
  const { state: registry } = userDirectories({ ...environment, TIDYLLM_HOME: undefined });
  return otherHomes(join(registry, 'homes'), state, standardHomes()).map((home) => ({
    severity: 'warning',
    message: `calls of this account are also recorded in ${home}, which has a budget of its own (TIDYLLM_HOME)`,
    place: null,
  }));
}

/** Where this account's state is unless a variable moves it; what the variables HOME and XDG_STATE_HOME say is not asked. */
function standardHomes(): string[] {
  const place = { linux: '.local/state/tidyllm', darwin: 'Library/Application Support/tidyllm' };
  const below = place[process.platform as keyof typeof place] as string | undefined;
  try {
    return below === undefined ? [] : [join(userInfo().homedir, below)];
  } catch {
    return [];
  }
}

/** What a cap is kept under, by whatever name it was asked for. */
async function keyOf({ scope, key }: ScopeKey, catalogue: ModelCatalogue): Promise<string> {
  if (scope === 'workspace') return workspaceKey(key);
  if (scope === 'user') return userCapKey(key);
  if (scope !== 'model') return key;
  await catalogue.learn(key);
  return catalogue.capKeyOf(key);
}

function notHigher({ limit, ...scope }: Cap, before: bigint | undefined): GatewayError {
  const what = scope.scope === 'ledger' ? 'The day' : `The ${scope.scope} ${scope.key}`;
  return before === undefined
    ? new GatewayError('invalid_request', `${what} has no cap to raise.`, {
        hint: `Caps are budget.daily_limit_usd and budget.per_${scope.scope}_usd of settings.yaml.`,
      })
    : new GatewayError(
        'invalid_request',
        `${what} already has a cap of ${formatUsd(before)}; ${formatUsd(limit)} is not above it.`,
      );
}

/** The account's name; in a container it may have none. */
function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

/** Who AWS says is calling; null where it can't be asked, which must not keep anyone waiting. */
async function identityOf(
  sessions: UnifiedSessionManager,
  patience: Patience,
): Promise<CallerIdentity | null> {
  try {
    return await sessions.identity(patience.start());
  } catch {
    return null;
  } finally {
    patience.end();
  }
}

/** A time-out that doesn't run while a person is typing. */
class Patience {
  readonly #timeoutMs: number;
  readonly #over = new AbortController();
  #timer: NodeJS.Timeout | null = null;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  start(): AbortSignal {
    this.#timer = setTimeout(() => this.#over.abort(), this.#timeoutMs);
    return this.#over.signal;
  }

  async pausedFor<T>(question: () => Promise<T>): Promise<T> {
    const running = this.#timer !== null;
    this.end();
    try {
      return await question();
    } finally {
      if (running) this.start();
    }
  }

  end(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** Throws `settings_invalid`, without the key, for one that no request can hold. */
function sendableToken(token: string | null): string | null {
  const stray = token === null ? null : strayIn(token);
  if (stray === null) return token;
  throw new GatewayError('settings_invalid', `AWS_BEARER_TOKEN_BEDROCK can’t be sent: it holds ${stray}.`, {
    hint: 'Set it anew as AWS gave it, on one line.',
  });
}

/** Bedrock where it is allowed and anything about AWS is configured; the mock otherwise, saying why. */
async function chooseBackend(
  settings: Settings,
  { backend: requested, environment }: ComposeOptions,
  sessions: UnifiedSessionManager,
): Promise<{ backend: ModelBackend; simulatedBecause: string | null; profiles?: ProfileDirectory }> {
  const allowed: readonly string[] = settings.ai.backends;
  if (requested !== undefined && !allowed.includes(requested)) {
    throw new GatewayError('backend_not_allowed', `The back-end "${requested}" is not allowed.`, {
      hint: `ai.backends of settings.yaml allows: ${allowed.join(', ')}.`,
    });
  }
  const candidates = (requested === undefined ? allowed : [requested]) as readonly BackendId[];
  if (!candidates.includes('bedrock')) {
    return { backend: new MockBackend(), simulatedBecause: 'The mock back-end was chosen.' };
  }
  const token = withoutStray(environment['AWS_BEARER_TOKEN_BEDROCK'] ?? '') || null;
  const bearerToken = settings.aws.bedrock.bearer_token ? sendableToken(token) : null;
  if (candidates.includes('mock') && bearerToken === null && (await sessions.credentials.find()) === null) {
    const ignored =
      token === null
        ? ''
        : ' AWS_BEARER_TOKEN_BEDROCK is set, but aws.bedrock.bearer_token does not allow it.';
    return { backend: new MockBackend(), simulatedBecause: `No AWS credentials were found.${ignored}` };
  }
  const { createBedrockBackend } = await import('./adapters/bedrock.ts');
  const { BedrockProfiles } = await import('./adapters/bedrockProfiles.ts');
  const keys = (): Promise<AwsKeys> => sessions.credentials.keys();
  const reached = {
    bearerToken,
    network: sessions.network,
    profile: settings.aws.profile,
    region: settings.aws.bedrock.region ?? (await sessions.region()),
  };
  const runtime = environment['AWS_ENDPOINT_URL_BEDROCK_RUNTIME'];
  const backend = await createBedrockBackend({
    ...reached,
    credentials: { keys, forget: () => sessions.credentials.forget() },
    endpoint: runtime ? null : settings.aws.bedrock.endpoint,
    idleTimeoutMs: settings.retry.idle_timeout_ms,
  });
  // Where calls go to a place of their own, nothing goes to AWS's public one unless it is named as well.
  const own = Boolean(runtime) || settings.aws.bedrock.endpoint !== null;
  const named = environment['AWS_ENDPOINT_URL_BEDROCK'] || environment['AWS_ENDPOINT_URL'];
  return {
    backend,
    simulatedBecause: null,
    ...((!own || named) && { profiles: new BedrockProfiles({ ...reached, keys }) }),
  };
}
