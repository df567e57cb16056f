import { join } from 'node:path';
import { UnifiedChatManager } from '../chat/unifiedChatManager.ts';
import { ContentStore } from '../content/contentStore.ts';
import { administration } from '../core/administration.ts';
import type { ComposeOptions, Core } from '../core/core.ts';
import { flowFiles } from '../flow/catalogue.ts';
import { FlowAgreementManager } from '../flow/flowAgreementManager.ts';
import type { ImplementationDependencies } from '../flow/implementations.ts';
import { ReportStore } from '../flow/reportStore.ts';
import { CorporateLlmGateway } from '../gateways/corporateLlm/corporateLlmGateway.ts';
import type { ModelBackend } from '../gateways/ports.ts';
import { initGateways } from '../gateways/registry.ts';
import { budgetStatus, type BudgetStatus } from '../ledger/budgetStatus.ts';
import { capsFrom } from '../ledger/capSettings.ts';
import { requireSqlite } from '../ledger/kernelLock.ts';
import { dayInJournal } from '../ledger/pastDay.ts';
import { ModelCatalogue } from '../pricing/modelCatalogue.ts';
import { requireCleanVariables } from '../sessions/awsVariables.ts';
import type { UnifiedSessionManager } from '../sessions/unifiedSessionManager.ts';
import { loadSettings, type LoadedSettings } from '../settings/loadSettings.ts';
import { userDirectories } from '../settings/settingsPlaces.ts';
import { chooseBackend } from './backend.ts';
import { callerOf, Patience } from './caller.ts';
import { anchorAt, openLedger } from './openLedger.ts';
import { settingsWarnings } from './warnings.ts';

/** Reads the settings, chooses the adapters and wires the core. Throws `GatewayError`. */
export async function compose(options: ComposeOptions): Promise<Core> {
  // Without it no call can be made and nothing be looked up: better said by every command, and before all else.
  requireSqlite();
  const loaded = await loadSettings(options.environment, options);
  const { settings } = loaded;
  requireCleanVariables(options.environment);
  const patience = new Patience();
  const sessions = await openSessions(options, loaded, patience);
  const { backend, simulatedBecause, profiles } = await chooseBackend(settings, options, sessions);
  sessions.useBedrock(simulatedBecause ?? ((signal) => backend.checkHealth(signal)));
  const { user, caller } = await callerOf(options, backend.simulated ? null : sessions, patience);

  const { state } = userDirectories(options.environment);
  const mode = backend.simulated ? 'simulated' : 'live';
  const { timezone: timeZone } = settings.budget;
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
  const parts = { options, loaded, state, backend, user, capOf, content, reports };
  const { ledger, journal, anchoring } = openLedger(parts);
  const budget = async (day?: string): Promise<BudgetStatus> => {
    const today = await ledger.budget();
    const asked =
      day === undefined || day === today.day
        ? today
        : await dayInJournal(journal.directory, day, today.timeZone);
    return budgetStatus(asked, { capOf, alerts: settings.budget.alerts });
  };

  const minReasonLength = settings.audit.min_reason_length;
  const arnsCapped = Object.keys(settings.budget.per_user_usd).some((name) => name.startsWith('arn:'));
  const callerNeeded = arnsCapped && !backend.simulated;
  const policy = { minReasonLength, defaultUser: user, caller, callerNeeded };
  const callsOn = (reached: ModelBackend, prices: ModelCatalogue): CorporateLlmGateway =>
    new CorporateLlmGateway({ backend: reached, catalogue: prices, ledger, content, policy });
  const registry = await initGateways({
    corporate_llm: () => Promise.resolve(callsOn(backend, catalogue)),
  });
  const flow = new FlowAgreementManager({
    ...{ ledger, journal, registry, reports, user, caller, backend },
    sources: flowFiles(
      options.environment,
      settings.flow.files,
      options.flowFolders ?? options.folders ?? [],
    ),
    ...implementationsOf(catalogue, loaded, {
      ...{ loaded, ledger, journal, catalogue, content, sessions, registry, backend, budget, anchorAt },
      ...{ state, callsOn, calls: () => registry.calls(), environment: options.environment },
      defaultModel: settings.aws.bedrock.default_model,
      cacheSeconds: settings.cache.ttl_seconds,
    }),
  });
  return {
    loaded: { ...loaded, warnings: settingsWarnings(options, loaded, catalogue, mode) },
    folders: options.folders ?? [],
    ...{ flow, reports, catalogue, simulatedBecause, sessions, ledger, journal, registry, user, caller },
    backend: {
      id: backend.id,
      simulated: backend.simulated,
      location: backend.location,
      region: backend.region,
      checkHealth: (signal) => backend.checkHealth(signal),
    },
    chat: new UnifiedChatManager(registry),
    ...{ anchoring, anchorAt, budget, content },
    ...administration({
      ...{ ledger, journal, anchoring, content, catalogue, capOf, budget, user, minReasonLength },
    }),
    dispose: async () => {
      await anchoring.dispose();
      await ledger.dispose();
      backend.dispose();
      await sessions.dispose();
    },
  };
}

/** Loaded here and not above, so that the AWS SDK costs nothing before it is needed. */
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

/** What runs for agreements, loaded by the first run: listing them needs none of it. */
function implementationsOf(
  catalogue: ModelCatalogue,
  { settings }: LoadedSettings,
  dependencies: ImplementationDependencies,
): Pick<ConstructorParameters<typeof FlowAgreementManager>[0], 'implementationOf' | 'fallbackOf'> {
  const load = () => import('../flow/implementations.ts');
  let made: Promise<ReturnType<Awaited<ReturnType<typeof load>>['createImplementations']>> | null = null;
  const implementations = () =>
    (made ??= load().then(({ createImplementations }) => createImplementations(dependencies)));
  return {
    implementationOf: async (agreement) => {
      // What a run may cost is asked before its first call, which would learn it.
      await catalogue.learnAll([settings.aws.bedrock.default_model, agreement.prompt?.model ?? '']);
      return (await implementations()).of(agreement);
    },
    fallbackOf: async (id) => (await implementations()).builtIn(id),
  };
}
