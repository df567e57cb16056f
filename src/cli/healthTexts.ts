import type { Core } from '../core/core.ts';
import type { Health } from '../gateways/gateway.ts';
import { serviceIds, type FoundCredentials, type ServiceHealth } from '../gateways/services.ts';
import type { Observations } from '../health/checks.ts';
import type { Reason, Verdict } from '../health/verdict.ts';
import { withoutPassword } from '../withoutPassword.ts';
import { errorJson, printLine } from './terminal.ts';

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

/** The services, with the mock or the service that answers in place of Bedrock. */
export function infrastructureJson({ backend }: Core, { services, simulated, direct }: Observations): object {
  const { id: backendId, location } = backend;
  const shown = serviceIds.map((id) => [
    id,
    {
      ...(id === backendId && id === 'bedrock' && { location }),
      ...(services[id] && healthJson(services[id])),
    },
  ]);
  return {
    ...(simulated && { mock: { location, ...healthJson(simulated) } }),
    ...(direct && { answering_service: { id: backendId, location, ...healthJson(direct) } }),
    ...(Object.fromEntries(shown) as object),
  };
}

/** The verdict with its reasons, the same in every command. */
export function verdictJson({ state, reasons }: Verdict): { verdict: string; reasons: object[] } {
  return {
    verdict: state,
    reasons: reasons.map(({ of, message, hint, remedy }) => ({
      of,
      message,
      hint,
      remedies: remedy.map(({ kind }) => kind),
    })),
  };
}

/** The configuration of the services in effect, without secrets and without passwords in addresses. */
export async function configurationJson({ loaded, sessions }: Core): Promise<object> {
  const { aws, s3, postgres, mlflow } = loaded.settings;
  // The services report why the region can't be read.
  const region = await sessions.region().catch(() => null);
  const shown = (text: string | null): string | null => text && withoutPassword(text);
  return {
    bedrock_region: aws.bedrock.region ?? region,
    bedrock_default_model: aws.bedrock.default_model,
    bedrock_endpoint: shown(aws.bedrock.endpoint),
    s3_region: s3.region ?? region,
    s3_default_bucket: s3.bucket,
    s3_endpoint: shown(s3.endpoint),
    postgres_host: shown(postgres.host),
    postgres_port: postgres.port,
    postgres_database: postgres.db_name,
    mlflow_tracking_uri: shown(mlflow.tracking_uri),
  };
}

export function credentialSourceJson(found: FoundCredentials | null): object | null {
  return found && { source: found.source, detail: found.detail, profile: found.profile };
}

export function printReasons(reasons: readonly Reason[]): void {
  if (reasons.length > 0) printLine();
  for (const { name, message, hint } of reasons)
    printLine(`${name}: ${message}${hint ? `\n  → ${hint}` : ''}`);
}
