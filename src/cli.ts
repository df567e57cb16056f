#!/usr/bin/env node
import { CommanderError } from 'commander';
import { program } from './cli/commands.ts';
import { outputFault, watchOutput } from './cli/output.ts';
import { errorJson, printError, printJson } from './cli/terminal.ts';
import { errorCodes } from './errorCodes.ts';
import { GatewayError } from './errors.ts';

// On Windows the AWS SDK starts cmd.exe for a credential_process, which would run programs of the working folder.
process.env['NoDefaultCurrentDirectoryInExePath'] = '1';

/** Waits until everything printed is written. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

watchOutput();
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
// Abandoned work, such as a hanging credential process, must not keep the command running.
await flushed(process.stdout);
const fault = outputFault();
if (fault) {
  printError(fault);
  // The output fault may have cancelled the command; any other error takes precedence.
  if ([0, errorCodes.cancelled.exitCode].includes(Number(process.exitCode ?? 0)))
    process.exitCode = fault.exitCode;
}
await flushed(process.stderr);
process.exit();
