import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const dist = join(import.meta.dirname, '../../dist');
/** A text of DBOS that no other code has. */
const ofDbos = 'DBOS.launch';

/** The texts of a file and all that it imports at its start, by file. */
async function loadedBy(file: string, texts = new Map<string, string>()): Promise<Map<string, string>> {
  if (texts.has(file)) return texts;
  const text = await readFile(join(dist, file), 'utf8');
  texts.set(file, text);
  for (const [, next = ''] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g))
    await loadedBy(next, texts);
  return texts;
}

it('DBOS is packed, and loads with the command of a worker', async () => {
  const [worker = ''] = globSync('worker-*.js', { cwd: dist });
  expect([...(await loadedBy(worker)).values()].some((text) => text.includes(ofDbos))).toBe(true);
});

it.each(['extension.js', 'cli.js'])('%s starts without DBOS', async (file) => {
  const loaded = await loadedBy(file);
  expect(loaded.size).toBeGreaterThan(1);
  expect([...loaded].flatMap(([name, text]) => (text.includes(ofDbos) ? name : []))).toEqual([]);
});

it('an erasure, and a workflow on this machine, load no DBOS', async () => {
  for (const pattern of ['compose-*.js', 'callTable-*.js', 'workflowRuns-*.js']) {
    const [file = ''] = globSync(pattern, { cwd: dist });
    expect(
      [...(await loadedBy(file)).values()].some((text) => text.includes(ofDbos)),
      file,
    ).toBe(false);
  }
});
