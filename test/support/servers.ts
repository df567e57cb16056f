import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { postgres, pythonServers } from '../../tools/setup.mjs';

/** A real server that a test may stop and start again at the same place. */
export interface Server {
  port: number;
  url: string;
  start: () => Promise<void>;
  /** At once, as a crash does. */
  kill: () => Promise<void>;
}

const startTimeoutMs = 90_000;

/** PostgreSQL with a database `tidyllm` and a user `tidyllm` whose password is `secret`; it offers no TLS. */
export async function startPostgres(): Promise<Server> {
  const installed = process.env['POSTGRES_BIN'] ?? (await postgres());
  const folder = folderOfServer();
  const data = join(folder, 'data');
  mkdirSync(data);
  // It refuses to run as root, and nobody else may be able to reach where it is installed.
  const root = process.getuid?.() === 0;
  const identity = root ? { uid: 65_534, gid: 65_534 } : {};
  if (root) {
    chmodSync(folder, 0o711);
    chownSync(data, 65_534, 65_534);
    cpSync(dirname(installed), join(folder, 'native'), { recursive: true, verbatimSymlinks: true });
  }
  const bin = root ? join(folder, 'native', 'bin') : installed;
  const environment = { PATH: process.env['PATH'], LC_ALL: 'C', TEST_RUN: process.env['TEST_RUN'] };
  const run = (program: string, parameters: string[], input = ''): void => {
    execFileSync(join(bin, program), parameters, {
      ...identity,
      cwd: data,
      env: environment,
      input,
      stdio: 'pipe',
    });
  };
  run('initdb', ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '--no-instructions']);
  run(
    'postgres',
    ['--single', '-D', data, 'postgres'],
    "create user tidyllm password 'secret'\ncreate database tidyllm owner tidyllm encoding 'UTF8' template template0\n",
  );
  const port = await freePort();
  writeFileSync(join(data, 'pg_hba.conf'), 'host all all 127.0.0.1/32 scram-sha-256\n');
  const server = serverOf(port, `postgres://127.0.0.1:${port}`, () =>
    spawn(
      join(bin, 'postgres'),
      [
        '-D',
        data,
        '-h',
        '127.0.0.1',
        '-p',
        String(port),
        '-k',
        '',
        '-c',
        'fsync=off',
        '-c',
        'shared_buffers=16MB',
      ],
      { ...identity, cwd: data, env: environment, stdio: 'ignore' },
    ),
  );
  await server.start();
  return server;
}

/** An S3 server (moto) with one bucket. It keeps nothing over a stop, so the bucket is made at each start. */
export async function startS3(bucket: string): Promise<Server> {
  const port = await freePort();
  const python = process.env['PYTHON_SERVERS'] ?? (await pythonServers());
  const server = serverOf(port, `http://127.0.0.1:${port}`, () =>
    spawn(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' }),
  );
  const start = async (): Promise<void> => {
    await server.start();
    await fetch(`${server.url}/${bucket}`, { method: 'PUT' });
  };
  await start();
  return { ...server, start };
}

/** An MLflow tracking server on SQLite, or on the database `tidyllm` of a PostgreSQL. */
export async function startMlflow(database?: Server): Promise<Server> {
  const port = await freePort();
  const folder = folderOfServer();
  const python = process.env['PYTHON_SERVERS'] ?? (await pythonServers());
  const store = database
    ? `postgresql+psycopg://tidyllm:secret@127.0.0.1:${database.port}/tidyllm`
    : `sqlite:///${join(folder, 'mlflow.db')}`;
  const quiet = {
    MLFLOW_DISABLE_TELEMETRY: 'true',
    LITELLM_LOCAL_MODEL_COST_MAP: 'True',
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
    MLFLOW_MODEL_CATALOG_URI: '',
    // Its gateway may call stand-ins on this machine.
    MLFLOW_GATEWAY_API_BASE_ALLOWED_SCHEMES: 'http,https',
    MLFLOW_GATEWAY_API_BASE_ALLOW_PRIVATE_IPS: 'true',
  };
  const server = serverOf(port, `http://127.0.0.1:${port}`, () =>
    spawn(
      python,
      [
        '-m',
        'mlflow',
        'server',
        '--host',
        '127.0.0.1',
        '--port',
        String(port),
        '--workers',
        '1',
        '--backend-store-uri',
        store,
      ],
      // A group of its own: the program that is started starts the server.
      { cwd: folder, env: { ...process.env, ...quiet }, stdio: 'ignore', detached: true },
    ),
  );
  await server.start();
  return server;
}

/** What takes OTLP, and appends each request as a line of JSON to `file`. */
export interface OtlpServer extends Server {
  file: string;
}

/**
 * A server that takes only what fits OpenTelemetry's protobuf schema; or the OpenTelemetry collector of a path, with the
 * file exporter.
 */
export async function startOtlp(collector?: string): Promise<OtlpServer> {
  const port = await freePort();
  const folder = folderOfServer();
  const file = join(folder, 'received.jsonl');
  const python = process.env['PYTHON_SERVERS'] ?? (await pythonServers());
  const configuration = join(folder, 'collector.yaml');
  writeFileSync(
    configuration,
    JSON.stringify({
      receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
      exporters: { file: { path: file } },
      service: {
        telemetry: { metrics: { level: 'none' } },
        pipelines: {
          traces: { receivers: ['otlp'], exporters: ['file'] },
          metrics: { receivers: ['otlp'], exporters: ['file'] },
        },
      },
    }),
  );
  const server = serverOf(port, `http://127.0.0.1:${port}`, () =>
    collector === undefined
      ? spawn(python, [join(import.meta.dirname, 'otlpServer.py'), String(port), file], { stdio: 'ignore' })
      : spawn(collector, ['--config', `file:${configuration}`], { stdio: 'ignore' }),
  );
  await server.start();
  return { ...server, file };
}

/** Variables by which the gateway finds these servers. */
export function serverVariables(servers: {
  postgres: Server;
  s3: Server;
  mlflow: Server;
}): Record<string, string> {
  return {
    PGHOST: '127.0.0.1',
    PGPORT: String(servers.postgres.port),
    PGDATABASE: 'tidyllm',
    PGUSER: 'tidyllm',
    PGPASSWORD: 'secret',
    PGSSLMODE: 'prefer',
    TIDYLLM_S3_BUCKET: 'audit',
    TIDYLLM_S3_ENDPOINT: servers.s3.url,
    MLFLOW_TRACKING_URI: servers.mlflow.url,
  };
}

/** A server outlives single tests, so its folder goes with the process. */
function folderOfServer(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidyllm-server-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

function serverOf(port: number, url: string, launch: () => ChildProcess): Server {
  let child: ChildProcess | null = null;
  const end = (signal: NodeJS.Signals): void => {
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    if (child.spawnargs.includes('mlflow')) process.kill(-child.pid, signal);
    else child.kill(signal);
  };
  process.once('exit', () => end('SIGKILL'));
  return {
    port,
    url,
    start: async () => {
      const started = launch();
      child = started;
      await answers(url, port, () => started.exitCode);
    },
    kill: async () => {
      const gone = child && new Promise((resolve) => child?.once('exit', resolve));
      // PostgreSQL's processes go with it on SIGQUIT; SIGKILL would leave them behind.
      end(url.startsWith('postgres') ? 'SIGQUIT' : 'SIGKILL');
      await gone;
      child = null;
    },
  };
}

async function answers(url: string, port: number, exitCode: () => number | null): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  while (Date.now() < deadline) {
    const code = exitCode();
    if (code !== null) throw new Error(`The server for ${url} ended with ${code}.`);
    if (await (url.startsWith('http') ? answersHttp(url) : answersQueries(port))) return;
    await delay(50);
  }
  throw new Error(`The server for ${url} did not start.`);
}

async function answersHttp(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ status }) => status < 500,
    () => false,
  );
}

/** PostgreSQL takes connections before it is ready, and refuses them while it recovers from a kill. */
async function answersQueries(port: number): Promise<boolean> {
  const login = { user: 'tidyllm', password: 'secret', database: 'tidyllm' };
  // Without TLS, whatever PGSSLMODE a test has set.
  const client = new Client({
    ...{ host: '127.0.0.1', port, ...login, ssl: false },
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    // Its end changes nothing of what was found, so nobody waits for it.
    void client.end().catch(() => undefined);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
