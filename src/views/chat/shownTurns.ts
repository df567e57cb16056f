/** Callers that wait until the view has shown a turn. */
export class ShownTurns {
  readonly #waiting = new Map<string, () => void>();

  /** Whether the view shows the turn within the timeout, in milliseconds, and before the signal aborts. */
  wait(turn: string, withinMs: number, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const giveUp = (): void => resolve(false);
    const timer = setTimeout(giveUp, withinMs);
    signal.addEventListener('abort', giveUp, { once: true });
    this.#waiting.set(turn, () => resolve(true));
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      this.#waiting.delete(turn);
    });
  }

  shown(turn: string): void {
    this.#waiting.get(turn)?.();
  }
}
