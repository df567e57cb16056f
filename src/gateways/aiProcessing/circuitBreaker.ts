import type { CircuitState } from '../gateway.ts';

const firstPauseMs = 30_000;
const longestPauseMs = 300_000;

/** How an attempt went, for its circuit. `neutral` says nothing about the service: refused, throttled or stopped. */
export type AttemptOutcome = 'success' | 'failure' | 'neutral';

interface Circuit {
  failures: number;
  /** When the pause ends; null while closed. */
  openUntil: number | null;
  pauseMs: number;
  probing: boolean;
}

/**
 * Pauses calls to a service that keeps failing. After the pause one probe at a time goes through: its success closes the
 * circuit, its failure starts a pause twice as long, and any other end lets the next probe through.
 */
export class CircuitBreaker {
  readonly #failuresToOpen: number;
  readonly #now: () => number;
  readonly #circuits = new Map<string, Circuit>();

  /** `failuresToOpen` is the number of failures in a row; 0 never opens a circuit. */
  constructor(failuresToOpen: number, now: () => number) {
    this.#failuresToOpen = failuresToOpen;
    this.#now = now;
  }

  /**
   * Lets an attempt through, or says for how many milliseconds the service is paused. Call `end` exactly once for each
   * attempt that was let through.
   */
  enter(service: string): { end: (outcome: AttemptOutcome) => void } | { pausedMs: number } {
    const circuit = this.#circuit(service);
    if (circuit.openUntil === null) return { end: (outcome) => this.#count(circuit, outcome) };
    const pausedMs = this.pausedMs(service);
    if (pausedMs > 0) return { pausedMs };
    if (circuit.probing) return { pausedMs: 0 };
    circuit.probing = true;
    return { end: (outcome) => this.#endProbe(circuit, outcome) };
  }

  /** How long a service is paused still, in milliseconds; 0 if it isn't, or if it may be tested. */
  pausedMs(service: string): number {
    const { openUntil } = this.#circuit(service);
    return openUntil === null ? 0 : Math.max(0, openUntil - this.#now());
  }

  /** Every circuit that was used. */
  states(): { service: string; state: CircuitState; failures: number; pausedMs: number }[] {
    return [...this.#circuits].map(([service, { failures, openUntil }]) => {
      const pausedMs = this.pausedMs(service);
      const state = openUntil === null ? 'closed' : pausedMs > 0 ? 'open' : 'half_open';
      return { service, state, failures, pausedMs };
    });
  }

  #circuit(service: string): Circuit {
    let circuit = this.#circuits.get(service);
    if (!circuit) {
      circuit = { failures: 0, openUntil: null, pauseMs: firstPauseMs, probing: false };
      this.#circuits.set(service, circuit);
    }
    return circuit;
  }

  #count(circuit: Circuit, outcome: AttemptOutcome): void {
    if (outcome === 'neutral') return;
    circuit.failures = outcome === 'success' ? 0 : circuit.failures + 1;
    // An attempt that began before the circuit opened doesn't extend the pause.
    const tooMany = this.#failuresToOpen > 0 && circuit.failures >= this.#failuresToOpen;
    if (tooMany && circuit.openUntil === null) circuit.openUntil = this.#now() + circuit.pauseMs;
  }

  #endProbe(circuit: Circuit, outcome: AttemptOutcome): void {
    circuit.probing = false;
    if (outcome === 'success')
      Object.assign(circuit, { failures: 0, openUntil: null, pauseMs: firstPauseMs });
    if (outcome !== 'failure') return;
    circuit.failures += 1;
    circuit.pauseMs = Math.min(longestPauseMs, 2 * circuit.pauseMs);
    circuit.openUntil = this.#now() + circuit.pauseMs;
  }
}
