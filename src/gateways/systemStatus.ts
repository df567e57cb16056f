import type { Health } from './gateway.ts';
import type { BackendInfo } from './ports.ts';
import type { GatewayRegistry, ServiceInfo } from './registry.ts';
import type { HealthSummary, Sessions } from './services.ts';

export type Verdict = 'OPERATIONAL' | 'DEGRADED';

/** Everything that a look at the running system finds. */
export interface SystemStatus {
  verdict: Verdict;
  /** What keeps it from being operational, each with what to do. */
  reasons: readonly Reason[];
  infrastructure: HealthSummary;
  /** Of the mock, where it stands in for Bedrock. */
  simulated: Health | null;
  gateways: readonly (ServiceInfo & { health: Health })[];
}

export interface Reason {
  /** Service or gateway. */
  of: string;
  message: string;
  hint: string;
}

/** What is looked at. */
export interface StatusSources {
  sessions: Pick<Sessions, 'getHealthSummary'>;
  registry: GatewayRegistry;
  backend: BackendInfo;
}

/** Looks at services and gateways at once. What isn't configured or not installed is no reason. */
export async function systemStatus(
  { sessions, registry, backend }: StatusSources,
  signal: AbortSignal,
): Promise<SystemStatus> {
  const [infrastructure, health, simulated] = await Promise.all([
    sessions.getHealthSummary(signal),
    registry.healthCheck(signal),
    backend.simulated ? backend.checkHealth(signal) : null,
  ]);
  const gateways = registry.listServices().map((service) => ({ ...service, health: health[service.id] }));
  const reasons = reasonsOf([
    ...Object.entries(infrastructure.services),
    ...gateways.map(({ id, health: found }) => [id, found] as const),
  ]);
  return {
    verdict: reasons.length === 0 ? 'OPERATIONAL' : 'DEGRADED',
    reasons,
    infrastructure,
    simulated,
    gateways,
  };
}

/** What checks found wrong. A gateway repeats what its back-end says; it is told once. */
export function reasonsOf(checks: readonly (readonly [of: string, found: Health])[]): Reason[] {
  const reasons = checks.flatMap(([of, found]) => reasonOf(of, found));
  return reasons.filter(
    ({ message }, index) => reasons.findIndex((one) => one.message === message) === index,
  );
}

function reasonOf(of: string, { state, evidence, error }: Health): Reason[] {
  if (state !== 'failed' && state !== 'degraded') return [];
  return [{ of, message: error?.message ?? evidence, hint: error?.hint ?? '' }];
}
