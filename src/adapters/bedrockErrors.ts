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
  // The SDK reads a stream's first event before it returns: an exception there has no status of its own.
  if ((status ?? 200) === 200 && begun && isStreamed(error)) return streamed(error, place, '');
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

/** The message of an exception; one that the SDK doesn't know in a stream comes as its JSON, with advice below it. */
function wordsOf({ message }: Error): string {
  const [json = ''] = message.split('\n  Deserialization error:');
  try {
    const { message: inside } = JSON.parse(json) as { message?: unknown };
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
  return isStreamed(error) ? streamed(error, place, ' The answer was cut off.') : incompleteStream(error);
}

function isStreamed(error: unknown): error is Error {
  return error instanceof Error && /Exception$/.test(error.name);
}

/** An exception of a stream, which Bedrock had begun to work on. */
function streamed(error: Error, place: Place, consequence: string): GatewayError {
  // Event-stream exceptions may be named in either case.
  const name = error.name.charAt(0).toUpperCase() + error.name.slice(1);
  const found = explain({ name, message: wordsOf(error), status: statuses[name] ?? 500 }, place);
  return explained({ ...found, message: `${found.message}${consequence}`, billing: 'received' }, error);
}

function httpStatusOf(error: unknown): number | null {
  const metadata = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata;
  return metadata?.httpStatusCode ?? null;
}
