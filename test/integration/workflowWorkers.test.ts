import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import type { LedgerRecord } from '../../src/ledger/records.ts';
import { startBedrockStandIn, type BedrockStandIn } from '../standIn/bedrockStandIn.ts';
import { tidyllmJson } from '../support/commandLine.ts';
import { startPostgres, type Server } from '../support/servers.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { recordsIn } from '../support/workflowRuns.ts';
import {
  documentIn,
  ledgerOf,
  linesOfRun,
  query,
  start,
  startWorker,
  teamEnvironment,
  type Started,
} from '../support/workers.ts';

let database: Server;
beforeAll(async () => {
  database = await startPostgres();
}, 120_000);
afterAll(() => database.kill());

interface Bench {
  standIn: BedrockStandIn;
  environment: Record<string, string>;
  /** Where runs are started. */
  home: string;
  file: (name: string, text: string) => void;
  /** Where the worker has its settings and its ledger. */
  workerHome: string;
  worker: () => Promise<Started>;
  /** Runs a workflow of these steps, and waits for its end. */
  run: (steps: string, keys?: string) => Promise<Record<string, unknown>>;
  started: (steps: string, keys?: string) => Started;
}

async function bench(settings = '', runnerSettings = ''): Promise<Bench> {
  const standIn = await startBedrockStandIn();
  onTestFinished(() => standIn.close());
  const environment = teamEnvironment(standIn.url, database.port);
  const [home, workerHome] = [temporaryFolder(), temporaryFolder()];
  writeFileSync(join(workerHome, 'settings.yaml'), settings);
  writeFileSync(join(home, 'settings.yaml'), runnerSettings);
  const started = (steps: string, keys = ''): Started => {
    const path = join(home, 'workflow.yaml');
    writeFileSync(path, `name: Team\n${keys}steps:\n${steps}`);
    const run = ['--json', '--user', 'ada', 'workflow', 'run', path, '--reason', 'JIRA-1 for the team'];
    return start([...run, '--on', 'postgres'], home, environment);
  };
  return {
    standIn,
    environment,
    home,
    file: (name, text) => writeFileSync(join(home, name), text),
    workerHome,
    worker: async () => {
      const worker = await startWorker(workerHome, environment);
      onTestFinished(async () => {
        worker.child.kill('SIGTERM');
        await worker.ended;
      });
      return worker;
    },
    started,
    run: async (steps, keys) => {
      const run = started(steps, keys);
      await run.ended;
      return documentIn(run.said());
    },
  };
}

const oneStep = '  - { id: one, type: ai_processing, config: { prompt: "Hello @stand-in:text=there" } }\n';

/** A step that works on a file. */
function readThen(file: string, prompt: string): string {
  return `  - { id: read, type: data_input, config: { source: ${file} } }
  - { id: ask, type: ai_processing, depends_on: [read], config: { prompt: "${prompt} {{read}}" } }
`;
}

function ofKind<Kind extends LedgerRecord['kind']>(
  records: readonly LedgerRecord[],
  kind: Kind,
): Extract<LedgerRecord, { kind: Kind }>[] {
  return records.filter((one): one is Extract<LedgerRecord, { kind: Kind }> => one.kind === kind);
}

it('a call is on the ledger of the worker that made it, with who asked and why, the run and the step', async () => {
  const { worker, run, workerHome } = await bench();
  await worker();
  const document = await run(oneStep);
  expect(document).toMatchObject({ status: 'success', outputs: { one: 'there' } });
  const records = await recordsIn(ledgerOf(workerHome));
  const [reserve] = ofKind(records, 'RESERVE');
  expect(reserve).toMatchObject({ user_id: 'ada', reason: 'JIRA-1 for the team' });
  expect(ofKind(records, 'note').find(({ topic }) => topic === 'call.step')).toMatchObject({
    call_id: reserve?.call_id,
    data: { workflow_run_id: document['run_id'], step: 'one' },
  });
});

it('an object by a schema comes back as one', async () => {
  const { worker, run, standIn } = await bench();
  await worker();
  const ask = `  - id: form
    type: ai_processing
    config:
      prompt: 'Fill it in. @stand-in:blocks=[{"text":"{\\"city\\":\\"Bonn\\"}"}]'
      model: claude-sonnet
      schema: { type: object, properties: { city: { type: string } }, required: [city], additionalProperties: false }
`;
  const use =
    '  - { id: next, type: ai_processing, depends_on: [form], config: { prompt: "City {{form.city}}" } }\n';
  const document = await run(ask + use);
  expect(document).toMatchObject({ status: 'success', error: null });
  expect(JSON.stringify(standIn.calls.at(-1)?.body)).toContain('City Bonn');
});

it('the worker’s budget refuses a call, which costs nothing and fails the run', async () => {
  const { worker, run, standIn } = await bench('budget: { daily_limit_usd: "0.000001" }\n');
  await worker();
  const document = await run(oneStep);
  expect(document).toMatchObject({ status: 'failed', error: { code: 'budget_exceeded' }, cost_usd: '0' });
  expect(standIn.calls).toEqual([]);
});

it('the worker’s policy keeps a call back, whatever that of who asked says', async () => {
  const { worker, run, standIn } = await bench('compliance: { models_denied: [claude-sonnet] }\n');
  await worker();
  const document = await run(oneStep);
  expect(document).toMatchObject({ status: 'failed', cost_usd: '0' });
  expect((document['error'] as { code: string }).code).toMatch(/^(compliance_blocked|model_)/);
  expect(standIn.calls).toEqual([]);
});

it('what the policy of who asked keeps back never reaches the database or a worker that allows it', async () => {
  const allowing = 'compliance: { secrets: allow }\n';
  const { worker, run, standIn, file, home } = await bench(
    allowing,
    'compliance: { models_denied: [claude-haiku] }\n',
  );
  await worker();
  const model = 'inputs: { model: claude-haiku }\n';
  const denied = await run(
    '  - { id: one, type: ai_processing, config: { prompt: "Hello", model: "{{inputs.model}}" } }\n',
    model,
  );
  expect(denied).toMatchObject({ status: 'failed', cost_usd: '0', error: { code: 'compliance_blocked' } });
  file('keys.txt', 'The login is AKIAQ3EGSDF7ZXCVB2LM.');
  const secret = await run(readThen('keys.txt', 'Sum up'));
  expect(secret).toMatchObject({ status: 'failed', cost_usd: '0', error: { code: 'compliance_blocked' } });
  expect(standIn.calls).toEqual([]);
  for (const { run_id: runId } of [denied, secret])
    expect((await linesOfRun(home, runId as string)).filter(({ kind }) => kind === 'sent')).toEqual([]);
  const refused = ofKind(await recordsIn(ledgerOf(home)), 'REFUSE');
  expect(refused.map(({ error_code: code }) => code)).toEqual(['compliance_blocked', 'compliance_blocked']);
});

it('what the policy of who asked redacts reaches no worker, and is in the answer', async () => {
  const { worker, run, standIn, file } = await bench('compliance: { personal_data: allow }\n');
  await worker();
  file('people.txt', 'bob.jones@corp-example.org');
  expect(await run(readThen('people.txt', '@stand-in:text=To'))).toMatchObject({
    status: 'success',
    outputs: { ask: 'To bob.jones@corp-example.org' },
  });
  expect(JSON.stringify(standIn.calls.map(({ body }) => body))).not.toContain('bob.jones');
});

it('what a workflow is used for is known where its calls are made', async () => {
  const policy = 'compliance: { use_classes: [internal], use_class_required: true }\n';
  const { worker, run } = await bench(policy, 'compliance: { use_classes: [internal] }\n');
  await worker();
  expect(await run(oneStep, 'use_class: internal\n')).toMatchObject({ status: 'success' });
  expect(await run(oneStep)).toMatchObject({ status: 'failed', error: { code: 'compliance_blocked' } });
});

it('a worker with simulated answers makes no call for real money', async () => {
  const { worker, started, environment, workerHome, standIn } = await bench();
  // It makes the tables.
  const live = await worker();
  live.child.kill('SIGTERM');
  await live.ended;
  const simulated = start(['--backend', 'mock', 'worker'], workerHome, environment);
  await simulated.says('Waiting for calls');
  const run = started(oneStep);
  await run.says('No worker is there');
  run.child.kill('SIGINT');
  expect(await run.ended).toBe(130);
  simulated.child.kill('SIGTERM');
  expect(await simulated.ended).toBe(0);
  expect(standIn.calls).toEqual([]);
});

it('what a run on other machines needs is said before anything is held', async () => {
  const { environment } = await bench();
  const home = temporaryFolder();
  writeFileSync(join(home, 'workflow.yaml'), `name: Team\nsteps:\n${oneStep}`);
  const run = async (place: string, given: Record<string, string>): Promise<unknown> => {
    const asked = ['workflow', 'run', 'workflow.yaml', '--reason', 'JIRA-1 for the team', '--on', place];
    const options = { environment: { ...environment, TIDYLLM_HOME: home, ...given }, cwd: home };
    return (await tidyllmJson(asked, options)).document;
  };
  const refused = (message: string): object => ({
    error: { message: expect.stringContaining(message) as string },
  });
  expect(await run('mars', {})).toMatchObject(refused('--on must be postgres, not "mars".'));
  expect(await run('postgres', { TIDYLLM_AUDIT_CONTENT: 'hash' })).toMatchObject(
    refused('audit.content is hash'),
  );
  expect(await run('postgres', { TIDYLLM_POSTGRES_PORT: '1' })).toMatchObject(refused('Nothing answers'));
  const without = Object.fromEntries(Object.entries(environment).filter(([name]) => !/POSTGRES/.test(name)));
  const options = { environment: { ...without, TIDYLLM_HOME: home }, cwd: home };
  expect((await tidyllmJson(['worker'], options)).document).toMatchObject(
    refused('postgres.host is not set'),
  );
});

it('a call that no worker can read fails its step, and says what to do', async () => {
  const { worker, started } = await bench();
  const first = await worker();
  first.child.kill('SIGTERM');
  await first.ended;
  const run = started(oneStep);
  await run.says('No worker is there');
  await query(database.port, "update tidyllm.calls set request = '{}'");
  await worker();
  expect(await run.ended).toBe(2);
  expect(documentIn(run.said())).toMatchObject({
    status: 'failed',
    cost_usd: '0',
    error: { code: 'invalid_request', hint: 'Use the same version of TidyLLM Gateway on every machine.' },
  });
});

it('the start of a worker removes calls that nobody has taken for a week', async () => {
  const { worker } = await bench();
  await worker();
  const add = (call: string, age: string): Promise<unknown> =>
    query(
      database.port,
      `insert into tidyllm.calls (call, subject, created) values ('${call}', '', now() - interval '${age}')`,
    );
  await add('old', '8 days');
  await add('new', '6 days');
  await worker();
  expect(await query(database.port, "delete from tidyllm.calls where subject = '' returning call")).toEqual([
    { call: 'new' },
  ]);
});

it('an erasure that doesn’t reach the database erases nothing, and says so', async () => {
  const { environment } = await bench();
  const home = temporaryFolder();
  const options = { environment: { ...environment, TIDYLLM_HOME: home }, cwd: home };
  const ask = ['--user', 'ada', 'chat', '--reason', 'JIRA-1 to be erased', 'hello'];
  expect((await tidyllmJson(ask, options)).code).toBe(0);
  const erase = ['audit', 'erase', '--subject', 'ada', '--yes', '--reason', 'JIRA-2 asked for it'];
  const cut = { ...options, environment: { ...options.environment, TIDYLLM_POSTGRES_PORT: '1' } };
  const { code, document } = await tidyllmJson(erase, cut);
  expect(code).toBe(6);
  const message = expect.stringContaining('Nothing was erased') as string;
  expect(document).toMatchObject({ error: { code: 'service_failed', message } });
  expect((await tidyllmJson(erase, options)).document).toMatchObject({ items: 1 });
});
