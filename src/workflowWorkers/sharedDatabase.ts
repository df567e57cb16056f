import { setTimeout as after } from 'node:timers/promises';
import { DBOSClient } from '@dbos-inc/dbos-sdk';
import type { Pool } from 'pg';
import { GatewayError } from '../errors.ts';
import type { TeamDatabase } from '../gateways/services.ts';
import { CallTable } from './callTable.ts';

/** The name under which DBOS runs a call. */
export const workName = 'call';
/** The application in DBOS; its version, a number, says which workers can make a call. */
export const application = { name: 'tidyllm', version: '1' } as const;

/** DBOS says nothing: what a person should know is said by the commands. */
export const silent = {
  info: (): void => undefined,
  debug: (): void => undefined,
  warn: (): void => undefined,
  error: (): void => undefined,
};

/** DBOS wants one, and uses the pool. */
export const unusedAddress = 'postgresql://pool@pool/pool';

/** A queue of calls in DBOS, and the locks of its workers: PostgreSQL frees the lock of one whose connection ends. */
export interface CallQueue {
  name: string;
  /** The first number of each of the locks; the second is of the worker's id. */
  locks: number;
}

/** "tidl" as a number. */
const lockSpace = 0x7469646c;

/**
 * Calls for real and for simulated money have workers of their own: neither may get the other's answers. So have versions:
 * a run must not wait for workers that can't make its calls.
 */
export function queueOf({ simulated }: { simulated: boolean }): CallQueue {
  const kind = simulated ? 'simulated-calls' : 'calls';
  const locks = lockSpace + 10 * Number(application.version) + (simulated ? 1 : 0);
  return { name: `tidyllm-${kind}-${application.version}`, locks };
}

/** The lock under which tables are made. */
const tablesLock = { space: lockSpace, id: 0 };
const againAfterMs = 100;

/** DBOS without a worker: puts calls into the queue, and looks after those of others. */
export function openQueue(pool: Pool): Promise<DBOSClient> {
  return DBOSClient.create({
    systemDatabaseUrl: unusedAddress,
    systemDatabasePool: pool,
    applicationName: application.name,
    logger: silent,
  });
}

/** Does what only one worker may do at a time: DBOS makes its tables too, and two would be in each other's way. */
export async function alone(pool: Pool, work: () => Promise<void>): Promise<void> {
  const client = await pool.connect();
  client.on('error', () => undefined);
  try {
    for (;;) {
      const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1, $2) as held', [
        tablesLock.space,
        tablesLock.id,
      ]);
      if (rows[0]?.held === true) break;
      await after(againAfterMs);
    }
    await work();
  } finally {
    // The lock ends with the connection.
    client.release(true);
  }
}

/** Throws `service_failed` for a database that no worker has prepared, or that can't be used. */
export async function requirePrepared({ pool, failure }: TeamDatabase): Promise<void> {
  const prepared = await new CallTable(pool).isThere().catch((error: unknown) => {
    throw failure(error);
  });
  if (prepared) return;
  throw new GatewayError('service_failed', 'No worker has ever used the team’s database.', {
    hint: 'Start one with "tidyllm worker", on this machine or another.',
  });
}
