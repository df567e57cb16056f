import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { GatewayError, messageOf } from '../errors.ts';
import { HistoryIndex } from '../history/historyIndex.ts';
import { QueryDatabase } from './queryDatabase.ts';
import type { CopiedTable, QueryResponse, QueryResult, QueryWorkerData } from './queryMessages.ts';
import { filledTables } from './schema.ts';
import { requireQuery } from './statement.ts';

const post = (response: QueryResponse): void => parentPort?.postMessage(response);

async function answer({
  directory,
  sql,
  days,
  toleratesFault,
  wasm,
  limits,
}: QueryWorkerData): Promise<QueryResult> {
  requireQuery(sql);
  const index = new HistoryIndex(directory);
  let ledgerFault: string | null = null;
  const start = performance.now();
  let filled: { database: QueryDatabase; tables: CopiedTable[] };
  const { open } = await QueryDatabase.load(readFileSync(wasm), limits);
  try {
    filled = await index.ask(
      () => {
        // Another one if the index was faulty and is read again.
        const database = open();
        const onCopied = (share: number): void => post({ progress: { step: 'copying', share } });
        return { database, tables: index.tables(days, (all) => database.fill(filledTables(all), onCopied)) };
      },
      {
        onProgress: (bytes, total) => post({ progress: { step: 'indexing', share: bytes / total } }),
        onFailure: toleratesFault ? (error) => (ledgerFault = error.message) : undefined,
      },
    );
  } finally {
    // No statement of a person runs beside an open index.
    index.close();
  }
  const copied = performance.now();
  post({ progress: { step: 'running' } });
  const result = filled.database.query(sql);
  const { tables } = filled;
  return { ...result, tables, ledgerFault, copyMs: copied - start, queryMs: performance.now() - copied };
}

function failureOf(error: unknown): QueryResponse {
  if (GatewayError.is(error))
    return { failure: { code: error.code, message: error.message, hint: error.hint } };
  return { failure: { code: null, message: messageOf(error), hint: '' } };
}

answer(workerData as QueryWorkerData).then(
  (result) => post({ result }),
  (error: unknown) => post(failureOf(error)),
);
