import { apiKeyVariables, type KeyedService } from '../apiKeys.ts';
import type { DirectOptions } from '../adapters/direct/directBackend.ts';
import { MockBackend } from '../adapters/mockModel.ts';
import type { ComposeOptions } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { backendIds, type BackendId } from '../gateways/modelCalls.ts';
import type { ModelBackend } from '../gateways/ports.ts';
import type { ProfileDirectory } from '../pricing/inferenceProfiles.ts';
import type { ModelOffer } from '../pricing/modelCatalogue.ts';
import type { AwsKeys } from '../sessions/awsCredentials.ts';
import { authorization } from '../sessions/mlflow.ts';
import type { UnifiedSessionManager } from '../sessions/unifiedSessionManager.ts';
import type { LoadedSettings } from '../settings/loadSettings.ts';
import type { Settings } from '../settings/schema.ts';
import { strayIn, withoutStray } from '../strayCharacters.ts';

type Environment = ComposeOptions['environment'];
type DirectService = DirectOptions['service'];
type KeyHelp = Pick<DirectService, 'keyAdvice' | 'keyRemedy'>;

interface Chosen {
  backend: ModelBackend;
  simulatedBecause: string | null;
  offer: ModelOffer;
  profiles?: ProfileDirectory;
}

/** What is needed to look for a back-end. */
interface Sources {
  settings: Settings;
  originOf: LoadedSettings['originOf'];
  environment: Environment;
  apiKey: ComposeOptions['apiKey'];
  sessions: UnifiedSessionManager;
}

/** A back-end that may be chosen. */
interface Candidate {
  /** Why it isn't configured, in one sentence; null if it is. */
  missing: (sources: Sources) => string | null | Promise<string | null>;
  /** Makes it, configured or not: then its calls fail, and say what is missing. */
  make: (sources: Sources) => Promise<Chosen>;
}

/** The first back-end that is allowed and configured; if none is, the first that is allowed. */
export async function chooseBackend(
  { settings, originOf }: LoadedSettings,
  { backend: requested, environment, apiKey }: ComposeOptions,
  sessions: UnifiedSessionManager,
): Promise<Chosen> {
  const allowed = backendIds.filter((id) => settings.ai.backends.includes(id));
  if (requested !== undefined && !allowed.some((id) => id === requested)) {
    throw new GatewayError('backend_not_allowed', `The back-end "${requested}" is not allowed.`, {
      hint: `ai.backends of settings.yaml allows: ${settings.ai.backends.join(', ')}.`,
    });
  }
  const ids = allowed.filter((id) => requested === undefined || id === requested);
  const sources = { settings, originOf, environment, apiKey, sessions };
  const reasons: string[] = [];
  for (const id of ids) {
    if (id === 'mock') return mock(reasons.join(' ') || 'The mock back-end was selected.');
    const missing = await candidates[id].missing(sources);
    if (missing === null) return candidates[id].make(sources);
    reasons.push(missing);
  }
  return candidates[ids[0] as Exclude<BackendId, 'mock'>].make(sources);
}

const candidates: Readonly<Record<Exclude<BackendId, 'mock'>, Candidate>> = {
  anthropic: {
    missing: (sources) => noKey('Anthropic', sources, 'anthropic'),
    make: async (sources) => {
      const { anthropicWire } = await import('../adapters/anthropic/wire.ts');
      const { endpoint } = sources.settings.ai.anthropic;
      const key = await keyOf('anthropic', sources);
      return direct('anthropic', sources, {
        id: 'anthropic',
        wire: anthropicWire,
        service: serviceOf('Anthropic', 'ai.anthropic.endpoint', keyHelp('anthropic')),
        url: `${base(endpoint)}/v1/messages`,
        authorization: key === null ? null : { 'x-api-key': key },
      });
    },
  },
  openai: {
    missing: (sources) => noKey('OpenAI', sources, 'openai'),
    make: async (sources) => {
      const { responsesWire } = await import('../adapters/openAi/responses.ts');
      const { endpoint } = sources.settings.ai.openai;
      const key = await keyOf('openai', sources);
      return direct('openai', sources, {
        id: 'openai',
        wire: responsesWire,
        service: serviceOf('OpenAI', 'ai.openai.endpoint', keyHelp('openai')),
        url: `${base(endpoint)}/responses`,
        authorization: key === null ? null : bearer(key),
      });
    },
  },
  compatible: {
    missing: ({ settings }) =>
      settings.ai.compatible.endpoint ? null : 'ai.compatible.endpoint is not set.',
    make: async (sources) => {
      const { chatWire } = await import('../adapters/openAi/chatCompletions.ts');
      const { name, endpoint } = sources.settings.ai.compatible;
      if (endpoint === null) throw noEndpoint();
      const key = await keyOf('compatible', sources);
      return direct('named', sources, {
        id: 'compatible',
        wire: chatWire(name),
        service: serviceOf(name, 'ai.compatible.endpoint', keyHelp('compatible')),
        url: `${base(endpoint)}/chat/completions`,
        authorization: key === null ? {} : bearer(key),
      });
    },
  },
  bedrock: {
    missing: async ({ settings, environment, sessions }) => {
      const token = tokenIn(environment);
      const allowed = token !== null && settings.aws.bedrock.bearer_token;
      if (allowed || (await sessions.credentials.find())) return null;
      const ignored = ' AWS_BEARER_TOKEN_BEDROCK is set, but aws.bedrock.bearer_token does not allow it.';
      return `No AWS credentials were found.${token === null ? '' : ignored}`;
    },
    make: bedrock,
  },
  mlflow: {
    missing: ({ originOf }) =>
      originOf(['mlflow', 'tracking_uri']).source === 'default' ? 'mlflow.tracking_uri is not set.' : null,
    make: async (sources) => {
      const { chatWire } = await import('../adapters/openAi/chatCompletions.ts');
      const { tracking_uri: address } = sources.settings.mlflow;
      const { authorization: login } = authorization(sources.environment);
      const keyAdvice =
        'Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, and check the key that MLflow has for the endpoint.';
      return direct('named', sources, {
        id: 'mlflow',
        wire: chatWire('MLflow'),
        service: serviceOf('MLflow', 'mlflow.tracking_uri', { keyAdvice, keyRemedy: [] }),
        url: `${base(address)}/gateway/mlflow/v1/chat/completions`,
        // The gateway takes its own login from this header and leaves the usual one to the provider.
        authorization: login === undefined ? {} : { 'x-mlflow-authorization': login },
      });
    },
  },
};

function mock(simulatedBecause: string): Chosen {
  return { backend: new MockBackend(), simulatedBecause, offer: 'bedrock' };
}

async function noKey(name: string, sources: Sources, service: KeyedService): Promise<string | null> {
  return (await keyOf(service, sources)) === null ? `No API key for ${name} was found.` : null;
}

/** The key of the environment, or the one that is kept; null without any. Throws `settings_invalid`. */
async function keyOf(service: KeyedService, { environment, apiKey }: Sources): Promise<string | null> {
  const variable = apiKeyVariables[service];
  return keyIn(environment, variable) ?? keyIn({ [variable]: await apiKey?.(service) }, variable);
}

function keyHelp(service: KeyedService): KeyHelp {
  const keyAdvice = `Set ${apiKeyVariables[service]} to a valid key, or run "TidyLLM: Set API Key…" in VS Code.`;
  return { keyAdvice, keyRemedy: [{ kind: 'set_api_key' }] };
}

function noEndpoint(): GatewayError {
  return new GatewayError('settings_invalid', 'The back-end "compatible" has no address.', {
    hint: 'Set ai.compatible.endpoint in settings.yaml, such as "http://localhost:11434/v1".',
    place: { key: 'ai' },
  });
}

function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}

/** An address without the slash at its end. */
function base(endpoint: string): string {
  return endpoint.replace(/\/+$/, '');
}

/**
 * A key of the environment; null without one. Throws `settings_invalid`, without showing the key, for one that no
 * request can carry.
 */
function keyIn(environment: Environment, variable: string): string | null {
  const key = withoutStray(environment[variable] ?? '') || null;
  const stray = key === null ? null : strayIn(key);
  if (stray === null) return key;
  throw new GatewayError('settings_invalid', `${variable} can’t be sent: it contains ${stray}.`, {
    hint: 'Set it again exactly as you got it, on one line.',
  });
}

function serviceOf(name: string, setting: string, help: KeyHelp): DirectOptions['service'] {
  return {
    name,
    check: 'the endpoint and the proxy',
    unknownHost: `Correct ${setting}, or check the network.`,
    ...help,
  };
}

async function direct(
  offer: ModelOffer,
  { settings, sessions: { network } }: Sources,
  options: Omit<DirectOptions, 'network' | 'idleTimeoutMs'>,
): Promise<Chosen> {
  const { DirectBackend } = await import('../adapters/direct/directBackend.ts');
  const { idle_timeout_ms: idleTimeoutMs } = settings.retry;
  const backend = new DirectBackend({ ...options, network, idleTimeoutMs });
  return { backend, simulatedBecause: null, offer };
}

/** Whatever it contains: only one that is used must be sendable. */
function tokenIn(environment: Environment): string | null {
  return withoutStray(environment['AWS_BEARER_TOKEN_BEDROCK'] ?? '') || null;
}

async function bedrock({ settings, environment, sessions }: Sources): Promise<Chosen> {
  const { createBedrockBackend } = await import('../adapters/bedrock.ts');
  const { BedrockProfiles } = await import('../adapters/bedrockProfiles.ts');
  const keys = (): Promise<AwsKeys> => sessions.credentials.keys();
  const reached = {
    bearerToken: settings.aws.bedrock.bearer_token ? keyIn(environment, 'AWS_BEARER_TOKEN_BEDROCK') : null,
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
  // With a private Bedrock endpoint, nothing goes to a public AWS endpoint unless it is configured too.
  const own = Boolean(runtime) || settings.aws.bedrock.endpoint !== null;
  const named = environment['AWS_ENDPOINT_URL_BEDROCK'] || environment['AWS_ENDPOINT_URL'];
  return {
    backend,
    simulatedBecause: null,
    offer: 'bedrock',
    ...((!own || named) && { profiles: new BedrockProfiles({ ...reached, keys }) }),
  };
}
