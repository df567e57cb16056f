import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { patience } from './test/support/patience.ts';

/** By default one processor is left idle: of two, half. */
const maxWorkers = '100%';

/** They wait for programs, disks and answers that come word by word; others use the processors meanwhile. */
const maxWaitingWorkers = 2 * availableParallelism();

const wholeDay = 'test/support/wholeDay.ts';

const expect = { poll: { timeout: patience } };

/** They take long for their size, and vitest begins with the largest where it doesn't know how long each takes. */
const slow = /\/integration\/(output|hostileLedger|closedLedger)\.test\.ts$/;

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const first = sorted.filter(({ moduleId }) => slow.test(moduleId));
    return [...first, ...sorted.filter((file) => !first.includes(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    projects: [
      {
        oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.{ts,tsx}'],
          exclude: ['**/*.mocked.test.ts'],
          // Files share the modules that one of them has loaded: loading them for each is a quarter of the work.
          isolate: false,
          maxWorkers,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect,
        },
      },
      {
        test: {
          name: 'unit-mocked',
          include: ['test/unit/**/*.mocked.test.ts'],
          maxWorkers,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          setupFiles: wholeDay,
          maxWorkers: maxWaitingWorkers,
          testTimeout: 120_000,
          expect,
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          setupFiles: wholeDay,
          maxWorkers: 3,
          testTimeout: 240_000,
          expect,
        },
      },
      {
        test: {
          name: 'workbench',
          include: ['test/workbench/*.test.ts'],
          globalSetup: 'test/workbench/globalSetup.ts',
          setupFiles: [wholeDay, 'test/workbench/harness/pictureOnFailure.ts'],
          // They wait for windows and for each other's processes; more of them only slow each other down.
          maxWorkers: 3,
          testTimeout: 240_000,
          hookTimeout: 240_000,
          expect,
        },
      },
      {
        test: {
          name: 'soak',
          include: ['test/soak/**/*.test.ts'],
          globalSetup: 'test/workbench/globalSetup.ts',
          setupFiles: 'test/workbench/harness/pictureOnFailure.ts',
        },
      },
      {
        test: {
          name: 'bench',
          include: ['test/bench/**/*.test.ts'],
          globalSetup: 'test/workbench/globalSetup.ts',
        },
      },
    ],
  },
});
