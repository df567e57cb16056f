import { expect, it } from 'vitest';
import { GatewayError } from '../../../src/errors.ts';
import { throughOutage } from '../../../src/workflowWorkers/outage.ts';

function failing(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Fails with each of these in turn, and then succeeds. */
function after(...errors: Error[]): () => Promise<string> {
  return () => {
    const error = errors.shift();
    return error ? Promise.reject(error) : Promise.resolve('done');
  };
}

it.each(['ECONNREFUSED', 'EPIPE', '57P01', '57P03', '08006', '53300'])(
  '%s is waited through',
  async (code) => {
    expect(await throughOutage(after(failing(code), failing(code)), { mostMs: Infinity })).toBe('done');
  },
);

it('a connection that ended without a code is waited through', async () => {
  const ended = new Error('Connection terminated unexpectedly');
  expect(await throughOutage(after(ended), { mostMs: Infinity })).toBe('done');
});

it.each([
  failing('42501'),
  failing('23505'),
  new GatewayError('invalid_request', 'What was read can’t be used.'),
])('$message is no outage', async (error) => {
  await expect(throughOutage(after(error), { mostMs: Infinity })).rejects.toBe(error);
});

it('an outage that is too long throws its error', async () => {
  const error = failing('ECONNREFUSED');
  await expect(throughOutage(() => Promise.reject(error), { mostMs: 0 })).rejects.toBe(error);
});

it('an abort ends the wait at once, also where the database doesn’t answer', async () => {
  const stop = new AbortController();
  const reason = new Error('stopped');
  const silent = throughOutage(() => new Promise(() => undefined), { signal: stop.signal, mostMs: Infinity });
  stop.abort(reason);
  await expect(silent).rejects.toBe(reason);
});
