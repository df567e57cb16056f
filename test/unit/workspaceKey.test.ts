import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { workspaceKey } from '../../src/workspaceKey.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** A folder with `repository/sub/deep`, and a link to each. */
function places(mark?: string): { root: string; repository: string; ways: string[] } {
  const root = realpathSync(temporaryFolder());
  const repository = join(root, 'repository');
  mkdirSync(join(repository, 'sub', 'deep'), { recursive: true });
  if (mark === '.git file') writeFileSync(join(repository, '.git'), 'gitdir: elsewhere');
  else if (mark !== undefined) mkdirSync(join(repository, mark));
  symlinkSync(repository, join(root, 'link'));
  symlinkSync(join(repository, 'sub'), join(root, 'link-to-sub'));
  const ways = [
    ...['repository', 'repository/sub', 'repository/sub/deep', 'repository/', 'repository/sub/..'],
    ...['link', 'link/sub/deep', 'link-to-sub', 'link-to-sub/deep'],
  ];
  return { root, repository, ways: ways.map((way) => `${root}/${way}`) };
}

describe('the name of a workspace', () => {
  it.each(['.git', '.git file', '.tidyllm'])('is the folder with %s, by whatever way', (mark) => {
    const { repository, ways } = places(mark);
    expect(new Set(ways.map(workspaceKey))).toEqual(new Set([repository]));
  });

  it('is the repository where a folder inside has settings of its own', () => {
    const { repository } = places('.git');
    mkdirSync(join(repository, 'sub', '.tidyllm'));
    expect(workspaceKey(join(repository, 'sub'))).toBe(repository);
  });

  it('is the inner of two repositories', () => {
    const { repository } = places('.git');
    mkdirSync(join(repository, 'sub', '.git'));
    expect(workspaceKey(join(repository, 'sub', 'deep'))).toBe(join(repository, 'sub'));
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
