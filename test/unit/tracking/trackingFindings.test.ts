import { describe, expect, it } from 'vitest';
import { trackingFindings } from '../../../src/health/trackingFindings.ts';
import type { LoadedSettings } from '../../../src/settings/loadSettings.ts';
import { settingsSchema } from '../../../src/settings/schema.ts';
import { nothingSpooled, type SpoolStatus } from '../../../src/tracking/spool.ts';

const settings = settingsSchema.parse({});
const named = { settings, originOf: () => ({ source: 'file', text: '' }) } satisfies Partial<LoadedSettings>;

function found(status: Partial<SpoolStatus>, fault: string | null = null) {
  const receiver = { receiver: 'mlflow', name: 'MLflow', address: 'http://mlflow' } as const;
  const receivers = [{ ...receiver, ...nothingSpooled, lastSuccess: 1_700_000_000_000, ...status }];
  return trackingFindings(named, { folder: '/spool', fault, receivers })[0];
}

describe('the finding on tracking', () => {
  it('is healthy when all is sent, and says when', () => {
    expect(found({})).toMatchObject({
      state: 'healthy',
      evidence: 'last sent 2023-11-14 22:13:20 UTC',
    });
  });

  it('warns of calls that were dropped lately, with their number', () => {
    const finding = found({ dropped: 12, lastDropped: Date.now() - 1_000 });
    expect(finding).toMatchObject({ state: 'warning', evidence: expect.stringContaining('12 were dropped') });
    expect(found({ dropped: 12, lastDropped: Date.now() - 8 * 86_400_000 })?.state).toBe('healthy');
  });

  it('warns of an error with what waits, and says what to do', () => {
    expect(
      found({ lastError: 'HTTP 503', failures: 1, waiting: 2, oldest: 1_700_000_000_000 }),
    ).toMatchObject({
      state: 'warning',
      evidence:
        'HTTP 503; 2 wait, the oldest since 2023-11-14 22:13:20 UTC; last sent 2023-11-14 22:13:20 UTC',
      hint: expect.stringContaining('"tidyllm tracking send"'),
    });
  });

  it('warns where the spool can’t be used', () => {
    expect(found({}, 'disk full')).toMatchObject({
      state: 'warning',
      hint: expect.stringContaining('/spool'),
    });
  });

  it('is "off" where nobody tracks', () => {
    expect(trackingFindings(named, { folder: '/spool', fault: null, receivers: [] })).toMatchObject([
      { state: 'not_configured', evidence: 'off (mlflow.enabled)' },
    ]);
  });
});
