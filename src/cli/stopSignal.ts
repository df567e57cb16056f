const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Aborts when the person interrupts, or whoever reads the output has gone: what runs is stopped and settled. */
export function stopSignal(): { signal: AbortSignal; dispose: () => void } {
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  for (const signal of endings) process.once(signal, stop);
  process.stdout.on('error', stop);
  return {
    signal: stopped.signal,
    dispose: () => {
      for (const signal of endings) process.off(signal, stop);
      process.stdout.off('error', stop);
    },
  };
}
