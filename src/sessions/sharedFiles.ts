import { accessSync, constants, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayError, messageOf, systemCodeOf } from '../errors.ts';
import { requireReadable } from '../readFile.ts';
import { isRegion, withoutStray } from '../strayCharacters.ts';
import { headersIn, type SectionKind } from './sectionHeaders.ts';

type Sections = Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;

/** The keys that start a login. Other options of a profile, such as its region or the pager, do not. */
const logins = [
  ...['aws_access_key_id', 'aws_secret_access_key', 'credential_process', 'credential_source'],
  ...['login_session', 'role_arn', 'source_profile', 'web_identity_token_file'],
  ...['sso_account_id', 'sso_role_name', 'sso_session', 'sso_start_url'],
];
/** What a login hands on as it is. Keys are freed of quotes later, and a command line may have its own. */
const plain = [
  ...['credential_source', 'login_session', 'mfa_serial', 'region', 'role_arn', 'role_session_name'],
  ...['source_profile', 'web_identity_token_file', 'external_id'],
  ...['sso_account_id', 'sso_region', 'sso_role_name', 'sso_session', 'sso_start_url'],
];
const singleSignOn = ['sso_start_url', 'sso_account_id', 'sso_session', 'sso_region', 'sso_role_name'];
/** The keys that a single sign-on session sets for its profiles. */
const ofSession = ['sso_region', 'sso_start_url'];
/** Keys that only work together with another key. */
const parts: readonly (readonly [there: string, missing: string])[] = [
  ['aws_access_key_id', 'aws_secret_access_key'],
  ['aws_secret_access_key', 'aws_access_key_id'],
  ['aws_session_token', 'aws_access_key_id'],
  ['web_identity_token_file', 'role_arn'],
  ['source_profile', 'role_arn'],
  ['credential_source', 'role_arn'],
];
const credentialSources = ['Environment', 'Ec2InstanceMetadata', 'EcsContainer'];

/** The AWS configuration files, `~/.aws/config` and `~/.aws/credentials`, as the AWS SDK reads them. */
export class SharedFiles {
  readonly #paths: { config: string; credentials: string };
  readonly #config: Sections;
  readonly #credentials: Sections;

  private constructor(
    paths: { config: string; credentials: string },
    config: Sections,
    credentials: Sections,
  ) {
    this.#paths = paths;
    this.#config = config;
    this.#credentials = credentials;
  }

  static async read(paths: { config: string; credentials: string }): Promise<SharedFiles> {
    const { loadSharedConfigFiles } = await import('./awsFiles.ts');
    const { configFile, credentialsFile } = await loadSharedConfigFiles({ ignoreCache: true });
    return new SharedFiles(paths, configFile, credentialsFile);
  }

  valueOf(profile: string, key: string): string | undefined {
    return this.#credentials[profile]?.[key] ?? this.#config[profile]?.[key];
  }

  /** Where this profile itself sets a key; null where it doesn't. */
  placeOfKey(profile: string, key: string): string | null {
    if (this.valueOf(profile, key) === undefined) return null;
    const { file, name } = this.#placeOf(profile, key);
    return `${key} of [${name}] in ${file}`;
  }

  /** Whether a profile says how to log in. */
  logsIn(profile: string): boolean {
    return logins.some((key) => this.valueOf(profile, key) !== undefined);
  }

  /** Whether a header in the files means this profile and isn't read as such. */
  isMisread(profile: string): boolean {
    return this.#misread('profile', profile) !== null;
  }

  /**
   * Throws `credentials_missing`, naming file, section and key, for a profile that the AWS SDK can't follow: what it
   * looks at, in its order. `sources` are the profiles that led here, each as the source of the one before.
   */
  requireUsable(profile: string, sources: readonly string[] = []): void {
    if (!this.#has(profile)) throw this.#misread('profile', profile) ?? this.#absent(profile);
    for (const key of plain) this.#requirePlain(profile, key);
    const says = (key: string): boolean => this.valueOf(profile, key) !== undefined;
    const hasKeys = says('aws_access_key_id') && says('aws_secret_access_key');
    if (sources.length > 0 && hasKeys) return;
    const hasOneSource = says('source_profile') !== says('credential_source');
    if (says('role_arn') ? hasOneSource : sources.length > 0 && says('credential_source'))
      this.#requireSource(profile, sources);
    else if (hasKeys) return;
    else if (says('web_identity_token_file') && says('role_arn')) this.#requireToken(profile);
    else if (says('credential_process')) return;
    else if (singleSignOn.some(says)) this.#requireSingleSignOn(profile);
    else if (!says('login_session')) throw this.#halfWritten(profile, says);
  }

  #has(profile: string): boolean {
    return Boolean(this.#config[profile] ?? this.#credentials[profile]);
  }

  /** Checks the source of the credentials that a role is assumed with. */
  #requireSource(profile: string, sources: readonly string[]): void {
    const place = this.valueOf(profile, 'credential_source');
    if (place !== undefined) {
      if (credentialSources.includes(place)) return;
      const which = `is "${place}", and can only be ${credentialSources.join(', ')}`;
      throw this.#fault(profile, 'credential_source', which);
    }
    const source = this.valueOf(profile, 'source_profile') ?? '';
    if (sources.includes(source)) {
      const circle = [...sources, source].join(' → ');
      throw this.#fault(profile, 'source_profile', `leads in a circle: ${circle}`);
    }
    if (!this.#has(source))
      throw (
        this.#misread('profile', source) ??
        this.#fault(profile, 'source_profile', `names "${source}", which is no profile`)
      );
    this.requireUsable(source, [...sources, source]);
  }

  #requireToken(profile: string): void {
    const path = this.valueOf(profile, 'web_identity_token_file') ?? '';
    const fault = tokenFault(path);
    if (fault !== null)
      throw this.#fault(profile, 'web_identity_token_file', `names ${path}, which ${fault}`);
  }

  #requireSingleSignOn(profile: string): void {
    const session = this.valueOf(profile, 'sso_session');
    if (session !== undefined) this.#requireSession(profile, session);
    const needed = ['sso_account_id', 'sso_role_name', ...(session === undefined ? ofSession : [])];
    const missing = needed.find((key) => this.valueOf(profile, key) === undefined);
    if (missing !== undefined) throw this.#fault(profile, missing, 'is missing');
  }

  #requireSession(profile: string, session: string): void {
    const section = `sso-session.${session}`;
    if (!this.#config[section])
      throw (
        this.#misread('sso-session', session) ??
        this.#fault(profile, 'sso_session', `names "${session}", and there is no [sso-session ${session}]`)
      );
    for (const key of ofSession) {
      if (this.#config[section][key] === undefined) throw this.#fault(section, key, 'is missing');
      this.#requirePlain(section, key);
      const own = this.valueOf(profile, key);
      if (own !== undefined && own !== this.#config[section][key])
        throw this.#fault(profile, key, `is another than that of [sso-session ${session}]`);
    }
  }

  /** The error for a profile with an incomplete login, or none. */
  #halfWritten(profile: string, says: (key: string) => boolean): GatewayError {
    if (says('role_arn')) {
      const without = says('source_profile')
        ? 'has source_profile and credential_source beside it, and only one may be'
        : 'has no source beside it: source_profile, credential_source or web_identity_token_file';
      return this.#fault(profile, 'role_arn', without);
    }
    const part = parts.find(([there]) => says(there));
    if (part) return this.#fault(profile, part[1], `is missing beside ${part[0]}`, part[0]);
    const { file, name } = this.#placeOf(profile);
    return new GatewayError('credentials_missing', `${file}: [${name}] says nothing of a login.`, {
      hint: 'Let "aws configure" or "aws configure sso" write it there, or take another profile.',
    });
  }

  #requirePlain(section: string, key: string): void {
    const value = this.valueOf(section, key);
    if (value === undefined) return;
    if (value !== withoutStray(value))
      throw this.#fault(section, key, 'has quotes around its value, which would be a part of it');
    if (/\p{Cc}/u.test(value)) throw this.#fault(section, key, 'holds a control character');
    if (/^(sso_)?region$/.test(key) && !isRegion(value))
      throw this.#fault(section, key, `is no AWS region: "${value}"`);
  }

  /** The fault of a header that means this section and isn't read as such; null where there is none. */
  #misread(kind: SectionKind, name: string): GatewayError | null {
    for (const [path, bare] of [
      [this.#paths.config, kind === 'profile' && name === 'default'],
      ...(kind === 'profile' ? [[this.#paths.credentials, true] as const] : []),
    ] as const) {
      const { headers } = headersIn(path);
      const header = headers.find((one) => one.kind === kind && one.name === name);
      if (!header) continue;
      const right = `[${bare ? '' : `${kind} `}${name}]`;
      const where = `${path}: line ${header.line}, ${header.text}`;
      if (!/^[\w\-@+.%:/]+$/.test(name)) {
        const message = `${path}: ${header.text} can’t be read: its name may have no spaces, only letters, digits and -_@+.%:/.`;
        const also = kind === 'profile' ? '' : ' and in sso_session of its profiles, then log in again';
        return new GatewayError('credentials_missing', message, {
          hint: `Give it another name there${also}.`,
        });
      }
      if (header.text !== right)
        return new GatewayError('credentials_missing', `${where} is not read as the ${kind} "${name}".`, {
          hint: `Write ${right} in its place.`,
        });
      if (kind === 'profile' && this.#has(name)) continue;
      return new GatewayError('credentials_missing', `${where} has nothing under it.`, {
        hint: 'Write its keys under it, one on each line as "key = value".',
      });
    }
    return null;
  }

  #absent(profile: string): GatewayError {
    const { config, credentials } = this.#paths;
    const files = [config, credentials].map((path) => {
      const { fault } = headersIn(path);
      return fault === null ? path : `${path} (which ${fault})`;
    });
    const sections = [...Object.keys(this.#config), ...Object.keys(this.#credentials)];
    const names = [...new Set(sections.filter((name) => !/^(sso-session|services)\./.test(name)))];
    const others = names.length > 0 ? ` Profiles there: ${names.slice(0, 20).join(', ')}.` : '';
    const message = `There is no profile "${profile}" in ${files.join(' or ')}.`;
    return new GatewayError('credentials_missing', message, {
      hint: `Correct the name in aws.profile, AWS_PROFILE or --profile, or let "aws configure --profile ${profile}" make it.${others}`,
    });
  }

  /** A fault of a key; where it is missing it belongs beside another. */
  #fault(section: string, key: string, what: string, beside = key): GatewayError {
    const { file, name } = this.#placeOf(section, beside);
    const add = this.valueOf(section, key) === undefined ? `Add ${key} to` : `Correct ${key} in`;
    return new GatewayError('credentials_missing', `${file}: ${key} of [${name}] ${what}.`, {
      hint: `${add} that file, or let "aws configure" or "aws configure sso" write it.`,
    });
  }

  /** The file that contains a key of a section, and the section's name there. */
  #placeOf(section: string, key?: string): { file: string; name: string } {
    const inCredentials =
      key !== undefined && this.#credentials[section]?.[key] !== undefined
        ? true
        : this.#config[section] === undefined && this.#credentials[section] !== undefined;
    const file = inCredentials ? this.#paths.credentials : this.#paths.config;
    const prefix = inCredentials || section === 'default' ? '' : 'profile ';
    const name = section.startsWith('sso-session.') ? section.replace('.', ' ') : `${prefix}${section}`;
    return { file, name };
  }
}

/**
 * Refuses what the AWS SDK would read without end, such as a pipe instead of one of its files; `paths` need not
 * exist. Throws `credentials_missing`.
 */
export function requireAwsFiles(paths: readonly string[]): void {
  for (const path of paths) {
    try {
      requireReadable(path);
    } catch (error) {
      const message = `The AWS file ${path} can’t be read: ${messageOf(error)}.`;
      throw new GatewayError('credentials_missing', message, {
        hint: 'Put a file in its place, as "aws configure" writes it, or delete it.',
        cause: error,
      });
    }
  }
}

/** The login files in a folder; none if it doesn't exist. */
export function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** Why a file with a token can't be read, such as "is not there"; null where it can. */
export function tokenFault(path: string): string | null {
  try {
    accessSync(path, constants.R_OK);
    requireReadable(path);
    return null;
  } catch (error) {
    const code = systemCodeOf(error);
    return code === 'ENOENT' ? 'is not there' : `can’t be read: ${code ?? messageOf(error)}`;
  }
}
