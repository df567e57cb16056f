// Counts the calls of a ledger with the shared index, ten times: node countCalls.ts FOLDER
import { HistoryIndex } from '../../../src/history/historyIndex.ts';

const directory = process.argv[2] ?? '';
const counts = new Set<number>();
for (let time = 0; time < 10; time += 1) {
  const index = new HistoryIndex(directory);
  counts.add(await index.ask(() => index.matches({}).total));
  index.close();
}
process.send?.(counts.size === 1 ? [...counts][0] : -1);
