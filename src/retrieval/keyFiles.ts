/**
 * Files that usually hold keys or passwords, by the end of their path; `*` is any part of a name. From gitrob's
 * signatures (github.com/michenriksen/gitrob), GitHub's gitignore templates (github.com/github/gitignore), and the
 * documentation of each program that is named.
 */
const patterns: Readonly<Record<string, readonly string[]>> = {
  environment: ['.env', '.env.*', '.env-*', '.env_*', '*.env', '.envrc', '.dev.vars'],
  ssh: [
    ...['id_rsa*', 'id_dsa*', 'id_ecdsa*', 'id_ed25519*', '*_rsa', '*_dsa', '*_ecdsa', '*_ed25519'],
    ...['.ssh/*', 'ssh_host_*_key', 'private_key', 'private-key', '*.private_key', '*.ppk', 'etc/shadow'],
  ],
  keyStores: [
    ...['*.pem', '*.key', '*.keypair', '*.p8', '*.p12', '*.pfx', '*.pkcs12', '*.jks', '*.jceks', '*.bks'],
    ...['*.keystore', '*.keytab', '*.kdb', '*.kdbx', '*.psafe3', '*.kwallet', '*.keychain', '*.keychain-db'],
    ...['*.agilekeychain', '*.ovpn', '*.snk', 'secring.*', 'wallet.dat', 'logins.json', 'key4.db'],
  ],
  clouds: [
    ...[
      '.aws/*',
      '.aws/*/*',
      '.aws/*/*/*',
      '.boto',
      '.s3cfg',
      '.passwd-s3fs',
      'rootkey.csv',
      '*accesskeys.csv',
    ],
    ...[
      '.azure/*',
      '*.publishsettings',
      '*.cscfg',
      'local.settings.json',
      'credentials.db',
      'access_tokens.db',
    ],
    ...['application_default_credentials.json', '*service-account*.json', '*service_account*.json'],
    ...['*serviceaccount*.json', '*firebase-adminsdk*.json', 'client_secret*.json', 'gha-creds-*.json'],
    ...['.oci/config', 'doctl/config.yaml', '.tugboat', '.databrickscfg', '.snowsql/config'],
    ...['.snowflake/connections.toml', '.pulumi/credentials.json', '.config/gh/hosts.yml', '.config/hub'],
  ],
  containers: [
    ...['.docker/config.json', '.dockercfg', '.dockerconfigjson', 'containers/auth.json', '.kube/*'],
    ...['kubeconfig', 'kubeconfig.*', '*.kubeconfig', '*kubeconfig.yaml', '*kubeconfig.yml', 'kube_config*'],
    'k3s.yaml',
  ],
  infrastructure: [
    ...[
      '*.tfstate',
      '*.tfstate.*',
      '*.tfvars',
      '*.tfvars.json',
      '*.pkrvars.hcl',
      '.terraformrc',
      'terraform.rc',
    ],
    ...[
      'credentials.tfrc.json',
      '.vault-token',
      '.vault_pass*',
      'vault_pass*',
      '.vault-pass*',
      'vault-pass*',
    ],
  ],
  databases: ['.pgpass', 'pgpass.conf', '.pg_service.conf', '.my.cnf', '.mylogin.cnf', '.dbshell'],
  packages: [
    ...[
      '.npmrc',
      '.pypirc',
      '.gem/credentials',
      '.cargo/credentials',
      '.cargo/credentials.toml',
      'auth.json',
    ],
    ...['.m2/settings.xml', 'settings-security.xml', '.gradle/gradle.properties', '.hex/hex.config'],
    ...['key.properties', 'keystore.properties'],
  ],
  web: [
    ...['.git-credentials', '.git/config', '.netrc', '_netrc', '.htpasswd', 'htpasswd', 'wp-config.php'],
    ...['.ftpconfig', 'sftp-config.json', '.vscode/sftp.json', '.remote-sync.json', 'filezilla.xml'],
    ...['sitemanager.xml', 'recentservers.xml', 'proftpdpasswd', '.msmtprc', '.fetchmailrc', '.muttrc'],
  ],
  named: [
    ...['credentials', '.credentials*', 'credentials.json', 'credentials.yml', 'credentials.yaml'],
    ...['credentials.xml', 'credentials.csv', 'credentials.ini', '.secret', '.secrets', 'secrets.json'],
    ...['secrets.yml', 'secrets.yaml', 'secrets.toml', 'secret_token.rb', 'hudson.util.secret', '.*_history'],
  ],
};

const keyFile = new RegExp(`(^|/)(${Object.values(patterns).flat().map(sourceOf).join('|')})$`, 'i');
/** Patterns of such files for others to fill in, and public keys. */
const withoutKeys = /\.(example|sample|template|dist|pub)$/i;
const privateKey = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|^PuTTY-User-Key-File-\d/m;

/** What was decided before: the same files are listed again and again. Emptied when it is full, so that it is bounded. */
const known = new Map<string, boolean>();
const mostKnown = 50_000;

/** Whether a file's name, with the folders before it and `/`, says that it holds keys: it must not leave. */
export function isKeyFile(path: string): boolean {
  const before = known.get(path);
  if (before !== undefined) return before;
  const found = keyFile.test(path) && !withoutKeys.test(path);
  if (known.size >= mostKnown) known.clear();
  known.set(path, found);
  return found;
}

/** Whether a text has a private key. */
export function hasPrivateKey(text: string): boolean {
  return privateKey.test(text);
}

function sourceOf(pattern: string): string {
  return pattern.replaceAll('.', '\\.').replaceAll('*', '[^/]*');
}
