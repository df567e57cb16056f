import { readFileSync } from 'node:fs';
import { loadSharedConfigFiles } from '@smithy/core/config';
import { GatewayError } from '../errors.ts';
import { isRegion, withoutStray } from '../strayCharacters.ts';

type Sections = Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;

/** What logs in by itself. Other options of a profile, such as its region or the pager, say nothing of a login. */
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
    const { configFile, credentialsFile } = await loadSharedConfigFiles({ ignoreCache: true });
    return new SharedFiles(paths, configFile, credentialsFile);
  }

  valueOf(profile: string, key: string): string | undefined {
    return this.#credentials[profile]?.[key] ?? this.#config[profile]?.[key];
  }

  /** Whether a profile says how to log in. */
  logsIn(profile: string): boolean {
    return logins.some((key) => this.valueOf(profile, key) !== undefined);
  }

  /** Throws `credentials_missing`, naming file, section and key, for a profile that the AWS SDK can't follow. */
  requireUsable(profile: string, seen: readonly string[] = []): void {
    if (!this.#config[profile] && !this.#credentials[profile]) {
      this.#requireReadable('profile', profile);
      return;
    }
    for (const key of plain) this.#requirePlain(profile, key);
    const session = this.valueOf(profile, 'sso_session');
    if (session !== undefined) this.#requireSession(profile, session);
    const source = this.valueOf(profile, 'source_profile');
    if (source === undefined || source === profile || seen.includes(source)) return;
    this.requireUsable(source, [...seen, profile]);
    if (!this.#config[source] && !this.#credentials[source])
      throw this.#fault(profile, 'source_profile', `names "${source}", which is no profile`);
  }

  #requireSession(profile: string, session: string): void {
    const section = `sso-session.${session}`;
    if (!this.#config[section]) {
      this.#requireReadable('sso-session', session);
      throw this.#fault(
        profile,
        'sso_session',
        `names "${session}", and there is no [sso-session ${session}]`,
      );
    }
    for (const key of ['sso_region', 'sso_start_url']) {
      if (this.#config[section][key] === undefined) throw this.#fault(section, key, 'is missing');
      this.#requirePlain(section, key);
    }
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

  /** Names of sections with spaces, which the AWS command line writes in quotes, are nothing to the AWS SDK. */
  #requireReadable(kind: 'profile' | 'sso-session', name: string): void {
    const written = sectionsIn(this.#paths.config).find(
      (one) => one.kind === kind && withoutStray(one.name) === name,
    );
    if (written === undefined) return;
    const message = `${this.#paths.config}: [${kind} ${written.name}] can’t be read: its name may have no spaces, only letters, digits and -_@+.%:/.`;
    const also = kind === 'profile' ? '' : ' and in sso_session of its profiles, then log in again';
    throw new GatewayError('credentials_missing', message, { hint: `Give it another name there${also}.` });
  }

  #fault(section: string, key: string, what: string): GatewayError {
    const inCredentials = this.#credentials[section]?.[key] !== undefined;
    const file = inCredentials ? this.#paths.credentials : this.#paths.config;
    const prefix = inCredentials || section === 'default' ? '' : 'profile ';
    const name = section.startsWith('sso-session.') ? section.replace('.', ' ') : `${prefix}${section}`;
    return new GatewayError('credentials_missing', `${file}: ${key} of [${name}] ${what}.`, {
      hint: `Correct ${key} in that file, or let "aws configure" or "aws configure sso" write it.`,
    });
  }
}

function sectionsIn(path: string): { kind: string; name: string }[] {
  try {
    const headers = readFileSync(path, 'utf8').matchAll(/^\s*\[\s*(profile|sso-session)\s+(.+?)\s*\]/gm);
    return [...headers].map(([, kind = '', name = '']) => ({ kind, name }));
  } catch {
    return [];
  }
}
