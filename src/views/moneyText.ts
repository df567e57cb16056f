import { formatUsd } from '../pricing/cost.ts';

/** What is left, as people read it: never more than there is. */
export function formatLeft(micro: bigint): string {
  return formatUsd(micro >= 1_000_000n ? micro - (micro % 10_000n) : micro);
}
