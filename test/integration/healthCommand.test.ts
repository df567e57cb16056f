import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startBedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllm, tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnStandIn, isolatedEnvironment } from '../support/gateways.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('tidyllm health --watch', () => {
  it('shows the state again and again and ends well when it is interrupted', async () => {
    const environment = { ...isolatedEnvironment(temporaryFolder()), TIDYLLM_USER: 'ada' };
    let shown = '';
    const times = (text: string): number => text.split('OPERATIONAL, SIMULATED').length - 1;
    const { code, stderr } = await tidyllm(['health', '--watch'], {
      environment,
      started: (child) =>
        child.stdout?.on('data', (data) => {
          const before = times(shown);
          shown += String(data);
          if (before < 2 && times(shown) >= 2) child.kill('SIGINT');
        }),
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('ends when its reader has gone away', async () => {
    const environment = { ...isolatedEnvironment(temporaryFolder()), TIDYLLM_USER: 'ada' };
    const ended = Promise.withResolvers<unknown>();
    const run = tidyllm(['health', '--watch'], {
      environment,
      started: (child) => {
        onTestFinished(() => void child.kill('SIGKILL'));
        child.once('exit', ended.resolve);
        child.stdout?.once('data', () => child.stdout?.destroy());
      },
    });
    await expect(run).rejects.toThrow();
    await ended.promise;
  });

  it('is refused with --json, which is one document', async () => {
    const environment = isolatedEnvironment(temporaryFolder());
    const { code, document } = await tidyllmJson(['health', '--watch'], { environment });
    expect({ code, document }).toMatchObject({ code: 2, document: { error: { code: 'invalid_request' } } });
  });
});

describe('tidyllm health', () => {
  it('names the services there are when asked for another', async () => {
    const environment = isolatedEnvironment(temporaryFolder());
    const { code, stderr } = await tidyllm(['health', 'redis'], { environment });
    expect(code).toBe(2);
    expect(stderr).toContain('bedrock, s3, postgres, mlflow');
  });
});

describe('the configuration of tidyllm health --json', () => {
  const configurationOf = async (settings: string, extra: Record<string, string> = {}) => {
    const home = temporaryFolder();
    writeFileSync(join(home, 'settings.yaml'), settings);
    const environment = { ...isolatedEnvironment(home), TIDYLLM_USER: 'ada', ...extra };
    const { document, stdout } = await tidyllmJson(['health'], { environment });
    return { configuration: document['configuration'], stdout };
  };

  it('says where services are looked for by default', async () => {
    expect((await configurationOf('')).configuration).toEqual({
      ...{ bedrock_region: 'us-east-1', bedrock_default_model: 'claude-sonnet', bedrock_endpoint: null },
      ...{ s3_region: 'us-east-1', s3_default_bucket: null, s3_endpoint: null },
      ...{ postgres_host: null, postgres_port: 5432, postgres_database: null },
      mlflow_tracking_uri: 'http://localhost:5000',
    });
  });

  it('is what is in effect, whoever says it', async () => {
    const settings = `aws: { region: eu-west-1, bedrock: { region: eu-central-1 } }
s3: { bucket: audit, region: eu-north-1 }
postgres: { host: 127.0.0.1, port: 9, db_name: vectorqa, db_user: ada }
`;
    const environment = { PGDATABASE: 'other', AWS_REGION: '' };
    expect((await configurationOf(settings, environment)).configuration).toMatchObject({
      ...{ bedrock_region: 'eu-central-1', s3_region: 'eu-north-1', s3_default_bucket: 'audit' },
      ...{ postgres_host: '127.0.0.1', postgres_port: 9, postgres_database: 'other' },
    });
    expect((await configurationOf('', { AWS_REGION: 'ap-south-1' })).configuration).toMatchObject({
      ...{ bedrock_region: 'ap-south-1', s3_region: 'ap-south-1' },
    });
  });

  it('has no secret in it, nor the password of an address', async () => {
    const settings = `s3: { bucket: audit, endpoint: "http://ada:hunter2@127.0.0.1:9" }
mlflow: { tracking_uri: "http://ada:hunter2@127.0.0.1:9" }
postgres: { host: 127.0.0.1, port: 9, db_password: hunter2 }
`;
    const { configuration, stdout } = await configurationOf(settings, { AWS_SECRET_ACCESS_KEY: 'hunter2' });
    expect(configuration).toMatchObject({
      s3_endpoint: 'http://***@127.0.0.1:9',
      mlflow_tracking_uri: 'http://***@127.0.0.1:9',
    });
    expect(stdout).not.toContain('hunter2');
  });
});

describe('tidyllm doctor', () => {
  it('names the credentials that win', async () => {
    const standIn = await startBedrockStandIn();
    onTestFinished(() => standIn.close());
    const environment = {
      ...isolatedEnvironment(temporaryFolder()),
      ...{ TIDYLLM_USER: 'ada', AWS_ACCESS_KEY_ID: 'AKIASTANDIN', AWS_SECRET_ACCESS_KEY: 'hunter2' },
      ...{ AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url, AWS_ENDPOINT_URL_STS: standIn.url },
    };
    const { code, stdout } = await tidyllm(['doctor'], { environment });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^AWS credentials +ok +AWS_ACCESS_KEY_ID \(environment\)/m);
  });

  it('says what to do about broken credentials and dead services, and shows no secret', async () => {
    const environment = {
      ...isolatedEnvironment(temporaryFolder()),
      ...{ AWS_ACCESS_KEY_ID: 'AKIA', AWS_ENDPOINT_URL_BEDROCK_RUNTIME: 'http://127.0.0.1:9' },
      ...{
        PGHOST: '127.0.0.1',
        PGPORT: '9',
        PGPASSWORD: 'hunter2',
        MLFLOW_TRACKING_URI: 'http://127.0.0.1:9',
      },
    };
    const { code, stdout, stderr } = await tidyllm(['doctor'], { environment });
    expect(code).toBe(6);
    expect(stdout).toMatch(/^AWS credentials +failed/m);
    expect(stdout).toContain('postgres: Nothing answers at 127.0.0.1:9.\n  → Start PostgreSQL');
    expect(stdout + stderr).not.toContain('hunter2');
  });

  it('tells of a home that can’t be one', async () => {
    const { stdout, code } = await tidyllm(['doctor'], { environment: { TIDYLLM_HOME: 'relative' } });
    expect(code).not.toBe(0);
    expect(stdout).toContain('TIDYLLM_HOME must be an absolute path');
  });
});

describe('the health of Bedrock', () => {
  it.each([500, 503])('is not there behind HTTP %i', async (status) => {
    const server = createServer((_request, response) => response.writeHead(status).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { core } = await gatewayOnStandIn({ AWS_ENDPOINT_URL_BEDROCK_RUNTIME: url });
    const { state, error } = await core.sessions.checkHealth('bedrock');
    expect({ state, message: error?.message }).toEqual({
      state: 'failed',
      message: `${url} answers with HTTP ${status}.`,
    });
  });

  it('says so when the credentials do not come in time', async () => {
    const home = temporaryFolder();
    const config = join(home, 'config');
    writeFileSync(config, '[default]\ncredential_process = sleep 5\n');
    const { core } = await gatewayOnStandIn({
      ...{ AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_CONFIG_FILE: config },
    });
    const { state, error } = await core.sessions.checkHealth('bedrock');
    expect({ state, message: error?.message }).toEqual({
      state: 'failed',
      message: 'The AWS credentials did not come in time.',
    });
  });
});
