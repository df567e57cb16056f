import { devNull } from 'node:os';
import { runProgram, type ProgramOptions } from './program.ts';

/** Options that stop git from running programs named in a repository's configuration. */
const quiet: Readonly<Record<string, string>> = {
  'core.hooksPath': devNull,
  'core.fsmonitor': 'false',
  'core.pager': 'cat',
  'core.editor': 'true',
  'core.sshCommand': 'false',
  'core.gitProxy': 'none',
  'core.askPass': 'true',
  'core.alternateRefsCommand': 'true',
  'credential.helper': '',
  'diff.external': '',
  'gpg.program': 'false',
  'gpg.ssh.program': 'false',
  'gpg.x509.program': 'false',
  'log.showSignature': 'false',
  'commit.gpgSign': 'false',
  'tag.gpgSign': 'false',
  'gc.auto': '0',
  'maintenance.auto': 'false',
};

/** Variables set by a git that started this process, about its own repository. */
const ofAnother =
  /^GIT_(DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|NAMESPACE|CEILING_DIRECTORIES|EXTERNAL_DIFF|CONFIG|CONFIG_PARAMETERS|CONFIG_COUNT)$/i;

/** Settings of a filter: programs that git runs on a file's content, and whether their failure is one of git. */
const ofFilter = /^(filter\..*\.)(clean|smudge|process|required)$/is;

interface GitOptions extends Omit<ProgramOptions, 'environment'> {
  /** A repository that a folder of somebody's work contains, without one around it, isn't used. */
  onlyWithWorkTree?: boolean;
}

/**
 * Runs git on an untrusted repository and returns its output. No program named in the repository's configuration
 * is run, nothing is fetched, and with `onlyWithWorkTree` no other folder's files are read in place of its own.
 * git itself refuses repositories of other users (safe.directory). Throws like `runProgram` does.
 */
export async function git(parameters: readonly string[], options: GitOptions): Promise<string> {
  const names = await runGit(['config', '--list', '--name-only', '-z'], options);
  const filters = [...new Set(names.split('\0'))].flatMap((name): [string, string][] => {
    const [, filter, setting = ''] = ofFilter.exec(name) ?? [];
    return filter === undefined ? [] : [[name, setting.toLowerCase() === 'required' ? 'false' : '']];
  });
  if (options.onlyWithWorkTree) {
    // core.worktree can name any folder, whose files git would then list and compare.
    const isInside = await runGit(['rev-parse', '--is-inside-work-tree'], options);
    if (isInside.trim() !== 'true')
      throw new Error('git: the folder is not in the repository’s working tree');
  }
  return runGit(parameters, options, filters);
}

function runGit(
  parameters: readonly string[],
  { onlyWithWorkTree = false, cwd = '.', ...options }: GitOptions,
  filters: readonly [name: string, value: string][] = [],
): Promise<string> {
  const settings = { ...quiet, ...(onlyWithWorkTree && { 'safe.bareRepository': 'explicit' }) };
  const set = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !ofAnother.test(name)),
  );
  // A filter's name may have an equals sign, which would end it in a parameter.
  const withoutFilters = filters.flatMap(([name, value], index): [string, string][] => [
    [`GIT_CONFIG_KEY_${index}`, name],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return runProgram('git', ['--no-pager', '-C', cwd, ...set, ...parameters], {
    ...options,
    environment: {
      ...environment,
      ...Object.fromEntries(withoutFilters),
      GIT_CONFIG_COUNT: `${filters.length}`,
      // A partial clone would fetch missing objects with programs that it names.
      GIT_NO_LAZY_FETCH: '1',
      GIT_ALLOW_PROTOCOL: 'none',
      GIT_TERMINAL_PROMPT: '0',
      GIT_OPTIONAL_LOCKS: '0',
    },
  });
}
