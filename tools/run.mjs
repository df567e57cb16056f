// Runs a command of the project with Node 24 and the installed packages: node tools/run.mjs vitest run
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dependencies, environment, main, node24, ToolError } from './setup.mjs';

await main(async () => {
  const [command, ...parameters] = process.argv.slice(2);
  if (!command) throw new ToolError('Usage: node tools/run.mjs COMMAND [ARGUMENTS…]');
  await dependencies();
  const child = spawn(command, parameters, {
    stdio: 'inherit',
    env: environment(await node24()),
    shell: process.platform === 'win32',
  });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the child as well.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  process.exitCode = await new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new ToolError(`${command}: ${error.message}`)));
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
});
