import { appendFileSync, mkdirSync } from 'node:fs';

export const isNightly = Boolean(process.env['NIGHTLY']);

/** How often a fault test repeats: what every run does, or what the nightly run does. FAULT_SCALE multiplies it. */
export function times(everyRun: number, nightly: number): number {
  const scale = Number(process.env['FAULT_SCALE'] ?? '1');
  return Math.max(1, Math.round((isNightly ? nightly : everyRun) * scale));
}

/** Notes what a fault test did, for the table that the run prints. */
export function report(test: string, figures: string): void {
  mkdirSync('test-results', { recursive: true });
  appendFileSync('test-results/faults.txt', `${test}: ${figures}\n`);
}
