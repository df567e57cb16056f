import { onTestFailed } from 'vitest';

/** Numbers in [0, 1) from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** TIDYLLM_TEST_SEED, or a seed of its own for each run, which a failing test prints. */
export function testSeed(): number {
  const seed = Number(process.env['TIDYLLM_TEST_SEED'] ?? Date.now() % 2 ** 32);
  onTestFailed(() => {
    console.error(`replay with TIDYLLM_TEST_SEED=${seed}`);
  });
  return seed;
}

/** Numbers in [0, 1) from the test's seed. */
export function seededRandom(): () => number {
  return randomFrom(testSeed());
}
