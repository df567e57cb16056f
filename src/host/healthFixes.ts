import type { GatewayError } from '../errors.ts';
import { serviceIds, type ServiceHealth, type ServiceId } from '../gateways/services.ts';
import { fixesFor, type Fix } from './fixes.ts';

/** A fix that runs a command; the others repeat a call. */
export type CommandFix = Extract<Fix, { kind: 'command' }>;

/** Where settings.yaml configures a service. */
export const sectionOf: Readonly<Record<ServiceId, string>> = {
  bedrock: 'aws',
  s3: 's3',
  postgres: 'postgres',
  mlflow: 'mlflow',
};

/** What a person can do about a part of the system that fails; settings.yaml opens where a service is configured. */
export function fixesOf(error: GatewayError | null, part = ''): CommandFix[] {
  const service = serviceIds.find((id) => id === part);
  return (error ? fixesFor(error) : []).flatMap((fix) => {
    if (fix.kind !== 'command') return [];
    const opens = fix.command === 'tidyllm.openSettingsFile' && service !== undefined;
    return [opens ? { ...fix, place: fix.place ?? { key: sectionOf[service] } } : fix];
  });
}

/** What a person can do about a service as it was found. */
export function fixesOfService(id: ServiceId, { state, error }: ServiceHealth): CommandFix[] {
  if (state !== 'not_configured') return fixesOf(error, id);
  return id === 'bedrock'
    ? [{ kind: 'command', command: 'tidyllm.connectAws' }]
    : [{ kind: 'command', command: 'tidyllm.openSettingsFile', place: { key: sectionOf[id] } }];
}
