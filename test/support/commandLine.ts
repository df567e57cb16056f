import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { compileCache } from './compileCache.ts';
import { singleCalls } from './singleCalls.ts';

/** The built `tidyllm`. */
export const command = join(import.meta.dirname, '../../dist/cli.js');

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  environment: Record<string, string>;
  stdin?: string | Buffer;
  cwd?: string;
  /** Called with the process, for tests that end it. */
  started?: (child: ReturnType<typeof spawn>) => void;
}

/** Runs the built `tidyllm` command with nothing but the given environment. */
export async function tidyllm(args: readonly string[], options: RunOptions): Promise<Finished> {
  const child = spawn(process.execPath, [command, ...args], {
    cwd: options.cwd,
    env: {
      PATH: process.env['PATH'],
      HOME: options.environment['TIDYLLM_HOME'],
      ...singleCalls,
      ...compileCache,
      ...options.environment,
    },
  });
  options.started?.(child);
  child.stdin.end(options.stdin ?? '');
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

/** The one JSON document of a command; throws when there is anything else on stdout. */
export async function tidyllmJson(
  args: readonly string[],
  options: RunOptions,
): Promise<Finished & { document: Record<string, unknown> }> {
  const finished = await tidyllm(['--json', ...args], options);
  return { ...finished, document: JSON.parse(finished.stdout) as Record<string, unknown> };
}
