import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Core } from '../../../src/core/core.ts';
import { healthCheck } from '../../../src/flow/actions/healthCheck.ts';
import { integrationTest } from '../../../src/flow/actions/integrationTest.ts';
import type { Report } from '../../../src/flow/report.ts';
import type { LlmResponse } from '../../../src/gateways/modelCalls.ts';
import { microToUsd } from '../../../src/pricing/cost.ts';
import { startAwsIdentityStandIn } from '../../standIn/awsIdentity.ts';
import { faultsOf, runImplementation, type TestRun } from '../../support/flowRuns.ts';
import { gatewayOnMock, gatewayOnStandIn } from '../../support/gateways.ts';
import { journalPath, storedRecords } from '../../support/ledgers.ts';
import { serverVariables, startMlflow, startPostgres, startS3, type Server } from '../../support/servers.ts';

let servers: Record<'postgres' | 's3' | 'mlflow', Server>;

beforeAll(async () => {
  const [postgres, s3, mlflow] = await Promise.all([startPostgres(), startS3('audit'), startMlflow()]);
  servers = { postgres, s3, mlflow };
}, 120_000);

afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.kill()));
});

async function everything(change: Record<string, string> = {}) {
  const identity = await startAwsIdentityStandIn();
  onTestFinished(() => identity.close());
  return gatewayOnStandIn({
    AWS_ENDPOINT_URL_STS: identity.url,
    ...serverVariables(servers),
    ...change,
  });
}

function test(core: Core, options?: TestRun): Promise<Report> {
  const { sessions, journal, registry } = core;
  const calls = () => registry.calls();
  return runImplementation(
    core,
    integrationTest({ sessions, journal, calls, defaultModel: 'claude-haiku' }),
    options,
  );
}

function stepsOf(report: Report): string[] {
  return (report.sections[1]?.table?.rows ?? []).map(([step]) => String(step));
}

/** Lets something happen between a call's end and who made it. */
function afterCalls({ registry }: Core, change: (response: LlmResponse) => LlmResponse): void {
  const gateway = registry.calls();
  const call = gateway.execute.bind(gateway);
  const value: typeof call = async (...asked) => change(await call(...asked));
  Object.defineProperty(gateway, 'execute', { value });
}

async function objectsLeft(): Promise<string> {
  return (await fetch(`${servers.s3.url}/audit?list-type=2`)).text();
}

/** Without the runs by which agreements are tracked. */
async function runsLeft(): Promise<unknown[]> {
  const experiments = await fetch(
    `${servers.mlflow.url}/api/2.0/mlflow/experiments/search?max_results=100`,
  ).then((answer) => answer.json() as Promise<{ experiments: { experiment_id: string }[] }>);
  const answer = await fetch(`${servers.mlflow.url}/api/2.0/mlflow/runs/search`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ experiment_ids: experiments.experiments.map((one) => one.experiment_id) }),
  });
  const { runs = [] } = (await answer.json()) as { runs?: { data: { tags?: { key: string }[] } }[] };
  return runs.filter(({ data }) => !data.tags?.some(({ key }) => key === 'tidyllm.kind'));
}

describe('the integration test', () => {
  it('uses every service end to end, and leaves nothing behind', async () => {
    const { core, standIn } = await everything();
    const report = await test(core);
    expect(report.findings).toEqual([]);
    expect(report.summary).toBe('All 6 configured components work end to end.');
    expect(stepsOf(report)).toEqual([
      'Model: Call a model',
      'Model: Read its records back',
      'Model: Compare the cost',
      'Audit journal: Verify today’s chain',
      'AWS identity: Find credentials',
      'AWS identity: Ask AWS whose they are',
      'PostgreSQL: Connect',
      'PostgreSQL: Create a temporary table',
      'PostgreSQL: Write a row',
      'PostgreSQL: Read it back',
      'PostgreSQL: Roll back',
      'S3: Put an object',
      'S3: Get it back',
      'S3: Delete it',
      'MLflow: Find the experiment',
      'MLflow: Begin a run',
      'MLflow: Log a metric',
      'MLflow: Read it back',
      'MLflow: Delete the run',
    ]);
    expect(await objectsLeft()).not.toContain('integration-test');
    expect(await runsLeft()).toEqual([]);
    expect(standIn.calls).toHaveLength(1);
    const settled = storedRecords(core.journal.directory).filter(({ kind }) => kind === 'SETTLE');
    const cost = settled.map((record) => (record.kind === 'SETTLE' ? record.cost_micro_usd : ''));
    expect(report.figures.find(({ id }) => id === 'cost')?.value).toBe(microToUsd(BigInt(cost[0] ?? '')));
    expect(JSON.stringify(report)).toContain(
      'arn:aws:sts::111122223333:assumed-role/Developer/ada@example.com',
    );
    expect(JSON.stringify(report)).not.toContain('"secret"');
  });

  it('finds no fault in what is not configured', async () => {
    const { core } = await gatewayOnMock();
    const report = await test(core);
    expect(report.findings).toEqual([]);
    expect(report.summary).toBe(
      'All 2 configured components work end to end. Not configured: AWS identity, PostgreSQL, S3, MLflow.',
    );
  });

  it.each(['postgres', 's3', 'mlflow'] as const)('finds that %s is down, and nothing else', async (id) => {
    const { core } = await everything();
    await servers[id].kill();
    try {
      const report = await test(core);
      expect(faultsOf(report)).toEqual([`${id}_failed`]);
      expect(report.findings[0]?.remedy).not.toBe('');
    } finally {
      await servers[id].start();
    }
  });

  it.each([
    [{ PGPASSWORD: 'wrong' }, 'postgres_failed', 'refuses the login'],
    [{ TIDYLLM_S3_BUCKET: 'none' }, 's3_failed', 'no bucket none'],
    [{ MLFLOW_TRACKING_URI: 'S3' }, 'mlflow_failed', 'no MLflow server'],
    [{ AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:9' }, 'aws_failed', 'Nothing answers at AWS STS'],
  ] as const)('%j: finds %s', async (change, id, evidence) => {
    const [entry = ['', '']] = Object.entries<string>(change);
    const value = entry[1] === 'S3' ? servers.s3.url : entry[1];
    const { core } = await everything({ [entry[0]]: value });
    const report = await test(core);
    expect(faultsOf(report)).toEqual([id]);
    expect(report.findings[0]?.evidence).toContain(evidence);
  });

  it('finds that no model answers', async () => {
    const { core, standIn } = await everything();
    await standIn.close();
    const report = await test(core);
    expect(faultsOf(report)).toEqual(['model_failed']);
    expect(report.findings[0]?.evidence).toMatch(/^Call a model: /);
  });

  it('finds a journal that was changed while the call ended', async () => {
    const { core } = await everything();
    const path = journalPath(core.journal.directory);
    let journal: Buffer | null = null;
    afterCalls(core, (response) => {
      journal = readFileSync(path);
      const changed = journal.toString('utf8').replace(/"cost_micro_usd":"\d+"/, '"cost_micro_usd":"1"');
      writeFileSync(path, changed);
      return response;
    });
    const report = await test(core, {
      onProgress: (message) => {
        // So that the run can end.
        if (message === 'AWS identity' && journal) writeFileSync(path, journal);
      },
    });
    expect(faultsOf(report)).toEqual(['journal_failed', 'model_failed']);
    expect(report.findings[0]?.evidence).toMatch(/^Read its records back: .* the hash does not fit/);
  });

  it.each([
    [
      'another cost',
      (response: LlmResponse) => ({ ...response, cost: response.cost + 1n }),
      /reports a cost/,
    ],
    [
      'another record',
      (response: LlmResponse) => ({
        ...response,
        auditTrail: response.auditTrail && { ...response.auditTrail, hash: 'f'.repeat(64) },
      }),
      /doesn’t have the record/,
    ],
  ])('finds that a call tells of %s than the journal has', async (_what, change, evidence) => {
    const { core } = await everything();
    afterCalls(core, change);
    const report = await test(core);
    expect(faultsOf(report)).toEqual(['model_failed']);
    expect(report.findings[0]?.evidence).toMatch(evidence);
  });

  it('removes its object and its run although a step fails', async () => {
    const proxied = new URL(servers.mlflow.url);
    const target = new URL(servers.s3.url);
    const failing = (place: URL, refuses: (method: string, path: string) => boolean) => {
      const server = createServer((request, response) => {
        if (refuses(request.method ?? '', request.url ?? '')) {
          response.writeHead(500).end();
          return;
        }
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const { host: _host, connection: _connection, ...headers } = request.headers;
          void fetch(new URL(request.url ?? '/', place), {
            method: request.method ?? 'GET',
            headers: headers as Record<string, string>,
            ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
          }).then(async (answer) =>
            response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer())),
          );
        });
      }).listen(0, '127.0.0.1');
      onTestFinished(() => void server.close());
      return once(server, 'listening').then(
        () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      );
    };
    const s3 = await failing(target, (method, path) => method === 'GET' && path.includes('integration-test'));
    const mlflow = await failing(proxied, (_method, path) => path.includes('runs/get'));
    const { core } = await everything({ TIDYLLM_S3_ENDPOINT: s3, MLFLOW_TRACKING_URI: mlflow });
    const report = await test(core);
    expect(faultsOf(report)).toEqual(['mlflow_failed', 's3_failed']);
    expect(await objectsLeft()).not.toContain('integration-test');
    expect(await runsLeft()).toEqual([]);
  });

  it('stops when it is cancelled, and leaves no reservation and no table', async () => {
    const { core } = await everything();
    const stop = new AbortController();
    const onProgress = (message: string): void => {
      if (message === 'PostgreSQL') setImmediate(() => stop.abort(new Error('cancelled by a test')));
    };
    await expect(test(core, { signal: stop.signal, onProgress })).rejects.toThrow('cancelled by a test');
    expect((await core.budget()).reserved).toBe(0n);
    const client = new pg.Client({
      ...{ host: '127.0.0.1', port: servers.postgres.port, user: 'tidyllm', password: 'secret' },
      ...{ database: 'tidyllm', ssl: false },
    });
    await client.connect();
    const { rows } = await client.query("select relname from pg_class where relname like 'tidyllm\\_%'");
    await client.end();
    expect(rows).toEqual([]);
  });
});

describe('the health check', () => {
  it('finds nothing on a healthy system, and a service that is down by its name', async () => {
    const { core } = await everything();
    const healthy = await runImplementation(core, healthCheck(core));
    expect(healthy.findings).toEqual([]);
    expect(healthy.summary).toMatch(/^OPERATIONAL/);
    await servers.s3.kill();
    try {
      const report = await runImplementation(core, healthCheck(core));
      expect(faultsOf(report)).toEqual(['s3_unhealthy']);
      expect(report.summary).toBe('DEGRADED: s3.');
    } finally {
      await servers.s3.start();
    }
  });
});
