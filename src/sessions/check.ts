import { addAbortListener } from 'node:events';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import type { Health } from '../gateways/gateway.ts';

/** Times a light call that returns its evidence; its errors become the service's failure. */
export async function check(
  signal: AbortSignal,
  call: () => Promise<string>,
  explain: (error: unknown) => GatewayError,
): Promise<Health> {
  const checkedAt = new Date().toISOString();
  const startedAt = performance.now();
  try {
    const evidence = await unlessAborted(call(), signal);
    return { state: 'healthy', latencyMs: performance.now() - startedAt, evidence, error: null, checkedAt };
  } catch (thrown) {
    const error = GatewayError.is(thrown) ? thrown : explain(thrown);
    return { state: 'failed', latencyMs: null, evidence: error.message, error, checkedAt };
  }
}

/** A service that isn't configured. */
export function notConfigured(evidence: string): Health {
  return {
    state: 'not_configured',
    latencyMs: null,
    evidence,
    error: null,
    checkedAt: new Date().toISOString(),
  };
}

/**
 * Explains a failed connection to the person who configured it; `setting` names in words what may be wrong, and
 * `section` its section in settings.yaml.
 */
export function unreachable(
  section: string | null,
  service: string,
  place: string,
  setting: string,
  error: unknown,
): GatewayError {
  const code = systemCodeOf(error) ?? '';
  const name = error instanceof Error ? error.name : '';
  if (
    name === 'TimeoutError' ||
    name === 'AbortError' ||
    /ETIMEDOUT|timeout/i.test(`${code} ${messageOf(error)}`)
  ) {
    return failedService(
      section,
      `${service} at ${place} did not answer in time.`,
      `Check the network, the proxy and ${setting}.`,
      error,
    );
  }
  if (code === 'ECONNREFUSED')
    return failedService(
      section,
      `Nothing answers at ${place}.`,
      `Start ${service} there, or correct ${setting}.`,
      error,
    );
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return failedService(
      section,
      `The host of ${place} is not known.`,
      `Correct ${setting}, or check the network.`,
      error,
    );
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) {
    return failedService(
      section,
      `The certificate of ${place} is not trusted: ${messageOf(error)}`,
      'Set AWS_CA_BUNDLE or NODE_EXTRA_CA_CERTS to your company’s CA.',
      error,
    );
  }
  return failedService(
    section,
    `${service} at ${place} failed: ${describe(error)}`,
    `Check ${setting}.`,
    error,
  );
}

/** `section` of settings.yaml configures the service; null where none does. */
export function failedService(
  section: string | null,
  message: string,
  hint: string,
  cause?: unknown,
): GatewayError {
  const place = section === null ? null : { key: section };
  return new GatewayError('service_failed', message, { hint, retryable: true, place, cause });
}

/** Several addresses that all refuse are one error without a message of its own. */
function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ');
  return messageOf(error) || (error instanceof Error ? error.name : 'unknown');
}

/** Some calls ignore the signal and never end; the caller need not wait for them. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  using _listener = addAbortListener(signal, () => aborted.reject(signal.reason as Error));
  return await Promise.race([work, aborted.promise]);
}
