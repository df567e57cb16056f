import { GatewayError, messageOf, systemCodeOf, type Billing, type GatewayErrorCode } from '../errors.ts';
import { failedCredentials } from '../sessions/awsErrors.ts';

interface Translation {
  code: GatewayErrorCode;
  message: string;
  hint: string;
  retryable?: boolean;
  billing?: Billing;
}

/** What Bedrock's exceptions mean to the person who made the call. */
const exceptions: Readonly<Record<string, Translation>> = {
  ThrottlingException: {
    code: 'backend_throttled',
    message: 'Bedrock is throttling this account.',
    hint: 'Wait a little and try again, or ask AWS for a higher quota.',
    retryable: true,
  },
  ModelNotReadyException: {
    code: 'backend_throttled',
    message: 'The model is not ready yet.',
    hint: 'Try again in a minute.',
    retryable: true,
  },
  ServiceQuotaExceededException: {
    code: 'backend_throttled',
    message: 'A Bedrock quota of this account is used up.',
    hint: 'Ask AWS for a higher quota, or use another model.',
  },
  ServiceUnavailableException: {
    code: 'backend_failed',
    message: 'Bedrock is not available just now.',
    hint: 'Try again; the AWS status page tells of outages.',
    retryable: true,
  },
  InternalServerException: {
    code: 'backend_failed',
    message: 'Bedrock failed internally.',
    hint: 'Try again.',
    retryable: true,
  },
  ModelTimeoutException: {
    code: 'backend_failed',
    message: 'The model took too long.',
    hint: 'Ask for a shorter answer, or try again.',
    retryable: true,
    billing: 'unknown',
  },
  ModelErrorException: {
    code: 'backend_failed',
    message: 'The model failed while it worked on the request.',
    hint: 'Try again, or use another model.',
    retryable: true,
    billing: 'unknown',
  },
  AccessDeniedException: {
    code: 'access_denied',
    message: 'AWS denies access to this model.',
    hint: 'Allow bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream, and request access to the model in the Bedrock console.',
  },
  ...sameFor(
    [
      'ExpiredTokenException',
      'ExpiredToken',
      'UnrecognizedClientException',
      'InvalidSignatureException',
      'InvalidClientTokenId',
    ],
    {
      code: 'credentials_expired',
      message: 'AWS does not accept the credentials; they have expired or are wrong.',
      hint: 'Log in again (aws sso login) or renew the keys, then reconnect.',
    },
  ),
};

function sameFor(names: readonly string[], translation: Translation): Record<string, Translation> {
  return Object.fromEntries(names.map((name) => [name, translation]));
}

/** A failure before the answer began; `begun` says whether anything of the request had left this computer. */
export function failedCall(
  error: unknown,
  where: { region: string; modelId: string },
  begun: boolean,
): GatewayError {
  if (GatewayError.is(error)) return onTheWay(error, begun);
  const name = error instanceof Error ? error.name : '';
  const known = exceptions[name];
  if (known) return translated(known, error);
  if (name === 'ValidationException') return rejected(error);
  if (name === 'ResourceNotFoundException') {
    return new GatewayError('backend_rejected', `Bedrock in ${where.region} has no model ${where.modelId}.`, {
      hint: 'It may be retired, or offered in another region: choose another model or change aws.region.',
      cause: error,
    });
  }
  if (name === 'CredentialsProviderError') return failedCredentials(error, null);
  const status = httpStatusOf(error);
  if (status !== null) return unreadable(status, error);
  return unreachable(error, where.region, begun);
}

/** An answer that isn't Bedrock's: a proxy's page, or one that was cut. Its text may hold anything, so it isn't shown. */
function unreadable(status: number, error: unknown): GatewayError {
  const failed = status >= 500;
  const refused = status >= 300 && !failed;
  return new GatewayError(
    refused ? 'backend_rejected' : 'backend_failed',
    `Bedrock’s answer can’t be read (HTTP ${status}).`,
    {
      hint: 'Check the endpoint, the proxy and the region.',
      retryable: failed,
      // Behind a success or a gateway’s own failure the model may have answered.
      billing: refused ? 'none' : 'unknown',
      cause: error instanceof Error ? error.name : undefined,
    },
  );
}

/** What the network found on the way to Bedrock, such as a proxy that refuses. */
function onTheWay(error: GatewayError, begun: boolean): GatewayError {
  const { code, message, hint, retryable } = error;
  if (code !== 'service_failed') return error;
  const billing = begun ? 'unknown' : 'none';
  return new GatewayError('backend_unreachable', message, { hint, retryable, billing, cause: error });
}

function unreachable(error: unknown, region: string, begun: boolean): GatewayError {
  const message = begun
    ? 'The connection to Bedrock broke before an answer came'
    : 'Bedrock can’t be reached';
  return new GatewayError('backend_unreachable', `${message}: ${causesOf(error)}`, {
    hint: unreachableHint(systemCodeOf(error) ?? '', region),
    retryable: true,
    billing: begun ? 'unknown' : 'none',
    cause: error,
  });
}

function unreachableHint(code: string, region: string): string {
  if (isCertificateError(code))
    return 'The certificate is not trusted: set NODE_EXTRA_CA_CERTS or AWS_CA_BUNDLE to your company’s CA.';
  if (code === 'ENOTFOUND') return `Check that "${region}" is an AWS region with Bedrock, and the network.`;
  if (code === 'ERR_INVALID_CHAR')
    return 'A key or session token holds a character that can’t be sent: set it anew, without spaces or line ends.';
  return 'Check the network, the proxy and the endpoint.';
}

/** Addresses that all refuse are one error without a message of its own. */
function causesOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : messageOf(error);
}

/** The time was over before there was a connection: nothing was sent. */
export function notConnected(cause: unknown): GatewayError {
  return new GatewayError('backend_unreachable', 'No connection to Bedrock came to be in time.', {
    hint: 'Nothing was sent. Check the network, the proxy and the endpoint.',
    retryable: true,
    cause,
  });
}

function isCertificateError(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/.test(code);
}

/** An exception that Bedrock sent, or a break, in the middle of an answer. */
export function brokenStream(error: unknown): GatewayError {
  const known = exceptions[error instanceof Error ? capitalised(error.name) : ''];
  if (known)
    return translated(
      { ...known, message: `${known.message} The answer was cut off.`, billing: 'received' },
      error,
    );
  if (error instanceof Error && /Exception$/.test(error.name)) {
    return new GatewayError('stream_incomplete', `Bedrock broke the answer off: ${messageOf(error)}`, {
      hint: 'What arrived is shown; try again.',
      retryable: true,
      billing: 'received',
      cause: error,
    });
  }
  return incompleteStream(error);
}

/** Event-stream exceptions may be named in either case. */
function capitalised(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** The connection ended, but the answer hadn't: how far the model went is unknown. */
export function incompleteStream(cause?: unknown): GatewayError {
  return new GatewayError('stream_incomplete', 'The answer was cut off before its end.', {
    hint: 'What arrived is shown, and the worst case is charged until a bill says otherwise; try again.',
    retryable: true,
    billing: 'unknown',
    cause,
  });
}

export function stalledStream(idleTimeoutMs: number, cause: unknown): GatewayError {
  return new GatewayError('stream_stalled', `Bedrock sent nothing for ${idleTimeoutMs / 1000} s.`, {
    hint: 'The worst case is charged until a bill says otherwise; retry.idle_timeout_ms sets the limit.',
    retryable: true,
    billing: 'unknown',
    cause,
  });
}

function rejected(error: unknown): GatewayError {
  const message = messageOf(error);
  const hint = /on-demand throughput/i.test(message)
    ? 'Use an inference profile of your region (for example us.…) in bedrock.model_mapping.'
    : 'Change the request as it says.';
  return new GatewayError('backend_rejected', `Bedrock refused the request: ${message}`, {
    hint,
    cause: error,
  });
}

function translated({ code, message, hint, retryable, billing }: Translation, cause: unknown): GatewayError {
  return new GatewayError(code, message, {
    hint,
    retryable: retryable ?? false,
    billing: billing ?? 'none',
    cause,
  });
}

function httpStatusOf(error: unknown): number | null {
  const metadata = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata;
  return metadata?.httpStatusCode ?? null;
}
