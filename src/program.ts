import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { posix, win32 } from 'node:path';
import { promisify } from 'node:util';

type Environment = Readonly<Record<string, string | undefined>>;

export interface ProgramOptions {
  /** Milliseconds after which it is ended. */
  timeout: number;
  cwd?: string;
  environment?: Environment;
  /** Of its output, in bytes. */
  maxBuffer?: number;
}

/**
 * Runs a program by its name and gives what it prints. Looked for only in the absolute folders of PATH: the system
 * would, on Windows always and elsewhere with "." in PATH, take what lies in the working folder, which is the work of
 * others. Throws where it isn't found, what the program said where it failed,
 * and what `execFile` throws.
 */
export async function runProgram(
  name: string,
  parameters: readonly string[],
  { environment = process.env, ...options }: ProgramOptions,
): Promise<string> {
  const path = programPath(name, environment);
  if (path === null) throw new Error(`${name} is not in a folder of PATH`);
  const run = promisify(execFile);
  try {
    const { stdout } = await run(path, [...parameters], { ...options, env: environment, windowsHide: true });
    return stdout;
  } catch (error) {
    // Its message is the whole command line; what the program said tells more.
    const { stderr = '' } = error as { stderr?: string };
    throw stderr.trim() === '' ? error : new Error(`${name}: ${stderr.trim()}`, { cause: error });
  }
}

/** Where a program is; null where it isn't in any absolute folder of PATH. */
export function programPath(
  name: string,
  environment: Environment = process.env,
  { platform, isProgram }: { platform: NodeJS.Platform; isProgram: (path: string) => boolean } = {
    platform: process.platform,
    isProgram: canBeRun,
  },
): string | null {
  const windows = platform === 'win32';
  const paths = windows ? win32 : posix;
  // Windows knows names of variables in any case; a copy of its environment doesn't.
  const key = Object.keys(environment).find((one) => (windows ? one.toUpperCase() : one) === 'PATH');
  const folders = (environment[key ?? ''] ?? '')
    .split(paths.delimiter)
    .map((folder) => (windows ? folder.replace(/^"(.*)"$/, '$1') : folder))
    // "\tools" is on whichever drive the working folder is.
    .filter((folder) => paths.isAbsolute(folder) && !(windows && /^[\\/](?![\\/])/.test(folder)));
  // Scripts of cmd.exe can't be started without a shell.
  const names = windows ? [`${name}.exe`, `${name}.com`] : [name];
  const places = folders.flatMap((folder) => names.map((one) => paths.join(folder, one)));
  return places.find(isProgram) ?? null;
}

function canBeRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
