import type { ServiceHealth } from '../../gateways/services.ts';
import type { Observations } from '../../health/checks.ts';

/** Checks per component that its sparkline shows. */
const mostLatencies = 60;

/** Latencies of each component since the dashboard opened, in milliseconds; null for a failed check. */
export class Latencies {
  readonly #latencies = new Map<string, (number | null)[]>();
  /** When each component was last checked. */
  readonly #checkedAt = new Map<string, string>();

  of(part: string): readonly (number | null)[] {
    return this.#latencies.get(part) ?? [];
  }

  take({
    services,
    gateways,
    simulated,
    direct,
  }: Pick<Observations, 'services' | 'gateways' | 'simulated' | 'direct'>): void {
    const others = { ...(simulated && { simulated }), ...(direct && { answering_service: direct }) };
    const checks = Object.entries({ ...services, ...gateways, ...others });
    for (const [part, health] of checks) {
      if (this.#checkedAt.get(part) === health.checkedAt) continue;
      this.#checkedAt.set(part, health.checkedAt);
      const latency = latencyOf(health);
      if (latency !== undefined) this.#latencies.set(part, [...this.of(part), latency].slice(-mostLatencies));
    }
  }

  clear(): void {
    this.#latencies.clear();
    this.#checkedAt.clear();
  }
}

/** Undefined where nothing was measured, which is not a failure. */
function latencyOf({ state, latencyMs }: ServiceHealth): number | null | undefined {
  if (state === 'failed') return null;
  return state === 'healthy' || state === 'degraded' ? (latencyMs ?? undefined) : undefined;
}
