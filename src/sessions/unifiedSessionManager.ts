import { setTimeout as after } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Pool } from 'pg';
import { GatewayError, systemCodeOf } from '../errors.ts';
import type { Health } from '../gateways/gateway.ts';
import {
  serviceIds,
  type CredentialStatus,
  type Exercise,
  type ExercisedId,
  type Handshake,
  type HealthSummary,
  type ObjectStore,
  type ServiceHealth,
  type ServiceId,
  type Sessions,
  type TeamDatabase,
} from '../gateways/services.ts';
import type { LoadedSettings } from '../settings/loadSettings.ts';
import { isRegion } from '../strayCharacters.ts';
import {
  AwsCredentials,
  credentialFiles,
  sameKeys,
  type AwsKeys,
  type MfaCodePrompt,
} from './awsCredentials.ts';
import { failedCredentials } from './awsErrors.ts';
import type { CallerIdentity } from './callerIdentity.ts';
import { notConfigured, unlessAborted, unreachable } from './check.ts';
import { exercise, nothingToExercise } from './exercise.ts';
import { checkMlflow, exerciseMlflow, type MlflowAccess } from './mlflow.ts';
import { Network, type NetworkOptions } from './network.ts';
import { requireAwsFiles } from './sharedFiles.ts';

export interface SessionOptions {
  loaded: LoadedSettings;
  network: NetworkOptions;
  mfaCode?: MfaCodePrompt | undefined;
}

type BedrockCheck = (signal: AbortSignal) => Promise<Health>;

const fallbackRegion = 'us-east-1';
const checkTimeoutMs = 3_000;
const closeWithinMs = 1_000;

/**
 * The outside services: one place for credentials, connections and health. A client is made on its first
 * use, shared, and closed by `dispose`.
 */
export class UnifiedSessionManager implements Sessions {
  readonly credentials: AwsCredentials;
  readonly network: Network;
  readonly #options: SessionOptions;
  readonly #last = new Map<ServiceId, ServiceHealth>();
  #region: Promise<string> | null = null;
  #postgres: Promise<Pool> | null = null;
  #s3: { keys: AwsKeys; client: S3Client } | null = null;
  #checkBedrock: BedrockCheck | string = 'Nothing about AWS is configured.';
  #identity: { keys: AwsKeys; identity: Promise<CallerIdentity> } | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.network = new Network(options.network);
    const { settings, originOf } = options.loaded;
    const { source } = originOf(['aws', 'profile']);
    this.credentials = new AwsCredentials({
      environment: options.network.environment,
      profile: settings.aws.profile,
      profileChosen: settings.aws.profile !== null && (source === 'option' || source === 'environment'),
      settings: settings.aws.credentials,
      region: settings.aws.region,
      requestHandler: async () =>
        (await import('./awsRequestHandler.ts')).awsRequestHandler(this.network, 'https://sts.amazonaws.com'),
      mfaCode: options.mfaCode,
    });
  }

  /** Bedrock's health check; or why it isn't in use. */
  useBedrock(check: BedrockCheck | string): void {
    this.#checkBedrock = check;
  }

  /** The region of AWS services: of the settings, otherwise of the profile as every AWS tool reads it. */
  region(): Promise<string> {
    return (this.#region ??= this.#findRegion());
  }

  async #findRegion(): Promise<string> {
    const { aws } = this.#options.loaded.settings;
    if (aws.region !== null) return aws.region;
    const [config, credentials] = credentialFiles(this.#options.network.environment);
    requireAwsFiles([config, credentials]);
    const { loadConfig, NODE_REGION_CONFIG_FILE_OPTIONS, NODE_REGION_CONFIG_OPTIONS } =
      await import('./awsFiles.ts');
    const file = {
      ...NODE_REGION_CONFIG_FILE_OPTIONS,
      ...(aws.profile !== null && { profile: aws.profile }),
    };
    // The settings already contain the environment's region; an empty variable would count here.
    const selectors = { ...NODE_REGION_CONFIG_OPTIONS, environmentVariableSelector: () => undefined };
    const region = await loadConfig({ ...selectors, default: fallbackRegion }, file)();
    if (isRegion(region)) return region;
    const place = `region of the profile ${aws.profile ?? 'default'} in ${config}`;
    throw new GatewayError('settings_invalid', `${place} is no AWS region: "${region}".`, {
      hint: 'Write it as eu-central-1, without quotes, or set aws.region.',
    });
  }

  /** The owner of the credentials, asked once for each key. Throws what the AWS SDK throws. */
  async identity(signal: AbortSignal): Promise<CallerIdentity> {
    const keys = await unlessAborted(this.credentials.keys(), signal);
    if (!this.#identity || !sameKeys(this.#identity.keys, keys)) {
      const { callerIdentity } = await import('./callerIdentity.ts');
      const place = { region: await this.region(), network: this.network };
      this.#identity = { keys, identity: callerIdentity(keys, place, signal) };
    }
    const asked = this.#identity;
    try {
      return await unlessAborted(asked.identity, signal);
    } catch (error) {
      if (this.#identity === asked) this.#identity = null;
      throw error;
    }
  }

  async credentialStatus(): Promise<CredentialStatus> {
    const signal = AbortSignal.timeout(checkTimeoutMs);
    const found = await this.credentials.find();
    const nothing = { found, expiresAt: null, arn: null, error: null };
    if (!found) return nothing;
    try {
      const { expiration } = await unlessAborted(this.credentials.keys(), signal);
      const identity = await this.identity(signal).catch(() => null);
      return { ...nothing, expiresAt: expiration?.toISOString() ?? null, arn: identity?.arn ?? null };
    } catch (error) {
      return { ...nothing, error: GatewayError.is(error) ? error : failedCredentials(error, found.profile) };
    }
  }

  /** The team's database. Connections open on use. */
  postgres(): Promise<Pool> {
    const { postgres } = this.#options.loaded.settings;
    this.#postgres ??= import('./postgres.ts')
      .then(({ openPool }) => openPool(postgres, this.network))
      .catch((error: unknown) => {
        // The next use tries again.
        this.#postgres = null;
        throw error;
      });
    return this.#postgres;
  }

  /** The team's database with what its errors mean. Throws `service_failed`. */
  async teamDatabase(): Promise<TeamDatabase> {
    const { postgres } = this.#options.loaded.settings;
    const { postgresFailure } = await import('./postgres.ts');
    const failure = (error: unknown): GatewayError => postgresFailure(error, postgres);
    try {
      return { pool: await this.postgres(), failure };
    } catch (error) {
      throw failure(error);
    }
  }

  /** The client of the team's bucket, with the keys as they are now. */
  async s3(): Promise<S3Client> {
    const keys = await this.credentials.keys();
    if (this.#s3 && sameKeys(this.#s3.keys, keys)) return this.#s3.client;
    const { s3 } = this.#options.loaded.settings;
    const { openS3 } = await import('./s3.ts');
    const place = { region: s3.region ?? (await this.region()), endpoint: s3.endpoint };
    const client = openS3(place, keys, this.network);
    this.#s3 = { keys, client };
    return client;
  }

  /** Objects of S3, with the keys as they are now. */
  async objects(): Promise<ObjectStore> {
    return (await import('./s3.ts')).objectStore(() => this.s3());
  }

  async checkHealth(id: ServiceId, signal?: AbortSignal): Promise<ServiceHealth> {
    const timeout = AbortSignal.timeout(checkTimeoutMs);
    const health = await this.#check(id, signal ? AbortSignal.any([signal, timeout]) : timeout);
    const before = this.#last.get(id);
    const since = before?.state === health.state ? before.since : health.checkedAt;
    const found = { ...health, since };
    this.#last.set(id, found);
    return found;
  }

  async getHealthSummary(signal?: AbortSignal): Promise<HealthSummary> {
    const [credentialSource, ...checks] = await Promise.all([
      this.credentials.find(),
      ...serviceIds.map(async (id) => [id, await this.checkHealth(id, signal)] as const),
    ]);
    const services = Object.fromEntries(checks) as Record<ServiceId, ServiceHealth>;
    return { overallHealthy: this.isHealthy(), credentialSource, services };
  }

  async exercise(id: ExercisedId, signal: AbortSignal): Promise<Exercise> {
    signal.throwIfAborted();
    const missing = await this.#notConfigured(id);
    return missing === null ? this.#exercise(id, signal) : nothingToExercise(missing);
  }

  get checksCertificates(): boolean {
    return this.network.checksCertificates;
  }

  async handshake(url: string, signal: AbortSignal): Promise<Handshake> {
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(checkTimeoutMs)]);
    try {
      return await this.network.handshake(url, inTime);
    } catch (error) {
      signal.throwIfAborted();
      const { host } = new URL(url);
      throw GatewayError.is(error) ? error : unreachable(null, 'The server', host, 'the address', error);
    }
  }

  /** The result of the last check; a service that isn't configured is no failure. */
  isHealthy(id?: ServiceId): boolean {
    const seen = id === undefined ? [...this.#last.values()] : [this.#last.get(id)];
    return seen.length > 0 && seen.every((health) => health !== undefined && health.state !== 'failed');
  }

  async dispose(): Promise<void> {
    const pool = await this.#postgres?.catch(() => null);
    // Its end waits for each connection to be closed by the server, which may not answer.
    await Promise.race([pool?.end(), after(closeWithinMs, undefined, { ref: false })]);
    this.network.dispose();
  }

  async #exercise(id: ExercisedId, signal: AbortSignal): Promise<Exercise> {
    const { settings } = this.#options.loaded;
    switch (id) {
      case 'aws':
        return this.#exerciseAws(signal);
      case 's3':
        return (await import('./s3.ts')).exerciseS3(() => this.s3(), settings.s3, signal);
      case 'postgres':
        return (await import('./postgres.ts')).exercisePostgres(
          () => this.postgres(),
          settings.postgres,
          signal,
        );
      case 'mlflow':
        return exerciseMlflow(settings.mlflow, this.#mlflowAccess(), signal);
    }
  }

  async #exerciseAws(signal: AbortSignal): Promise<Exercise> {
    const found = await this.credentials.find();
    return exercise(
      signal,
      async (step) => {
        const keys = await step(
          'Find credentials',
          () => this.credentials.keys(),
          () => `${found?.detail ?? ''}.`,
        );
        await step(
          'Ask AWS whose they are',
          async (inTime) => {
            const { callerIdentity } = await import('./callerIdentity.ts');
            return callerIdentity(keys, { region: await this.region(), network: this.network }, inTime);
          },
          ({ account, arn }) => `${arn} of account ${account}.`,
        );
      },
      (error) =>
        // A connection failure says nothing about the credentials.
        systemCodeOf(error) !== undefined || (error instanceof Error && error.name === 'TimeoutError')
          ? unreachable('aws', 'AWS STS', 'AWS STS', 'aws.region', error)
          : failedCredentials(error, found?.profile ?? null),
    );
  }

  #mlflowAccess(): MlflowAccess {
    return { network: this.network, environment: this.#options.network.environment };
  }

  /** Why a service is not in use; null where it is. */
  async #notConfigured(id: ExercisedId): Promise<string | null> {
    const { settings, originOf } = this.#options.loaded;
    switch (id) {
      case 'aws':
        return (await this.credentials.find()) ? null : 'No AWS credentials were found.';
      case 's3':
        return settings.s3.bucket === null ? 's3.bucket names no bucket.' : null;
      case 'postgres':
        return settings.postgres.host === null ? 'postgres.host names no server.' : null;
      case 'mlflow':
        if (!settings.mlflow.enabled) return 'mlflow.enabled is false.';
        return originOf(['mlflow', 'tracking_uri']).source === 'default'
          ? 'mlflow.tracking_uri is not set.'
          : null;
    }
  }

  async #check(id: ServiceId, signal: AbortSignal): Promise<Health> {
    if (id === 'bedrock')
      return typeof this.#checkBedrock === 'string'
        ? notConfigured(this.#checkBedrock)
        : this.#checkBedrock(signal);
    const missing = await this.#notConfigured(id);
    if (missing !== null) return notConfigured(missing);
    const { settings } = this.#options.loaded;
    switch (id) {
      case 's3':
        return (await import('./s3.ts')).checkS3(() => this.s3(), settings.s3, signal);
      case 'postgres':
        return (await import('./postgres.ts')).checkPostgres(
          () => this.postgres(),
          settings.postgres,
          signal,
        );
      case 'mlflow':
        return checkMlflow(settings.mlflow, this.#mlflowAccess(), signal);
    }
  }
}
