import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import type { Health } from '../gateways/gateway.ts';
import type { Exercise } from '../gateways/services.ts';
import type { Settings } from '../settings/schema.ts';
import { check, failedService, unreachable } from './check.ts';
import { exercise, type Step } from './exercise.ts';
import type { Network } from './network.ts';

type Place = Settings['postgres'];

const connectionTimeoutMs = 3_000;
const idleTimeoutMs = 30_000;
/** The time limit of an answer, after which the connection is dropped to free its place in the pool. */
const answerTimeoutMs = 10_000;
const mostConnections = 4;

/** The answers to our queries are a few hundred bytes. */
const mostBytes = 4_000_000;

interface Wire extends EventEmitter {
  ssl: unknown;
  stream: Duplex;
}

/** A connection that limits an answer, which is otherwise buffered until the server says that it is complete. */
class LimitedClient extends pg.Client {
  #received = 0;

  constructor(...given: ConstructorParameters<typeof pg.Client>) {
    super(...given);
    const { connection } = this as unknown as { connection: Wire };
    // With encryption, what is read is the stream inside it.
    connection.once(connection.ssl ? 'sslconnect' : 'connect', () =>
      connection.stream.on('data', (chunk: Buffer) => this.#count(chunk.length, connection.stream)),
    );
    this.on('drain', () => (this.#received = 0));
  }

  #count(bytes: number, stream: Duplex): void {
    this.#received += bytes;
    if (this.#received <= mostBytes) return;
    const error = failedService(
      'postgres',
      `PostgreSQL at ${this.host}:${this.port} sent more than ${mostBytes} bytes; the rest was not read.`,
      'Check postgres.host and postgres.port: what answers there is not what was asked for.',
    );
    stream.destroy(error);
  }
}

/** The pool of the team's database. Connections open on use; one that breaks while idle is dropped. */
export async function openPool(place: Place, network: Network): Promise<pg.Pool> {
  const pool = poolOf(place, tlsOf(place, network));
  if (place.ssl_mode !== 'prefer' && place.ssl_mode !== 'allow') return pool;
  try {
    (await pool.connect()).release();
    return pool;
  } catch (error) {
    await pool.end();
    // Only a server that answers says whether it encrypts.
    if (!/does not support SSL/.test(String(error))) throw error;
    return poolOf(place, false);
  }
}

function poolOf(
  { host, port, db_name: database, db_user: user, db_password: password }: Place,
  ssl: pg.PoolConfig['ssl'],
): pg.Pool {
  const pool = new pg.Pool({
    port,
    ssl,
    max: mostConnections,
    Client: LimitedClient,
    ...(host !== null && { host }),
    ...(database !== null && { database }),
    ...(user !== null && { user }),
    ...(password !== null && { password }),
    connectionTimeoutMillis: connectionTimeoutMs,
    query_timeout: answerTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    allowExitOnIdle: true,
    application_name: 'TidyLLM Gateway',
  });
  // The next use opens another one; without a listener the process would end.
  pool.on('error', () => undefined);
  return pool;
}

/** As in libpq: only the verifying modes check the certificate, and only one checks its name. */
function tlsOf({ ssl_mode: mode }: Place, network: Network): pg.PoolConfig['ssl'] {
  if (mode === 'disable') return false;
  // "allow" encrypts if possible too, which does no harm.
  if (mode === 'allow' || mode === 'prefer' || mode === 'require') return { rejectUnauthorized: false };
  const tls = network.tls();
  return mode === 'verify-full' ? tls : { ...tls, checkServerIdentity: () => undefined };
}

/** Asks the database for its name and version. */
export async function checkPostgres(
  pool: () => Promise<pg.Pool>,
  place: Place,
  signal: AbortSignal,
): Promise<Health> {
  const address = `${place.host}:${place.port}`;
  return check(
    signal,
    async () => {
      const { rows } = await (
        await pool()
      ).query<{ database: string; version: string }>(
        "select current_database() as database, current_setting('server_version') as version",
      );
      return `PostgreSQL ${rows[0]?.version} answers at ${address}, database ${rows[0]?.database}.`;
    },
    (error) => explain(error, address, place),
  );
}

/** Writes a row into a temporary table, reads it back and rolls everything back. */
export function exercisePostgres(
  pool: () => Promise<pg.Pool>,
  place: Place,
  signal: AbortSignal,
): Promise<Exercise> {
  const address = `${place.host}:${place.port}`;
  const table = `tidyllm_${randomUUID().replaceAll('-', '')}`;
  return exercise(
    signal,
    async (step) => {
      const connecting = pool().then((open) => open.connect());
      let finished = false;
      try {
        const client = await step(
          'Connect',
          () => connecting,
          () => `A connection to ${address} as ${place.db_user ?? 'this user'}.`,
        );
        await useTable(client, table, address, step);
        finished = true;
      } finally {
        // Closing a connection ends its transaction; a late connection is closed too.
        void connecting.then(
          (client) => client.release(!finished),
          () => undefined,
        );
      }
    },
    (error) => explain(error, address, place),
  );
}

/** Creates the table, uses it and rolls it back, in one transaction. */
async function useTable(client: pg.PoolClient, table: string, address: string, step: Step): Promise<void> {
  await step(
    'Create a temporary table',
    async () => {
      await client.query('begin');
      await client.query(`create temporary table ${table} (id integer, written text) on commit drop`);
    },
    () => `In a transaction of its own, as ${table}.`,
  );
  const written = randomUUID();
  await step(
    'Write a row',
    () => client.query(`insert into ${table} values (1, $1)`, [written]),
    ({ rowCount }) => `${rowCount} row with ${written}.`,
  );
  await step(
    'Read it back',
    async () => {
      const { rows } = await client.query<{ written: string }>(`select written from ${table}`);
      if (rows.length !== 1 || rows[0]?.written !== written)
        throw failedService(
          'postgres',
          `PostgreSQL at ${address} gave back something else than was written.`,
          'Look at the database’s log and its disk.',
        );
    },
    () => 'It is what was written.',
  );
  await step(
    'Roll back',
    async () => {
      await client.query('rollback');
      const { rows } = await client.query<{ found: string | null }>('select to_regclass($1) as found', [
        table,
      ]);
      if (rows[0]?.found !== null)
        throw failedService(
          'postgres',
          `PostgreSQL at ${address} kept a table that was rolled back.`,
          'Look at the database’s log.',
        );
    },
    () => 'The table is gone.',
  );
}

/** What an error of the database means, also one that a library has wrapped. */
export function postgresFailure(error: unknown, place: Place): GatewayError {
  if (GatewayError.is(error)) return error;
  if (error instanceof Error && error.cause instanceof Error && systemCodeOf(error) === undefined)
    return postgresFailure(error.cause, place);
  return explain(error, `${place.host}:${place.port}`, place);
}

/** Codes are those of PostgreSQL's appendix A. */
function explain(
  error: unknown,
  address: string,
  { db_user: user, db_name: database, ssl_mode: mode }: Place,
): GatewayError {
  const code = systemCodeOf(error) ?? '';
  if (code === '28P01' || code === '28000' || /password must be a string/.test(String(error))) {
    return failedService(
      'postgres',
      `PostgreSQL at ${address} refuses the login of ${user ?? 'this user'}.`,
      'Correct postgres.db_user and the password in PGPASSWORD or postgres.db_password.',
      error,
    );
  }
  if (code === '3D000') {
    return failedService(
      'postgres',
      `PostgreSQL at ${address} has no database ${database ?? ''}.`,
      'Create it, or correct postgres.db_name.',
      error,
    );
  }
  if (code === '42501') {
    return failedService(
      'postgres',
      `PostgreSQL at ${address} refuses it to ${user ?? 'this user'}: ${messageOf(error)}.`,
      `An administrator of the database can allow it: ${grantFor(messageOf(error), database ?? 'NAME', user ?? 'USER')}`,
      error,
    );
  }
  if (code === '57P01' || code === '57P02' || code === '57P03') {
    return failedService(
      'postgres',
      `PostgreSQL at ${address} is starting or stopping.`,
      'Wait for it, or start it.',
      error,
    );
  }
  if (code === '53300')
    return failedService(
      'postgres',
      `PostgreSQL at ${address} has no connection left.`,
      'Raise max_connections.',
      error,
    );
  if (/does not support SSL/.test(String(error))) {
    return failedService(
      'postgres',
      `PostgreSQL at ${address} offers no encryption, and postgres.ssl_mode is ${mode}.`,
      'Turn on ssl in the server; "disable" sends everything in the clear.',
      error,
    );
  }
  return unreachable('postgres', 'PostgreSQL', address, 'postgres.host and postgres.port', error);
}

/** The statement that gives the right which a refusal names. */
function grantFor(refusal: string, database: string, user: string): string {
  if (refusal.includes('temporary')) return `grant temporary on database ${database} to ${user};`;
  if (refusal.includes('database')) return `grant create on database ${database} to ${user};`;
  // What the first worker has made belongs to its user.
  const tables = 'select, insert, update, delete on all tables in schema dbos, tidyllm';
  return `grant usage on schema dbos, tidyllm to ${user}; grant ${tables} to ${user};`;
}
