import { setTimeout as after } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import type { TeamDatabase } from '../gateways/services.ts';
import type { CallQueue } from './sharedDatabase.ts';

/** How often a worker looks after itself and others, ms. */
const intervalMs = 500;
/** Without contact for so long, a worker stops its calls, ms: before others take them over. */
const lostAfterMs = 5_000;
/** A worker whose lock is free for so long is dead, ms. */
const deadAfterMs = 10_000;

/** Puts the calls of a dead worker back into the queue. */
type TakeOver = (id: string) => Promise<void>;

interface Worker {
  queue: CallQueue;
  id: string;
  takeOver: TakeOver;
}

/**
 * Who is there: each worker holds a lock of PostgreSQL, which its connection loses when its process dies. A worker whose
 * connection was cut takes the lock again, or stops its calls before others take them over.
 */
export class Presence {
  readonly #pool: Pool;
  readonly #queue: CallQueue;
  readonly #id: string;
  readonly #takeOver: TakeOver;
  readonly #lost = new AbortController();
  readonly #ended = new AbortController();
  /** Since when the lock of a worker that has calls is free. */
  readonly #freeSince = new Map<string, number>();
  #client: PoolClient | null = null;
  #isHeld = false;
  #untilLost: NodeJS.Timeout | null = null;
  #loop: Promise<void> = Promise.resolve();

  private constructor(pool: Pool, { queue, id, takeOver }: Worker) {
    this.#pool = pool;
    this.#queue = queue;
    this.#id = id;
    this.#takeOver = takeOver;
  }

  /** Throws `service_failed`. */
  static async begin({ pool, failure }: TeamDatabase, worker: Worker): Promise<Presence> {
    const presence = new Presence(pool, worker);
    try {
      await presence.#hold();
    } catch (error) {
      await presence.end();
      throw failure(error);
    }
    return presence;
  }

  /** Aborts when contact is lost for so long that others may make the calls. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** From here on contact counts, and the calls of dead workers are taken over. */
  watch(): void {
    this.#untilLost = setTimeout(() => this.#lost.abort(), lostAfterMs);
    this.#loop = this.#watch();
  }

  async end(): Promise<void> {
    this.#ended.abort();
    if (this.#untilLost) clearTimeout(this.#untilLost);
    // What waits for a database that doesn't answer isn't waited for.
    await Promise.race([this.#loop, after(lostAfterMs, undefined, { ref: false })]);
    this.#drop();
  }

  /** A connection that holds the lock of this worker, or tries to. */
  async #hold(): Promise<PoolClient> {
    const client = this.#client ?? (await this.#pool.connect());
    if (!this.#client) {
      this.#client = client;
      client.on('error', () => undefined);
      // So that the server notices within 11 s when this machine has vanished.
      await client.query(
        'set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3',
      );
    }
    // As long as an earlier connection of this worker still has the lock, nobody takes its calls over either.
    if (!this.#isHeld) this.#isHeld = await this.#tryLock(client, this.#id);
    return client;
  }

  async #tryLock(client: PoolClient, id: string): Promise<boolean> {
    const { rows } = await client.query<{ held: boolean }>(
      'select pg_try_advisory_lock($1, hashtext($2)) as held',
      [this.#queue.locks, id],
    );
    return rows[0]?.held === true;
  }

  #drop(): void {
    this.#client?.release(true);
    this.#client = null;
    this.#isHeld = false;
  }

  async #watch(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      try {
        await this.#lookAfterOthers(await this.#hold());
      } catch {
        this.#drop();
        this.#freeSince.clear();
      }
      await after(intervalMs, undefined, { signal: this.#ended.signal }).catch(() => null);
    }
  }

  async #lookAfterOthers(client: PoolClient): Promise<void> {
    // Asked here and not of DBOS, which would wait for a database that is down.
    const { rows: working } = await client.query<{ id: string }>(
      "select distinct executor_id as id from dbos.workflow_status where queue_name = $1 and status = 'PENDING'",
      [this.#queue.name],
    );
    if (!this.#lost.signal.aborted) this.#untilLost?.refresh();
    const ids = new Set(working.flatMap(({ id }) => (id === this.#id ? [] : [id])));
    for (const id of this.#freeSince.keys()) if (!ids.has(id)) this.#freeSince.delete(id);
    for (const id of ids) await this.#lookAfter(client, id);
  }

  async #lookAfter(client: PoolClient, id: string): Promise<void> {
    if (!(await this.#tryLock(client, id))) {
      this.#freeSince.delete(id);
      return;
    }
    try {
      const since = this.#freeSince.get(id) ?? performance.now();
      this.#freeSince.set(id, since);
      if (performance.now() - since < deadAfterMs) return;
      // The lock is held meanwhile, so that only one worker takes over.
      await this.#takeOver(id);
      this.#freeSince.delete(id);
    } finally {
      await client.query('select pg_advisory_unlock($1, hashtext($2))', [this.#queue.locks, id]);
    }
  }
}

/** Whether any worker is there for a queue. Throws what the database throws. */
export async function hasWorkers(pool: Pool, { locks }: CallQueue): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>(
    `select exists (select from pg_locks where locktype = 'advisory' and classid = $1 and objsubid = 2 and granted
       and database = (select oid from pg_database where datname = current_database())) as found`,
    [locks],
  );
  return rows[0]?.found === true;
}
