import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { isInside } from '../../../src/retrieval/workspaceFiles.ts';
import { WorkspaceIndex } from '../../../src/retrieval/workspaceIndex.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const signal = new AbortController().signal;

function folderWith(files: Record<string, string | Buffer>): string {
  const folder = temporaryFolder();
  put(folder, files);
  return folder;
}

function put(folder: string, files: Record<string, string | Buffer>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

function git(folder: string, ...parameters: string[]): void {
  const author = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com'];
  execFileSync('git', [...author, ...parameters], { cwd: folder, stdio: 'ignore' });
}

/** Makes a folder a repository with a commit of some files. */
function repository(folder: string, files: string): void {
  git(folder, 'init', '--quiet');
  git(folder, 'add', files);
  git(folder, 'commit', '--quiet', '--message', 'First');
}

async function pathsFor(index: WorkspaceIndex, question: string): Promise<string[]> {
  return (await index.search(question, 10, { signal })).map(({ path }) => path);
}

describe('the index of a workspace', () => {
  it('returns path, lines, text and score of what it finds', async () => {
    const filler = Array.from({ length: 40 }, (_, index) => `// nothing of interest ${index}`).join('\n');
    const folder = folderWith({ 'src/seal.ts': `${filler}\nfunction sealEnvelope() {}\n`, 'b.md': 'Hello.' });
    const [found, ...others] = await new WorkspaceIndex([{ path: folder }]).search('seal an envelope', 5, {
      signal,
    });
    expect(others.every(({ path }) => path === 'src/seal.ts')).toBe(true);
    expect(found).toMatchObject({ path: 'src/seal.ts', file: join(folder, 'src/seal.ts') });
    const lines = `${filler}\nfunction sealEnvelope() {}\n`.split('\n');
    expect(found!.text).toBe(lines.slice(found!.firstLine - 1, found!.lastLine).join('\n'));
    expect(found!.text).toContain('sealEnvelope');
    expect(found!.score).toBeGreaterThan(others[0]?.score ?? 0);
  });

  it('finds nothing for words that no file has, and in a folder that is not there', async () => {
    const index = new WorkspaceIndex([{ path: folderWith({ 'a.ts': 'const a = 1;' }) }]);
    expect(await pathsFor(index, 'zygote')).toEqual([]);
    expect(await pathsFor(index, 'what is it?')).toEqual([]);
    expect(await pathsFor(new WorkspaceIndex([{ path: '/nowhere/at/all' }]), 'a')).toEqual([]);
  });

  it('honours .gitignore in a repository', async () => {
    const folder = folderWith({
      '.gitignore': 'out/\n*.log\n',
      'src/a.ts': 'marmalade',
      'src/.hidden/b.ts': 'marmalade',
      'out/c.ts': 'marmalade',
      'd.log': 'marmalade',
    });
    execFileSync('git', ['init', '-q'], { cwd: folder });
    expect((await pathsFor(new WorkspaceIndex([{ path: folder }]), 'marmalade')).toSorted()).toEqual([
      'src/.hidden/b.ts',
      'src/a.ts',
    ]);
    expect(await pathsFor(new WorkspaceIndex([{ path: join(folder, 'src') }]), 'marmalade')).toContain(
      'a.ts',
    );
  });

  it('skips dot folders and node_modules without git', async () => {
    const folder = folderWith({
      'a.ts': 'marmalade',
      '.cache/b.ts': 'marmalade',
      'node_modules/c/c.js': 'marmalade',
      'deep/down/d.ts': 'marmalade',
    });
    expect((await pathsFor(new WorkspaceIndex([{ path: folder }]), 'marmalade')).toSorted()).toEqual([
      'a.ts',
      'deep/down/d.ts',
    ]);
  });

  it('skips files that are binary, huge, generated or hold keys', async () => {
    const folder = folderWith({
      'binary.ts': 'marmalade\0',
      'latin1.ts': Buffer.from('marmalade \xe9', 'latin1'),
      'huge.ts': 'marmalade '.repeat(110_000),
      'package-lock.json': 'marmalade',
      'lib.min.js': 'marmalade',
      '.env': 'marmalade',
      'config/.env.local': 'marmalade',
      'server.pem': 'marmalade',
      'large.ts': 'marmalade '.repeat(90_000),
    });
    expect(new Set(await pathsFor(new WorkspaceIndex([{ path: folder }]), 'marmalade'))).toEqual(
      new Set(['large.ts']),
    );
  });

  it('never follows a link, neither to a file nor to a folder', async () => {
    const outside = folderWith({ 'secret.ts': 'marmalade', 'more/secret.ts': 'marmalade' });
    for (const isRepository of [false, true]) {
      const folder = folderWith({ 'a.ts': 'plum' });
      symlinkSync(join(outside, 'secret.ts'), join(folder, 'link.ts'));
      symlinkSync(outside, join(folder, 'linked'));
      if (isRepository) execFileSync('git', ['init', '-q'], { cwd: folder });
      const index = new WorkspaceIndex([{ path: folder }]);
      expect(await pathsFor(index, 'marmalade')).toEqual([]);
      expect(await pathsFor(index, 'plum')).toEqual(['a.ts']);
      expect(await isInside([folder], join(folder, 'link.ts'))).toBe(false);
      expect(await isInside([folder], join(folder, 'linked/secret.ts'))).toBe(false);
      expect(await isInside([folder], join(folder, 'a.ts'))).toBe(true);
      expect(await isInside([folder], folder)).toBe(false);
    }
  });

  it('does not read a folder of the workspace that became a link, though git still lists its files', async () => {
    const outside = folderWith({ 'secret.ts': 'marmalade' });
    const folder = folderWith({ 'inner/secret.ts': 'plum', 'a.ts': 'plum' });
    execFileSync('git', ['init', '-q'], { cwd: folder });
    execFileSync('git', ['add', '.'], { cwd: folder });
    rmSync(join(folder, 'inner'), { recursive: true });
    symlinkSync(outside, join(folder, 'inner'));
    const index = new WorkspaceIndex([{ path: folder }]);
    expect(await pathsFor(index, 'marmalade')).toEqual([]);
    expect(await pathsFor(index, 'plum')).toEqual(['a.ts']);
  });

  it('searches submodules and repositories inside as git lists them, never behind a link', async () => {
    const outside = folderWith({ 'secret.ts': 'marmalade' });
    repository(outside, '.');
    const library = folderWith({ '.gitignore': 'out/\n', 'lib.ts': 'marmalade' });
    repository(library, '.');
    for (const isRepository of [false, true]) {
      const folder = folderWith({ 'a.ts': 'marmalade' });
      if (isRepository) repository(folder, 'a.ts');
      const around = isRepository ? folder : join(folder, 'around');
      if (!isRepository) {
        put(around, { 'b.ts': 'marmalade' });
        repository(around, 'b.ts');
      }
      for (const name of ['deep/module', 'empty', 'linked'])
        git(around, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library, name);
      git(around, 'submodule', '--quiet', 'deinit', '--force', 'empty');
      rmSync(join(around, 'linked'), { recursive: true });
      symlinkSync(outside, join(around, 'linked'));
      put(around, {
        'deep/module/out/ignored.ts': 'marmalade',
        'deep/module/new.ts': 'marmalade',
        'own/.gitignore': '*.log\n',
        'own/c.ts': 'marmalade',
        'own/d.log': 'marmalade',
        'own/.env': 'marmalade',
      });
      git(join(around, 'own'), 'init', '--quiet');
      const inside = ['deep/module/lib.ts', 'deep/module/new.ts', 'own/c.ts'];
      expect((await pathsFor(new WorkspaceIndex([{ path: folder }]), 'marmalade')).toSorted()).toEqual(
        ['a.ts', ...(isRepository ? inside : ['b.ts', ...inside].map((path) => `around/${path}`))].toSorted(),
      );
    }
  });

  it('leaves a repository inside out that git ignores', async () => {
    const folder = folderWith({ '.gitignore': 'own/\n', 'a.ts': 'marmalade', 'own/b.ts': 'marmalade' });
    repository(folder, 'a.ts');
    repository(join(folder, 'own'), '.');
    expect(await pathsFor(new WorkspaceIndex([{ path: folder }]), 'marmalade')).toEqual(['a.ts']);
  });

  it('lists no file that the name of another only describes', async () => {
    const folder = folderWith({ 'a.ts': 'marmalade' });
    put(folder, { '../outside.ts': 'plum', [`H 100644 ${'0'.repeat(40)} 0\t../outside.ts`]: 'plum' });
    repository(folder, 'a.ts');
    const found = await new WorkspaceIndex([{ path: folder }]).search('plum', 5, { signal });
    expect(found.map(({ file }) => file)).toEqual([
      join(folder, `H 100644 ${'0'.repeat(40)} 0\t..`, 'outside.ts'),
    ]);
  });

  it('never reads what the settings exclude, and follows them when they change', async () => {
    const folder = folderWith({
      'a.ts': 'marmalade',
      'a.js': 'marmalade',
      'b.js': 'marmalade',
      'vendor/c.ts': 'marmalade',
      'deep/vendor/d.ts': 'marmalade',
    });
    const index = new WorkspaceIndex([{ path: folder, excludes: [{ glob: '**/vendor' }] }]);
    const read: number[] = [];
    await index.update({ signal, onProgress: (_, all) => read.push(all) });
    expect(read).toEqual([3, 3, 3]);
    expect((await pathsFor(index, 'marmalade')).toSorted()).toEqual(['a.js', 'a.ts', 'b.js']);
    index.folders = [{ path: folder, excludes: [{ glob: '**/*.js', when: '$(basename).ts' }] }];
    const now = ['a.ts', 'b.js', 'deep/vendor/d.ts', 'vendor/c.ts'];
    expect((await pathsFor(index, 'marmalade')).toSorted()).toEqual(now);
  });

  it('notices files that are changed, added, renamed and deleted, and reads no others', async () => {
    const folder = folderWith({ 'a.ts': 'plum', 'b.ts': 'plum', 'c.ts': 'plum' });
    const index = new WorkspaceIndex([{ path: folder }]);
    expect((await pathsFor(index, 'plum')).toSorted()).toEqual(['a.ts', 'b.ts', 'c.ts']);
    put(folder, { 'a.ts': 'cherry cherry', 'd.ts': 'cherry' });
    rmSync(join(folder, 'b.ts'));
    renameSync(join(folder, 'c.ts'), join(folder, 'e.ts'));
    const read: [number, number][] = [];
    await index.update({ signal, onProgress: (done, all) => read.push([done, all]) });
    expect(read).toEqual([
      [0, 3],
      [1, 3],
      [2, 3],
    ]);
    expect((await pathsFor(index, 'cherry')).toSorted()).toEqual(['a.ts', 'd.ts']);
    expect(await pathsFor(index, 'plum')).toEqual(['e.ts']);
    expect(index.size).toEqual({ files: 3, chunks: 3 });
  });

  it('stays right while everything in it changes again and again', async () => {
    const folder = folderWith({});
    const index = new WorkspaceIndex([{ path: folder }]);
    for (const fruit of ['plum', 'cherry', 'damson', 'quince']) {
      put(folder, { 'a.ts': `${fruit} one`, 'b.ts': `const ${fruit}Two = 2;`, [`${fruit}.ts`]: 'grows' });
      expect(await pathsFor(index, `${fruit}Two`)).toContain('b.ts');
      rmSync(join(folder, `${fruit}.ts`));
    }
    expect(await pathsFor(index, 'plum cherry damson')).toEqual([]);
    expect((await pathsFor(index, 'quince')).toSorted()).toEqual(['a.ts', 'b.ts']);
  });

  it('names the folder in the paths of a workspace with several', async () => {
    const [one, other] = [folderWith({ 'a.ts': 'plum' }), folderWith({ 'a.ts': 'plum' })];
    const found = await new WorkspaceIndex([{ path: one }, { path: other }]).search('plum', 5, { signal });
    expect(found.map(({ file }) => file).toSorted()).toEqual(
      [join(one, 'a.ts'), join(other, 'a.ts')].toSorted(),
    );
    for (const { path, file } of found) expect(file.endsWith(path)).toBe(true);
    expect(new Set(found.map(({ path }) => path)).size).toBe(2);
  });

  it('ends with the reason of the signal, and is complete when it is asked again', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [`f${index}.ts`, `plum number${index}\n`.repeat(2000)]),
    );
    const index = new WorkspaceIndex([{ path: folderWith(files) }]);
    const stopped = new AbortController();
    const onProgress = (read: number): void => {
      if (read === 10) stopped.abort(new Error('stopped'));
    };
    await expect(index.search('plum', 5, { signal: stopped.signal, onProgress })).rejects.toThrow('stopped');
    expect(index.size.files).toBeLessThan(50);
    expect(await pathsFor(index, 'number37')).toContain('f37.ts');
    expect(index.size.files).toBe(50);
  });

  it('shares its work between two searches at once', async () => {
    const folder = folderWith({ 'a.ts': 'plum', 'b.ts': 'cherry' });
    const index = new WorkspaceIndex([{ path: folder }]);
    let read = 0;
    const search = () => index.search('plum', 5, { signal, onProgress: () => (read += 1) });
    const [one, other] = await Promise.all([search(), search()]);
    expect(one).toEqual(other);
    expect(read).toBe(2);
  });

  it('lets the process work while a large file is read', async () => {
    const words = Array.from({ length: 90_000 }, (_, index) => `word${index}`).join('\n');
    const index = new WorkspaceIndex([{ path: folderWith({ 'large.txt': words }) }]);
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 1);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await index.update({ signal });
    delay.disable();
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(3);
    // Half of the waits; a single one may be that of a busy machine.
    expect(delay.percentile(50) / 1e6).toBeLessThan(20);
  });
});
