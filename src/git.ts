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

/**
 * Runs git on an untrusted repository and returns its output. No program named in the repository's configuration
 * is run, and nothing is fetched. git itself refuses repositories of other users (safe.directory). Throws like
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
      // A partial clone would fetch missing objects with programs that it names.
      GIT_NO_LAZY_FETCH: '1',
      GIT_ALLOW_PROTOCOL: 'none',
      GIT_TERMINAL_PROMPT: '0',
      GIT_OPTIONAL_LOCKS: '0',
    },
  });
}
