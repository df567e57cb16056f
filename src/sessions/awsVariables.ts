import { GatewayError } from '../errors.ts';
import { withoutStray } from '../strayCharacters.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that the gateway reads itself, without white space and quotes. */
export const readHere = [
  ...['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE', 'AWS_BEARER_TOKEN_BEDROCK'],
  ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'],
];

/** Variables that the AWS SDK reads as they are, besides those of endpoints. */
export const readBySdk = [
  ...['AWS_ACCOUNT_ID', 'AWS_ACCOUNT_ID_ENDPOINT_MODE', 'AWS_AUTH_SCHEME_PREFERENCE', 'AWS_CA_BUNDLE'],
  ...['AWS_CONFIG_FILE', 'AWS_CONTAINER_AUTHORIZATION_TOKEN', 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'],
  ...['AWS_CONTAINER_CREDENTIALS_FULL_URI', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'],
  ...['AWS_CREDENTIAL_EXPIRATION', 'AWS_CREDENTIAL_SCOPE', 'AWS_DEFAULTS_MODE'],
  ...['AWS_DISABLE_CLOCK_SKEW_CORRECTION', 'AWS_EC2_METADATA_DISABLED', 'AWS_EC2_METADATA_V1_DISABLED'],
  ...['AWS_EC2_METADATA_SERVICE_ENDPOINT', 'AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE'],
  ...['AWS_ENABLE_DEFAULT_SOCKET_TIMEOUT_2026', 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'],
  ...['AWS_LOGIN_CACHE_DIRECTORY', 'AWS_MAX_ATTEMPTS', 'AWS_REQUEST_CHECKSUM_CALCULATION'],
  ...['AWS_RESPONSE_CHECKSUM_VALIDATION', 'AWS_RETRY_MODE', 'AWS_ROLE_ARN', 'AWS_ROLE_SESSION_NAME'],
  ...['AWS_S3_DISABLE_EXPRESS_SESSION_AUTH', 'AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS'],
  ...['AWS_S3_USE_ARN_REGION', 'AWS_SDK_UA_APP_ID', 'AWS_SHARED_CREDENTIALS_FILE'],
  ...['AWS_SIGV4A_SIGNING_REGION_SET', 'AWS_USE_DUALSTACK_ENDPOINT', 'AWS_USE_FIPS_ENDPOINT'],
  'AWS_WEB_IDENTITY_TOKEN_FILE',
];

/**
 * Throws `settings_invalid` for a variable that the AWS SDK would read with a line's end, quotes or spaces
 * around its value: it would silently use files and addresses of such names.
 */
export function requireCleanVariables(environment: Environment): void {
  for (const name of Object.keys(environment)) {
    if (!readBySdk.includes(name) && !name.startsWith('AWS_ENDPOINT_URL')) continue;
    const value = environment[name] ?? '';
    const stray = strayAround(value);
    if (stray === null) continue;
    throw new GatewayError('settings_invalid', `The environment variable ${name} holds ${stray}.`, {
      hint: `Set ${name} again without, or unset it. Files written on Windows end their lines with a carriage return.`,
    });
  }
}

function strayAround(value: string): string | null {
  const control = /\p{Cc}/u.exec(value)?.[0];
  if (control === '\r') return 'a carriage return';
  if (control === '\n') return 'a line’s end';
  if (control !== undefined) return 'a control character';
  if (value.trim() !== value) return 'white space around its value';
  return withoutStray(value) === value ? null : 'quotes around its value';
}
