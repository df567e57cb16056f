import { GatewayError } from '../errors.ts';
import { failedCredentials } from '../sessions/awsErrors.ts';
import { UnboundedAnswer } from '../sessions/answerLimits.ts';
import {
  incompleteStream,
  onTheWay,
  traceOf,
  unreachable,
  unreadable,
  type Service,
} from './answerErrors.ts';
import { retryAfterMs } from './retryAfter.ts';
import { explain, type Explanation, type Place } from './bedrockAdvice.ts';

function bedrock({ region }: Place): Service {
  return {
    name: 'Bedrock',
    check: 'the endpoint, the proxy and the region',
    unknownHost: `Check that "${region}" is an AWS region with Bedrock, and the network.`,
  };
}

/** A failure before the answer began; `begun` says whether anything of the request had left this computer. */
export function failedCall(error: unknown, place: Place, begun: boolean): GatewayError {
  if (error instanceof UnboundedAnswer) return unreadable(bedrock(place), httpStatusOf(error) ?? 0, error);
  if (GatewayError.is(error)) return onTheWay(error, begun);
  const name = error instanceof Error ? error.name : '';
  if (name === 'CredentialsProviderError') return failedCredentials(error, null);
  const status = httpStatusOf(error);
  if (status === null) return unreachable(bedrock(place), error, begun);
  if (!isFromAws(error)) return unreadable(bedrock(place), status, error);
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

function httpStatusOf(error: unknown): number | null {
  const metadata = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata;
  return metadata?.httpStatusCode ?? null;
}
