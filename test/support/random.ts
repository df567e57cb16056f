import { onTestFailed } from 'vitest';

/** Numbers in [0, 1) from TIDYLLM_TEST_SEED, or from a seed that a failing test prints (mulberry32). */
export function seededRandom(): () => number {
  let state = Number(process.env['TIDYLLM_TEST_SEED'] ?? Date.now() % 2 ** 32);
  const seed = state;
  onTestFailed(() => {
    console.error(`replay with TIDYLLM_TEST_SEED=${seed}`);
  });
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
