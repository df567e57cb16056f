import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { report, times } from '../support/nightly.ts';
import { randomFrom, testSeed } from '../support/random.ts';
import { startPostgres, type Server } from '../support/servers.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { recordsIn } from '../support/workflowRuns.ts';
import {
  chargesByStep,
  ledgerOf,
  linesOfRun,
  query,
  start,
  startProxy,
  startWorker,
  startWorkers,
  teamEnvironment,
  type WorkerGroup,
} from '../support/workers.ts';

const kills = times(3, 100);
/** So many workers are killed in one run: their calls are taken over at the same time. */
const killsOfRun = 3;
/** Longer than the stand-in takes for an answer, so that kills fall before, inside and behind it. */
const longestDelayMs = 250;
const width = 8;
const reason = ['--reason', 'JIRA-1 fault test'];

/** Two layers of calls, and one that takes the results of all of the second. */
const layers = Array.from({ length: width }, (_item, at) => [
  `  - { id: a${at}, type: ai_processing, config: { prompt: "Task a${at}", max_tokens: 40 } }`,
  `  - { id: b${at}, type: ai_processing, depends_on: [a${at}], config: { prompt: "Task b${at} on {{a${at}}}", max_tokens: 40 } }`,
]);
const lastOnes = Array.from({ length: width }, (_item, at) => `b${at}`).join(', ');
const workflow = `name: Shared
cost_limit_usd: 5
steps:
${layers.flat().join('\n')}
  - { id: all, type: ai_processing, depends_on: [${lastOnes}], config: { prompt: "All", max_tokens: 40 } }
`;
const steps = 2 * width + 1;

let database: Server;
beforeAll(async () => {
  database = await startPostgres();
}, 120_000);
afterAll(() => database.kill());

interface Team {
  standIn: BedrockStandIn;
  environment: Record<string, string>;
  home: string;
  file: (name: string, text: string) => string;
}

async function team(): Promise<Team> {
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  standIn.behave = () => ({ firstTokenDelayMs: 60, delayMs: 120 });
  const home = temporaryFolder();
  return {
    standIn,
    environment: teamEnvironment(standIn.url, database.port),
    home,
    file: (name, text) => {
      writeFileSync(join(home, name), text);
      return join(home, name);
    },
  };
}

/** What the same workflow comes to without other machines. */
async function localOutputs({ environment, file }: Team): Promise<unknown> {
  const home = temporaryFolder();
  const options = { environment: { ...environment, TIDYLLM_HOME: home }, cwd: home };
  const run = ['workflow', 'run', file('workflow.yaml', workflow), ...reason];
  const { document } = await tidyllmJson(run, options);
  expect(document).toMatchObject({ status: 'success' });
  return document['outputs'];
}

interface Counted {
  requests: number;
  /** Calls that were made again. */
  lost: number;
  /** Calls that count with the most that they can cost. */
  bounded: number;
}

/** All ledgers together have what the run says that it cost. */
async function exactCosts(
  { home }: Team,
  homes: readonly string[],
  document: Record<string, unknown>,
): Promise<Counted> {
  const runId = document['run_id'] as string;
  const lines = await linesOfRun(home, runId);
  const returned = new Map(
    lines.flatMap((line) => (line.kind === 'returned' ? [[line.call, BigInt(line.cost)]] : [])),
  );
  const charges = (
    await Promise.all(homes.map(async (one) => chargesByStep(await recordsIn(ledgerOf(one)), runId)))
  ).flat();
  const counted = { requests: charges.length, lost: 0, bounded: 0 };
  let cost = 0n;
  for (const { id, cost_usd: stepCost } of document['steps'] as { id: string; cost_usd: string }[]) {
    const sent = lines.filter((line) => line.kind === 'sent').filter(({ step }) => step === id);
    const said = sent.reduce((sum, { call }) => sum + (returned.get(call) ?? 0n), 0n);
    expect(sent.every(({ call }) => returned.has(call))).toBe(true);
    expect(microOf(stepCost), id).toBe(said);
    const of = charges.filter(({ step }) => step === id);
    const charged = of.reduce((sum, one) => sum + one.cost, 0n);
    // What a dead worker's ledger has isn't known elsewhere: such a call counts with the most that it can cost.
    const unknown = sent.filter(({ call, most }) => returned.get(call) === BigInt(most));
    const mostUnknown = unknown.reduce((sum, { most }) => sum + BigInt(most), 0n);
    expect(charged, id).toBeLessThanOrEqual(said);
    expect(charged, id).toBeGreaterThanOrEqual(said - mostUnknown);
    // An answer that is complete is paid once.
    expect(of.filter(({ answered }) => answered).length, id).toBeLessThanOrEqual(1);
    cost += said;
    counted.lost += sent.length - 1;
    counted.bounded += unknown.length;
  }
  expect(microOf(document['cost_usd'] as string)).toBe(cost);
  return counted;
}

async function nothingHeld({ environment }: Team, homes: readonly string[]): Promise<void> {
  for (const one of homes) {
    const options = { environment: { ...environment, TIDYLLM_HOME: one }, cwd: one };
    expect((await tidyllmJson(['budget'], options)).document).toMatchObject({ reserved_usd: '0' });
  }
}

/** Workers have ended: nothing is held, and nothing is left in the database. */
async function nothingLeft(one: Team, workers: WorkerGroup): Promise<void> {
  await nothingHeld(one, [...workers.homes, one.home]);
  expect(await query(database.port, 'select call from tidyllm.calls')).toEqual([]);
  const entries = "select workflow_uuid from dbos.workflow_status where queue_name = 'tidyllm-calls'";
  expect(await query(database.port, entries)).toEqual([]);
}

function microOf(usd: string): bigint {
  const [whole = '', part = ''] = usd.split('.');
  return BigInt(whole + part.padEnd(6, '0'));
}

/** Resolves when the stand-in has been asked so often, and a while later. */
async function asked({ standIn }: Team, calls: number, delayMs: number): Promise<void> {
  while (standIn.calls.length < calls) await delay(1);
  await delay(delayMs);
}

test(`of ${kills} workers that are killed no complete answer is asked for again, and all costs are on a ledger`, async () => {
  const random = randomFrom(testSeed());
  const one = await team();
  const { environment, standIn, home } = one;
  const outputs = await localOutputs(one);
  const workers = await startWorkers(2, environment);
  const path = join(home, 'workflow.yaml');
  let killed = 0;
  let runs = 0;
  const all: Counted = { requests: 0, lost: 0, bounded: 0 };
  while (killed < kills) {
    const before = standIn.calls.length;
    const run = start(['--json', 'workflow', 'run', path, ...reason, '--on', 'postgres'], home, environment);
    const points = Array.from(
      { length: Math.min(killsOfRun, kills - killed) },
      () => 1 + Math.floor(random() * (steps - 2)),
    ).toSorted((a, b) => a - b);
    for (const point of points) {
      await asked(one, before + point, random() * longestDelayMs);
      await workers.kill(Math.floor(random() * workers.homes.length));
      killed += 1;
    }
    expect(await run.ended, run.said()).toBe(0);
    const document = documentIn(run.said());
    expect(document).toMatchObject({ status: 'success', outputs });
    const counted = await exactCosts(one, workers.homes, document);
    runs += 1;
    for (const key of ['requests', 'lost', 'bounded'] as const) all[key] += counted[key];
  }
  expect(await workers.end()).toEqual([0, 0]);
  await nothingLeft(one, workers);
  report(
    'workflows, workers killed',
    `${killed} kills in ${runs} runs of ${steps} calls, ${all.requests} charged calls, ${all.lost} answers lost in a kill and asked again, ${all.bounded} calls counted with their worst case, nothing held`,
  );
}, 7_200_000);

test('a runner that is killed and a PostgreSQL that is restarted cost no answer', async () => {
  const random = randomFrom(testSeed());
  const one = await team();
  const { environment, home, standIn } = one;
  const outputs = await localOutputs(one);
  const workers = await startWorkers(2, environment);
  const before = standIn.calls.length;
  const path = join(home, 'workflow.yaml');
  const first = start(['workflow', 'run', path, ...reason, '--on', 'postgres'], home, environment);
  await first.says('Run ');
  const [, runId = ''] = /Run ([0-9a-f-]{36})/.exec(first.said()) ?? [];
  await asked(one, before + 1 + Math.floor(random() * width), random() * longestDelayMs);
  first.child.kill('SIGKILL');
  await first.ended;
  const second = start(['--json', 'workflow', 'resume', runId, '--on', 'postgres'], home, environment);
  await asked(one, before + width + 2, random() * longestDelayMs);
  await database.kill();
  await database.start();
  await workers.revive();
  expect(await second.ended, second.said()).toBe(0);
  const document = documentIn(second.said());
  expect(document).toMatchObject({ status: 'success', outputs });
  await exactCosts(one, workers.homes, document);
  expect(await workers.end()).toEqual([0, 0]);
  await nothingLeft(one, workers);
}, 300_000);

test('without a worker a run says so and waits; an interrupt gives everything back, also where the database is silent', async () => {
  const one = await team();
  const { environment, home, file } = one;
  const workers = await startWorkers(1, environment);
  expect(await workers.end()).toEqual([0]);
  const run = ['workflow', 'run', file('workflow.yaml', workflow), ...reason, '--on', 'postgres'];
  const waiting = start(run, home, environment);
  await waiting.says('No worker is there: the run waits. Start one with "tidyllm worker"');
  expect(await query(database.port, 'select call from tidyllm.calls')).toHaveLength(width);
  waiting.child.kill('SIGINT');
  expect(await waiting.ended).toBe(130);
  expect(waiting.said()).toContain('· $0 ·');
  await nothingHeld(one, [home]);
  expect(await query(database.port, 'select call from tidyllm.calls')).toEqual([]);

  const proxy = await startProxy(database.port);
  const cut = start(run, home, { ...environment, TIDYLLM_POSTGRES_PORT: String(proxy.port) });
  await cut.says('No worker is there');
  proxy.freeze();
  cut.child.kill('SIGINT');
  expect(await cut.ended).toBe(130);
  await nothingHeld(one, [home]);
  await query(database.port, 'delete from tidyllm.calls');
}, 120_000);

test('a worker whose start fails ends with what is wrong and how it is mended', async () => {
  const { environment } = await team();
  const strict = await startPostgres();
  onTestFinished(() => strict.kill());
  await query(strict.port, 'revoke create on database tidyllm from tidyllm, public');
  const failing: [Record<string, string>, string][] = [
    [{ PGPASSWORD: 'wrong' }, 'refuses the login of tidyllm'],
    [{ TIDYLLM_POSTGRES_PORT: '1' }, 'Nothing answers at 127.0.0.1:1.'],
    [{ TIDYLLM_POSTGRES_DB_NAME: 'none' }, 'has no database none'],
    [{ TIDYLLM_AUDIT_CONTENT: 'hash' }, 'audit.content is hash'],
    [{ TIDYLLM_POSTGRES_PORT: String(strict.port) }, 'grant create on database tidyllm to tidyllm;'],
  ];
  await Promise.all(
    failing.map(async ([wrong, message]) => {
      const worker = start(['worker'], temporaryFolder(), { ...environment, ...wrong });
      expect(await worker.ended).not.toBe(0);
      expect(worker.said()).toContain(message);
    }),
  );
}, 120_000);

test('a worker that is stopped ends its calls, or gives them back when it is interrupted again', async () => {
  const one = await team();
  const { environment, home, file, standIn } = one;
  const oneStep = (prompt: string): string[] => {
    const step = `{ id: one, type: ai_processing, config: { prompt: "${prompt}", max_tokens: 20 } }`;
    const path = file('one.yaml', `name: One\nsteps:\n  - ${step}\n`);
    return ['--json', 'workflow', 'run', path, ...reason, '--on', 'postgres'];
  };
  const [first, second] = [temporaryFolder(), temporaryFolder()];
  const patient = await startWorker(first, environment);
  const whole = start(oneStep('@stand-in:gate'), home, environment);
  await asked(one, 1, 0);
  patient.child.kill('SIGTERM');
  await patient.says('Ending 1 call(s)');
  standIn.openGate();
  expect(await patient.ended, patient.said()).toBe(0);
  expect(await whole.ended, whole.said()).toBe(0);
  await exactCosts(one, [first], documentIn(whole.said()));

  const hurried = await startWorker(first, environment);
  standIn.behave = (_call, index) => (index === 1 ? { firstTokenDelayMs: 3_600_000 } : {});
  const again = start(oneStep('Take your time'), home, environment);
  await asked(one, 2, 0);
  hurried.child.kill('SIGINT');
  await hurried.says('interrupt again');
  hurried.child.kill('SIGINT');
  expect(await hurried.ended, hurried.said()).toBe(0);
  expect(hurried.said()).toContain('one: given back');
  const next = await startWorker(second, environment);
  expect(await again.ended, again.said()).toBe(0);
  await exactCosts(one, [first, second], documentIn(again.said()));
  next.child.kill('SIGTERM');
  await next.ended;
  await nothingHeld(one, [home, first, second]);
}, 120_000);

test('an erasure reaches the calls of a user that wait in the database', async () => {
  const one = await team();
  const { environment, home, file } = one;
  const workers = await startWorkers(1, environment);
  await workers.end();
  const run = [
    '--user',
    'ada',
    'workflow',
    'run',
    file('workflow.yaml', workflow),
    ...reason,
    '--on',
    'postgres',
  ];
  const waiting = start(run, home, environment);
  await waiting.says('No worker is there');
  const options = { environment: { ...environment, TIDYLLM_HOME: home }, cwd: home };
  const erase = ['audit', 'erase', '--subject', 'ada', '--yes', '--reason', 'JIRA-2 asked for it'];
  expect((await tidyllmJson(erase, options)).code).toBe(0);
  expect(await query(database.port, 'select call from tidyllm.calls')).toEqual([]);
  expect(await waiting.ended).not.toBe(0);
  await nothingHeld(one, [home]);
}, 120_000);

/** The one JSON document in what a command said, between its notes. */
function documentIn(said: string): Record<string, unknown> {
  const [text = ''] = /^\{$[\s\S]*?^\}$/m.exec(said) ?? [];
  return JSON.parse(text) as Record<string, unknown>;
}
