import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { report, times } from '../support/nightly.ts';
import { randomFrom, testSeed } from '../support/random.ts';
import { startPostgres, type Server } from '../support/servers.ts';
import {
  asked,
  exactCosts,
  localOutputs,
  nothingHeld,
  nothingLeft,
  reason,
  steps,
  teamOn,
  width,
  type Counted,
} from '../support/sharedRuns.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { documentIn, start, startProxy, startWorker, startWorkers } from '../support/workers.ts';

const kills = times(3, 100);
/** So many workers are killed in one run: their calls are taken over at the same time. */
const killsOfRun = 3;
/** Longer than the stand-in takes for an answer, so that kills fall before, inside and behind it. */
const longestDelayMs = 250;

let database: Server;
beforeAll(async () => {
  database = await startPostgres();
}, 120_000);
afterAll(() => database.kill());

test(`of ${kills} workers that are killed no complete answer is asked for again, and all costs are on a ledger`, async () => {
  const random = randomFrom(testSeed());
  const one = await teamOn(database);
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
  const one = await teamOn(database);
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

test('a worker that is cut off stops its call and ends, and another makes it', async () => {
  const one = await teamOn(database);
  const { environment, home, file, standIn } = one;
  const step = '{ id: one, type: ai_processing, config: { prompt: Take your time, max_tokens: 20 } }';
  const path = file('one.yaml', `name: One\nsteps:\n  - ${step}\n`);
  const proxy = await startProxy(database.port);
  const [first, second] = [temporaryFolder(), temporaryFolder()];
  const remote = await startWorker(first, { ...environment, TIDYLLM_POSTGRES_PORT: String(proxy.port) });
  standIn.behave = (_call, index) => (index === 0 ? { firstTokenDelayMs: 3_600_000 } : {});
  const run = start(['--json', 'workflow', 'run', path, ...reason, '--on', 'postgres'], home, environment);
  await asked(one, 1, 0);
  const near = await startWorker(second, environment);
  proxy.cut();
  expect(await remote.ended).toBe(6);
  expect(remote.said()).toContain('Contact to the team’s database was lost.');
  await nothingHeld(one, [first]);
  expect(await run.ended, run.said()).toBe(0);
  expect(await exactCosts(one, [first, second], documentIn(run.said()))).toMatchObject({
    lost: 1,
    bounded: 1,
  });
  near.child.kill('SIGTERM');
  expect(await near.ended).toBe(0);
}, 120_000);
