/** What of sql.js is used: its own types know no 64-bit integers. */
declare module 'sql.js/dist/sql-wasm.js' {
  type Value = number | bigint | string | Uint8Array | null;

  interface Statement {
    step(): boolean;
    get(parameters: null, options: { useBigInt: true }): Value[];
    getColumnNames(): string[];
    run(values: readonly Value[]): void;
    free(): void;
  }

  class Database {
    run(sql: string): void;
    prepare(sql: string): Statement;
    create_function(name: string, one: (value: number | string | Uint8Array | null) => string | null): void;
    create_aggregate<State>(
      name: string,
      functions: {
        init: () => State;
        step: (
          state: State,
          x: number | string | Uint8Array | null,
          y: number | string | Uint8Array | null,
        ) => State;
        finalize: (state: State) => number | null;
      },
    ): void;
    close(): void;
  }

  export default function initSqlJs(options: {
    wasmBinary: Uint8Array;
  }): Promise<{ Database: typeof Database }>;
}
