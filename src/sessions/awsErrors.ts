import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';

/** Why there are no usable credentials; of a profile, or of another source. */
export function failedCredentials(error: unknown, profile: string | null): GatewayError {
  const message = messageOf(error);
  const named = profile === null ? '' : ` of the profile "${profile}"`;
  // Not every single sign-on error needs a login: the service may be unreachable, or half configured.
  if (
    systemCodeOf(error) === undefined &&
    /\baws sso login\b|\bSSO session\b|\bSSO token\b|^UnauthorizedException\b/i.test(message)
  ) {
    return new GatewayError('credentials_expired', `The AWS login${named} has expired.`, {
      hint: `Run "aws sso login${profile === null ? '' : ` --profile ${profile}`}".`,
      remedy: [{ kind: 'log_in_to_aws' }, { kind: 'connect_aws' }, { kind: 'retry' }],
      cause: error,
    });
  }
  if (/^ForbiddenException\b/.test(message)) {
    return new GatewayError('access_denied', `The AWS login${named} has no access to its account and role.`, {
      hint: 'Check sso_account_id and sso_role_name, or ask who runs IAM Identity Center to assign them to you.',
      cause: error,
    });
  }
  if (isExpired(error)) {
    return new GatewayError('credentials_expired', `The AWS credentials${named} have expired.`, {
      hint: 'Renew them where they come from.',
      cause: error,
    });
  }
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new GatewayError('credentials_missing', `The AWS credentials${named} did not come in time.`, {
      hint: 'Check the network, the proxy and a credential_process of the profile.',
      cause: error,
    });
  }
  return new GatewayError('credentials_missing', `No usable AWS credentials${named}: ${message}`, {
    hint: 'Set up a profile with "aws configure", name it in aws.profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    cause: error,
  });
}

/** Whether AWS said that a token has expired: looking the credentials up again may find a new one. */
export function isExpired(error: unknown): boolean {
  return (
    error instanceof Error &&
    /expired|UnrecognizedClient|InvalidClientTokenId/i.test(`${error.name} ${error.message}`)
  );
}
