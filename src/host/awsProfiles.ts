import { homedir } from 'node:os';
import { join } from 'node:path';
import { readFileBytes } from '../readFile.ts';

/** A profile of the AWS configuration files, with details that identify it. */
export interface AwsProfile {
  name: string;
  region: string | null;
  /** How the profile logs in. */
  kind: 'sso' | 'role' | 'process' | 'keys' | 'other';
}

/** The profiles in this user's AWS configuration files; none if there are no files. */
export async function findAwsProfiles(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<AwsProfile[]> {
  const folder = join(homedir(), '.aws');
  const [config, credentials] = await Promise.all([
    readOrEmpty(environment['AWS_CONFIG_FILE'] ?? join(folder, 'config')),
    readOrEmpty(environment['AWS_SHARED_CREDENTIALS_FILE'] ?? join(folder, 'credentials')),
  ]);
  return parseAwsProfiles(config, credentials);
}

/** Reads profiles by name from the text of both files, without their secrets. */
export function parseAwsProfiles(config: string, credentials: string): AwsProfile[] {
  const keys = new Map<string, Map<string, string>>();
  const add = (name: string, values: Map<string, string>): void => {
    keys.set(name, new Map([...(keys.get(name) ?? []), ...values]));
  };
  for (const [section, values] of iniSections(credentials)) add(section, values);
  for (const [section, values] of iniSections(config)) {
    const name = section === 'default' ? section : /^profile\s+(.+)$/.exec(section)?.[1];
    if (name !== undefined) add(name.replace(/^"(.*)"$/, '$1'), values);
  }
  return [...keys]
    .map(([name, values]) => ({ name, region: values.get('region') ?? null, kind: kindOf(values) }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

function kindOf(values: ReadonlyMap<string, string>): AwsProfile['kind'] {
  if (values.has('sso_session') || values.has('sso_start_url')) return 'sso';
  if (values.has('role_arn')) return 'role';
  if (values.has('credential_process')) return 'process';
  return values.has('aws_access_key_id') ? 'keys' : 'other';
}

function iniSections(text: string): [section: string, values: Map<string, string>][] {
  const sections: [string, Map<string, string>][] = [];
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[([^\]]+)\]/.exec(line)?.[1];
    if (section !== undefined) sections.push([section.trim(), new Map<string, string>()]);
    // Indented lines belong to a nested value such as `s3 =`.
    const [, key, value] = /^([^\s#;=[][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) sections.at(-1)?.[1].set(key, value);
  }
  return sections;
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return (await readFileBytes(path)).toString('utf8');
  } catch {
    return '';
  }
}
