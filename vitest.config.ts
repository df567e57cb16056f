import { defineConfig } from 'vitest/config';

/** By default one processor is left idle: of two, half. */
const maxWorkers = '100%';

export default defineConfig({
  test: {
    projects: [
      {
        oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
        test: { name: 'unit', include: ['test/unit/**/*.test.{ts,tsx}'], maxWorkers },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          maxWorkers,
          testTimeout: 30_000,
        },
      },
      { test: { name: 'faults', include: ['test/faults/**/*.test.ts'], maxWorkers, testTimeout: 120_000 } },
      {
        test: {
          name: 'workbench',
          include: ['test/workbench/*.test.ts'],
          globalSetup: 'test/workbench/globalSetup.ts',
          setupFiles: 'test/workbench/harness/pictureOnFailure.ts',
          // Two editors with their browsers are what two cores can bear.
          maxWorkers: 2,
          // What takes three seconds on an idle machine may take a minute on a busy one.
          testTimeout: 240_000,
          hookTimeout: 240_000,
          expect: { poll: { timeout: 60_000 } },
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
