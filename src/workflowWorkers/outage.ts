import { setTimeout as after } from 'node:timers/promises';
import { GatewayError, systemCodeOf } from '../errors.ts';

const againAfterMs = 200;

/**
 * Does what needs the database, again while it is away, for at most `mostMs`: a restart takes seconds. Throws the signal's
 * reason at once when it aborts, and at once what isn't an outage.
 */
export async function throughOutage<Result>(
  work: () => Promise<Result>,
  { signal, mostMs }: { signal?: AbortSignal; mostMs: number },
): Promise<Result> {
  const began = performance.now();
  for (;;) {
    try {
      return await unlessAborted(work(), signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isOutage(error) || performance.now() - began > mostMs) throw error;
    }
    await unlessAborted(after(againAfterMs), signal);
  }
}

/** A connection that failed, or a server that stops, starts or has no connection left; codes of PostgreSQL's appendix A. */
function isOutage(error: unknown): boolean {
  if (GatewayError.is(error)) return false;
  const code = systemCodeOf(error) ?? '';
  const isSqlState = /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
  return !isSqlState || /^(08|53|57)/.test(code);
}

async function unlessAborted<Result>(work: Promise<Result>, signal?: AbortSignal): Promise<Result> {
  if (!signal) return work;
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason as Error);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
