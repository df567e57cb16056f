import { CommanderError } from 'commander';
import { GatewayError } from '../errors.ts';
import { program } from './commands.ts';
import { errorJson, printJson } from './terminal.ts';

/** Runs the command that `process.argv` names, and leaves its exit code in `process.exitCode`. */
export async function runCommandLine(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // commander has already reported the error on stderr; help and version are not failures.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    if (error.exitCode !== 0 && process.argv.includes('--json')) {
      const hint = 'See --help.';
      printJson({ error: errorJson(new GatewayError('invalid_request', error.message, { hint })) });
    }
  }
}
