import type { CircuitState, ServiceMetrics } from '../gateway.ts';
import type { LlmResponse } from '../modelCalls.ts';

interface Counted {
  attempts: number;
  failures: number;
  hits: number;
  answers: number;
  processingMs: number;
  firstTokens: number;
  firstTokenMs: number;
  waitedMs: number;
}

/** Counts calls by back-end and model. */
export class Metrics {
  readonly #services = new Map<string, Counted>();

  attempted(service: string, { success, processingTimeMs, timeToFirstTokenMs }: LlmResponse): void {
    const counted = this.#of(service);
    counted.attempts += 1;
    if (!success) {
      counted.failures += 1;
      return;
    }
    counted.answers += 1;
    counted.processingMs += processingTimeMs;
    if (timeToFirstTokenMs === null) return;
    counted.firstTokens += 1;
    counted.firstTokenMs += timeToFirstTokenMs;
  }

  hit(service: string): void {
    this.#of(service).hits += 1;
  }

  waited(service: string, milliseconds: number): void {
    this.#of(service).waitedMs += milliseconds;
  }

  all(circuits: readonly { service: string; state: CircuitState }[]): ServiceMetrics[] {
    const states = new Map(circuits.map(({ service, state }) => [service, state]));
    return [...this.#services].map(([service, counted]) => ({
      service,
      attempts: counted.attempts,
      failures: counted.failures,
      cacheHits: counted.hits,
      hitRate: share(counted.hits, counted.hits + counted.answers),
      processingTimeMs: share(counted.processingMs, counted.answers),
      timeToFirstTokenMs: share(counted.firstTokenMs, counted.firstTokens),
      waitedMs: counted.waitedMs,
      circuit: states.get(service) ?? 'closed',
    }));
  }

  #of(service: string): Counted {
    let counted = this.#services.get(service);
    if (!counted) {
      counted = {
        attempts: 0,
        failures: 0,
        hits: 0,
        answers: 0,
        processingMs: 0,
        firstTokens: 0,
        firstTokenMs: 0,
        waitedMs: 0,
      };
      this.#services.set(service, counted);
    }
    return counted;
  }
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
