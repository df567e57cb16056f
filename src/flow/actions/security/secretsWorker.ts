import { join } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { placesIn, textOf } from './secretPlaces.ts';
import type { FilesToSearch, Searched } from './searchFiles.ts';

parentPort?.on('message', (files: FilesToSearch) => {
  void search(files).then((found) => parentPort?.postMessage(found));
});

async function search({ folder, names }: FilesToSearch): Promise<Searched[]> {
  const texts = await Promise.all(names.map((name) => textOf(join(folder, name))));
  return texts.map((text, index) => (typeof text === 'string' ? placesIn(names[index] ?? '', text) : text));
}
