import { spawn, type ChildProcess } from 'node:child_process';
import { join, resolve } from 'node:path';
import { GatewayError } from '../../errors.ts';
import type { LoadedSettings } from '../../settings/loadSettings.ts';
import type { Environment } from '../../settings/settingsDocument.ts';
import type { FlowAgreement, ParameterValues, ShellAction } from '../agreement.ts';
import { FailedWithReport, type FlowRun, type Implementation } from '../implementation.ts';
import type { Report } from '../report.ts';
import { round } from '../statistics.ts';

/** How much of each output is kept, from its end, where errors are. */
const mostCharacters = 64 * 1024;
/** Time between the request to end and the kill. */
const graceMs = 5_000;

/** Access to models and services that only the gateway has. Windows ignores the case of names. */
const ownVariables =
  /^(AWS_(?!(REGION|DEFAULT_REGION|CA_BUNDLE)$)\w+|(ANTHROPIC|OPENAI)_\w+|COMPATIBLE_API_KEY|MLFLOW_\w+|PG[A-Z]+|TIDYLLM_\w+)$/i;

/** Variables that a shell needs, which hold no secrets. */
const ofEveryShell =
  /^(PATH|PATHEXT|HOME|USERPROFILE|USER|LOGNAME|USERNAME|SHELL|COMSPEC|SYSTEMROOT|WINDIR|TMPDIR|TEMP|TMP|LANG|LC_\w+)$/i;

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
  errors: string;
}

/** A command line in the user's shell. Parameters are environment variables, so that no value becomes code. */
export function shellCommand(
  { trigger, parameters }: FlowAgreement,
  shell: ShellAction,
  { environment, loaded }: { environment: Environment; loaded: Pick<LoadedSettings, 'references'> },
): Implementation {
  return {
    id: 'shell',
    title: trigger,
    parameters,
    worstCase: () => 0n,
    run: async (run) => {
      run.progress(`Running: ${shell.command}`);
      const began = performance.now();
      const ended = await execute(shell, run, withoutOwn(environment, loaded.references));
      run.signal.throwIfAborted();
      const report = reportOf(trigger, ended, performance.now() - began);
      if (ended.code === 0) return report;
      throw new FailedWithReport(
        new GatewayError('flow_failed', `The command of ${trigger} ${endText(ended)}.`, {
          hint: 'Its output is in the report.',
        }),
        report,
      );
    },
  };
}

async function execute(
  { command, directory }: ShellAction,
  run: FlowRun,
  environment: Environment,
): Promise<Ended> {
  const child = spawn(command, {
    shell: true,
    cwd: resolve(run.workspace ?? '.', directory),
    // On Windows a shell would prefer programs of the folder to those of PATH.
    env: { ...environment, NoDefaultCurrentDirectoryInExePath: '1', ...variablesOf(run.parameters) },
    // A separate process group, so that its child processes end with it.
    detached: process.platform !== 'win32',
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const output = collect(child.stdout);
  const errors = collect(child.stderr);
  let force: NodeJS.Timeout | undefined;
  const stop = (): void => {
    end(child, 'SIGTERM');
    force = setTimeout(() => {
      end(child, 'SIGKILL');
      // A process that left the group may hold them open forever.
      child.stdout.destroy();
      child.stderr.destroy();
    }, graceMs);
  };
  run.signal.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise((settle, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => settle({ code, signal, output: output(), errors: errors() }));
    });
  } finally {
    run.signal.removeEventListener('abort', stop);
    clearTimeout(force);
    // Processes of the group that outlived the shell.
    if (run.signal.aborted) end(child, 'SIGKILL');
  }
}

function end(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') {
    const windows = process.env['SystemRoot'] ?? 'C:\\Windows';
    spawn(join(windows, 'System32', 'taskkill.exe'), ['/pid', String(child.pid), '/t', '/f'], {
      stdio: 'ignore',
    });
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has ended meanwhile.
  }
}

/** The end of a stream's text. */
function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (piece: string) => {
    text = (text + piece).slice(-mostCharacters);
  });
  return () => text;
}

/** The environment without the gateway's access, and without the variables that settings.yaml refers to. */
function withoutOwn(environment: Environment, references: readonly string[]): Environment {
  const read = new Set(references.map((name) => name.toUpperCase()));
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => ofEveryShell.test(name) || !(ownVariables.test(name) || read.has(name.toUpperCase())),
    ),
  );
}

function variablesOf(parameters: ParameterValues): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [`FLOW_${name.toUpperCase()}`, String(value)]),
  );
}

function endText({ code, signal }: Ended): string {
  return code === null ? `was ended by ${signal ?? 'a signal'}` : `ended with exit code ${code}`;
}

function reportOf(trigger: string, ended: Ended, milliseconds: number): Report {
  const section = (id: string, title: string, text: string) => ({
    id,
    title,
    text: text.trimEnd() || 'Nothing.',
    table: null,
    chart: null,
    private: true,
  });
  return {
    title: trigger,
    summary: `The command ${endText(ended)} after ${round(milliseconds / 1000)} s.`,
    findings: [],
    figures: [
      { id: 'exit_code', label: 'Exit code', value: ended.code, unit: 'count', better: 'lower' },
      { id: 'duration', label: 'Duration', value: round(milliseconds), unit: 'ms', better: 'lower' },
    ],
    sections: [section('output', 'Output', ended.output), section('errors', 'Error output', ended.errors)],
  };
}
