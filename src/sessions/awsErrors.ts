import { GatewayError, messageOf } from '../errors.ts';

/** Why there are no usable credentials; of a profile, or of another source. */
export function failedCredentials(error: unknown, profile: string | null): GatewayError {
  const message = messageOf(error);
  const named = profile === null ? '' : ` of the profile "${profile}"`;
  if (/\bsso\b/i.test(message)) {
    return new GatewayError('credentials_expired', `The AWS login${named} has expired.`, {
      hint: `Run "aws sso login${profile === null ? '' : ` --profile ${profile}`}".`,
      cause: error,
    });
  }
  if (isExpired(error)) {
    return new GatewayError('credentials_expired', `The AWS credentials${named} have expired.`, {
      hint: 'Renew them where they come from.',
      cause: error,
    });
  }
  return new GatewayError('credentials_missing', `No usable AWS credentials${named}: ${message}`, {
    hint: 'Set up a profile with "aws configure", name it in aws.profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    cause: error,
  });
}

/** Whether AWS said that a token had its time: looking the credentials up again may find a new one. */
export function isExpired(error: unknown): boolean {
  return (
    error instanceof Error &&
    /expired|UnrecognizedClient|InvalidClientTokenId/i.test(`${error.name} ${error.message}`)
  );
}
