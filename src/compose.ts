import { userInfo } from 'node:os';
import { join } from 'node:path';
import { MockBackend } from './adapters/mockModel.ts';
import { GatewayError } from './errors.ts';
import { CorporateLlmGateway } from './gateways/corporateLlm/corporateLlmGateway.ts';
import type { ComposeOptions, Core } from './gateways/core.ts';
import type { BackendId, ModelBackend } from './gateways/ports.ts';
import { initGateways } from './gateways/registry.ts';
import { budgetStatus } from './ledger/budgetStatus.ts';
import { ContentHasher } from './ledger/contentHash.ts';
import { Ledger } from './ledger/ledger.ts';
import { usdToMicro } from './pricing/cost.ts';
import { ModelCatalogue } from './pricing/modelCatalogue.ts';
import { loadSettings, userDirectories } from './settings/loadSettings.ts';
import type { Settings } from './settings/schema.ts';

/** Reads the settings, chooses the adapters and wires the core. Throws `GatewayError`. */
export async function compose(options: ComposeOptions): Promise<Core> {
  const loaded = await loadSettings(options.environment, options);
  const { settings } = loaded;
  const { backend, simulatedBecause } = await chooseBackend(settings, options);
  const { state } = userDirectories(options.environment);
  const mode = backend.simulated ? 'simulated' : 'live';
  const timeZone = settings.budget.timezone;
  const ledger = new Ledger({ directory: join(state, 'ledger', mode), mode, timeZone });
  const catalogue = new ModelCatalogue({
    mapping: settings.bedrock.model_mapping,
    prices: settings.prices,
    unknownPrice: settings.budget.unknown_price,
    region: backend.region,
  });
  const limit = usdToMicro(settings.budget.daily_limit_usd);
  const registry = await initGateways({
    corporate_llm: () =>
      Promise.resolve(
        new CorporateLlmGateway({
          backend,
          ledger,
          catalogue,
          hasher:
            settings.audit.content === 'hash' ? new ContentHasher(join(state, 'content', 'keys')) : null,
          policy: {
            dailyLimit: limit,
            minReasonLength: settings.audit.min_reason_length,
            defaultUser: options.user?.trim() || options.environment['TIDYLLM_USER']?.trim() || systemUser(),
          },
        }),
      ),
  });
  return {
    loaded,
    catalogue,
    backend: {
      id: backend.id,
      simulated: backend.simulated,
      location: backend.location,
      region: backend.region,
      checkHealth: (signal) => backend.checkHealth(signal),
    },
    simulatedBecause,
    ledger,
    registry,
    budget: async (day) =>
      budgetStatus(await ledger.budget(day), { limit, timeZone, alerts: settings.budget.alerts }),
    dispose: async () => {
      await ledger.dispose();
      backend.dispose();
    },
  };
}

/** The account's name; in a container it may have none. */
function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

/** Bedrock where it is allowed and anything about AWS is configured; the mock otherwise, saying why. */
async function chooseBackend(
  settings: Settings,
  { backend: requested, environment }: ComposeOptions,
): Promise<{ backend: ModelBackend; simulatedBecause: string | null }> {
  const allowed: readonly string[] = settings.ai.backends;
  if (requested !== undefined && !allowed.includes(requested)) {
    throw new GatewayError('backend_not_allowed', `The back-end "${requested}" is not allowed.`, {
      hint: `ai.backends of settings.yaml allows: ${allowed.join(', ')}.`,
    });
  }
  const candidates = (requested === undefined ? allowed : [requested]) as readonly BackendId[];
  const bedrock = {
    profile: settings.aws.profile,
    region: settings.aws.bedrock.region ?? settings.aws.region,
    endpoint: environment['AWS_ENDPOINT_URL_BEDROCK_RUNTIME'] ? null : settings.aws.bedrock.endpoint,
    idleTimeoutMs: settings.retry.idle_timeout_ms,
  };
  const mockAllowed = candidates.includes('mock');
  if (!candidates.includes('bedrock')) {
    return { backend: new MockBackend(), simulatedBecause: 'The mock back-end was chosen.' };
  }
  // Loaded here and not above, so that the AWS SDK costs nothing before it is needed.
  const { createBedrockBackend, findCredentials } = await import('./adapters/bedrock.ts');
  if (mockAllowed && (await findCredentials(bedrock)) === 'absent') {
    return { backend: new MockBackend(), simulatedBecause: 'No AWS credentials were found.' };
  }
  return { backend: await createBedrockBackend(bedrock), simulatedBecause: null };
}
