import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { failedCredentials } from '../sessions/awsErrors.ts';
import { UnboundedAnswer } from '../sessions/answerLimits.ts';
import { retryAfterMs } from './retryAfter.ts';
import { explain, type Explanation, type Place } from './bedrockAdvice.ts';

/** A failure before the answer began; `begun` says whether anything of the request had left this computer. */
export function failedCall(error: unknown, place: Place, begun: boolean): GatewayError {
  if (error instanceof UnboundedAnswer) return unreadable(httpStatusOf(error) ?? 0, error);
  if (GatewayError.is(error)) return onTheWay(error, begun);
  const name = error instanceof Error ? error.name : '';
  if (name === 'CredentialsProviderError') return failedCredentials(error, null);
  const status = httpStatusOf(error);
  if (status === null) return unreachable(error, place.region, begun);
  if (!isFromAws(error)) return unreadable(status, error);
  return explained(explain({ name, message: wordsOf(error), status }, place), error);
}

/**
 * Whether an error is an exception that AWS named, not a page of someone else's on the way. Other servers' JSON has
 * codes too, such as "timeout" or 499, which the SDK takes for names.
 */
function isFromAws(error: unknown): error is Error {
  const nameless = ['Error', 'SyntaxError', 'TypeError', 'UnknownError', 'Unknown'];
  return (
    error instanceof Error &&
    '$fault' in error &&
    /^(?=.*[a-z])[A-Z][A-Za-z]+$/.test(error.name) &&
    !nameless.includes(error.name)
  );
}

function explained(
  { code, message, hint, remedy, retryable, billing }: Explanation,
  error: Error,
): GatewayError {
  const detail = withoutSecrets(wordsOf(error));
  return new GatewayError(code, message, {
    hint,
    remedy,
    detail,
    cause: traceOf(error),
    retryable: retryable ?? false,
    retryAfterMs: retryAfterMs(headersOf(error)),
    billing: billing ?? 'none',
  });
}

function headersOf(error: Error): Record<string, string> {
  const { $response } = error as { $response?: { headers?: Record<string, string> } };
  return $response?.headers ?? {};
}

/** The message of an exception; one that the SDK doesn't know in the middle of an answer comes as its JSON. */
function wordsOf({ message }: Error): string {
  try {
    const { message: inside } = JSON.parse(message) as { message?: unknown };
    return typeof inside === 'string' ? inside : message;
  } catch {
    return message;
  }
}

/** What AWS computed of a request names its headers, the session token among them. */
function withoutSecrets(message: string): string {
  return message.replace(/\s*The Canonical String.*/s, '').replace(/[\w+/=]{80,}/g, '…');
}

/** What a log may hold of an error: its words may quote the prompt or the answer. */
function traceOf(error: unknown): string {
  const name = error instanceof Error ? error.name : 'unknown';
  const { requestId } = (error as { $metadata?: { requestId?: string } } | null)?.$metadata ?? {};
  return [name, systemCodeOf(error), requestId && `request ${requestId}`].filter(Boolean).join(', ');
}

/**
 * Statuses by which whoever answers says that it did not act on the request, nor hand it on: go elsewhere (not 303,
 * which follows work that is done), not understood (400), log in first (401, 407, 511), nothing there (404, 405, 421),
 * not in this form or size (411, 413, 414, 415, 417, 426, 428, 431), too often (429).
 */
const notActedOn: ReadonlySet<number> = new Set([
  ...[301, 302, 307, 308],
  ...[400, 401, 404, 405, 407, 411, 413, 414, 415, 417, 421, 426, 428, 429, 431],
  511,
]);
/** Statuses of something that passed. */
const passing: ReadonlySet<number> = new Set([408, 425, 429, 499]);

/**
 * An answer that isn't Bedrock's: a proxy's page, or one that was cut. Its text may hold anything, so it isn't shown.
 * The whole request had left: where the status doesn't say that nobody acted on it, the model may have answered. So
 * with 403, by which a proxy that inspects answers holds them back, and 408 and 499, when someone waited too long.
 */
function unreadable(status: number, error: unknown): GatewayError {
  const refused = status >= 300 && status < 500;
  const free = notActedOn.has(status);
  const charged = 'The worst case is charged until a bill says otherwise. ';
  return new GatewayError(
    refused ? 'backend_rejected' : 'backend_failed',
    `Bedrock’s answer can’t be read (HTTP ${status}).`,
    {
      hint: `${free ? '' : charged}Check the endpoint, the proxy and the region.`,
      retryable: status >= 500 || passing.has(status),
      billing: free ? 'none' : 'unknown',
      cause: traceOf(error),
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

/** Status of an exception in the middle of an answer, which comes without one. */
const statuses: Readonly<Record<string, number>> = {
  AccessDeniedException: 403,
  ModelStreamErrorException: 424,
  ModelTimeoutException: 408,
  ServiceUnavailableException: 503,
  ThrottlingException: 429,
  ValidationException: 400,
};

/** An exception that Bedrock sent, or a break, in the middle of an answer. */
export function brokenStream(error: unknown, place: Place): GatewayError {
  if (!(error instanceof Error) || !/Exception$/.test(error.name)) return incompleteStream(error);
  // Event-stream exceptions may be named in either case.
  const name = error.name.charAt(0).toUpperCase() + error.name.slice(1);
  const found = explain({ name, message: wordsOf(error), status: statuses[name] ?? 500 }, place);
  const message = `${found.message} The answer was cut off.`;
  return explained({ ...found, message, billing: 'received' }, error);
}

/** The connection ended, but the answer hadn't: how far the model went is unknown. */
export function incompleteStream(cause?: unknown): GatewayError {
  return new GatewayError('stream_incomplete', 'The answer was cut off before its end.', {
    hint: 'What arrived is shown, and the worst case is charged until a bill says otherwise; try again.',
    retryable: true,
    billing: 'unknown',
    ...(cause !== undefined && { cause: traceOf(cause) }),
  });
}

/** The answer came to its end, but what it used wasn't said in figures that can be. */
export function unreadableUsage(): GatewayError {
  return new GatewayError('stream_incomplete', 'The answer is here, but what it used can’t be read.', {
    hint: 'The worst case is charged until a bill says otherwise.',
    billing: 'unknown',
  });
}

/** More came than the tokens that were allowed can stand for. */
export function overlongAnswer(maxTokens: number): GatewayError {
  return new GatewayError(
    'stream_incomplete',
    `The answer was cut off: more came than ${maxTokens} tokens can be.`,
    {
      hint: 'What answers there doesn’t keep to max_tokens: check the endpoint and the proxy. The worst case is charged until a bill says otherwise.',
      billing: 'unknown',
    },
  );
}

export function lateAnswer(deadlineMs: number, cause: unknown): GatewayError {
  return new GatewayError(
    'stream_incomplete',
    `The answer was cut off: it had not ended after ${deadlineMs / 1000} s.`,
    {
      hint: 'The worst case is charged until a bill says otherwise. The limit follows from max_tokens and retry.idle_timeout_ms.',
      retryable: true,
      billing: 'unknown',
      cause: traceOf(cause),
    },
  );
}

export function stalledStream(idleTimeoutMs: number, cause: unknown): GatewayError {
  return new GatewayError('stream_stalled', `Bedrock sent nothing for ${idleTimeoutMs / 1000} s.`, {
    hint: 'The worst case is charged until a bill says otherwise; retry.idle_timeout_ms sets the limit.',
    retryable: true,
    billing: 'unknown',
    cause: traceOf(cause),
  });
}

function httpStatusOf(error: unknown): number | null {
  const metadata = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata;
  return metadata?.httpStatusCode ?? null;
}
