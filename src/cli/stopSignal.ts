const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Aborts if the person interrupts or the reader closes the pipe, so that running calls are stopped and settled. */
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
