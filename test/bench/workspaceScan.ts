/**
 * How long the search of a workspace for secrets takes, on 20,000 files of the packages of this project, beside reading the
 * same files and nothing else.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { scanWorkspace } from '../../src/flow/actions/security/secrets.ts';
import { packagesFolder } from './packagesFolder.ts';
import { inSeconds, spent } from './spent.ts';

const files = 20_000;
const folder = packagesFolder(files);
const { signal } = new AbortController();
const stalls = monitorEventLoopDelay({ resolution: 1 });
stalls.enable();
let told = 0;
let found = { files: 0, places: 0 };
const scanned = await spent(async () => {
  const scan = await scanWorkspace(folder, [], { signal, onProgress: () => (told += 1) });
  found = { files: scan.files, places: scan.places.length };
});
stalls.disable();
const read = await spent(async () => {
  for (const name of globSync('**/*.*', { cwd: folder, withFileTypes: true }))
    if (name.isFile()) readFileSync(join(name.parentPath, name.name));
  return Promise.resolve();
});
const rows: [what: string, figure: string, aim: string][] = [
  ['files, places with secrets', `${found.files}, ${found.places}`, ''],
  ['search for secrets', inSeconds(scanned), '5 s'],
  ['  reading the files alone', inSeconds(read), ''],
  [
    'longest stall of who asks',
    `${(stalls.max / 1e6).toFixed(0)} ms, told of progress ${told} times`,
    '50 ms',
  ],
];
for (const [what, figure, aim] of rows)
  console.log(`${what.padEnd(31)}${figure.padEnd(44)}${aim && `aim ${aim}`}`);
