/** A stretch of measurements without a failure in between. */
export function runs(history: readonly (number | null)[]): { first: number; latencies: number[] }[] {
  const found: { first: number; latencies: number[] }[] = [];
  history.forEach((latency, index) => {
    if (latency === null) return;
    const last = found.at(-1);
    if (last && last.first + last.latencies.length === index) last.latencies.push(latency);
    else found.push({ first: index, latencies: [latency] });
  });
  return found;
}
