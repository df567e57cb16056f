import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';

/** A service as errors name it. */
export interface Service {
  name: string;
  /** What to check when something else answers: `the endpoint and the proxy`. */
  check: string;
  /** A sentence on what to check when its host isn't known. */
  unknownHost: string;
}

/** What a log may hold of an error: its words may quote the prompt or the answer. */
export function traceOf(error: unknown): string {
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
/** Statuses of a temporary failure. */
const passing: ReadonlySet<number> = new Set([408, 425, 429, 499]);

/**
 * An answer that isn't the service's: a proxy's page, or one that was cut. Its text may hold anything, so it isn't shown.
 * The whole request had left: where the status doesn't say that nobody acted on it, the model may have answered. So
 * with 403, by which a proxy that inspects answers holds them back, and 408 and 499, when someone waited too long.
 */
export function unreadable({ name, check }: Service, status: number, error: unknown): GatewayError {
  const refused = status >= 300 && status < 500;
  const free = notActedOn.has(status);
  const charged = 'The worst case is charged until a bill says otherwise. ';
  return new GatewayError(
    refused ? 'backend_rejected' : 'backend_failed',
    `${name}’s answer can’t be read (HTTP ${status}).`,
    {
      hint: `${free ? '' : charged}Check ${check}.`,
      retryable: status >= 500 || passing.has(status),
      billing: free ? 'none' : 'unknown',
      cause: traceOf(error),
    },
  );
}

/** What the network found on the way, such as a proxy that refuses. */
export function onTheWay(error: GatewayError, begun: boolean): GatewayError {
  const { code, message, hint, retryable } = error;
  if (code !== 'service_failed') return error;
  const billing = begun ? 'unknown' : 'none';
  return new GatewayError('backend_unreachable', message, { hint, retryable, billing, cause: error });
}

export function unreachable({ name, unknownHost }: Service, error: unknown, begun: boolean): GatewayError {
  const message = begun
    ? `The connection to ${name} broke before an answer came`
    : `${name} can’t be reached`;
  return new GatewayError('backend_unreachable', `${message}: ${causesOf(error)}`, {
    hint: unreachableHint(systemCodeOf(error) ?? '', unknownHost),
    retryable: true,
    billing: begun ? 'unknown' : 'none',
    cause: error,
  });
}

function unreachableHint(code: string, unknownHost: string): string {
  if (isCertificateError(code))
    return 'The certificate is not trusted: set NODE_EXTRA_CA_CERTS or AWS_CA_BUNDLE to your company’s CA.';
  if (code === 'ENOTFOUND') return unknownHost;
  if (code === 'ERR_INVALID_CHAR')
    return 'A key or session token holds a character that can’t be sent: set it anew, without spaces or line ends.';
  return 'Check the network, the proxy and the endpoint.';
}

/** Addresses that all refuse are one error without a message of its own. */
function causesOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : messageOf(error);
}

/** The time limit passed before there was a connection: nothing was sent. */
export function notConnected(service: string, cause: unknown): GatewayError {
  return new GatewayError('backend_unreachable', `Connecting to ${service} took too long.`, {
    hint: 'Nothing was sent. Check the network, the proxy and the endpoint.',
    retryable: true,
    cause,
  });
}

function isCertificateError(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/.test(code);
}

/** The connection ended before the answer: how far the model got is unknown. */
export function incompleteStream(cause?: unknown): GatewayError {
  return new GatewayError('stream_incomplete', 'The answer was cut off before its end.', {
    hint: 'What arrived is shown, and the worst case is charged until a bill says otherwise; try again.',
    retryable: true,
    billing: 'unknown',
    ...(cause !== undefined && { cause: traceOf(cause) }),
  });
}

/** The answer is complete, but its usage figures are impossible. */
export function unreadableUsage(): GatewayError {
  return new GatewayError('stream_incomplete', 'The answer is here, but what it used can’t be read.', {
    hint: 'The worst case is charged until a bill says otherwise.',
    billing: 'unknown',
  });
}

/** Vectors of another number or length than was asked for. They are billed, and a retry may help. */
export function unreadableVectors(): GatewayError {
  return new GatewayError('backend_failed', 'The embeddings that came can’t be used.', {
    hint: 'Ask again, or use another model. What the provider counted is charged.',
    retryable: true,
    billing: 'unknown',
  });
}

/** The answer is longer than its allowed tokens can be. */
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

export function stalledStream(service: string, idleTimeoutMs: number, cause: unknown): GatewayError {
  return new GatewayError('stream_stalled', `${service} sent nothing for ${idleTimeoutMs / 1000} s.`, {
    hint: 'The worst case is charged until a bill says otherwise; retry.idle_timeout_ms sets the limit.',
    retryable: true,
    billing: 'unknown',
    cause: traceOf(cause),
  });
}
