import type { Pool } from 'pg';
import type { GatewayError } from '../errors.ts';
import type { Health } from './gateway.ts';

/** The external services, in display order. */
export const serviceIds = ['bedrock', 's3', 'postgres', 'mlflow'] as const;
export type ServiceId = (typeof serviceIds)[number];

/** Health of one service, and since when. */
export interface ServiceHealth extends Health {
  /** ISO 8601 time of the first check with this state. */
  since: string;
}

/** The sources of AWS credentials, in search order. */
export type CredentialSource = 'iam_role' | 'environment' | 'profile' | 'settings';

/** The credentials found, whether they work or not. */
export interface FoundCredentials {
  source: CredentialSource;
  /** The specific source: `instance metadata`, `AWS_ACCESS_KEY_ID`, `profile corporate`, … */
  detail: string;
  /** Their profile. */
  profile: string | null;
}

/** The result of using the credentials. */
export interface CredentialStatus {
  /** Null if nothing about AWS is configured. */
  found: FoundCredentials | null;
  /** ISO 8601; null if they don't expire or don't work. */
  expiresAt: string | null;
  /** The caller's ARN; null if AWS couldn't be asked. */
  arn: string | null;
  /** Why there are no usable keys. */
  error: GatewayError | null;
}

/** The health of all services. */
export interface HealthSummary {
  /** Whether every service that is configured is healthy. */
  overallHealthy: boolean;
  /** Null if nothing about AWS is configured. */
  credentialSource: FoundCredentials | null;
  services: Record<ServiceId, ServiceHealth>;
}

/** The team's database. */
export interface TeamDatabase {
  pool: Pool;
  /** What an error of it means, and how it is mended. */
  failure: (error: unknown) => GatewayError;
}

/** The parts that can be tested besides a model. */
export const exercisedIds = ['aws', 'postgres', 's3', 'mlflow'] as const;
export type ExercisedId = (typeof exercisedIds)[number];

/** One step that worked, with its evidence. */
export interface ExercisedStep {
  step: string;
  /** Milliseconds. */
  ms: number;
  evidence: string;
}

/** A real test of a service, step by step, that leaves it unchanged. */
export interface Exercise {
  state: 'passed' | 'failed' | 'not_configured';
  /** The successful steps, in order. */
  steps: readonly ExercisedStep[];
  /** The failed step; null if none failed. */
  failedStep: string | null;
  error: GatewayError | null;
  /** Why it isn't configured. */
  evidence: string;
}

/** Facts about a server's TLS connection. */
export interface Handshake {
  /** Such as `TLSv1.3`; null behind a proxy, whose certificate it would be. */
  protocol: string | null;
  /** When its certificate expires. */
  validUntil: Date | null;
}

/** Objects of S3, with the credentials in use. Errors are `GatewayError`s that name the bucket, and say how to mend it. */
export interface ObjectStore {
  /** The object; refused with `invalid_request` if there is none, or if it has more bytes than that. */
  get(bucket: string, key: string, most: number, signal: AbortSignal): Promise<Buffer>;
  /** Keys below a prefix in order, so many at most. */
  list(bucket: string, prefix: string, most: number, signal: AbortSignal): Promise<string[]>;
  /** Replaces the object as a whole. */
  put(bucket: string, key: string, body: Buffer, signal: AbortSignal): Promise<void>;
}

/** The external services as front doors see them. Checks are separate light calls that never delay model calls. */
export interface Sessions {
  /** Resolves the credentials and asks AWS whose they are. Takes at most three seconds. */
  credentialStatus(): Promise<CredentialStatus>;
  /** Takes at most three seconds, or until the signal aborts. */
  checkHealth(id: ServiceId, signal?: AbortSignal): Promise<ServiceHealth>;
  /** The region of AWS services, from the settings or the profile. Throws what the AWS SDK throws. */
  region(): Promise<string>;
  getHealthSummary(signal?: AbortSignal): Promise<HealthSummary>;
  /** Uses a service end to end and removes what it created, even if a step fails. Throws only the signal's reason. */
  exercise(id: ExercisedId, signal: AbortSignal): Promise<Exercise>;
  /** False if any certificate is accepted. */
  readonly checksCertificates: boolean;
  /** Throws `service_failed` if the server can't be reached or trusted. */
  handshake(url: string, signal: AbortSignal): Promise<Handshake>;
  /** The last result for a service, or for all of them. */
  isHealthy(id?: ServiceId): boolean;
}
