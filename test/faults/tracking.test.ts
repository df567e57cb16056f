import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { compose } from '../../src/app/compose.ts';
import { isolatedEnvironment, setEnvironment } from '../support/gateways.ts';
import { tracesIn } from '../support/mlflowTraces.ts';
import { report, times } from '../support/nightly.ts';
import { recordsOf } from '../support/records.ts';
import { startMlflow, startPostgres, type Server } from '../support/servers.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { bundle } from './callers.ts';

const calls = times(1_000, 5_000);

describe.each(['SQLite', 'PostgreSQL'])('calls that are made while MLflow on %s is down', (store) => {
  let database: Server | undefined;
  let mlflow: Server;
  beforeAll(async () => {
    database = store === 'PostgreSQL' ? await startPostgres() : undefined;
    mlflow = await startMlflow(database);
    await mlflow.kill();
  }, 240_000);
  afterAll(async () => {
    await mlflow.kill();
    await database?.kill();
  });

  it(`all succeed, and are there once when it is back, wherever senders and servers are killed`, async () => {
    const home = temporaryFolder();
    const gate = await gateTo(mlflow);
    setEnvironment({ ...isolatedEnvironment(home), MLFLOW_TRACKING_URI: gate.url });
    const core = await compose({ environment: process.env, user: 'ada' });
    let made = 0;
    const make = async (): Promise<void> => {
      while (made < calls) {
        made += 1;
        const prompt = `call ${made}${' word'.repeat(made % 7)}`;
        const request = { prompt, auditReason: 'JIRA-1 fault test', modelId: 'claude-haiku', stream: false };
        expect(await core.registry.calls().execute(request)).toMatchObject({ error: null, success: true });
      }
    };
    await Promise.all(Array.from({ length: 8 }, make));
    const settled = await recordsOf(core, 'SETTLE');
    expect(core.tracking.tracker.status()).toMatchObject({
      fault: null,
      receivers: [{ waiting: calls, dropped: 0 }],
    });
    await core.dispose();

    await mlflow.start();
    const script = await bundle('traceSender.ts', home);
    const environment = { ...isolatedEnvironment(home), MLFLOW_TRACKING_URI: gate.url };
    let killed = 0;
    // Each sender is killed at one of its requests: before MLflow gets it, or after it has it and before it says so.
    for (const [number, when] of killPoints) {
      const sender = startSender(script, environment);
      gate.at(number, when, () => sender.kill('SIGKILL'));
      const [, signal] = (await once(sender, 'exit')) as [number | null, string | null];
      if (signal === 'SIGKILL') killed += 1;
    }
    // MLflow goes on answering without its database, and what it says then is no refusal of the calls.
    const victim = database ?? mlflow;
    gate.at(2, 'after', () => void victim.kill());
    await sent(startSender(script, environment));
    gate.open();
    const [left, refusedWithout] = await sent(startSender(script, environment));
    expect(left).toBeGreaterThan(0);
    expect(refusedWithout).toBe(0);
    await victim.start();
    for (let waiting = 1; waiting > 0;) {
      const [rest, refused] = await sent(startSender(script, environment));
      expect(refused).toBe(0);
      waiting = rest ?? 0;
    }

    const traces = await tracesIn(mlflow.url);
    expect(killed).toBe(killPoints.length);
    expect(new Set(traces.map(({ trace_id: id }) => id)).size).toBe(traces.length);
    const stored = Object.fromEntries(
      traces.map((trace) => [trace.tags['tidyllm.call_id'], figuresOf(trace)]),
    );
    expect(stored).toEqual(
      Object.fromEntries(
        settled.map(({ call_id: id, cost_micro_usd: cost, tokens, seq }) => {
          const { input_tokens: input, output_tokens: output } = tokens;
          return [id, { input, output, cost: Number(cost) / 1e6, sequence: String(seq) }];
        }),
      ),
    );
    report(
      'tracking',
      `${calls} calls on ${store}, ${killed} senders and 1 ${database ? 'database' : 'server'} killed: all there, none twice`,
    );
  });
});

type When = 'before' | 'after';
const killPoints: readonly [request: number, when: When][] = [
  [1, 'before'],
  [2, 'after'],
  [2, 'before'],
  [2, 'after'],
  [3, 'after'],
];

function startSender(script: string, environment: Record<string, string>) {
  const sender = spawn(process.execPath, ['--no-warnings', script], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void sender.kill('SIGKILL'));
  return sender;
}

/** How many calls still wait when a sender has ended, and how many were refused. */
async function sent(sender: ReturnType<typeof startSender>): Promise<number[]> {
  return (await text(sender.stdout)).trim().split(' ').map(Number);
}

function figuresOf({ tags, trace_metadata: metadata }: Awaited<ReturnType<typeof tracesIn>>[number]) {
  const tokens = JSON.parse(metadata['mlflow.trace.tokenUsage'] ?? '{}') as Record<string, number>;
  const cost = JSON.parse(metadata['mlflow.trace.cost'] ?? '{}') as Record<string, number>;
  return {
    input: tokens['input_tokens'],
    output: tokens['output_tokens'],
    cost: cost['total_cost'],
    sequence: tags['tidyllm.record'],
  };
}

/** Passes requests on to a server, and does something at one of them. */
async function gateTo(server: Server) {
  let count = 0;
  let planned: { number: number; when: When; act: () => void } | null = null;
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    count += 1;
    const plan = planned?.number === count ? planned : null;
    const body = await incoming.toArray();
    if (plan?.when === 'before') {
      plan.act();
      outgoing.destroy();
      return;
    }
    const { method, url, headers } = incoming;
    const passed = httpRequest(`${server.url}${url}`, { method, headers });
    passed.end(Buffer.concat(body as Buffer[]));
    try {
      const [answer] = (await once(passed, 'response')) as [IncomingMessage];
      const content = Buffer.concat((await answer.toArray()) as Buffer[]);
      if (plan) {
        plan.act();
        outgoing.destroy();
        return;
      }
      const { 'transfer-encoding': _chunked, ...kept } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 502, kept).end(content);
    } catch {
      outgoing.destroy();
    }
  };
  const gate = createServer((incoming, outgoing) => void pass(incoming, outgoing)).listen(0, '127.0.0.1');
  await once(gate, 'listening');
  onTestFinished(() => {
    gate.closeAllConnections();
    gate.close();
  });
  const { port } = gate.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    at: (number: number, when: When, act: () => void): void => {
      count = 0;
      planned = { number, when, act };
    },
    open: (): void => {
      planned = null;
    },
  };
}
