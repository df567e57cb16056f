import type { GatewayError } from '../errors.ts';
import type { Health } from './gateway.ts';

/** The outside services, in the order in which they are shown. */
export const serviceIds = ['bedrock', 's3', 'postgres', 'mlflow'] as const;
export type ServiceId = (typeof serviceIds)[number];

/** Health of one service, with how long it has been so. */
export interface ServiceHealth extends Health {
  /** ISO 8601 time of the first check that found it in its state. */
  since: string;
}

/** Where AWS credentials come from, in the order in which they are looked for. */
export type CredentialSource = 'iam_role' | 'environment' | 'profile' | 'settings';

/** The credentials that were found, whether they work or not. */
export interface FoundCredentials {
  source: CredentialSource;
  /** Which one of its kind: `instance metadata`, `AWS_ACCESS_KEY_ID`, `profile corporate`, … */
  detail: string;
  /** The profile they are of. */
  profile: string | null;
}

/** What the credentials come to when they are used. */
export interface CredentialStatus {
  /** Null when nothing about AWS is configured. */
  found: FoundCredentials | null;
  /** ISO 8601; null where they don't expire or don't work. */
  expiresAt: string | null;
  /** As AWS knows the caller; null where it couldn't be asked. */
  arn: string | null;
  /** Why there are no usable keys. */
  error: GatewayError | null;
}

/** All services, as the checks found them. */
export interface HealthSummary {
  /** Whether every service that is configured is healthy. */
  overallHealthy: boolean;
  /** Null when nothing about AWS is configured. */
  credentialSource: FoundCredentials | null;
  services: Record<ServiceId, ServiceHealth>;
}

/** What front doors see of the outside services. Checks are light calls of their own and never delay a model's. */
export interface Sessions {
  /** Resolves the credentials and asks AWS whose they are; at most three seconds. */
  credentialStatus(): Promise<CredentialStatus>;
  /** At most three seconds, or until the signal. */
  checkHealth(id: ServiceId, signal?: AbortSignal): Promise<ServiceHealth>;
  getHealthSummary(signal?: AbortSignal): Promise<HealthSummary>;
  /** As the last check found a service, or all of them. */
  isHealthy(id?: ServiceId): boolean;
}
