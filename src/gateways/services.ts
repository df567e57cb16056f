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

/** What can be exercised besides a model. */
export const exercisedIds = ['aws', 'postgres', 's3', 'mlflow'] as const;
export type ExercisedId = (typeof exercisedIds)[number];

/** One step that worked, and what was seen. */
export interface ExercisedStep {
  step: string;
  /** Milliseconds. */
  ms: number;
  evidence: string;
}

/** A service used for real, step by step, and left as it was. */
export interface Exercise {
  state: 'passed' | 'failed' | 'not_configured';
  /** Those that worked, in order. */
  steps: readonly ExercisedStep[];
  /** The step that failed; null where none did. */
  failedStep: string | null;
  error: GatewayError | null;
  /** Why it isn't configured. */
  evidence: string;
}

/** What a server showed when it was spoken to over TLS. */
export interface Handshake {
  /** Such as `TLSv1.3`; null where a proxy is in between, whose certificate it would be. */
  protocol: string | null;
  /** When its certificate ends. */
  validUntil: Date | null;
}

/** What front doors see of the outside services. Checks are light calls of their own and never delay a model's. */
export interface Sessions {
  /** Resolves the credentials and asks AWS whose they are; at most three seconds. */
  credentialStatus(): Promise<CredentialStatus>;
  /** At most three seconds, or until the signal. */
  checkHealth(id: ServiceId, signal?: AbortSignal): Promise<ServiceHealth>;
  /** The region of AWS services: of the settings, otherwise of the profile. Throws what the AWS SDK throws. */
  region(): Promise<string>;
  getHealthSummary(signal?: AbortSignal): Promise<HealthSummary>;
  /** Uses a service end to end and takes back what it made, also when a step fails. Throws only the signal's reason. */
  exercise(id: ExercisedId, signal: AbortSignal): Promise<Exercise>;
  /** False where any certificate is taken. */
  readonly checksCertificates: boolean;
  /** Throws `service_failed` for a server that can't be reached or trusted. */
  handshake(url: string, signal: AbortSignal): Promise<Handshake>;
  /** As the last check found a service, or all of them. */
  isHealthy(id?: ServiceId): boolean;
}
