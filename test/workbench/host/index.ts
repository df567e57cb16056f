import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Mocha from 'mocha';
import { patience } from '../../support/patience.ts';

/** The extension host calls this; the report goes to the folder HOST_TEST_RESULTS. */
export async function run(): Promise<void> {
  const mocha = new Mocha({
    ui: 'bdd',
    timeout: patience,
    reporter: 'json',
    reporterOptions: { output: join(process.env.HOST_TEST_RESULTS ?? '.', 'host.json') },
  });
  for (const file of readdirSync(__dirname))
    if (file.endsWith('.test.js')) mocha.addFile(join(__dirname, file));
  const failures = await new Promise<number>((resolve) => mocha.run(resolve));
  if (failures > 0) throw new Error(`${failures} tests failed`);
}
