import { describe, expect, it } from 'vitest';
import { hasPrivateKey, isKeyFile } from '../../../src/retrieval/keyFiles.ts';

const keyFiles = `
  .env .env.local config/.env.production prod.env .envrc .env-staging .dev.vars
  id_rsa id_rsa.bak keys/id_ed25519_work deploy_ed25519 .ssh/config ssh_host_rsa_key server.PEM tls.key app.p8 x.p12 putty.ppk
  release.jks debug.keystore krb5.keytab passwords.kdbx office.ovpn
  .aws/credentials home/.aws/sso/cache/0.json .boto .s3cfg rootkey.csv ada_accessKeys.csv local.settings.json .azure/msal_token_cache.json
  service-account.json service-account-prod.json my_service_account.json client_secret_1.json application_default_credentials.json
  .docker/config.json .dockercfg .kube/config kubeconfig dev.kubeconfig prod-kubeconfig.yaml
  terraform.tfstate terraform.tfstate.backup prod.tfvars prod.auto.tfvars.json .terraformrc .vault-token .vault_pass.txt
  .pgpass pgpass.conf .my.cnf .npmrc .pypirc .cargo/credentials.toml auth.json .m2/settings.xml android/key.properties
  .git-credentials .netrc _netrc .htpasswd wp-config.php .vscode/sftp.json credentials credentials.json secrets.yaml .bash_history
`;
const others = `
  .env.example .env.sample .env.template .env.dist id_rsa.pub src/env.ts environment.ts src/keyFiles.ts keyboard.ts monkey
  docs/credentials.md src/secrets.ts config.json docker/config.json kube.ts settings.xml terraform.tfvars.example main.tf
  variables.tf service.json package.json .gitignore .github/workflows/ci.yml README.md prod.envelope tokens.css rsa.ts history.md
`;
const words = (text: string): string[] => text.trim().split(/\s+/);

describe('a key file', () => {
  it.each(words(keyFiles))('is %s', (path) => {
    expect([path, `a/b/${path}`].map(isKeyFile)).toEqual([true, true]);
  });

  it.each(words(others))('is not %s', (path) => {
    expect([path, `a/b/${path}`].map(isKeyFile)).toEqual([false, false]);
  });
});

describe('a private key', () => {
  it.each([
    '-----BEGIN PRIVATE KEY-----\nMII',
    'key: |\n  -----BEGIN OPENSSH PRIVATE KEY-----\n  b3Bl',
    '{"private_key": "-----BEGIN RSA PRIVATE KEY-----\\nMII"}',
    '-----BEGIN ENCRYPTED PRIVATE KEY-----',
    '-----BEGIN PGP PRIVATE KEY BLOCK-----',
    'PuTTY-User-Key-File-3: ssh-ed25519',
  ])('is found in a text: %s', (text) => {
    expect(hasPrivateKey(text)).toBe(true);
  });

  it.each([
    '-----BEGIN PUBLIC KEY-----\nMII',
    '-----BEGIN CERTIFICATE-----',
    'BEGIN PRIVATE KEY',
    'a private key',
  ])('is not in other texts: %s', (text) => expect(hasPrivateKey(text)).toBe(false));
});
