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
        hint: 'A relative path would give each folder its own ledger and budget.',
      });
    }
    return { state: home, config: home };
  }
  const paths = envPaths('tidyllm', { suffix: '' });
  // env-paths uses XDG_STATE_HOME for `log`; other platforms keep state in data.
  return { state: process.platform === 'linux' ? paths.log : paths.data, config: paths.config };
}

/** Path of the settings file: the named one, otherwise the user's. */
export function settingsPath(
  environment: Environment,
  { settingsFile }: { settingsFile?: string | undefined } = {},
): string {
  return (
    settingsFile ??
    (environment['TIDYLLM_SETTINGS'] || join(userDirectories(environment).config, 'settings.yaml'))
  );
}

/** Paths of workspace files for work in a folder: of the folder and its parents, nearest first. */
export function workspaceFilesAround(folder: string): string[] {
  const parent = dirname(folder);
  const here = join(folder, workspaceFileName);
  return parent === folder ? [here] : [here, ...workspaceFilesAround(parent)];
}

/** The project folder: the nearest of a folder and its parents with `.tidyllm`, otherwise the folder itself. */
export function projectFolderAround(folder: string): string {
  const marked = workspaceFilesAround(folder).find((file) => existsSync(dirname(file)));
  return marked === undefined ? folder : dirname(dirname(marked));
}
