import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** A repository with a folder inside, a link to it, and a cap that lets nothing through. */
function cappedRepository(cap: (places: { repository: string; link: string }) => string): {
  environment: Record<string, string>;
  repository: string;
  link: string;
} {
  const home = temporaryFolder();
  const repository = join(home, 'work', 'repository');
  const link = join(home, 'link');
  mkdirSync(join(repository, 'sub'), { recursive: true });
  mkdirSync(join(repository, '.git'));
  writeFileSync(join(repository, '.git', 'HEAD'), 'ref: refs/heads/main\n');
  symlinkSync(repository, link);
  const key = cap({ repository, link });
  writeFileSync(
    join(home, 'settings.yaml'),
    `budget: { per_workspace_usd: { ${JSON.stringify(key)}: 0.000001 } }\n`,
  );
  return { environment: isolatedEnvironment(home), repository, link };
}

const call = ['chat', '--reason', 'JIRA-1 cap', 'hello'];

describe('a workspace’s cap', () => {
  it.each([
    ['the repository', ({ repository }: { repository: string }) => repository],
    ['a link to it', ({ link }: { link: string }) => link],
    ['a folder inside', ({ repository }: { repository: string }) => join(repository, 'sub')],
  ])('that names %s holds in all of it, by whatever way', async (_name, key) => {
    const { environment, repository, link } = cappedRepository(key);
    for (const cwd of [repository, join(repository, 'sub'), link, join(link, 'sub')]) {
      const { code, document } = await tidyllmJson(call, { environment, cwd });
      expect({ cwd, code, error: document['error'] }).toMatchObject({
        code: 3,
        error: { code: 'budget_exceeded' },
      });
    }
    const flow = ['flow', 'run', '[Performance Test]', '--param', 'calls=1'];
    const run = await tidyllm(flow, { environment, cwd: join(link, 'sub') });
    expect(run).toMatchObject({ code: 3 });
  });

  it('is raised, listed and reported under one name', async () => {
    const { environment, repository, link } = cappedRepository(({ repository: root }) => root);
    const options = { environment, cwd: join(link, 'sub') };
    const raise = ['budget', 'raise', '--limit', '1', '--workspace', link, '--reason', 'JIRA-1 more'];
    expect(await tidyllm(raise, options)).toMatchObject({ code: 0 });
    expect(await tidyllm(call, options)).toMatchObject({ code: 0 });
    const { document: usage } = await tidyllmJson(['usage', '--by', 'workspace'], options);
    expect(usage['rows']).toMatchObject([{ key: repository, calls: 1 }]);
    const { document } = await tidyllmJson(['audit', 'list', '--workspace', join(link, 'sub')], options);
    expect(document['records']).toMatchObject([{ workspace: repository }]);
  });

  it.each([
    ['a folder that isn’t there', () => '/no/such/folder', 'the folder "/no/such/folder" doesn’t exist'],
    ['a relative path', () => 'work', '"work" is not an absolute path'],
    [
      'a part of a repository',
      ({ repository }: { repository: string }) => join(repository, 'sub'),
      'its cap applies to all of it',
    ],
  ])('that names %s is a warning at its line', async (_name, key, warning) => {
    const { environment } = cappedRepository(key);
    const file = join(environment['TIDYLLM_HOME'] ?? '', 'settings.yaml');
    const { code, stderr } = await tidyllm(['settings', 'validate', file], { environment });
    expect(code).toBe(0);
    expect(stderr).toContain(`${file}:1:`);
    expect(stderr).toContain(warning);
  });

  it('of a model that nobody knows is a warning', async () => {
    const home = temporaryFolder();
    writeFileSync(
      join(home, 'settings.yaml'),
      'budget: { per_model_usd: { claude-sonet: 1, claude-opus: 5 } }\n',
    );
    const { stdout } = await tidyllm(['--json', 'doctor'], { environment: isolatedEnvironment(home) });
    expect(stdout).toContain('model \\"claude-sonet\\" is unknown');
    expect(stdout).not.toContain('claude-opus');
  });
});
