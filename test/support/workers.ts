import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { onTestFinished } from 'vitest';
import { RunFiles } from '../../src/workflowRuns/runFiles.ts';
import type { RunLine } from '../../src/workflowRuns/runLine.ts';
import type { LedgerRecord } from '../../src/ledger/records.ts';
import { statePlaces } from '../../src/statePlaces.ts';
import { isolatedEnvironment } from './gateways.ts';
import { command } from './commandLine.ts';
import { compileCache } from './compileCache.ts';
import { temporaryFolder } from './temporary.ts';

/** What processes of a team share: a model's stand-in and a database; each has a home of its own. */
export function teamEnvironment(standInUrl: string, port: number): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: 'AKIASTANDIN',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME: standInUrl,
    TIDYLLM_AUDIT_CONTENT: 'full',
    TIDYLLM_POSTGRES_HOST: '127.0.0.1',
    TIDYLLM_POSTGRES_PORT: String(port),
    TIDYLLM_POSTGRES_DB_NAME: 'tidyllm',
    TIDYLLM_POSTGRES_DB_USER: 'tidyllm',
    TIDYLLM_POSTGRES_SSL_MODE: 'disable',
    PGPASSWORD: 'secret',
  };
}

/** A `tidyllm` that goes on until it is ended. */
export interface Started {
  child: ChildProcess;
  /** Resolves when it says this, on standard output or standard error; rejects with what it said if it ends before. */
  says: (text: string) => Promise<void>;
  said: () => string;
  /** Its exit code. */
  ended: Promise<number | null>;
}

export function start(args: readonly string[], home: string, environment: Record<string, string>): Started {
  const { PATH } = process.env;
  const env = { PATH, HOME: home, ...isolatedEnvironment(home), ...compileCache, ...environment };
  const child = spawn(process.execPath, [command, ...args], { env, cwd: home });
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const says = async (text: string): Promise<void> => {
    while (!said.includes(text)) {
      const more = [once(child.stdout, 'data'), once(child.stderr, 'data')];
      const over = ended.then(() => {
        if (!said.includes(text)) throw new Error(`It ended without saying "${text}": ${said}`);
      });
      await Promise.race([...more, over]);
    }
  };
  return { child, says, said: () => said, ended };
}

/** A worker that waits for calls, with a ledger of its own. */
export async function startWorker(home: string, environment: Record<string, string>): Promise<Started> {
  const worker = start(['worker'], home, environment);
  await worker.says('Waiting for calls');
  return worker;
}

/** Homes in which workers run. */
export async function startWorkers(count: number, environment: Record<string, string>): Promise<WorkerGroup> {
  const homes = Array.from({ length: count }, () => temporaryFolder());
  return new WorkerGroup(
    homes,
    environment,
    await Promise.all(homes.map((home) => startWorker(home, environment))),
  );
}

/** Workers, each of which is replaced in its home when it ends. */
export class WorkerGroup {
  readonly homes: readonly string[];
  readonly #environment: Record<string, string>;
  readonly #workers: Started[];

  constructor(homes: readonly string[], environment: Record<string, string>, workers: Started[]) {
    this.homes = homes;
    this.#environment = environment;
    this.#workers = workers;
  }

  /** SIGKILL, and another one in the same home. */
  async kill(index: number): Promise<void> {
    this.#workers[index]?.child.kill('SIGKILL');
    await this.#workers[index]?.ended;
    this.#workers[index] = await startWorker(this.homes[index] ?? '', this.#environment);
  }

  /** Replaces those that have ended by themselves. */
  async revive(): Promise<void> {
    for (const [index, { child }] of this.#workers.entries())
      if (child.exitCode !== null) await this.kill(index);
  }

  /** Their exit codes after SIGTERM. */
  async end(): Promise<(number | null)[]> {
    for (const { child } of this.#workers) child.kill('SIGTERM');
    return Promise.all(this.#workers.map(({ ended }) => ended));
  }
}

/** A way to a server that can be cut. */
export interface Proxy {
  port: number;
  /** Nothing goes through any more, without a word. */
  freeze: () => void;
  /** The same, and the server has noticed it. */
  cut: () => void;
}

export async function startProxy(port: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const outers = new Set<Socket>();
  let frozen = false;
  const server = createServer((inner) => {
    const outer = connect(port, '127.0.0.1');
    outers.add(outer);
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => frozen || to.write(data));
      from.on('end', () => frozen || to.end());
      from.on('error', () => frozen || to.destroy());
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    freeze: () => void (frozen = true),
    cut: () => {
      frozen = true;
      for (const socket of outers) socket.destroy();
    },
  };
}

export async function query(port: number, text: string): Promise<Record<string, unknown>[]> {
  const login = { database: 'tidyllm', user: 'tidyllm', password: 'secret', ssl: false };
  const client = new Client({ host: '127.0.0.1', port, ...login });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

/** The lines of a run's file. */
export async function linesOfRun(home: string, runId: string): Promise<readonly RunLine[]> {
  const files = new RunFiles({
    directory: statePlaces.workflowRuns(home, 'live'),
    keys: statePlaces.contentKeys(home),
  });
  const lines = await files.read(runId);
  files.dispose();
  if (!lines) throw new Error(`no run ${runId}`);
  return lines;
}

export function ledgerOf(home: string): string {
  return join(statePlaces.ledger(home, 'live'));
}

/** What the calls of each step of a run came to, by a ledger, in order. */
export function chargesByStep(
  records: readonly LedgerRecord[],
  runId: string,
): { step: string; answered: boolean; cost: bigint }[] {
  const steps = new Map(
    records.flatMap((one) =>
      one.kind === 'note' && one.topic === 'call.step' && one.data['workflow_run_id'] === runId
        ? [[one.call_id, one.data['step'] as string] as const]
        : [],
    ),
  );
  return records.flatMap((one) => {
    if (one.kind !== 'SETTLE' && one.kind !== 'EXPIRED_CHARGED') return [];
    const step = steps.get(one.call_id);
    const answered = one.kind === 'SETTLE' && one.outcome === 'success';
    return step === undefined ? [] : [{ step, answered, cost: BigInt(one.cost_micro_usd) }];
  });
}

/** The one JSON document in what a command said, between its notes. */
export function documentIn(said: string): Record<string, unknown> {
  const [text = ''] = /^\{$[\s\S]*?^\}$/m.exec(said) ?? [];
  return JSON.parse(text) as Record<string, unknown>;
}
