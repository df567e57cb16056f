import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { posix, win32 } from 'node:path';
import { promisify } from 'node:util';

type Environment = Readonly<Record<string, string | undefined>>;

export interface ProgramOptions {
  /** Milliseconds after which the program is ended. */
  timeout: number;
  cwd?: string;
  environment?: Environment;
  /** Maximum output, in bytes. */
  maxBuffer?: number;
  /** Ends the program. */
  signal?: AbortSignal;
}

/**
 * Runs a program by its name and returns its output. Only absolute folders of PATH are searched: the system
 * would, on Windows always and elsewhere with "." in PATH, run programs in the working folder, which may come from
 * others. Throws if it isn't found, with the program's message if it fails,
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
    // The error message is the whole command line; the program's output tells more.
    const { stderr = '' } = error as { stderr?: string };
    throw stderr.trim() === '' ? error : new Error(`${name}: ${stderr.trim()}`, { cause: error });
  }
}

/** The path of a program; null if it isn't in any absolute folder of PATH. */
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
  // Variable names are case-insensitive on Windows, but not in a copy of its environment.
  const key = Object.keys(environment).find((one) => (windows ? one.toUpperCase() : one) === 'PATH');
  const folders = (environment[key ?? ''] ?? '')
    .split(paths.delimiter)
    .map((folder) => (windows ? folder.replace(/^"(.*)"$/, '$1') : folder))
    // "\tools" is on the drive of the working folder.
    .filter((folder) => paths.isAbsolute(folder) && !(windows && /^[\\/](?![\\/])/.test(folder)));
  // cmd.exe scripts can't be started without a shell.
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
