import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { queueOf } from '../../src/workflowWorkers/sharedDatabase.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { startPostgres, type Server } from '../support/servers.ts';
import { asked, exactCosts, nothingHeld, reason, teamOn, width, workflow } from '../support/sharedRuns.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { documentIn, query, start, startProxy, startWorker, startWorkers } from '../support/workers.ts';

let database: Server;
beforeAll(async () => {
  database = await startPostgres();
}, 120_000);
afterAll(() => database.kill());

test('without a worker a run says so and waits; an interrupt gives everything back, also where the database is silent', async () => {
  const one = await teamOn(database);
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
  const { environment } = await teamOn(database);
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
  await query(
    strict.port,
    'grant create on database tidyllm to tidyllm; create schema tidyllm; revoke all on schema tidyllm from tidyllm',
  );
  const port = { TIDYLLM_POSTGRES_PORT: String(strict.port) };
  const foreign = start(['worker'], temporaryFolder(), { ...environment, ...port });
  expect(await foreign.ended).not.toBe(0);
  expect(foreign.said()).toContain('grant usage on schema dbos, tidyllm to tidyllm;');
}, 120_000);

test('a worker that is stopped ends its calls, or gives them back when it is interrupted again', async () => {
  const one = await teamOn(database);
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
  hurried.child.kill('SIGTERM');
  await hurried.says('interrupt again');
  hurried.child.kill('SIGTERM');
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
  const one = await teamOn(database);
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

test('a worker whose connections the server ends takes its lock again, and its call goes on', async () => {
  const one = await teamOn(database);
  const { environment, home, file, standIn } = one;
  const step = '{ id: one, type: ai_processing, config: { prompt: "@stand-in:gate", max_tokens: 20 } }';
  const path = file('one.yaml', `name: One\nsteps:\n  - ${step}\n`);
  const workerHome = temporaryFolder();
  const worker = await startWorker(workerHome, environment);
  const run = start(['--json', 'workflow', 'run', path, ...reason, '--on', 'postgres'], home, environment);
  await asked(one, 1, 0);
  const [lock] = await workerLocks();
  await query(
    database.port,
    'select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()',
  );
  let locks = await workerLocks();
  while (locks.length === 0 || locks[0]?.['pid'] === lock?.['pid']) locks = await workerLocks();
  expect(locks.map(({ objid }) => objid)).toEqual([lock?.['objid']]);
  standIn.openGate();
  expect(await run.ended, run.said()).toBe(0);
  expect(await exactCosts(one, [workerHome], documentIn(run.said()))).toMatchObject({ lost: 0, bounded: 0 });
  worker.child.kill('SIGTERM');
  expect(await worker.ended).toBe(0);
}, 120_000);

/** The locks of workers, with the connections that hold them. */
function workerLocks(): Promise<Record<string, unknown>[]> {
  const { locks } = queueOf({ simulated: false });
  return query(database.port, `select objid, pid from pg_locks where classid = ${locks} and granted`);
}
