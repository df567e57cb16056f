import type { CallTracker } from '../../src/gateways/ports.ts';

/** Tracks nothing. */
export const untracked: CallTracker = {
  mlflowEnabled: false,
  call: (_level, make) => make(),
  attempt: () => undefined,
  run: () => undefined,
};
