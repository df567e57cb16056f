import { compose } from '../../src/app/compose.ts';
import type { Core } from '../../src/core/core.ts';

/** Runs an example as a program, with the settings and credentials of this user, on the mock without any. */
export async function withCore(example: (core: Core, print: (line: string) => void) => Promise<unknown>) {
  const core = await compose({ environment: process.env });
  try {
    await example(core, (line) => process.stdout.write(`${line}\n`));
  } finally {
    await core.dispose();
  }
}
