import type { GatewayError } from '../errors.ts';
import type { ServiceHealth, ServiceId } from '../gateways/services.ts';
import type { Mend } from '../remedies.ts';

/** Where settings.yaml configures a service. */
export const sectionOf: Readonly<Record<ServiceId, string>> = {
  bedrock: 'aws',
  s3: 's3',
  postgres: 'postgres',
  mlflow: 'mlflow',
};

/** What a person can do about a part of the system that fails. */
export function mendsOf(error: GatewayError | null): Mend[] {
  return error?.remedy.filter((remedy) => remedy.kind !== 'retry') ?? [];
}

/** What a person can do about a service as it was found. */
export function mendsOfService(id: ServiceId, { state, error }: ServiceHealth): Mend[] {
  if (state !== 'not_configured') return mendsOf(error);
  return [
    id === 'bedrock' ? { kind: 'connect_aws' } : { kind: 'open_settings', place: { key: sectionOf[id] } },
  ];
}
