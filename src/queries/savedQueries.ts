import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GatewayError, systemCodeOf } from '../errors.ts';
import { readFileText } from '../readFile.ts';
import { replaceFile } from '../replaceFile.ts';
import { statePlaces } from '../statePlaces.ts';
import { unwritable } from '../unwritable.ts';

export interface SavedQuery {
  name: string;
  sql: string;
  /** Whether it is one of the examples, which can't be deleted. */
  builtIn: boolean;
}

/** Names that are a file's name on every system. */
const validName = /^[\p{L}\p{N}](?:[\p{L}\p{N} _,+()-]{0,78}[\p{L}\p{N})])?$/u;
const ending = '.sql';
const hint =
  'A name has up to 80 letters, digits, blanks and , + - _ ( ), and begins with a letter or a digit.';

export const exampleQueries: readonly SavedQuery[] = [
  example(
    'Cost by user and day',
    `SELECT day, user_id, count(*) AS calls, usd(sum(cost_micro_usd)) AS cost_usd
FROM calls
GROUP BY day, user_id
ORDER BY day DESC, sum(cost_micro_usd) DESC`,
  ),
  example(
    'Slowest models by p95',
    `SELECT model, count(*) AS calls, median(processing_time_ms) AS p50_ms, percentile(processing_time_ms, 95) AS p95_ms,
  round(stddev(processing_time_ms)) AS deviation_ms
FROM calls
WHERE outcome = 'success'
GROUP BY model
ORDER BY p95_ms DESC`,
  ),
  example(
    'Refused by reason',
    `SELECT error_code, reason, count(*) AS calls, max(day) AS last_day
FROM calls
WHERE outcome = 'refused'
GROUP BY error_code, reason
ORDER BY calls DESC`,
  ),
  example(
    'Findings by rule',
    `SELECT rule, class, part, decision, sum(count) AS findings, count(DISTINCT call_id) AS calls
FROM findings
GROUP BY rule, class, part, decision
ORDER BY findings DESC`,
  ),
  example(
    'Spend by day',
    `SELECT day, spent_usd, calls, refused
FROM days
ORDER BY day`,
  ),
  example(
    'Trend of spend by user',
    `SELECT user_id, usd(sum(spent)) AS spent_usd, round(trend(day, spent) / 1e6, 6) AS usd_more_per_day
FROM (SELECT user_id, day, sum(cost_micro_usd) AS spent FROM calls GROUP BY user_id, day)
GROUP BY user_id
ORDER BY sum(spent) DESC`,
  ),
];

function example(name: string, sql: string): SavedQuery {
  return { name, sql, builtIn: true };
}

/** The user's queries, one file each, beside the folder of the ledgers. */
export class SavedQueries {
  readonly #folder: string;

  constructor(ledgerDirectory: string) {
    this.#folder = statePlaces.queries(dirname(dirname(ledgerDirectory)));
  }

  /** The examples, and then the user's own by name. A file that can't be read is left out. */
  async list(): Promise<SavedQuery[]> {
    const files = await readdir(this.#folder).catch((error: unknown) => {
      if (systemCodeOf(error) === 'ENOENT') return [];
      throw error;
    });
    const names = files.filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length));
    const own = await Promise.all(
      names
        .filter((name) => validName.test(name))
        .map(async (name): Promise<SavedQuery[]> => {
          const sql = await readFileText(this.#path(name)).catch(() => null);
          return sql === null ? [] : [{ name, sql, builtIn: false }];
        }),
    );
    return [...exampleQueries, ...own.flat().sort((a, b) => a.name.localeCompare(b.name, 'en'))];
  }

  /** The query of a name, ignoring case. Throws `invalid_request` if there is none. */
  async find(name: string): Promise<SavedQuery> {
    const all = await this.list();
    const found = all.find((query) => query.name.toLowerCase() === name.trim().toLowerCase());
    if (found) return found;
    throw new GatewayError('invalid_request', `There is no saved query "${name}".`, {
      hint: `Saved are: ${all.map((query) => query.name).join('; ')}.`,
    });
  }

  /** Replaces a query of the same name. Throws `invalid_request` for a name that isn't valid or is an example's. */
  async save(name: string, sql: string): Promise<void> {
    const fault = nameFault(name);
    if (fault !== null) throw new GatewayError('invalid_request', fault, { hint });
    const path = this.#path(name);
    await replaceFile(path, sql).catch((error: unknown) => {
      throw unwritable(path, error, 'Check the disk and the permissions of its folder.');
    });
  }

  async delete(name: string): Promise<void> {
    if (validName.test(name)) await rm(this.#path(name), { force: true });
  }

  #path(name: string): string {
    return join(this.#folder, `${name}${ending}`);
  }
}

/** Why a query can't have a name; null if it can. */
export function nameFault(name: string): string | null {
  if (!validName.test(name)) return `"${name}" can’t be the name of a query. ${hint}`;
  const isExample = exampleQueries.some((query) => query.name.toLowerCase() === name.toLowerCase());
  return isExample ? `"${name}" is the name of an example; choose another.` : null;
}
