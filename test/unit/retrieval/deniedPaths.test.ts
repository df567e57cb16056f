import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderAttachment } from '../../../src/chat/context/attachments.ts';
import { readRules } from '../../../src/chat/context/rulesFiles.ts';
import { readTools, workingTreeDiff } from '../../../src/chat/tools/readTools.ts';
import { deniedPathOf, requireAllowedPath } from '../../../src/retrieval/deniedPaths.ts';
import { listFiles } from '../../../src/retrieval/workspaceFiles.ts';
import { searchWorkspace } from '../../../src/retrieval/workspaceSearch.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const { signal } = new AbortController();
const origin = 'compliance.paths_denied.0 in settings.yaml';

async function isDenied(pattern: string, path: string): Promise<boolean> {
  return (await deniedPathOf([{ pattern, origin }]))(path) !== null;
}

describe('a pattern', () => {
  it.each<[string, string, boolean]>([
    ['customers', '/work/customers', true],
    ['customers', '/work/customers/2026/list.csv', true],
    ['customers', '/work/customers.md', false],
    ['customers/', '/work/a/customers/list.csv', true],
    ['customers', '/work/Customers/list.csv', true],
    ['Customers', '/work/customers', true],
    ['*.sql', '/work/a/.hidden/dump.sql', true],
    ['*.sql', '/work/a/dump.sql.md', false],
    ['finance/**/*.xlsx', '/work/finance/2026/q1/plan.xlsx', true],
    ['finance/**/*.xlsx', '/work/other/plan.xlsx', false],
    ['./finance/*.md', '/work/finance/plan.md', true],
    ['/work/secret', '/work/secret/plan.md', true],
    ['/work/secret', '/home/work/secret/plan.md', false],
    ['~/private', join(homedir(), 'private', 'a.md'), true],
    ['~/private', '/work/private/a.md', false],
    ['C:/secret', 'C:\\secret\\plan.md', true],
    ['a(b)+[c].md', '/work/a(b)+c.md', true],
    ['{plan,list}.md', '/work/list.md', true],
    ['!plan.md', '/work/other.md', false],
  ])('%s on %s: %s', async (pattern, path, expected) => {
    expect(await isDenied(pattern, path)).toBe(expected);
  });
});

describe.runIf(process.platform !== 'win32')('a file that policy keeps back', () => {
  const denied = [
    { pattern: 'notes/private', origin },
    { pattern: '*.sql', origin: 'compliance.paths_denied.0 in .tidyllm/settings.yaml' },
  ];

  function workspace(): string {
    const folder = realpathSync(temporaryFolder());
    mkdirSync(join(folder, 'notes', 'private'), { recursive: true });
    writeFileSync(join(folder, 'notes', 'open.md'), 'the zebra is striped');
    writeFileSync(join(folder, 'notes', 'private', 'plan.md'), 'the zebra plan');
    writeFileSync(join(folder, 'dump.sql'), 'insert zebra');
    symlinkSync(join(folder, 'notes', 'private'), join(folder, 'shortcut'));
    return folder;
  }

  it('is refused by name, through links and with "..", and the error says which pattern and where it is set', async () => {
    const folder = workspace();
    const ways = [
      'notes/private/plan.md',
      'notes/../notes/private/plan.md',
      'shortcut/plan.md',
      'notes/private',
    ];
    for (const way of ways)
      await expect(requireAllowedPath(`${folder}/${way}`, denied)).rejects.toMatchObject({
        code: 'compliance_blocked',
        exitCode: 8,
        message: expect.stringContaining(`matches notes/private of ${origin}`) as string,
      });
    await expect(requireAllowedPath(join(folder, 'gone.sql'), denied)).rejects.toThrow(/\.tidyllm/);
    await requireAllowedPath(join(folder, 'notes', 'open.md'), denied);
  });

  it('is refused by its place behind a link to its folder, and by a pattern that names a link', async () => {
    const folder = workspace();
    const link = join(realpathSync(temporaryFolder()), 'link');
    symlinkSync(folder, link);
    const throughLink = [{ pattern: `${link}/notes`, origin }];
    await expect(requireAllowedPath(join(folder, 'notes', 'open.md'), throughLink)).rejects.toThrow(origin);
    const real = [{ pattern: `${folder}/notes`, origin }];
    await expect(requireAllowedPath(join(link, 'notes', 'open.md'), real)).rejects.toThrow(origin);
  });

  it('is in no list, search, folder or tool, and is counted', async () => {
    const folder = workspace();
    const searched = { path: folder, denied };
    let left = 0;
    expect(await listFiles(searched, signal, (files) => (left += files))).toEqual(['notes/open.md']);
    expect(left).toBe(2);
    let told = 0;
    const found = await searchWorkspace([searched], 'zebra', 8, {
      signal,
      onDenied: (files) => (told = files),
    });
    expect(found.map(({ path }) => path)).toEqual(['notes/open.md']);
    expect(told).toBe(2);
    const { text } = await folderAttachment('work', searched, signal);
    expect(text).not.toContain('plan');
    await expect(
      readTools['read_file']?.run({ path: 'notes/private/plan.md' }, { folders: [searched], signal }),
    ).rejects.toThrow('may not be read');
  });

  it('is in no diff, neither new nor changed nor renamed', async () => {
    const folder = workspace();
    const git = (...parameters: string[]): void =>
      void execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...parameters], {
        cwd: folder,
      });
    git('init', '-q');
    git('add', '.');
    git('commit', '-qm', 'first');
    writeFileSync(join(folder, 'notes', 'private', 'plan.md'), 'the zebra plan of May');
    writeFileSync(join(folder, 'notes', 'open.md'), 'the zebra is black');
    writeFileSync(join(folder, 'new.sql'), 'drop zebra');
    git('mv', 'dump.sql', 'harmless.md');
    const { text, paths } = await workingTreeDiff({ path: folder, denied }, signal);
    expect(paths).toEqual(['notes/open.md']);
    expect(text).not.toMatch(/plan|insert|drop/);
  });

  it('is no rule for models', async () => {
    const folder = workspace();
    writeFileSync(join(folder, 'AGENTS.md'), 'Be brief.');
    expect((await readRules([folder], [])).followed).toHaveLength(1);
    const { followed, ignored } = await readRules([folder], [{ pattern: 'AGENTS.md', origin }]);
    expect(followed).toEqual([]);
    expect(ignored).toEqual([{ path: 'AGENTS.md', why: expect.stringContaining(origin) as string }]);
  });
});
