import { fork, spawn, type ChildProcess } from 'node:child_process';
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
  /** Whether the process must not have run a command before. */
  fresh?: boolean;
  /** Called with the process, which is a fresh one, for tests that end it. */
  started?: (child: ChildProcess) => void;
}

/** Runs the built `tidyllm` command with nothing but the given environment. */
export function tidyllm(args: readonly string[], options: RunOptions): Promise<Finished> {
  // Node reads its own variables, and C the time zone, when a process starts.
  const readAtStart = Object.keys(options.environment).some((name) => /^NODE_|^TZ$/.test(name));
  return options.fresh || options.started || readAtStart
    ? inItsProcess(args, options)
    : inSharedProcess(args, options);
}

async function inItsProcess(args: readonly string[], options: RunOptions): Promise<Finished> {
  const child = spawn(process.execPath, [command, ...args], {
    cwd: options.cwd,
    env: environmentOf(options),
  });
  options.started?.(child);
  child.stdin.end(options.stdin ?? '');
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

/** In a process that runs other commands before and after it: a start takes half of the processor time of a command. */
async function inSharedProcess(args: readonly string[], options: RunOptions): Promise<Finished> {
  const host = idle.pop() ?? (await startHost());
  const finished = await new Promise<Finished>((resolve, reject) => {
    host.once('message', (message) => resolve(message as Finished));
    host.once('exit', (code) => reject(new Error(`The process of ${args.join(' ')} ended with ${code}.`)));
    const stdin = Buffer.from(options.stdin ?? '').toString('base64');
    host.send({ args, cwd: options.cwd, environment: environmentOf(options), stdin });
  });
  host.removeAllListeners();
  idle.push(host);
  return finished;
}

/** The one JSON document of a command; throws when there is anything else on stdout. */
export async function tidyllmJson(
  args: readonly string[],
  options: RunOptions,
): Promise<Finished & { document: Record<string, unknown> }> {
  const finished = await tidyllm(['--json', ...args], options);
  return { ...finished, document: JSON.parse(finished.stdout) as Record<string, unknown> };
}

/** Processes that run no command at the moment; they end with this one. */
const idle: ChildProcess[] = [];

async function startHost(): Promise<ChildProcess> {
  const host = fork(join(import.meta.dirname, 'commandHost.mjs'), {
    env: { ...process.env, ...compileCache },
    execArgv: [],
    // A file as standard output would be written to directly.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  host.unref();
  await new Promise<void>((resolve, reject) => {
    host.once('message', () => resolve());
    host.once('exit', (code) => reject(new Error(`The process for commands ended with ${code}.`)));
  });
  host.removeAllListeners();
  return host;
}

function environmentOf({ environment }: RunOptions): NodeJS.ProcessEnv {
  const { PATH } = process.env;
  return { PATH, HOME: environment['TIDYLLM_HOME'], ...singleCalls, ...compileCache, ...environment };
}
