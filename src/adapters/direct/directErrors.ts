import { retryAfterMs } from '../retryAfter.ts';
import type { IncomingHttpHeaders } from 'node:http';
import type { GatewayErrorCode } from '../../errorCodes.ts';
import { GatewayError, type Billing } from '../../errors.ts';
import type { Remedy } from '../../remedies.ts';
import { UnboundedAnswer } from '../../sessions/answerLimits.ts';
import { onTheWay, unreachable, unreadable, type Service } from '../answerErrors.ts';
import { fieldsIn, textIn } from './wire.ts';

/** A service with a key of its own. */
export interface DirectService extends Service {
  /** How its key is given, in one sentence. */
  keyAdvice: string;
  /** The remedy for a key that is missing or refused. */
  keyRemedy: readonly Remedy[];
  /** What the service may quote and nobody may see. */
  secrets: readonly string[];
}

/** What a service says of a failure, as far as it can be read. */
interface Said {
  /** HTTP status, of the answer or of what the words stand for. */
  status: number;
  /** The names that the service gives it. */
  kind: string;
  /** May quote the prompt. */
  message: string;
}

/** Statuses of failures that come without one, by their names. */
const statusesByKind: readonly (readonly [RegExp, number])[] = [
  [/authentication|invalid_api_key/, 401],
  [/billing|insufficient_quota|spend_limit/, 402],
  [/permission/, 403],
  [/not_found/, 404],
  [/too_large/, 413],
  [/rate_limit|too_many_requests/, 429],
  [/overloaded/, 529],
  [/timeout/, 504],
  [/invalid|unsupported|context_length|content_policy/, 400],
];

/** Reads the forms of Anthropic, OpenAI and the servers that follow it, and MLflow; null for anything else. */
function saidIn(body: unknown, status: number | null): Said | null {
  const all = fieldsIn(body);
  const error = all['error'] ?? all['detail'] ?? (all['type'] === 'error' ? all : undefined);
  if (error === undefined) return null;
  const found = fieldsIn(error);
  const message = typeof error === 'string' ? error : textIn(found['message']) || JSON.stringify(error);
  const names = [found['type'], found['code'], fieldsIn(found['details'])['error_code']];
  const kind = names.filter((name) => typeof name === 'string').join(' ');
  const [, inWords] = /^(\d{3}): /.exec(message) ?? [];
  const numbered = [found['code'], Number(inWords)].find(
    (code): code is number => typeof code === 'number' && code >= 400 && code < 600,
  );
  const meant = status ?? numbered ?? statusesByKind.find(([says]) => says.test(kind))?.[1] ?? 500;
  return { status: meant, kind, message };
}

interface Explanation {
  code: GatewayErrorCode;
  message: string;
  hint: string;
  remedy?: readonly Remedy[];
  retryable?: boolean;
}

const later = 'Try again later; fewer calls at a time help.';

function explain(
  { status, kind, message }: Said,
  { name, keyAdvice, keyRemedy }: DirectService,
): Explanation {
  const words = `${kind} ${message}`;
  if (status === 402 || /insufficient_quota|spend_limit|billing_|credit balance/i.test(words))
    return {
      code: 'access_denied',
      message: `The account at ${name} has no credit left, or its spend limit is reached.`,
      hint: `Ask who runs the account at ${name}.`,
      remedy: [],
    };
  switch (status) {
    case 401:
      return {
        code: 'access_denied',
        message: `${name} does not accept the API key.`,
        hint: keyAdvice,
        remedy: keyRemedy,
      };
    case 403:
      return {
        code: 'access_denied',
        message: `The API key may not use this model or service of ${name}.`,
        hint: `Ask who runs the account at ${name}, or choose another model.`,
        remedy: [{ kind: 'choose_model' }],
      };
    case 404:
      return {
        code: 'backend_rejected',
        message: `${name} has no such model or address.`,
        hint: 'Choose another model, and check the endpoint.',
      };
    case 429:
      return {
        code: 'backend_throttled',
        message: `${name} takes no more calls now.`,
        hint: later,
        retryable: true,
      };
    case 503:
    case 529:
      return { code: 'backend_throttled', message: `${name} is overloaded.`, hint: later, retryable: true };
    default:
  }
  if (status === 408 || status === 409 || status >= 500)
    return {
      code: 'backend_failed',
      message: `${name} failed (HTTP ${status}).`,
      hint: `Try again; the status page of ${name} says whether it is down.`,
      retryable: true,
    };
  const tooLong = /context.?(length|window)|too long|too many tokens|too_large/i.test(words);
  return {
    code: 'backend_rejected',
    message: tooLong
      ? `The request is too long for the model at ${name}.`
      : `${name} refused the request (HTTP ${status}).`,
    hint: tooLong
      ? 'Start a new conversation, or send less.'
      : 'Change the request, or choose another model.',
  };
}

/** By these the service says that it waited for a model, which may have answered meanwhile. */
const workedOn: ReadonlySet<number> = new Set([408, 504]);

/** A refusal by HTTP status, before an answer began. A page of someone on the way is told apart. */
export function refusal(
  { status, headers, body }: { status: number; headers: IncomingHttpHeaders; body: unknown },
  service: DirectService,
): GatewayError {
  const said = saidIn(body, status);
  if (!said) return unreadable(service, status, null);
  const explained = explain(said, service);
  return new GatewayError(explained.code, explained.message, {
    ...explained,
    retryable: shouldRetry(headers) ?? explained.retryable ?? false,
    retryAfterMs: retryAfterMs(headers),
    billing: workedOn.has(status) ? 'unknown' : 'none',
    detail: withoutKeys(said.message, service),
    speaker: service.name,
    cause: traceOf(said, headers),
  });
}

/** A failure that a service reports in an answer that had begun with HTTP 200. */
export function failedAnswer(
  body: unknown,
  { billing, begun }: { billing: Billing; begun: boolean },
  service: DirectService,
): GatewayError {
  const said = saidIn(body, null);
  if (!said) return unreadable(service, 200, null);
  const explained = explain(said, service);
  return new GatewayError(explained.code, `${explained.message}${begun ? ' The answer was cut off.' : ''}`, {
    ...explained,
    billing,
    detail: withoutKeys(said.message, service),
    speaker: service.name,
    cause: traceOf(said, {}),
  });
}

/** A failure on the way to a service; `begun` says whether anything of the request had left this computer. */
export function failedRequest(error: unknown, service: DirectService, begun: boolean): GatewayError {
  if (error instanceof UnboundedAnswer)
    return unreadable(service, error.$metadata.httpStatusCode ?? 0, error);
  return GatewayError.is(error) ? onTheWay(error, begun) : unreachable(service, error, begun);
}

/** What a log may hold of a failure: its words may quote the prompt. */
function traceOf({ status, kind }: Said, headers: IncomingHttpHeaders): string {
  const id = headers['request-id'] ?? headers['x-request-id'];
  const safe = typeof id === 'string' && /^[\w-]{1,100}$/.test(id) ? `request ${id}` : '';
  return [`HTTP ${status}`, /^[\w. -]{1,100}$/.test(kind) ? kind : '', safe].filter(Boolean).join(', ');
}

/** Services quote a key that they refuse, or a part of it. */
function withoutKeys(message: string, { secrets }: DirectService): string {
  const masked = secrets.reduce((text, secret) => text.replaceAll(secret, '…'), message);
  return masked.replace(/\bsk-[\w*-]+|[\w+/=]{80,}/g, '…');
}

function shouldRetry(headers: IncomingHttpHeaders): boolean | undefined {
  const told = headers['x-should-retry'];
  return told === 'true' ? true : told === 'false' ? false : undefined;
}
