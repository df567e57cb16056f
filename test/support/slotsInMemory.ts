import type { Slots } from '../../src/gateways/aiProcessing/machineSlots.ts';

/** Slots of this process alone. */
export function slotsInMemory(most: number): Slots {
  let taken = 0;
  return {
    tryTake: () => {
      if (taken === most) return null;
      taken += 1;
      return () => (taken -= 1);
    },
    leaveQueue: () => undefined,
  };
}
