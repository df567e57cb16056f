import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { searchWorkspace } from '../../../src/retrieval/workspaceSearch.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const { signal } = new AbortController();

function folderWith(files: Record<string, string>): string {
  const folder = temporaryFolder();
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  return folder;
}

describe('the search in a thread', () => {
  it('finds in each workspace, tells its progress, and reads only what changed', async () => {
    const [one, other] = [folderWith({ 'a.ts': 'plum', 'b.ts': 'cherry' }), folderWith({ 'c.ts': 'plum' })];
    const read: string[] = [];
    const search = (folder: string) =>
      searchWorkspace([{ path: folder }], 'plum', 5, {
        signal,
        onProgress: (done, all) => read.push(`${done} of ${all}`),
      });
    const [inOne, inOther] = await Promise.all([search(one), search(other)]);
    expect(inOne.map(({ path }) => path)).toEqual(['a.ts']);
    expect(inOther.map(({ path }) => path)).toEqual(['c.ts']);
    expect(read.toSorted()).toEqual(['0 of 1', '0 of 2', '1 of 2']);
    writeFileSync(join(one, 'b.ts'), 'plum and cherry');
    expect((await search(one)).map(({ path }) => path).toSorted()).toEqual(['a.ts', 'b.ts']);
    expect(read.slice(3)).toEqual(['0 of 1']);
  });

  it('follows what the settings exclude from one search to the next', async () => {
    const path = folderWith({ 'a.ts': 'plum', 'b.ts': 'plum' });
    const search = async (...globs: string[]): Promise<string[]> => {
      const folder = { path, excludes: globs.map((glob) => ({ glob })) };
      return (await searchWorkspace([folder], 'plum', 5, { signal })).map((found) => found.path).toSorted();
    };
    expect(await search('a.*')).toEqual(['b.ts']);
    expect(await search()).toEqual(['a.ts', 'b.ts']);
    expect(await search('{a,b}.ts')).toEqual([]);
  });

  it('ends with its signal, and other searches go on', async () => {
    const folder = folderWith({ 'a.ts': 'plum' });
    const stop = new AbortController();
    const stopped = searchWorkspace([{ path: folder }], 'plum', 5, { signal: stop.signal });
    const going = searchWorkspace([{ path: folder }], 'plum', 5, { signal });
    stop.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow('enough');
    expect(await going).toHaveLength(1);
    await expect(searchWorkspace([{ path: folder }], 'plum', 5, { signal: stop.signal })).rejects.toThrow(
      'enough',
    );
  });

  it('leaves the process its time while it reads', async () => {
    const text = Array.from({ length: 60_000 }, (_, index) => `word${index}`).join('\n');
    const folder = folderWith(
      Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`f${index}.txt`, text])),
    );
    const before = process.threadCpuUsage();
    const found = await searchWorkspace([{ path: folder }], 'word7', 5, { signal });
    const { user, system } = process.threadCpuUsage(before);
    expect(found.length).toBeGreaterThan(0);
    // In this thread it took over a second of processor time, which no other thread's load changes.
    expect((user + system) / 1000).toBeLessThan(300);
  });
});
