import type { DirectOptions } from '../adapters/direct/directBackend.ts';
import { MockBackend } from '../adapters/mockModel.ts';
import type { ComposeOptions } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import { backendIds, type BackendId } from '../gateways/modelCalls.ts';
import type { ModelBackend } from '../gateways/ports.ts';
import type { ProfileDirectory } from '../pricing/inferenceProfiles.ts';
import type { ModelOffer } from '../pricing/modelCatalogue.ts';
import type { AwsKeys } from '../sessions/awsCredentials.ts';
import type { UnifiedSessionManager } from '../sessions/unifiedSessionManager.ts';
import type { Settings } from '../settings/schema.ts';
import { strayIn, withoutStray } from '../strayCharacters.ts';

type Environment = ComposeOptions['environment'];

interface Chosen {
  backend: ModelBackend;
  simulatedBecause: string | null;
  offer: ModelOffer;
  profiles?: ProfileDirectory;
}

/** What is needed to look for a back-end. */
interface Sources {
  settings: Settings;
  environment: Environment;
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
  settings: Settings,
  { backend: requested, environment }: ComposeOptions,
  sessions: UnifiedSessionManager,
): Promise<Chosen> {
  const allowed = backendIds.filter((id) => settings.ai.backends.includes(id));
  if (requested !== undefined && !allowed.some((id) => id === requested)) {
    throw new GatewayError('backend_not_allowed', `The back-end "${requested}" is not allowed.`, {
      hint: `ai.backends of settings.yaml allows: ${settings.ai.backends.join(', ')}.`,
    });
  }
  const ids = allowed.filter((id) => requested === undefined || id === requested);
  const sources = { settings, environment, sessions };
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
    missing: ({ environment }) => (keyIn(environment, 'ANTHROPIC_API_KEY') ? null : noKey('Anthropic')),
    make: async ({ settings, environment, sessions }) => {
      const { anthropicWire } = await import('../adapters/anthropic/wire.ts');
      const variable = 'ANTHROPIC_API_KEY';
      const key = sendable(keyIn(environment, variable), variable);
      return direct('anthropic', settings, sessions, {
        id: 'anthropic',
        wire: anthropicWire,
        service: serviceOf('Anthropic', 'ai.anthropic.endpoint', variable),
        url: `${base(settings.ai.anthropic.endpoint)}/v1/messages`,
        authorization: key === null ? null : { 'x-api-key': key },
      });
    },
  },
  bedrock: {
    missing: async ({ settings, environment, sessions }) => {
      const token = tokenIn(environment);
      if ((token !== null && settings.aws.bedrock.bearer_token) || (await sessions.credentials.find()))
        return null;
      const ignored = ' AWS_BEARER_TOKEN_BEDROCK is set, but aws.bedrock.bearer_token does not allow it.';
      return `No AWS credentials were found.${token === null ? '' : ignored}`;
    },
    make: bedrock,
  },
};

function mock(simulatedBecause: string): Chosen {
  return { backend: new MockBackend(), simulatedBecause, offer: 'bedrock' };
}

function noKey(service: string): string {
  return `No API key for ${service} was found.`;
}

/** An address without the slash at its end. */
function base(endpoint: string): string {
  return endpoint.replace(/\/+$/, '');
}

function keyIn(environment: Environment, variable: string): string | null {
  return withoutStray(environment[variable] ?? '') || null;
}

/** Throws `settings_invalid`, without showing the key, for a key that no request can carry. */
function sendable(key: string | null, variable: string): string | null {
  const stray = key === null ? null : strayIn(key);
  if (stray === null) return key;
  throw new GatewayError('settings_invalid', `${variable} can’t be sent: it contains ${stray}.`, {
    hint: 'Set it again exactly as you got it, on one line.',
  });
}

function serviceOf(name: string, setting: string, variable: string): DirectOptions['service'] {
  return {
    name,
    check: 'the endpoint and the proxy',
    unknownHost: `Correct ${setting}, or check the network.`,
    keyAdvice: `Set ${variable} to a valid key.`,
  };
}

async function direct(
  offer: ModelOffer,
  settings: Settings,
  { network }: UnifiedSessionManager,
  options: Omit<DirectOptions, 'network' | 'idleTimeoutMs'>,
): Promise<Chosen> {
  const { DirectBackend } = await import('../adapters/direct/directBackend.ts');
  const { idle_timeout_ms: idleTimeoutMs } = settings.retry;
  const backend = new DirectBackend({ ...options, network, idleTimeoutMs });
  return { backend, simulatedBecause: null, offer };
}

function tokenIn(environment: Environment): string | null {
  return keyIn(environment, 'AWS_BEARER_TOKEN_BEDROCK');
}

async function bedrock({ settings, environment, sessions }: Sources): Promise<Chosen> {
  const { createBedrockBackend } = await import('../adapters/bedrock.ts');
  const { BedrockProfiles } = await import('../adapters/bedrockProfiles.ts');
  const token = settings.aws.bedrock.bearer_token ? tokenIn(environment) : null;
  const keys = (): Promise<AwsKeys> => sessions.credentials.keys();
  const reached = {
    bearerToken: sendable(token, 'AWS_BEARER_TOKEN_BEDROCK'),
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
