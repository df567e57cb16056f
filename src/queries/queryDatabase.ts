import initSqlJs, { type Database, type Statement, type Value } from 'sql.js/dist/sql-wasm.js';
import { GatewayError, messageOf } from '../errors.ts';
import { addFunctions } from './functions.ts';
import type { CopiedTable, QueryLimits, QueryResult } from './queryMessages.ts';
import type { FilledTable, QueryValue } from './schema.ts';
import { faultIn, requireQuery } from './statement.ts';

/** Rows between two reports of progress. */
const reportEvery = 5_000;

/** Gets the share that is copied, from 0 to 1. */
type OnProgress = (share: number) => void;

/**
 * A database for one query, in WebAssembly: a copy in memory that has no files and no network. Statements that write
 * are refused, by `requireQuery` and by the database.
 */
export class QueryDatabase {
  readonly #database: Database;
  readonly #limits: QueryLimits;

  private constructor(database: Database, limits: QueryLimits) {
    this.#database = database;
    this.#limits = limits;
  }

  /** Loads sql.js from its WebAssembly; `open` makes a database. */
  static async load(wasmBinary: Uint8Array, limits: QueryLimits): Promise<{ open: () => QueryDatabase }> {
    const { Database } = await initSqlJs({ wasmBinary });
    return {
      open: () => {
        const database = new Database();
        // The copy is in memory anyway: a journal of its changes would only cost.
        database.run(
          `PRAGMA hard_heap_limit = ${limits.memory}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY`,
        );
        addFunctions(database);
        return new QueryDatabase(database, limits);
      },
    };
  }

  /** Copies tables, each up to the limits. Nothing can be written afterwards. */
  fill(tables: readonly FilledTable[], onProgress?: OnProgress): CopiedTable[] {
    const { copiedRows } = this.#limits;
    const wanted = tables.reduce((sum, { total }) => sum + Math.min(total, copiedRows), 0);
    let before = 0;
    this.#database.run('BEGIN');
    const copied = tables.map((filled) => {
      const rows = this.#copy(filled, (count) => onProgress?.((before + count) / wanted));
      before += rows;
      return { table: filled.table.name, copied: rows, total: filled.total };
    });
    this.#database.run('COMMIT; PRAGMA query_only = ON');
    return copied;
  }

  /** Returns how many rows were copied. */
  #copy({ table, rows }: FilledTable, onRows: (count: number) => void): number {
    const { copiedRows, copiedCharacters } = this.#limits;
    const columns = table.columns.map(({ name, type }) => `"${name}" ${type}`);
    this.#database.run(`CREATE TABLE "${table.name}" (${columns.join(', ')})`);
    const insert = this.#database.prepare(
      `INSERT INTO "${table.name}" VALUES (${columns.map(() => '?').join(', ')})`,
    );
    let count = 0;
    let characters = 0;
    for (const row of rows) {
      for (const value of row) if (typeof value === 'string') characters += value.length;
      if (count === copiedRows || characters > copiedCharacters) break;
      insert.run(row);
      count += 1;
      if (count % reportEvery === 0) onRows(count);
    }
    insert.free();
    return count;
  }

  /** Throws `invalid_request` for anything but one statement that reads and for its faults. */
  query(sql: string): Pick<QueryResult, 'columns' | 'rows' | 'truncated'> {
    requireQuery(sql);
    try {
      const statement = this.#database.prepare(sql);
      const columns = uniqueNames(statement.getColumnNames());
      return { columns, ...this.#rowsOf(statement) };
    } catch (error) {
      throw GatewayError.is(error) ? error : faultIn(sql, messageOf(error));
    }
  }

  #rowsOf(statement: Statement): Pick<QueryResult, 'rows' | 'truncated'> {
    const { resultRows, resultCharacters } = this.#limits;
    const rows: QueryValue[][] = [];
    let characters = 0;
    while (statement.step()) {
      if (rows.length === resultRows) return { rows, truncated: true };
      const row = statement.get(null, { useBigInt: true }).map(shown);
      for (const value of row) characters += typeof value === 'string' ? value.length : 1;
      if (characters > resultCharacters) {
        if (rows.length > 0) return { rows, truncated: true };
        throw new GatewayError('invalid_request', 'The first row of the result is too large.', {
          hint: `A result has up to ${resultCharacters.toLocaleString('en-US')} characters.`,
        });
      }
      rows.push(row);
    }
    return { rows, truncated: false };
  }

  close(): void {
    this.#database.close();
  }
}

/** A value of a result: bytes as SQL writes them, numbers that JSON can't write as text. */
function shown(value: Value): QueryValue {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return value instanceof Uint8Array ? `x'${Buffer.from(value).toString('hex')}'` : value;
}

/** Names with a number where one occurs again, so that each column of a file has its own. */
function uniqueNames(names: readonly string[]): string[] {
  const used = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let number = 2; used.has(unique.toLowerCase()); number += 1) unique = `${name}_${number}`;
    used.add(unique.toLowerCase());
    return unique;
  });
}
