import type { Core } from '../core/core.ts';
import type { Health } from '../gateways/gateway.ts';
import type { FoundCredentials, ServiceHealth } from '../gateways/services.ts';
import type { Reason, SystemStatus } from '../gateways/systemStatus.ts';
import { errorJson, plainLines, printLine } from './terminal.ts';

/** A check as JSON; `healthy` is null for what isn't configured or not installed. */
export function healthJson(health: Health | ServiceHealth): object {
  const { state, latencyMs, error, checkedAt, evidence, clockOffsetMs } = health;
  return {
    healthy: state === 'not_configured' || state === 'not_installed' ? null : state !== 'failed',
    state,
    latency_ms: latencyMs === null ? null : Math.round(latencyMs * 10) / 10,
    error: error && errorJson(error),
    checked_at: checkedAt,
    ...('since' in health && { since: health.since }),
    evidence,
    fix: error?.hint || null,
    ...(clockOffsetMs !== undefined && { clock_offset_ms: clockOffsetMs }),
  };
}

/** The services, and the mock where it stands in for Bedrock. */
export function infrastructureJson({ backend }: Core, { infrastructure, simulated }: SystemStatus): object {
  const { services } = infrastructure;
  return {
    ...(simulated && { mock: { location: backend.location, ...healthJson(simulated) } }),
    bedrock: {
      ...(!backend.simulated && { location: backend.location }),
      ...healthJson(services.bedrock),
    },
    s3: healthJson(services.s3),
    postgres: healthJson(services.postgres),
    mlflow: healthJson(services.mlflow),
  };
}

export function credentialSourceJson(found: FoundCredentials | null): object | null {
  return found && { source: found.source, detail: found.detail, profile: found.profile };
}

export function printReasons(reasons: readonly Reason[]): void {
  if (reasons.length > 0) printLine();
  for (const { of, message, hint } of reasons)
    printLine(plainLines(`${of}: ${message}${hint ? `\n  → ${hint}` : ''}`));
}
