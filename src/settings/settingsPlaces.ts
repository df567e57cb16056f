import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import envPaths from 'env-paths';
import { GatewayError } from '../errors.ts';
import type { Environment } from './settingsDocument.ts';

/** The file of a workspace folder. */
export const workspaceFileName = join('.tidyllm', 'settings.yaml');

/** Directories of this user: state (ledger) and configuration (settings.yaml). `TIDYLLM_HOME` relocates both. */
export function userDirectories(environment: Environment): { state: string; config: string } {
  const home = environment['TIDYLLM_HOME'];
  if (home) {
    if (!isAbsolute(home)) {
      throw new GatewayError('settings_invalid', `TIDYLLM_HOME must be an absolute path, not "${home}".`, {
        hint: 'A relative one would be another ledger, and another budget, in each folder.',
      });
    }
    return { state: home, config: home };
  }
  const paths = envPaths('tidyllm', { suffix: '' });
  // env-paths keeps XDG_STATE_HOME for `log`; elsewhere data is the platform's place for state.
  return { state: process.platform === 'linux' ? paths.log : paths.data, config: paths.config };
}

/** The file that settings are read from: the one that is named, otherwise the user's own. */
export function settingsPath(
  environment: Environment,
  { settingsFile }: { settingsFile?: string | undefined } = {},
): string {
  return (
    settingsFile ??
    (environment['TIDYLLM_SETTINGS'] || join(userDirectories(environment).config, 'settings.yaml'))
  );
}

/** Places of a workspace file for work in a folder: of the folder and of those that hold it, nearest first. */
export function workspaceFilesAround(folder: string): string[] {
  const parent = dirname(folder);
  const here = join(folder, workspaceFileName);
  return parent === folder ? [here] : [here, ...workspaceFilesAround(parent)];
}

/** The folder for work in a folder: the nearest of it and those that hold it that has `.tidyllm`, or itself. */
export function projectFolderAround(folder: string): string {
  const marked = workspaceFilesAround(folder).find((file) => existsSync(dirname(file)));
  return marked === undefined ? folder : dirname(dirname(marked));
}
