import { describe, expect, it } from 'vitest';
import { Repeated } from '../../src/repeated.ts';

/** Work whose runs end when the test says so. */
function controlled() {
  const runs: PromiseWithResolvers<undefined>[] = [];
  const repeated = new Repeated(() => {
    const run = Promise.withResolvers<undefined>();
    runs.push(run);
    return run.promise;
  });
  return { runs, repeated };
}

describe('repeated work', () => {
  it('runs once more for all that was asked meanwhile', async () => {
    const { runs, repeated } = controlled();
    const first = repeated.request();
    const second = repeated.request();
    void repeated.request();
    expect(runs).toHaveLength(1);
    runs[0]!.resolve(undefined);
    await expect.poll(() => runs.length).toBe(2);
    runs[1]!.resolve(undefined);
    await Promise.all([first, second]);
    expect(runs).toHaveLength(2);
    expect(repeated.running).toBeNull();
  });

  it('runs for a request that comes as the last run ends', async () => {
    let runs = 0;
    const repeated: Repeated = new Repeated(async () => {
      runs += 1;
      await Promise.resolve();
    });
    for (let ticks = 0; ticks < 12; ticks += 1) {
      const before = runs;
      void repeated.request();
      for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
      const began = runs;
      await repeated.request();
      expect(runs - before).toBeGreaterThan(0);
      expect(runs).toBeGreaterThan(began);
    }
  });

  it('rejects with what a run throws, and runs again when it is asked again', async () => {
    const { runs, repeated } = controlled();
    const failed = repeated.request();
    runs[0]!.reject(new Error('broken'));
    await expect(failed).rejects.toThrow('broken');
    const next = repeated.request();
    runs[1]!.resolve(undefined);
    await next;
  });

  it('tells what the last run threw, not one that was repeated', async () => {
    const { runs, repeated } = controlled();
    const requests = [repeated.request(), repeated.request()];
    runs[0]!.reject(new Error('broken'));
    await expect.poll(() => runs.length).toBe(2);
    runs[1]!.resolve(undefined);
    await Promise.all(requests);
  });

  it('begins no further run once it was stopped', async () => {
    const { runs, repeated } = controlled();
    void repeated.request();
    void repeated.request();
    const stopped = repeated.stop();
    runs[0]!.resolve(undefined);
    await stopped;
    await repeated.request();
    expect(runs).toHaveLength(1);
  });
});
