import { devNull } from 'node:os';
import { runProgram, type ProgramOptions } from './program.ts';

/** What a repository's own configuration may name as a program, or otherwise have run, by what turns it off. */
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

/** What a git that started this process says of its own repository. */
const ofAnother =
  /^GIT_(DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|NAMESPACE|CEILING_DIRECTORIES|EXTERNAL_DIFF|CONFIG|CONFIG_PARAMETERS|CONFIG_COUNT)$/i;

/**
 * Runs git on a repository that may be anybody's, and gives what it prints: no program that its configuration names
 * is run, and nothing is fetched. Whose repositories are used stays git's to refuse (safe.directory). Throws as
 * `runProgram` does.
 */
export function git(
  parameters: readonly string[],
  options: ProgramOptions & {
    /** A repository that a folder of somebody's work contains, without one around it, isn't used. */
    onlyWithWorkTree?: boolean;
  },
): Promise<string> {
  const { onlyWithWorkTree = false, ...rest } = options;
  const settings = { ...quiet, ...(onlyWithWorkTree && { 'safe.bareRepository': 'explicit' }) };
  const set = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !ofAnother.test(name)),
  );
  return runProgram('git', ['--no-pager', ...set, ...parameters], {
    ...rest,
    environment: {
      ...environment,
      // A partial clone would get what it lacks by programs that it names.
      GIT_NO_LAZY_FETCH: '1',
      GIT_ALLOW_PROTOCOL: 'none',
      GIT_TERMINAL_PROMPT: '0',
      GIT_OPTIONAL_LOCKS: '0',
    },
  });
}
