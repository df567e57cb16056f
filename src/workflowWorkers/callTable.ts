import type { Pool } from 'pg';
import { subjectHash } from '../content/contentKeys.ts';
import { sharedAnswerOf, sharedCallOf, type SharedAnswer, type SharedCall } from './sharedCall.ts';

/**
 * What is asked, and the answer, while a call is under way. `subject` is the SHA-256 of the user's name, `worker` says who
 * makes the call, and once it is `settled` its answer is final.
 */
const tables = `
create schema if not exists tidyllm;
create table if not exists tidyllm.calls (
  call text primary key,
  subject text not null,
  created timestamptz not null default now(),
  request json,
  worker text,
  answer json,
  settled boolean not null default false
)`;

/** What a call is that a worker takes from the queue. */
export type TakenCall =
  | { state: 'mine'; call: SharedCall }
  /** A worker that is dead had begun it; its answer may have been complete. */
  | { state: 'left'; call: SharedCall; answer: SharedAnswer | null };

/** How far a call is. */
export interface CallState {
  begun: boolean;
  settled: boolean;
}

/** The calls under way: the only place of the database that has texts. Every method throws what the database throws. */
export class CallTable {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async isThere(): Promise<boolean> {
    const { rows } = await this.#pool.query<{ found: boolean }>(
      "select to_regclass('tidyllm.calls') is not null as found",
    );
    return rows[0]?.found === true;
  }

  /** Makes the table if there is none. */
  async make(): Promise<void> {
    // With "if not exists" alone the right to make it would be needed where it is there.
    if (!(await this.isThere())) await this.#pool.query(tables);
  }

  /** Adds a call that isn't there yet. */
  async add(id: string, call: SharedCall): Promise<void> {
    await this.#pool.query(
      'insert into tidyllm.calls (call, subject, request) values ($1, $2, $3) on conflict do nothing',
      [id, subjectHash(call.user), JSON.stringify(call)],
    );
  }

  /** How far calls are; those that are gone are left out. */
  async states(ids: readonly string[]): Promise<ReadonlyMap<string, CallState>> {
    const { rows } = await this.#pool.query<CallState & { call: string }>(
      'select call, worker is not null as begun, settled from tidyllm.calls where call = any($1)',
      [ids],
    );
    return new Map(rows.map(({ call, begun, settled }) => [call, { begun, settled }]));
  }

  /** The final answer of a call; null if there is none. Throws `invalid_request` for one that can't be read. */
  async answer(id: string): Promise<SharedAnswer | null> {
    const { rows } = await this.#pool.query<{ answer: unknown }>(
      'select answer from tidyllm.calls where call = $1 and settled',
      [id],
    );
    return rows[0] ? sharedAnswerOf(rows[0].answer) : null;
  }

  /** Takes a call that no worker has begun; whether it is gone then. */
  async withdraw(id: string): Promise<boolean> {
    const { rowCount } = await this.#pool.query(
      'delete from tidyllm.calls where call = $1 and worker is null and not settled',
      [id],
    );
    return rowCount === 1;
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.#pool.query('delete from tidyllm.calls where call = any($1)', [ids]);
  }

  /** Removes calls that were added so many days ago. */
  async removeOlderThan(days: number): Promise<void> {
    await this.#pool.query('delete from tidyllm.calls where created < now() - make_interval(days => $1)', [
      days,
    ]);
  }

  /** Removes the calls of a user. */
  async erase(user: string): Promise<void> {
    if (!(await this.isThere())) return;
    await this.#pool.query('delete from tidyllm.calls where subject = $1', [subjectHash(user)]);
  }

  /** Takes a call to make it, under a name for this one attempt; null for one that is settled or gone. */
  async take(id: string, attempt: string): Promise<TakenCall | null> {
    const { rows } = await this.#pool.query<{ worker: string; request: unknown; answer: unknown }>(
      'update tidyllm.calls set worker = coalesce(worker, $2) where call = $1 and not settled returning worker, request, answer',
      [id, attempt],
    );
    const [row] = rows;
    if (!row) return null;
    const call = sharedCallOf(row.request);
    if (row.worker === attempt) return { state: 'mine', call };
    return { state: 'left', call, answer: row.answer === null ? null : sharedAnswerOf(row.answer) };
  }

  /** Keeps a complete answer while the call is settled. */
  async keep(id: string, answer: SharedAnswer): Promise<void> {
    await this.#pool.query('update tidyllm.calls set answer = $2 where call = $1 and not settled', [
      id,
      JSON.stringify(answer),
    ]);
  }

  /** Makes an answer final; what was asked goes. */
  async settle(id: string, answer: SharedAnswer): Promise<void> {
    await this.#pool.query(
      'update tidyllm.calls set answer = $2, settled = true, request = null where call = $1 and not settled',
      [id, JSON.stringify(answer)],
    );
  }
}
