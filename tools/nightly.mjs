// The fault tests as often as a night allows. FAULT_SCALE=0.01 does a hundredth of it; the last line has the result.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { capture } from './processes.mjs';
import { dependencies, environment, main, node24, root } from './setup.mjs';

const table = join(root, 'test-results/faults.txt');
const limit = 12 * 60 * 60 * 1000;

await main(async () => {
  await dependencies();
  await rm(table, { force: true });
  const env = { ...environment(await node24()), NIGHTLY: '1', NO_COLOR: '1' };
  const { code, output } = await capture('vitest', ['run', '--project', 'faults'], { cwd: root, env, limit });
  if (code !== 0) console.log(output);
  console.log(await readFile(table, 'utf8'));
  console.log(code === 0 ? 'every fault test passed' : 'a fault test failed');
  process.exitCode = code === 0 ? 0 : 1;
});
