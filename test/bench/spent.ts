/** Of the clock, and of the processors in all threads: other programs lengthen the first alone. */
export interface Spent {
  seconds: number;
  processor: number;
}

export async function spent(work: () => Promise<unknown>): Promise<Spent> {
  const before = process.cpuUsage();
  const start = performance.now();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - start) / 1000, processor: (user + system) / 1e6 };
}

export function inSeconds({ seconds, processor }: Spent): string {
  return `${seconds.toFixed(2)} s, of processors ${processor.toFixed(2)} s`;
}
