import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GitNoteAnchor } from '../../src/adapters/gitNoteAnchor.ts';
import { terminalOrigin } from '../../src/cli/terminalOrigin.ts';
import { temporaryFolder } from '../support/temporary.ts';

const notes = 'refs/notes/tidyllm';
const identity = { user: 'Ada', mail: 'ada@example.com' };

interface Repository {
  folder: string;
  /** Made by whatever of the repository's is run. */
  marker: string;
  /** A program of theirs. */
  program: string;
  git: (parameters: readonly string[], input?: string) => string;
}

/** A repository with a commit, and a program that nobody wants to be run. */
function repository(): Repository {
  const folder = temporaryFolder();
  const marker = join(folder, 'marker');
  const program = join(folder, 'program');
  writeFileSync(program, `#!/bin/sh\ntouch '${marker}'\nexit 1\n`);
  chmodSync(program, 0o755);
  const git = (parameters: readonly string[], input = ''): string =>
    execFileSync('git', ['-C', folder, ...parameters], { input, encoding: 'utf8', stdio: 'pipe' }).trim();
  git(['init', '-q', '-b', 'main']);
  git(['config', 'user.name', identity.user]);
  git(['config', 'user.email', identity.mail]);
  git(['commit', '-q', '--allow-empty', '-m', 'first']);
  return { folder, marker, program, git };
}

/** Makes the notes' commit one that carries a signature, which whoever shows it would have checked. */
function sign({ git }: Repository): void {
  const tree = git(['rev-parse', `${notes}^{tree}`]);
  const who = `${identity.user} <${identity.mail}> 1700000000 +0000`;
  const signature = ' -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----';
  const commit = `tree ${tree}\nauthor ${who}\ncommitter ${who}\ngpgsig${signature}\n\nnotes\n`;
  git(['update-ref', notes, git(['hash-object', '-t', 'commit', '-w', '--stdin'], commit)]);
}

/** What a repository may have run by its own configuration. */
const configurations: Record<string, (repository: Repository) => void> = {
  'programs in its settings': ({ git, program }) => {
    const names = [
      ...['core.fsmonitor', 'core.pager', 'core.editor', 'core.sshCommand', 'core.askPass'],
      ...['diff.external', 'gpg.program', 'core.alternateRefsCommand', 'pager.log', 'pager.notes'],
      ...['filter.theirs.clean', 'filter.theirs.smudge', 'diff.theirs.textconv', 'alias.notes'],
      ...['alias.symbolic-ref', 'credential.helper', 'sequence.editor', 'notes.rewriteRef'],
    ];
    for (const name of names) git(['config', name, program]);
    git(['config', 'commit.gpgSign', 'true']);
  },
  hooks: ({ git, folder, program }) => {
    const hooks = join(folder, 'hooks');
    mkdirSync(hooks);
    for (const name of [
      'reference-transaction',
      'post-commit',
      'pre-commit',
      'post-index-change',
      'pre-auto-gc',
    ]) {
      writeFileSync(join(hooks, name), `#!/bin/sh\n'${program}'\nexit 0\n`);
      chmodSync(join(hooks, name), 0o755);
    }
    git(['config', 'core.hooksPath', hooks]);
  },
  'a signature that is shown': (one) => {
    sign(one);
    one.git(['config', 'log.showSignature', 'true']);
    one.git(['config', 'gpg.program', one.program]);
  },
  'objects that are got from elsewhere': ({ git, program }) => {
    const [blob = ''] = git(['notes', `--ref=${notes}`, 'list']).split(' ');
    for (const [name, value] of [
      ['core.repositoryFormatVersion', '1'],
      ['extensions.partialClone', 'origin'],
      ['remote.origin.promisor', 'true'],
      ['remote.origin.url', `ext::${program}`],
      ['protocol.ext.allow', 'always'],
    ] as const)
      git(['config', name, value]);
    const { folder } = { folder: git(['rev-parse', '--absolute-git-dir']) };
    execFileSync('rm', ['-f', join(folder, 'objects', blob.slice(0, 2), blob.slice(2))]);
  },
};

describe.runIf(process.platform !== 'win32')('a repository of somebody else', () => {
  it.each(Object.keys(configurations))('runs nothing: %s', async (name) => {
    const one = repository();
    await new GitNoteAnchor(one.folder).publish('checkpoint');
    configurations[name]?.(one);
    const anchor = new GitNoteAnchor(one.folder);
    // Some of these can't be read any more; nothing of them is run in either case.
    await anchor.kept().catch(() => undefined);
    await anchor.publish('another').catch(() => undefined);
    const before = process.cwd();
    process.chdir(one.folder);
    onTestFinished(() => process.chdir(before));
    expect((await terminalOrigin(null)).branch).toBe('main');
    expect(existsSync(one.marker)).toBe(false);
  });

  it('that is only a part of somebody’s work gives no branch', async () => {
    const work = temporaryFolder();
    execFileSync('git', ['init', '-q', '--bare', '-b', 'theirs', join(work, 'docs')]);
    const before = process.cwd();
    process.chdir(join(work, 'docs'));
    onTestFinished(() => process.chdir(before));
    expect((await terminalOrigin(null)).branch).toBeNull();
  });

  it('isn’t the one that a git around this process works on', async () => {
    const other = repository();
    const own = repository();
    process.env['GIT_DIR'] = join(other.folder, '.git');
    onTestFinished(() => {
      delete process.env['GIT_DIR'];
    });
    await new GitNoteAnchor(own.folder).publish('checkpoint');
    delete process.env['GIT_DIR'];
    expect(own.git(['for-each-ref', notes])).not.toBe('');
    expect(other.git(['for-each-ref', notes])).toBe('');
  });
});
