import type { Pacing } from '../../src/gateways/ports.ts';

/** A clock that waits take forward at once, and chance that is always one half. */
export function fakePacing(): Pacing & { waits: number[] } {
  let now = 0;
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    sleep: (milliseconds, signal) => {
      signal.throwIfAborted();
      now += milliseconds;
      waits.push(milliseconds);
      return Promise.resolve();
    },
    random: () => 0.5,
  };
}
