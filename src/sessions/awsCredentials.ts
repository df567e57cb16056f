import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { NodeHttpHandler } from '@smithy/node-http-handler';
import { changeStamp } from '../changeStamp.ts';
import { GatewayError } from '../errors.ts';
import type { FoundCredentials } from '../gateways/services.ts';
import { strayIn, withoutStray } from '../strayCharacters.ts';
import { withinLimits, type AnswerLimits } from './answerLimits.ts';
import { failedCredentials } from './awsErrors.ts';
import { filesIn, requireAwsFiles, SharedFiles, tokenFault } from './sharedFiles.ts';

/** Keys as AWS takes them. */
export interface AwsKeys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}

export function sameKeys(one: AwsKeys | null, other: AwsKeys | null): boolean {
  return (
    one?.accessKeyId === other?.accessKeyId &&
    one?.secretAccessKey === other?.secretAccessKey &&
    one?.sessionToken === other?.sessionToken
  );
}

/** Asks a person for the code of an MFA device. */
export type MfaCodePrompt = (serial: string) => Promise<string>;

export interface AwsCredentialOptions {
  environment: Readonly<Record<string, string | undefined>>;
  /** The profile in effect; null takes `default`. */
  profile: string | null;
  /** Whether a person named the profile for this window or call: then no other source is tried. */
  profileChosen: boolean;
  /** Keys that settings.yaml refers to; a null part is not set. */
  settings: { access_key_id: string | null; secret_access_key: string | null; session_token: string | null };
  region: string | null;
  /** How they are asked for. Throws `settings_invalid` for a proxy or certificates that can't be. */
  requestHandler: () => Promise<NodeHttpHandler>;
  mfaCode?: MfaCodePrompt | undefined;
}

type Candidate = FoundCredentials & {
  resolve: () => Promise<AwsKeys>;
  /** Where a part of the keys is set, such as a variable's name; null where it is generated. */
  placeOf?: (part: KeyPart) => Promise<string | null> | string | null;
};

type KeyPart = 'access_key_id' | 'secret_access_key' | 'session_token';

/** A machine without instance credentials must be recognized quickly. */
const metadataTimeoutMs = 500;
/** Its answer about credentials is a few hundred bytes. */
const metadataAnswer: AnswerLimits = { bytes: 100_000, milliseconds: 5_000 };
/** Credentials are renewed this long before they expire. */
const renewBeforeMs = 5 * 60_000;

/**
 * AWS credentials in the order IAM role → environment → profile → settings.yaml: the first that is
 * configured is taken, and reported when it is broken, never passed over. Renewed when they expire or
 * when the files they come from change.
 */
export class AwsCredentials {
  readonly #options: AwsCredentialOptions;
  #found: Promise<Candidate | null> | null = null;
  #keys: Promise<AwsKeys> | null = null;
  #expiration: Date | null = null;
  #stamp = '';

  constructor(options: AwsCredentialOptions) {
    this.#options = options;
  }

  /** The source that wins; null when nothing is configured. */
  async find(): Promise<FoundCredentials | null> {
    const candidate = await this.#candidate();
    return candidate && { source: candidate.source, detail: candidate.detail, profile: candidate.profile };
  }

  /** Valid keys. Throws `credentials_missing` or `credentials_expired`. */
  async keys(): Promise<AwsKeys> {
    this.#forgetChanged();
    if (this.#expiration && this.#expiration.getTime() - Date.now() < renewBeforeMs) {
      // Calls at the same time share one renewal, and one question for an MFA code.
      this.#expiration = null;
      this.#keys = null;
    }
    const keys = (this.#keys ??= this.#resolve());
    try {
      const found = await keys;
      if (this.#keys === keys) this.#expiration = found.expiration ?? null;
      return found;
    } catch (error) {
      // A failure is not cached: the next call may find a login.
      if (this.#keys === keys) this.#keys = null;
      throw error;
    }
  }

  /** Looks everything up again at the next use. */
  forget(): void {
    this.#found = null;
    this.#keys = null;
    this.#expiration = null;
  }

  async #resolve(): Promise<AwsKeys> {
    const candidate = await this.#candidate();
    if (!candidate) throw failedCredentials(new Error('nothing about AWS is configured'), null);
    try {
      return await sendable(await candidate.resolve(), candidate);
    } catch (error) {
      throw GatewayError.is(error) ? error : failedCredentials(error, candidate.profile);
    }
  }

  #candidate(): Promise<Candidate | null> {
    this.#forgetChanged();
    return (this.#found ??= this.#discover());
  }

  async #discover(): Promise<Candidate | null> {
    const { environment, profileChosen, profile } = this.#options;
    if (profileChosen) return this.#profile(profile ?? 'default');
    const likelyInstance = isLikelyInstance(environment);
    return (
      this.#webIdentity() ??
      this.#container() ??
      (likelyInstance ? await this.#instance() : null) ??
      this.#environmentKeys() ??
      (await this.#configuredProfile()) ??
      this.#settingsKeys() ??
      // Other systems than Linux recognize an instance only by a request, which can be slow.
      (likelyInstance || process.platform === 'linux' ? null : await this.#instance())
    );
  }

  #webIdentity(): Candidate | null {
    const { environment } = this.#options;
    const tokenFile = environment['AWS_WEB_IDENTITY_TOKEN_FILE'];
    if (!tokenFile) return null;
    const role = environment['AWS_ROLE_ARN'] ?? '';
    return {
      ...iamRole(`web identity of ${role || 'a role that AWS_ROLE_ARN does not name'}`),
      resolve: async () => {
        if (!role) throw variableMissing('AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE');
        const fault = tokenFault(tokenFile);
        if (fault === null) {
          const { fromTokenFile } = await import('./awsSdk.ts');
          return fromTokenFile(await this.#inner())({ callerClientConfig: await this.#client() });
        }
        const message = `AWS_WEB_IDENTITY_TOKEN_FILE names ${tokenFile}, which ${fault}.`;
        throw new GatewayError('credentials_missing', message, {
          hint: 'Correct the variable, or unset it to take credentials from elsewhere.',
        });
      },
    };
  }

  #container(): Candidate | null {
    const { environment } = this.#options;
    const relative = environment['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'];
    if (!relative && !environment['AWS_CONTAINER_CREDENTIALS_FULL_URI']) return null;
    return {
      ...iamRole('role of this container'),
      resolve: async () => {
        requireAwsFiles([environment['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'] ?? '']);
        const { fromHttp } = await import('./awsSdk.ts');
        return withinLimits(metadataAnswer, fromHttp({ timeout: metadataTimeoutMs, maxRetries: 0 }));
      },
    };
  }

  /** The one source that is found only by a request: no answer means there is none. */
  async #instance(): Promise<Candidate | null> {
    const { environment } = this.#options;
    if (/^true$/i.test(environment['AWS_EC2_METADATA_DISABLED'] ?? '')) return null;
    // On an instance, one slow answer must not count as having no role.
    const maxRetries = isLikelyInstance(environment) ? 2 : 0;
    const { fromInstanceMetadata } = await import('./awsSdk.ts');
    const ask = fromInstanceMetadata({ timeout: metadataTimeoutMs, maxRetries });
    const resolve = () => withinLimits(metadataAnswer, ask);
    try {
      await resolve();
    } catch {
      return null;
    }
    return { ...iamRole('role of this machine (instance metadata)'), resolve };
  }

  #environmentKeys(): Candidate | null {
    const { environment } = this.#options;
    const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
    const [missing, ...more] = names.filter((name) => !environment[name]);
    if (more.length > 0) return null;
    const there = names.find((name) => name !== missing) ?? '';
    return {
      source: 'environment',
      detail: there,
      profile: null,
      placeOf: (part) => `AWS_${part.toUpperCase()}`,
      resolve: async () => {
        if (missing !== undefined) throw variableMissing(missing, there);
        return (await import('./awsSdk.ts')).fromEnv()();
      },
    };
  }

  /** The profile of the settings, valid or not, or the default one if it has a login. */
  async #configuredProfile(): Promise<Candidate | null> {
    const { profile } = this.#options;
    if (profile !== null && profile !== 'default') return this.#profile(profile);
    const files = await this.#files();
    return files.logsIn('default') || files.isMisread('default') ? this.#profile('default') : null;
  }

  #profile(profile: string): Candidate {
    return {
      source: 'profile',
      detail: `profile ${profile}`,
      profile,
      placeOf: async (part) => (await this.#files()).placeOfKey(profile, `aws_${part}`),
      resolve: async () => {
        const files = await this.#files();
        files.requireUsable(profile);
        const [, , singleSignOn] = credentialFiles(this.#options.environment);
        const login = join(dirname(dirname(singleSignOn)), 'login', 'cache');
        requireAwsFiles([singleSignOn, login].flatMap(filesIn));
        const { fromIni } = await import('./awsSdk.ts');
        const provider = fromIni({
          ...(await this.#inner()),
          profile,
          ignoreCache: true,
          mfaCodeProvider: this.#options.mfaCode ?? noPrompt,
        });
        return provider({ callerClientConfig: await this.#client(files.valueOf(profile, 'region')) });
      },
    };
  }

  #files(): Promise<SharedFiles> {
    const [config, credentials] = credentialFiles(this.#options.environment);
    return SharedFiles.read({ config, credentials });
  }

  #settingsKeys(): Candidate | null {
    const {
      access_key_id: accessKeyId,
      secret_access_key: secretAccessKey,
      session_token: sessionToken,
    } = this.#options.settings;
    if (accessKeyId === null && secretAccessKey === null) return null;
    return {
      source: 'settings',
      detail: 'aws.credentials of settings.yaml',
      profile: null,
      placeOf: (part) => `aws.credentials.${part} of settings.yaml`,
      resolve: () => {
        if (accessKeyId === null || secretAccessKey === null) {
          const missing = accessKeyId === null ? 'access_key_id' : 'secret_access_key';
          throw new GatewayError('credentials_missing', `aws.credentials.${missing} has no value.`, {
            hint: 'Set both keys of aws.credentials, or neither; check the environment variables they refer to.',
          });
        }
        return Promise.resolve({
          accessKeyId,
          secretAccessKey,
          ...(sessionToken !== null && { sessionToken }),
        });
      },
    };
  }

  /** The fallback of clients that log in: the region of their profile, then that of the settings. */
  async #client(
    ownRegion?: string,
  ): Promise<{ region: () => Promise<string>; requestHandler: NodeHttpHandler }> {
    const { region, requestHandler } = this.#options;
    return {
      region: () => Promise.resolve(ownRegion ?? region ?? 'us-east-1'),
      requestHandler: await requestHandler(),
    };
  }

  /** Their options. A region here would override their own, such as sso_region. */
  async #inner(): Promise<{ clientConfig: { requestHandler: NodeHttpHandler } }> {
    return { clientConfig: { requestHandler: await this.#options.requestHandler() } };
  }

  /** A login, a new key or another profile in the files takes effect at once. */
  #forgetChanged(): void {
    const files = credentialFiles(this.#options.environment);
    const stamp = files.map(changeStamp).join();
    if (stamp !== this.#stamp) requireAwsFiles(files.slice(0, 2));
    if (stamp !== this.#stamp && this.#stamp !== '') this.forget();
    this.#stamp = stamp;
  }
}

/** Keys as they can be sent, without white space and quotes around them. Throws `credentials_missing`, showing no key. */
async function sendable(keys: AwsKeys, { detail, placeOf }: Candidate): Promise<AwsKeys> {
  const told = async (part: KeyPart, value: string): Promise<string> => {
    const key = withoutStray(value);
    const stray = key === '' ? 'no character at all' : strayIn(key);
    if (stray === null) return key;
    const place = (await placeOf?.(part)) ?? detail;
    const message = `The ${part.replaceAll('_', ' ')} of the AWS credentials (${place}) can’t be sent: it contains ${stray}.`;
    throw new GatewayError('credentials_missing', message, {
      hint: 'Set it anew where it comes from, as AWS gave it, on one line.',
    });
  };
  return {
    ...keys,
    accessKeyId: await told('access_key_id', keys.accessKeyId),
    secretAccessKey: await told('secret_access_key', keys.secretAccessKey),
    ...(keys.sessionToken && { sessionToken: await told('session_token', keys.sessionToken) }),
  };
}

/** The files that logins write: both configuration files, and the folder with a file for each single sign-on. */
export function credentialFiles(
  environment: Readonly<Record<string, string | undefined>>,
): [config: string, credentials: string, logins: string] {
  const folder = join(environment['HOME'] ?? homedir(), '.aws');
  return [
    environment['AWS_CONFIG_FILE'] || join(folder, 'config'),
    environment['AWS_SHARED_CREDENTIALS_FILE'] || join(folder, 'credentials'),
    join(folder, 'sso', 'cache'),
  ];
}

/** Of variables that only count together. */
function variableMissing(name: string, beside: string): GatewayError {
  return new GatewayError('credentials_missing', `${beside} is set, and ${name} is not.`, {
    hint: `Set ${name} as well, or unset ${beside} to take credentials from elsewhere.`,
  });
}

function iamRole(detail: string): FoundCredentials {
  return { source: 'iam_role', detail, profile: null };
}

function noPrompt(serial: string): Promise<string> {
  throw new GatewayError('credentials_missing', `The profile asks for a code of the MFA device ${serial}.`, {
    hint: 'Run the command in a terminal, or log in with a tool that keeps a session.',
  });
}

/** Whether asking for instance metadata is worth its time-out. */
function isLikelyInstance(environment: Readonly<Record<string, string | undefined>>): boolean {
  if (environment['AWS_EC2_METADATA_SERVICE_ENDPOINT']) return true;
  return ['/sys/devices/virtual/dmi/id/sys_vendor', '/sys/hypervisor/uuid'].some((path) => {
    try {
      return /^(amazon|ec2)/i.test(readFileSync(path, 'utf8'));
    } catch {
      return false;
    }
  });
}
