import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { workspaceKey } from '../../src/workspaceKey.ts';
import { temporaryFolder } from '../support/temporary.ts';

function git(folder: string, ...parameters: string[]): void {
  const person = [
    '-c',
    'user.name=Ada',
    '-c',
    'user.email=ada@example.com',
    '-c',
    'protocol.file.allow=always',
  ];
  execFileSync('git', [...person, ...parameters], { cwd: folder, stdio: 'pipe' });
}

function committed(folder: string): void {
  mkdirSync(folder, { recursive: true });
  git(folder, 'init', '-q');
  git(folder, 'commit', '-q', '--allow-empty', '-m', 'begin');
}

/** A folder with `repository/sub/deep`, and a link to each. */
function places(): { root: string; repository: string; ways: string[] } {
  const root = realpathSync(temporaryFolder());
  const repository = join(root, 'repository');
  mkdirSync(join(repository, 'sub', 'deep'), { recursive: true });
  symlinkSync(repository, join(root, 'link'));
  symlinkSync(join(repository, 'sub'), join(root, 'link-to-sub'));
  const ways = [
    ...['repository', 'repository/sub', 'repository/sub/deep', 'repository/', 'repository/sub/..'],
    ...['link', 'link/sub/deep', 'link-to-sub', 'link-to-sub/deep'],
  ];
  return { root, repository, ways: ways.map((way) => `${root}/${way}`) };
}

const marks: [string, (folder: string) => void][] = [
  ['a repository', committed],
  ['a repository without a commit', (folder) => git(folder, 'init', '-q')],
  [
    'a repository whose data is elsewhere',
    (folder) => git(folder, 'init', '-q', '--separate-git-dir', '../data'),
  ],
  ['.tidyllm', (folder) => mkdirSync(join(folder, '.tidyllm'))],
];

/** What stands in a folder as if it were a repository of its own. */
const inside: [string, (folder: string, repository: string) => void][] = [
  ['a repository', committed],
  ['a submodule', (folder, repository) => git(repository, 'submodule', 'add', '-q', elsewhere(), folder)],
  ['a worktree', (folder, repository) => git(repository, 'worktree', 'add', '-q', '-b', 'a', folder)],
  [
    'a worktree of another repository',
    (folder) => git(elsewhere(), 'worktree', 'add', '-q', '-b', 'b', folder),
  ],
  ['an empty folder .git', (folder) => mkdirSync(join(folder, '.git'), { recursive: true })],
  ['.tidyllm', (folder) => mkdirSync(join(folder, '.tidyllm'), { recursive: true })],
];

function elsewhere(): string {
  const folder = join(temporaryFolder(), 'other');
  committed(folder);
  return folder;
}

describe('the name of a workspace', () => {
  it.each(marks)('is the folder with %s, by whatever way', (_name, mark) => {
    const { repository, ways } = places();
    mark(repository);
    expect(new Set(ways.map((way) => workspaceKey(way)))).toEqual(new Set([repository]));
  });

  it.each(inside)('is that of the repository around %s', (_name, add) => {
    const { repository } = places();
    committed(repository);
    const folder = join(repository, 'nested');
    add(folder, repository);
    mkdirSync(join(folder, 'deep'));
    expect(workspaceKey(folder)).toBe(repository);
    expect(workspaceKey(join(folder, 'deep'))).toBe(repository);
  });

  it.each([
    ['beside it', (root: string) => join(root, 'worktree')],
    ['elsewhere', () => join(temporaryFolder(), 'worktree')],
  ])('is that of the repository of a worktree %s', (_name, place) => {
    const { root, repository } = places();
    committed(repository);
    const worktree = place(root);
    git(repository, 'worktree', 'add', '-q', '-b', 'other', worktree);
    mkdirSync(join(worktree, 'deep'));
    expect(workspaceKey(worktree)).toBe(repository);
    expect(workspaceKey(join(worktree, 'deep'))).toBe(repository);
  });

  it('is one for the worktrees of a bare repository, and for those of a submodule that of all', () => {
    const { root, repository } = places();
    committed(repository);
    git(root, 'clone', '-q', '--bare', repository, 'bare.git');
    for (const name of ['one', 'two'])
      git(join(root, 'bare.git'), 'worktree', 'add', '-q', '-b', name, join(root, name));
    for (const name of ['bare.git', 'one', 'two'])
      expect(workspaceKey(join(root, name))).toBe(join(root, 'bare.git'));
    git(repository, 'submodule', 'add', '-q', elsewhere(), 'module');
    git(join(repository, 'module'), 'worktree', 'add', '-q', '-b', 'three', join(root, 'three'));
    expect(workspaceKey(join(root, 'three'))).toBe(repository);
  });

  it.each([
    ['an empty folder', (path: string) => mkdirSync(path)],
    ['a file of something else', (path: string) => writeFileSync(path, 'x')],
    ['a file that names nothing', (path: string) => writeFileSync(path, 'gitdir: nowhere\n')],
    ['a file that names itself', (path: string) => writeFileSync(path, 'gitdir: .git\n')],
    ['a link to nothing', (path: string) => symlinkSync('nowhere', path)],
  ])('is no matter of a .git that is %s', (_name, make) => {
    const { root, repository } = places();
    make(join(repository, '.git'));
    expect(workspaceKey(join(repository, 'sub'))).toBe(join(repository, 'sub'));
    mkdirSync(join(root, '.tidyllm'));
    expect(workspaceKey(join(repository, 'sub'))).toBe(root);
  });

  it('is a repository in a home folder that is one itself, and the home folder where there is none', () => {
    const { root: home, repository } = places();
    committed(home);
    expect(workspaceKey(join(repository, 'sub'), home)).toBe(home);
    committed(repository);
    committed(join(repository, 'sub'));
    expect(workspaceKey(join(repository, 'sub', 'deep'), home)).toBe(repository);
    expect(workspaceKey(home, home)).toBe(home);
  });

  it('is the real path of the folder where nothing marks one', () => {
    const { root, repository } = places();
    expect(workspaceKey(join(root, 'link'))).toBe(repository);
    expect(workspaceKey(join(root, 'link-to-sub'))).toBe(join(repository, 'sub'));
  });

  it('is the path itself where there is no folder', () => {
    expect(workspaceKey('/no/such/folder/')).toBe('/no/such/folder');
  });
});
