import { describe, expect, it } from 'vitest';
import { runs } from '../../../src/views/dashboard/webview/runs.ts';

describe('the line of latencies', () => {
  it('breaks where a check failed', () => {
    expect(runs([null, 4, 5, null, null, 6])).toEqual([
      { first: 1, latencies: [4, 5] },
      { first: 5, latencies: [6] },
    ]);
    expect(runs([null])).toEqual([]);
  });
});
