import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { serviceIds, type ServiceId } from '../../src/gateways/services.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { gatewayOnStandIn } from '../support/gateways.ts';
import { serverVariables, startMlflow, startPostgres, startS3, type Server } from '../support/servers.ts';

let servers: Record<Exclude<ServiceId, 'bedrock'>, Server>;

beforeAll(async () => {
  const [postgres, s3, mlflow] = await Promise.all([startPostgres(), startS3('audit'), startMlflow()]);
  servers = { postgres, s3, mlflow };
}, 120_000);

afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.kill()));
});

const settings = (): Record<string, string> => serverVariables(servers);

describe('services on real servers', () => {
  it('are healthy, each with its latency and evidence', async () => {
    const { core } = await gatewayOnStandIn(settings());
    const { overallHealthy, credentialSource, services } = await core.sessions.getHealthSummary();
    for (const id of serviceIds) {
      expect(services[id]).toMatchObject({
        state: 'healthy',
        error: null,
        latencyMs: expect.any(Number) as number,
      });
      expect(core.sessions.isHealthy(id)).toBe(true);
    }
    expect(overallHealthy).toBe(true);
    expect(credentialSource).toEqual({ source: 'environment', detail: 'AWS_ACCESS_KEY_ID', profile: null });
    expect(services.postgres.evidence).toMatch(/^PostgreSQL \d+.* database tidyllm\.$/);
  });

  it.each(['postgres', 's3', 'mlflow'] as const)(
    '%s killed: it is named with what to do, calls go on, and it is healthy again when it is back',
    async (id) => {
      const { core } = await gatewayOnStandIn(settings());
      const healthy = await core.sessions.checkHealth(id);
      expect(healthy.state).toBe('healthy');
      await servers[id].kill();
      try {
        const failed = await core.sessions.checkHealth(id);
        expect(failed).toMatchObject({ state: 'failed', error: { code: 'service_failed' } });
        expect(failed.error?.hint).not.toBe('');
        expect(Date.parse(failed.since)).toBeGreaterThanOrEqual(Date.parse(healthy.since));
        expect(core.sessions.isHealthy()).toBe(false);
        const { success } = await core.registry
          .calls()
          .execute({ prompt: 'hello', auditReason: 'JIRA-1 test' });
        expect(success).toBe(true);
      } finally {
        await servers[id].start();
      }
      expect(await core.sessions.checkHealth(id)).toMatchObject({ state: 'healthy', error: null });
      expect(core.sessions.isHealthy()).toBe(true);
    },
    60_000,
  );

  it('a database that is away at first is connected in its own way when it is there', async () => {
    const { core } = await gatewayOnStandIn(settings());
    await servers.postgres.kill();
    try {
      expect(core.sessions.isHealthy()).toBe(false);
      expect((await core.sessions.checkHealth('postgres')).state).toBe('failed');
    } finally {
      await servers.postgres.start();
    }
    expect(await core.sessions.checkHealth('postgres')).toMatchObject({ state: 'healthy', error: null });
  }, 60_000);

  it('Bedrock gone: its failure is one reason, of Bedrock, and it is healthy again when it is back', async () => {
    const { core, standIn } = await gatewayOnStandIn(settings());
    await standIn.close();
    const { services } = await core.sessions.getHealthSummary();
    expect(services.bedrock).toMatchObject({ state: 'failed', error: { code: 'backend_unreachable' } });
    expect(services.postgres.state).toBe('healthy');
  });

  it.each([
    [{ PGPASSWORD: 'wrong' }, 'postgres', 'refuses the login of tidyllm'],
    [{ PGPASSWORD: '' }, 'postgres', 'refuses the login of tidyllm'],
    [{ PGDATABASE: 'none' }, 'postgres', 'has no database none'],
    [{ PGSSLMODE: 'require' }, 'postgres', 'offers no encryption'],
    [{ PGHOST: 'no.such.host.invalid' }, 'postgres', 'is not known'],
    [{ TIDYLLM_S3_BUCKET: 'none' }, 's3', 'There is no bucket none'],
    [{ MLFLOW_TRACKING_URI: 'S3' }, 'mlflow', 'is no MLflow server'],
  ] as const)('%j: %s says that it %s', async (change, id, message) => {
    const changed = Object.entries({ ...settings(), ...change }).map(([name, value]) => [
      name,
      value === 'S3' ? servers.s3.url : value,
    ]);
    const { core } = await gatewayOnStandIn(Object.fromEntries(changed) as Record<string, string>);
    const { state, error } = await core.sessions.checkHealth(id);
    expect(state).toBe('failed');
    expect(error?.message).toContain(message);
    expect(error?.message).not.toContain('secret');
  });

  it.each(['postgres', 's3', 'mlflow'] as const)(
    '%s that takes connections and never answers is given up in time',
    async (id) => {
      const silent = createServer().listen(0, '127.0.0.1');
      await once(silent, 'listening');
      onTestFinished(() => void silent.close());
      const { port } = silent.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}`;
      const changed = { PGPORT: String(port), TIDYLLM_S3_ENDPOINT: url, MLFLOW_TRACKING_URI: url };
      const { core } = await gatewayOnStandIn({ ...settings(), ...changed });
      const { state, error } = await core.sessions.checkHealth(id);
      expect(state).toBe('failed');
      expect(error?.message).toContain('did not answer in time');
    },
  );

  it('a page that answers everything with 200 is no MLflow server', async () => {
    const page = createHttpServer((_request, response) => response.end('<html>Log in</html>'));
    page.listen(0, '127.0.0.1');
    await once(page, 'listening');
    onTestFinished(() => page.closeAllConnections());
    onTestFinished(() => void page.close());
    const { port } = page.address() as AddressInfo;
    const { core } = await gatewayOnStandIn({ MLFLOW_TRACKING_URI: `http://127.0.0.1:${port}` });
    const { state, error } = await core.sessions.checkHealth('mlflow');
    expect({ state, message: error?.message }).toMatchObject({
      state: 'failed',
      message: expect.stringContaining('is no MLflow server') as string,
    });
  });

  it('are not configured unless something says so', async () => {
    const { core } = await gatewayOnStandIn();
    const { overallHealthy, services } = await core.sessions.getHealthSummary();
    expect(overallHealthy).toBe(true);
    expect([services.s3.state, services.postgres.state, services.mlflow.state]).toEqual(
      Array.from({ length: 3 }, () => 'not_configured'),
    );
  });

  it('show in tidyllm health and status with the contract’s fields', async () => {
    const { home, standIn } = await gatewayOnStandIn();
    writeFileSync(join(home, 'settings.yaml'), 'postgres: { db_password: "${DB_PASSWORD}" }\n');
    const environment = {
      ...settings(),
      PGPASSWORD: '',
      DB_PASSWORD: 'secret',
      TIDYLLM_HOME: home,
      TIDYLLM_USER: 'ada',
      AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standIn.url,
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const { code, document } = await tidyllmJson(['health'], { environment });
    expect(code).toBe(0);
    expect(document).toMatchObject({
      verdict: 'OPERATIONAL',
      overall_healthy: true,
      services: { postgres: { healthy: true, error: null, fix: null }, mlflow: { healthy: true } },
    });
    const dead = { ...environment, PGPORT: '1' };
    const one = await tidyllmJson(['health', 'postgres'], { environment: dead });
    expect(one).toMatchObject({
      code: 6,
      document: {
        healthy: false,
        latency_ms: null,
        error: { code: 'service_failed', message: 'Nothing answers at 127.0.0.1:1.' },
        fix: expect.stringContaining('Start PostgreSQL') as string,
      },
    });
    const status = await tidyllmJson(['status'], { environment: dead });
    expect(status).toMatchObject({
      code: 6,
      document: { verdict: 'DEGRADED', reasons: [{ of: 'postgres' }] },
    });
  });
});
