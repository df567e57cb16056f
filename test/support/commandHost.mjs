// Runs the built commands one after the other, with the environment, folder and input of each: what a process of its own
// costs, half of the processor time of a command, is paid once.
import { Readable } from 'node:stream';

const { runCommandLine } = await import('../../dist/commandLine.js');
const home = process.cwd();

process.on('message', async ({ args, cwd, environment, stdin }) => {
  for (const name of Object.keys(process.env))
    if (!(name in environment)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, environment);
  process.chdir(cwd ?? home);
  process.argv.splice(2, Infinity, ...args);
  process.exitCode = undefined;
  const input = Readable.from(stdin === '' ? [] : [Buffer.from(stdin, 'base64')]);
  Object.defineProperty(process, 'stdin', { value: input, configurable: true });
  const [stdout, stderr] = [captured(process.stdout), captured(process.stderr)];
  try {
    await runCommandLine();
  } finally {
    const code = Number(process.exitCode ?? 0);
    process.exitCode = undefined;
    process.send({ code, stdout: stdout(), stderr: stderr() });
  }
});
process.on('disconnect', () => process.exit());
process.send('ready');

/** Keeps what is written to a stream from now on; the function returned ends that and returns it as text. */
function captured(stream) {
  const chunks = [];
  const { write } = stream;
  stream.write = (chunk, ...others) => {
    chunks.push(Buffer.from(chunk));
    const done = others.find((other) => typeof other === 'function');
    if (done) process.nextTick(done);
    return true;
  };
  return () => {
    stream.write = write;
    return Buffer.concat(chunks).toString();
  };
}
