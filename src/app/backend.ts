import { MockBackend } from '../adapters/mockModel.ts';
import type { ComposeOptions } from '../core/core.ts';
import { GatewayError } from '../errors.ts';
import type { BackendId } from '../gateways/modelCalls.ts';
import type { ModelBackend } from '../gateways/ports.ts';
import type { ProfileDirectory } from '../pricing/inferenceProfiles.ts';
import type { AwsKeys } from '../sessions/awsCredentials.ts';
import type { UnifiedSessionManager } from '../sessions/unifiedSessionManager.ts';
import type { Settings } from '../settings/schema.ts';
import { strayIn, withoutStray } from '../strayCharacters.ts';

/** Throws `settings_invalid`, without showing the key, for a key that no request can carry. */
function sendableToken(token: string | null): string | null {
  const stray = token === null ? null : strayIn(token);
  if (stray === null) return token;
  throw new GatewayError(
    'settings_invalid',
    `AWS_BEARER_TOKEN_BEDROCK can’t be sent: it contains ${stray}.`,
    {
      hint: 'Set it again exactly as AWS gave it, on one line.',
    },
  );
}

/** Bedrock if it is allowed and anything about AWS is configured; otherwise the mock, with the reason. */
export async function chooseBackend(
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
    return { backend: new MockBackend(), simulatedBecause: 'The mock back-end was selected.' };
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
  const { createBedrockBackend } = await import('../adapters/bedrock.ts');
  const { BedrockProfiles } = await import('../adapters/bedrockProfiles.ts');
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
  // With a private Bedrock endpoint, nothing goes to a public AWS endpoint unless it is configured too.
  const own = Boolean(runtime) || settings.aws.bedrock.endpoint !== null;
  const named = environment['AWS_ENDPOINT_URL_BEDROCK'] || environment['AWS_ENDPOINT_URL'];
  return {
    backend,
    simulatedBecause: null,
    ...((!own || named) && { profiles: new BedrockProfiles({ ...reached, keys }) }),
  };
}
