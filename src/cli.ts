#!/usr/bin/env node
import { runCommandLine } from './cli/commandLine.ts';
import { outputFault, watchOutput } from './cli/output.ts';
import { printError } from './cli/terminal.ts';
import { errorCodes } from './errorCodes.ts';

// On Windows the AWS SDK starts cmd.exe for a credential_process, which would run programs of the working folder.
process.env['NoDefaultCurrentDirectoryInExePath'] = '1';

/** Waits until everything printed is written. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

watchOutput();
await runCommandLine();
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
