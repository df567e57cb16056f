import type { Core } from '../core/core.ts';
import { HistoryIndex, type CatchUpOptions } from '../history/historyIndex.ts';
import { controlScreen, writeErrors } from './output.ts';
import type { Terminal } from './terminal.ts';

/** Runs work on the ledger's index. Throws `ledger_damaged` for a damaged ledger. */
export async function withHistory<T>(
  core: Core,
  terminal: Terminal,
  work: (index: HistoryIndex, options: CatchUpOptions) => Promise<T>,
): Promise<T> {
  await core.ledger.head();
  const index = new HistoryIndex(core.journal.directory);
  const shows = process.stderr.isTTY && !terminal.quiet;
  let shown = false;
  try {
    return await work(index, {
      onProgress: (bytes, total) => {
        if (!shows || (bytes === total && !shown)) return;
        shown = true;
        controlScreen('stderr', 'clearLine');
        writeErrors(`Reading the journal: ${Math.floor((bytes / total) * 100)} %`);
        if (bytes === total) writeErrors('\n');
      },
    });
  } finally {
    index.close();
  }
}
