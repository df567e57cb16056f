import { expect, test } from 'vitest';
import { runHostTests } from './harness/hostTests.ts';

test('the tests inside the extension host pass', async () => {
  const { stats, failures } = await runHostTests();
  const told = failures
    .map(({ fullTitle, err }) => `${fullTitle}\n${err.stack ?? err.message ?? ''}`)
    .join('\n\n');
  expect(told).toBe('');
  expect(stats.passes).toBeGreaterThan(0);
});
